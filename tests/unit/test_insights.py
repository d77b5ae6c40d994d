"""What enrichment found, with the text of quotations and what depends on the library."""

import sqlite3
from pathlib import Path

import pytest

from librarian_cli import insights
from librarian_cli.models import Chapter
from librarian_cli.store import books, enrichment
from librarian_cli.text.enriching.findings import ChapterFindings, Findings, Keyphrase
from tests.support.stored import add_book, make_library, save_text

TEXT = "The tide turned the old clock. " * 40


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    return make_library(tmp_path / "library.db")


def add(connection: sqlite3.Connection, name: str, text: str, found: Findings, *chapters: Chapter) -> int:
    row = add_book(connection, name)
    save_text(connection, row, text, chapters=chapters)
    enrichment.save(connection, row, found)
    return row


def read(connection: sqlite3.Connection, row: int) -> insights.Insights:
    found = insights.read(connection, books.get(connection, row))
    assert found is not None
    return found


def test_a_book_that_was_not_enriched_has_none(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    save_text(connection, row, TEXT)
    assert insights.read(connection, books.get(connection, row)) is None


def test_quotations_have_their_text_and_chapters_their_titles(connection: sqlite3.Connection) -> None:
    found = Findings(
        481,
        summary=((0, 30),),
        passages=((31, 61),),
        chapters=(ChapterFindings(0, ((4, 8),), (Keyphrase("tide", 3),)),),
    )
    told = read(connection, add(connection, "a", TEXT, found, Chapter("Tides", 1, 0, len(TEXT))))
    assert [item.text for item in (*told.summary, *told.passages)] == [TEXT[:30], TEXT[31:61]]
    assert (told.words, told.reading_minutes) == (481, 3)
    assert [(item.number, item.title, item.summary[0].text) for item in told.chapters] == [(1, "Tides", "tide")]


def test_the_longest_chapters_hold_no_others_and_are_of_the_body(connection: sqlite3.Connection) -> None:
    chapters = (
        Chapter("Preface", 1, 0, 400, "front"),
        Chapter("Part", 1, 400, 1000),
        Chapter("A", 2, 400, 500),
        Chapter("B", 2, 500, 1000),
    )
    told = read(connection, add(connection, "a", TEXT, Findings(1), *chapters))
    assert [(number, chapter.title) for number, chapter in told.longest] == [(4, "B"), (3, "A")]


def test_telling_terms_are_those_that_other_books_lack_whatever_came_first(tmp_path: Path) -> None:
    terms = (Keyphrase("tide", 40), Keyphrase("clock", 40))
    told = []
    for order in (("a", "b"), ("b", "a")):
        connection = make_library(tmp_path / f"{order[0]}.db")
        texts = {"a": TEXT, "b": "The clock of the hall struck. " * 40}
        rows = {name: add(connection, name, texts[name], Findings(1, terms=terms)) for name in order}
        told.append([item.text for item in read(connection, rows["a"]).terms])
    assert told == [["tide"], ["tide"]]


def test_in_a_library_of_one_book_terms_are_as_they_were_found(connection: sqlite3.Connection) -> None:
    terms = (Keyphrase("tide", 40), Keyphrase('clo"ck', 40))
    assert read(connection, add(connection, "a", TEXT, Findings(1, terms=terms))).terms == terms
