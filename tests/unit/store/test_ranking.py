"""Chunks are ranked by their words, all of them or those of some books."""

import random
import sqlite3
from pathlib import Path

import pytest

from librarian_cli.store import books, content, ranking
from tests.support.stored import add_book, make_library, save_text

WORDS = ("tide", "clock", "water", "lamp", "bronze", "harbour")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    """Nine books of random words, stored last to first. The fifth holds no text, the third was emptied again."""
    connection = make_library(Path(tmp_path_factory.mktemp("ranking"), "library.db"))
    draws = random.Random(3)
    for row in reversed([add_book(connection, f"book {number}", status="ok") for number in range(1, 10)]):
        save_text(connection, row, " ".join(draws.choices(WORDS, k=0 if row == 5 else 60)))
    content.delete_chunks(connection, 3)
    return connection


def matching(library: sqlite3.Connection, match: str) -> dict[int, tuple[int, float]]:
    """Book and score of every chunk that matches, asked for in the plainest way."""
    rows = library.execute(
        "SELECT chunks.id, chunks.book, -bm25(chunks_fts) FROM chunks_fts JOIN chunks ON chunks.id = chunks_fts.rowid"
        " WHERE chunks_fts MATCH ?",
        (match,),
    )
    return {row: (book, score) for row, book, score in rows}


@pytest.mark.parametrize("match", ['"tide"', '"tide" OR "lamp"', '("clock" AND "water") NOT "bronze"'])
@pytest.mark.parametrize("chosen", [None, (), (1,), (2, 5, 9), (1, 2, 4, 5, 6, 7, 8, 9)])
def test_exactly_the_chunks_of_the_books_chosen_are_scored(
    library: sqlite3.Connection, match: str, chosen: tuple[int, ...] | None
) -> None:
    among = None if chosen is None else [books.get(library, row) for row in chosen]
    expected = {
        row: score for row, (book, score) in matching(library, match).items() if chosen is None or book in chosen
    }
    assert ranking.rank(library, match, 1000, among) == pytest.approx(expected)


@pytest.mark.parametrize("chosen", [None, (1, 6, 7)])
def test_the_best_come_first_and_of_equals_the_lowest_rows(
    library: sqlite3.Connection, chosen: tuple[int, ...] | None
) -> None:
    among = None if chosen is None else [books.get(library, row) for row in chosen]
    ordered = sorted(ranking.rank(library, '"tide"', 1000, among).items(), key=lambda item: (-item[1], item[0]))
    for limit in (1, 3, 8):
        assert list(ranking.rank(library, '"tide"', limit, among).items()) == ordered[:limit]


def test_every_chunk_belongs_to_its_book_though_one_beside_it_holds_none(library: sqlite3.Connection) -> None:
    owners = dict(library.execute("SELECT id, book FROM chunks").fetchall())
    assert content.books_of(library, list(owners)) == list(owners.values())


@pytest.mark.parametrize(
    ("language", "text", "word"),
    [("en", "The tides rise.", "tide"), ("de", "Die Häuser am Hafen.", "häuser"), ("ja", "港の図書館です。", "図書館")],
)
def test_chunks_are_counted_by_the_forms_of_their_books_language(
    connection: sqlite3.Connection, language: str, text: str, word: str
) -> None:
    row, other = add_book(connection, "a"), add_book(connection, "b")
    save_text(connection, row, text, language=language)
    save_text(connection, other, text, language=language)
    assert ranking.chunks_with(connection, row, word) == (1, 1)
    assert ranking.chunks_with(connection, row, "!") == (0, 0)
