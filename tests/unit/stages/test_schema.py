"""What a book is taken to be, from its metadata, its first text and its name, with reasons."""

import sqlite3

import pytest

from librarian_cli.errors import FileChanged
from librarian_cli.models import Confidence, Peek, SchemaProposal
from librarian_cli.settings import Config
from librarian_cli.stages import schema
from librarian_cli.store import books, files, jobs
from tests.support.stored import add_book, candidate

ENGLISH = "It was the best of times, and it was the worst of times, as we have all been told before. " * 5
GERMAN = "Es war einmal ein Müller, der hatte eine Mühle, und die stand an einem Bach, den alle kannten. " * 5
LONG = ENGLISH * 20


def propose(peek: Peek, path: bytes = b"some_file-name.txt") -> SchemaProposal:
    return schema.propose(peek, path, "a collection")


@pytest.mark.parametrize(
    ("title", "text", "expected", "least", "most"),
    [
        ("The Tide Table", ENGLISH, "The Tide Table", 0.85, 1.0),  # metadata that is sane
        ("Microsoft Word - tide3.doc", "The Tide Table\n\n" + ENGLISH, "The Tide Table", 0.5, 0.7),
        ("tide_final.pdf", "The Tide Table\n\n" + ENGLISH, "The Tide Table", 0.5, 0.7),
        ("Untitled", "The Tide Table\n\n" + ENGLISH, "The Tide Table", 0.5, 0.7),
        ("1234 - 5678", "The Tide Table\n\n" + ENGLISH, "The Tide Table", 0.5, 0.7),  # no word in it
        ("", "# The Tide Table #\n\n" + ENGLISH, "The Tide Table", 0.5, 0.7),  # without its marks
        ("", "42\n---\nThe Tide Table\n" + ENGLISH, "The Tide Table", 0.5, 0.7),  # the first line that could be one
        ("", ENGLISH, "some file-name", 0.0, 0.5),  # a line that is too long is none
        ("", "", "some file-name", 0.0, 0.5),
    ],
)
def test_the_title_comes_from_the_best_place_that_has_one(
    title: str, text: str, expected: str, least: float, most: float
) -> None:
    proposal = propose(Peek("txt", title=title, text=text))
    assert proposal.title == expected
    assert least <= proposal.confidence["title"].value <= most
    assert proposal.confidence["title"].reasons


@pytest.mark.parametrize(
    ("path", "title"),
    [
        (b"sub/The_Tide__Table.pdf", "The Tide Table"),
        (b"caf\xe9.txt", "caf?"),  # a byte that is no text is shown as one missing
        (b".pdf", ".pdf"),
        (b"two\nlines.txt", "two lines"),
    ],
)
def test_a_title_from_the_name_can_always_be_stored_and_shown(path: bytes, title: str) -> None:
    found = propose(Peek("pdf"), path).title
    assert found == title
    found.encode("utf-8")


def test_a_title_is_never_longer_than_a_line(connection: sqlite3.Connection) -> None:
    assert len(propose(Peek("txt", title="tide " * 5000)).title) <= 300
    assert len(propose(Peek("txt"), b"tide " * 500).title) <= 300


@pytest.mark.parametrize(
    ("author", "text", "expected"),
    [
        ("Ann Keeper", ENGLISH, "Ann Keeper"),
        ("Unknown", "The Tide Table\nby Ann Keeper\n" + ENGLISH, "Ann Keeper"),
        ("admin", "Die Gezeiten\nvon Anna Müller\n" + GERMAN, "Anna Müller"),
        ("", "Tides\n*By Ann Keeper.*\n", "Ann Keeper"),  # without its marks
        ("", "by the time that the tide had turned we were all of us long gone\n", ""),  # a sentence, no name
        ("", ENGLISH, ""),
    ],
)
def test_the_author_comes_from_the_metadata_else_from_a_line_that_names_one(
    author: str, text: str, expected: str
) -> None:
    assert propose(Peek("txt", author=author, text=text)).author == expected


@pytest.mark.parametrize(
    ("named", "text", "expected"),
    [
        ("", ENGLISH, "en"),
        ("", GERMAN, "de"),
        ("de-AT", GERMAN, "de"),
        ("en", GERMAN, "de"),  # the text knows better
        ("fr", "", "fr"),  # nothing but the metadata
        ("", "", ""),
    ],
)
def test_the_language_is_that_of_the_text(named: str, text: str, expected: str) -> None:
    proposal = propose(Peek("txt", language=named, text=text))
    assert proposal.language == expected
    if named == "en":
        assert "though the metadata says en" in proposal.confidence["language"].reasons[0]


@pytest.mark.parametrize(
    ("peek", "kind", "sure"),
    [
        (Peek("pdf", text="Abstract\n" + ENGLISH), "paper", True),
        (Peek("txt", text="Abstract\n" + ENGLISH), "article", True),  # only PDFs are papers by that
        (Peek("txt", title="Handbook of Knots", text=ENGLISH), "manual", True),
        (Peek("pdf", page_count=50, text=ENGLISH), "book", True),
        (Peek("epub", text=ENGLISH), "book", True),
        (Peek("txt", text=LONG[:8000]), "book", True),  # as much as a peek shows
        (Peek("md", text=ENGLISH), "article", True),
        (Peek("pdf", text=""), "book", True),  # a scan: reading it will tell
        (Peek("txt", text="1,2;3 " * 100 + "tide"), "data", False),  # a person should look
        (Peek("html", text="1,2;3 " * 100 + "tide"), "article", True),
    ],
)
def test_the_kind_and_whether_it_passes_without_a_person(peek: Peek, kind: str, *, sure: bool) -> None:
    proposal = propose(peek)
    assert proposal.kind == kind
    assert (proposal.confidence["kind"].value >= Config().ingest.approve_confidence) is sure


def test_every_field_has_a_confidence_with_its_reasons() -> None:
    confidence = propose(Peek("txt", text=ENGLISH)).confidence
    assert set(confidence) == {"type", "kind", "title", "author", "language"}
    for item in confidence.values():
        assert 0.0 <= item.value <= 1.0
        assert item.reasons


@pytest.mark.parametrize(
    ("type_", "kind", "promoted"),
    [(0.9, 0.9, True), (0.85, 0.85, True), (0.84, 0.9, False), (0.9, 0.84, False)],
)
def test_a_proposal_approves_itself_only_when_type_and_kind_are_sure(
    connection: sqlite3.Connection, type_: float, kind: float, *, promoted: bool
) -> None:
    row = add_book(connection, "a.txt")
    unsure = {"type": Confidence(type_), "kind": Confidence(kind), "title": Confidence(0.1)}
    proposal = SchemaProposal("txt", "T", "", "en", "book", "c", confidence=unsure)
    saved = schema.STAGE.save(connection, books.get(connection, row), (proposal,), Config())
    assert saved.promote is promoted
    assert books.is_waiting(connection, row) is not promoted


@pytest.mark.parametrize(
    ("path", "collection"),
    [(b"sea/deep/a.txt", "sea/deep"), (b"a.txt", "books"), (b"caf\xe9/a.txt", "caf?")],
)
def test_the_collection_is_the_folder(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, path: bytes, collection: str
) -> None:
    monkeypatch.setattr("os.path.lexists", lambda _: True)
    row = add_book(connection, "a.txt")
    connection.execute("UPDATE files SET path = ?", (path,))
    (task,) = schema.STAGE.load(connection, books.get(connection, row), Config())
    assert task.collection == collection


def test_a_password_is_chosen_by_the_files_name() -> None:
    passwords = {"tax*.pdf": "1234", "*.pdf": "other"}
    assert schema.with_password(candidate(b"sub/tax24.pdf"), passwords).password == "1234"
    assert schema.with_password(candidate(b"a.pdf"), passwords).password == "other"
    assert schema.with_password(candidate(b"a.epub"), passwords).password is None


def test_the_first_path_that_still_exists_is_read(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.start(connection, "test", "owner")
    row = add_book(connection, "gone.txt", job=job)
    files.record(connection, candidate(b"there.txt"), job, book_row=row, outcome=None)
    book = books.get(connection, row)
    monkeypatch.setattr("os.path.lexists", lambda path: path.endswith(b"there.txt"))
    assert schema.current_file(connection, book).path == b"there.txt"
    monkeypatch.setattr("os.path.lexists", lambda path: False)
    with pytest.raises(FileChanged, match="gone"):
        schema.current_file(connection, book)
