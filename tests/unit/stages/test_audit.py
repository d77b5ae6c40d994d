"""Gates see every tampering with what is stored; signals see damage in the text."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from librarian_cli.models import AuditReport, Chapter, Page
from librarian_cli.settings import Config
from librarian_cli.stages import audit
from librarian_cli.store import books
from tests.support import stored

SENTENCE = (
    "On the {n}th of the month the tide was seen to rise by {n} feet, and it was written in the book of the port. "
)
TEXT = "".join(SENTENCE.format(n=number) for number in range(60))
GATES = {"text_rebuilt", "fully_indexed", "passages_found"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound library with one book among others."""
    path = tmp_path_factory.mktemp("audit") / "library.db"
    connection = stored.make_library(path)
    for name, text in (("before", "before " * 50), ("book", TEXT), ("after", "after " * 50)):
        row = stored.add_book(connection, name)
        pages = tuple(Page(n, None, len(text) * (n - 1) // 5) for n in range(1, 6))
        stored.save_text(connection, row, text, chapters=(Chapter("Tides", 1, 0, len(text)),), pages=pages)
        connection.execute("UPDATE books SET language = 'en'")
    connection.close()
    return path


@pytest.fixture
def copy(library: Path, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A copy of it that may be tampered with."""
    connection = sqlite3.connect(shutil.copy(library, tmp_path / "library.db"), isolation_level=None)
    yield connection
    connection.close()


def report_on(connection: sqlite3.Connection) -> AuditReport:
    book = books.find(connection, stored.sha256_of("book"))
    (task,) = audit.STAGE.load(connection, book, Config())
    report: AuditReport = audit.STAGE.run(task)
    return report


def broken(report: AuditReport) -> set[str]:
    return {name for name, holds in report.gates.items() if not holds}


def test_a_sound_book_passes_every_gate_and_keeps_its_trust(copy: sqlite3.Connection) -> None:
    report = report_on(copy)
    assert set(report.gates) == GATES
    assert broken(report) == set()
    assert report.trust_score == 1.0


FIRST = "(SELECT first_chunk FROM books WHERE title = 'book')"
FORGET = "INSERT INTO chunks_fts (chunks_fts, rowid, heading, text) SELECT 'delete', id, heading, text FROM chunk_texts"
TAMPERED = {
    "a letter of a chunk": (f"UPDATE chunks SET text = 'X' || substr(text, 2) WHERE id = {FIRST}", "text_rebuilt"),
    "a chunk that lost its end": (f"UPDATE chunks SET text = substr(text, 1, 9) WHERE id = {FIRST}", "text_rebuilt"),
    "a chunk that is gone": (f"DELETE FROM chunks WHERE id = {FIRST} + 1", "text_rebuilt"),
    "two chunks swapped": (
        f"UPDATE chunks SET text = (SELECT text FROM chunks AS other WHERE other.id = 2 * {FIRST} + 1 - chunks.id)"
        f" WHERE id IN ({FIRST}, {FIRST} + 1)",
        "text_rebuilt",
    ),
    "an offset": (f"UPDATE chunks SET end_char = end_char - 1 WHERE id = {FIRST}", "text_rebuilt"),
    "the hash of the text": ("UPDATE books SET text_sha256 = 'f' || substr(text_sha256, 2)", "text_rebuilt"),
    "the count of characters": ("UPDATE books SET chars = chars + 1", "text_rebuilt"),
    "the count of chunks": ("UPDATE books SET chunks = chunks - 1 WHERE title = 'book'", "text_rebuilt"),
    "a row of the index that is gone": (f"DELETE FROM chunks_fts_docsize WHERE id = {FIRST} + 3", "fully_indexed"),
    "an index that was emptied": ("INSERT INTO chunks_fts (chunks_fts) VALUES ('delete-all')", "fully_indexed"),
}


@pytest.mark.parametrize(("statement", "gate"), TAMPERED.values(), ids=TAMPERED)
def test_tampering_breaks_its_gate_and_takes_all_trust(copy: sqlite3.Connection, statement: str, gate: str) -> None:
    copy.execute(statement)
    report = report_on(copy)
    assert gate in broken(report)
    assert report.trust_score == 0.0
    assert f"gate failed: {gate}" in report.reasons


def test_an_index_that_holds_other_words_does_not_find_the_passages(copy: sqlite3.Connection) -> None:
    copy.execute(FORGET)
    copy.execute("INSERT INTO chunks_fts (rowid, heading, text) SELECT id, '', 'walrus' FROM chunks")
    report = report_on(copy)
    assert "passages_found" in broken(report)
    assert report.trust_score == 0.0


def test_a_broken_gate_fails_the_book_and_is_stored_as_evidence(copy: sqlite3.Connection) -> None:
    copy.execute(f"DELETE FROM chunks_fts_docsize WHERE id = {FIRST}")
    report = report_on(copy)
    book = books.find(copy, stored.sha256_of("book"))
    saved = audit.STAGE.save(copy, book, (report,), Config())
    assert saved.failure is not None
    assert saved.failure[0] == "audit"
    assert "fully_indexed" in saved.failure[1]
    assert books.audit(copy, book.row) == report
    assert books.get(copy, book.row).trust_score == 0.0


def test_a_sound_book_is_saved_with_its_score(copy: sqlite3.Connection) -> None:
    book = books.find(copy, stored.sha256_of("book"))
    assert audit.STAGE.save(copy, book, (report_on(copy),), Config()).failure is None
    assert books.get(copy, book.row).trust_score == 1.0


def retold(copy: sqlite3.Connection, text: str, pages: tuple[Page, ...] = ()) -> AuditReport:
    """The report on the same book with another text, which is stored as it should be."""
    row = books.find(copy, stored.sha256_of("book")).row
    stored.save_text(copy, row, text, pages=pages)
    return report_on(copy)


@pytest.mark.parametrize(
    ("damaged", "words"),
    [
        (TEXT.replace("e", "\ufffd"), "replacement"),
        (TEXT.replace("the", "thÃ©"), "mis-decoded"),
        (
            TEXT.translate(str.maketrans("eoin", "cqlu")),
            "common",
        ),
        (" ".join(TEXT), "letters of words that spaces break up"),
        (TEXT.replace(" ", ""), "longer than 24"),
    ],
)
def test_damage_in_the_text_costs_points_by_name_though_every_gate_holds(
    copy: sqlite3.Connection, damaged: str, words: str
) -> None:
    report = retold(copy, damaged)
    assert broken(report) == set()
    assert report.trust_score < 0.95
    assert any(words in reason for reason in report.reasons), report.reasons


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        ((0, 0, 0, 3000, 3000), "hold no text"),
        ((0, 1000, 1010, 1020, 1030, 2000, 3000, 4000, 5000), "less text than usual"),
    ],
)
def test_pages_without_text_cost_points(copy: sqlite3.Connection, starts: tuple[int, ...], words: str) -> None:
    report = retold(copy, TEXT, tuple(Page(n, None, start) for n, start in enumerate(starts, 1)))
    assert report.trust_score < 1.0
    assert any(words in reason for reason in report.reasons), report.reasons


def test_a_partial_extraction_costs_points_for_its_missing_pages(copy: sqlite3.Connection) -> None:
    pages = tuple(Page(n, None, min(len(TEXT), n * 1000)) for n in range(20))
    whole = retold(copy, TEXT, pages)
    copy.execute("UPDATE books SET reason = 'repaired,partial_timeout'")
    part = report_on(copy)
    assert part.trust_score < whole.trust_score
    assert any("could not be extracted" in reason for reason in part.reasons)


def test_without_pages_completeness_is_said_to_be_unverified(copy: sqlite3.Connection) -> None:
    report = retold(copy, TEXT)
    assert any(reason.startswith("unverified: completeness") for reason in report.reasons)
    assert report.trust_score == 1.0


@pytest.mark.parametrize(
    "text", ["x", " \n.\n", "…?!\n" * 50, "中文\n" * 100, "𝔸 🌊\n" * 60, 'don\'t — "quote"\n' * 30]
)
def test_any_text_that_is_stored_right_passes_the_gates(copy: sqlite3.Connection, text: str) -> None:
    assert broken(retold(copy, text)) == set()


def test_two_audits_of_one_book_agree(copy: sqlite3.Connection) -> None:
    assert report_on(copy) == report_on(copy)
