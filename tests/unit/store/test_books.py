"""Books are found by the beginning of their id, listed in every order, and keep proposal and evidence."""

import sqlite3

import pytest

from librarian_cli.errors import UsageError
from librarian_cli.models import AuditReport, Confidence, SchemaProposal
from librarian_cli.store import books, files, jobs, tasks
from tests.support.stored import add_book, candidate, save_text, sha256_of

PROPOSAL = SchemaProposal(
    format="txt",
    title="Die Gezeiten",
    author="Ä. Müller",
    language="de",
    kind="manual",
    collection="see",
    confidence={"kind": Confidence(0.9, ("the title says so",)), "type": Confidence(0.99)},
)


def add_with_id(connection: sqlite3.Connection, sha256: str) -> int:
    return books.add(connection, sha256.ljust(64, "0"), 1, "txt", title="t")


def test_a_unique_beginning_of_eight_digits_finds_the_book(connection: sqlite3.Connection) -> None:
    row = add_with_id(connection, "0123456789")
    add_with_id(connection, "0123456889")
    for prefix in ("01234567", "0123456789", " 0123456789 ", "0123456789".ljust(64, "0")):
        assert books.find(connection, prefix).row == row


def test_digits_may_be_typed_in_capitals(connection: sqlite3.Connection) -> None:
    row = add_with_id(connection, "abcdef0123")
    assert books.find(connection, "ABCDEF01").row == row


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("0123456", "at least 8"),  # too short, though it would be unique
        ("", "at least 8"),
        ("0123456z", "no book id"),  # not hex
        ("01234567%", "no book id"),  # a wildcard is no digit
        ("ffffffff", "no book 'ffffffff'"),  # unknown
        ("aaaaaaaa", "more than one"),  # ambiguous
        ("0" * 65, "no book"),  # longer than any id
    ],
)
def test_a_bad_id_is_refused_and_the_message_says_why(connection: sqlite3.Connection, prefix: str, words: str) -> None:
    for sha256 in ("0123456789", "aaaaaaaa1", "aaaaaaaa2"):
        add_with_id(connection, sha256)
    with pytest.raises(UsageError, match=words):
        books.find(connection, prefix)


def test_a_removed_book_is_neither_found_nor_listed(connection: sqlite3.Connection) -> None:
    add_book(connection, "gone", status="removed")
    kept = add_book(connection, "kept", status="ok")
    with pytest.raises(UsageError, match="no book"):
        books.find(connection, sha256_of("gone"))
    assert [book.row for book in books.every(connection)] == [kept]
    assert books.find_row(connection, sha256_of("gone")) is not None, "its hash is remembered"


def test_a_removed_book_makes_no_other_ambiguous(connection: sqlite3.Connection) -> None:
    kept, gone = add_with_id(connection, "aaaaaaaa1"), add_with_id(connection, "aaaaaaaa2")
    books.set_status(connection, gone, "removed", None)
    assert books.find(connection, "aaaaaaaa").row == kept


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("title", ["alpha", "Beta", "gamma"]),  # without regard to case
        ("author", ["gamma", "Beta", "alpha"]),
        ("trust", ["Beta", "gamma", "alpha"]),  # the worst first
        ("size", ["alpha", "gamma", "Beta"]),  # the biggest first
        ("added", ["gamma", "Beta", "alpha"]),  # the newest first
    ],
)
def test_books_are_listed_in_every_order(connection: sqlite3.Connection, order: str, expected: list[str]) -> None:
    facts = {"alpha": ("z", 0.9, 300, 1.0), "Beta": ("M", 0.1, 100, 2.0), "gamma": ("a", 0.5, 200, 3.0)}
    for title, values in facts.items():
        row = add_book(connection, title, status="ok")
        connection.execute(
            "UPDATE books SET author=?, trust_score=?, text_bytes=?, created_at=? WHERE id=?", (*values, row)
        )
    assert [book.title for book in books.every(connection, order)] == expected
    assert set(books.ORDERS) == {"title", "author", "trust", "size", "added"}


def test_a_status_outside_the_list_is_refused_by_the_library(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    with pytest.raises(sqlite3.IntegrityError):
        books.set_status(connection, row, "lost", None)


def test_a_status_without_a_job_leaves_the_job_in_which_it_was_decided(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a", status="ok", job=jobs.start(connection, "test", "owner"))
    books.set_status(connection, row, "failed", None, reason="audit", detail="d" * 5000)
    assert connection.execute("SELECT outcome_job FROM books").fetchone() == (1,)
    book = books.get(connection, row)
    assert (book.status, book.reason, len(book.detail)) == ("failed", "audit", 2000)


def test_a_proposal_comes_back_as_it_was_and_shows_on_the_book(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    assert books.proposal(connection, row) is None
    books.save_proposal(connection, row, PROPOSAL, "waiting")
    assert books.proposal(connection, row) == ("waiting", PROPOSAL)
    assert books.is_waiting(connection, row)
    book = books.get(connection, row)
    assert (book.title, book.author, book.language) == (PROPOSAL.title, PROPOSAL.author, "de")
    assert (book.kind, book.collection) == ("manual", "see")


def test_an_approved_proposal_waits_no_longer_and_names_who_decided(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    books.save_proposal(connection, row, PROPOSAL, "waiting")
    books.approve_waiting(connection, [row], "ingest --yes")
    assert not books.is_waiting(connection, row)
    assert connection.execute("SELECT state, decided_by FROM proposals").fetchone() == ("approved", "ingest --yes")


def test_evidence_comes_back_as_it_was_and_sets_the_trust_score(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    report = AuditReport(0.75, {"text_rebuilt": True, "fully_indexed": False}, ("-25 points: “odd”",))
    assert books.audit(connection, row) is None
    books.save_audit(connection, row, report)
    assert books.audit(connection, row) == report
    assert books.get(connection, row).trust_score == 0.75


def test_warnings_are_noted_once_each_in_order(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    books.set_warnings(connection, row, ["needs-ocr", "repaired", "needs-ocr"])
    assert books.get(connection, row).reason == "needs-ocr,repaired"


def test_books_without_any_file_are_orphans(connection: sqlite3.Connection) -> None:
    job = jobs.start(connection, "test", "owner")
    edited, kept = add_book(connection, "edited", job=job), add_book(connection, "kept", job=job)
    other = books.add(connection, sha256_of("new words"), 5, "txt", title="t")
    files.record(connection, candidate(b"edited"), job, book_row=other, outcome=None)
    assert books.orphans(connection) == [edited]
    assert sorted(books.seen_in(connection, job)) == [kept, other]


def test_deleting_a_book_takes_everything_that_hangs_on_it(connection: sqlite3.Connection) -> None:
    row = books.add(connection, sha256_of("a"), 1, "txt", title="t")
    books.save_proposal(connection, row, PROPOSAL, "approved")
    books.save_audit(connection, row, AuditReport(1.0, {}, ()))
    tasks.add(connection, row, {"schema": ()}, jobs.start(connection, "test", "owner"), 1.0)
    books.delete(connection, row)
    for table in ("books", "proposals", "audits", "tasks"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_totals_count_books_that_hold_text(connection: sqlite3.Connection) -> None:
    assert books.totals(connection) == (0, 0, 0)
    save_text(connection, add_book(connection, "a"), "é" * 100)
    add_book(connection, "still empty")
    assert books.totals(connection) == (1, 3, 200)


def test_the_time_that_a_book_cost_adds_up(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    books.add_seconds(connection, row, 1.5)
    books.add_seconds(connection, row, 0.25)
    assert books.get(connection, row).seconds == 1.75
