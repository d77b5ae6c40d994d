"""Enriching a stored book, and keeping what was found in it."""

import pickle
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from librarian_cli.models import Chapter
from librarian_cli.settings import Config
from librarian_cli.stages import enrich
from librarian_cli.store import books, content, enrichment
from librarian_cli.text.enriching import spans
from tests.support.stored import add_book, make_library, save_text

PARAGRAPH = (
    "Captain Hale taught the rule of twelfths in Port Ellen, and every pilot learned the rule of twelfths. "
    "A spring tide in Port Ellen is twice as high as a neap tide, said Captain Hale. "
)
TEXT = (PARAGRAPH + "\n\n") * 6


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    return make_library(tmp_path / "library.db")


@pytest.fixture
def row(connection: sqlite3.Connection) -> int:
    row = add_book(connection, "a.txt")
    save_text(connection, row, TEXT, chapters=(Chapter("Tides", 1, 0, len(TEXT)),))
    return row


def enriched(connection: sqlite3.Connection, row: int) -> None:
    book = books.get(connection, row)
    (task,) = enrich.STAGE.load(connection, book, Config())
    found = pickle.loads(pickle.dumps(enrich.STAGE.run(pickle.loads(pickle.dumps(task)))))
    enrich.STAGE.save(connection, book, (found,), Config())


def test_what_was_found_is_kept_as_it_was(connection: sqlite3.Connection, row: int) -> None:
    book = books.get(connection, row)
    (task,) = enrich.STAGE.load(connection, book, Config())
    found = enrich.STAGE.run(task)
    assert enrichment.of_book(connection, row) is None
    enrich.STAGE.save(connection, book, (found,), Config())
    assert enrichment.of_book(connection, row) == found
    assert found.keyphrases
    assert found.chapters[0].summary


def test_enriching_twice_replaces(connection: sqlite3.Connection, row: int) -> None:
    enriched(connection, row)
    before = enrichment.of_book(connection, row)
    enriched(connection, row)
    assert enrichment.of_book(connection, row) == before


def test_spans_are_places_in_the_stored_text(connection: sqlite3.Connection, row: int) -> None:
    enriched(connection, row)
    found = enrichment.of_book(connection, row)
    assert found is not None
    for start, end in found.summary:
        assert content.text(connection, row)[start:end] == TEXT[start:end]
    ellen = next(item for item in found.entities if item.name == "Port Ellen")
    assert {TEXT[start:end] for start, end in spans.unpack(ellen.mentions)} == {"Port Ellen"}


def test_a_text_that_goes_takes_its_findings_along(connection: sqlite3.Connection, row: int) -> None:
    enriched(connection, row)
    save_text(connection, row, "Another text. " * 20)
    assert enrichment.of_book(connection, row) is None
    assert enrichment.places_of(connection, "port ellen") == []


def test_names_are_found_in_all_books(connection: sqlite3.Connection, row: int) -> None:
    other = add_book(connection, "b.txt")
    save_text(connection, other, TEXT * 2)
    for book in (row, other):
        enriched(connection, book)
    assert [place.book_row for place in enrichment.places_of(connection, "port ellen")] == [other, row]
    assert enrichment.keys_like(connection, "ellen", 5) == ["port ellen"]
    assert enrichment.keys_like(connection, "%", 5) == []


def test_those_who_only_plan_need_no_numpy() -> None:
    code = "import sys; import librarian_cli.stages, librarian_cli.store.enrichment; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
