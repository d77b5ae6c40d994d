"""Asking the full-text index: which chunks an FTS5 expression finds, how well, and how many."""

import sqlite3
from collections.abc import Sequence

from librarian_cli.models import Book
from librarian_cli.store import fulltext
from librarian_cli.store.content import Chunk, chunk_range
from librarian_cli.text import analysis


def finds(connection: sqlite3.Connection, chunk: Chunk, passage: str) -> bool:
    """Whether a passage taken from a chunk finds that chunk, as a phrase.

    Chunks that hold a phrase rank alike in a phrase query, so to be found is to be first, but for honest ties;
    ordering by bm25 would visit the phrase in the whole library to say the same.
    """
    query = "text : " + analysis.phrase(passage, fulltext.analysis_of(connection, chunk.book_row))
    row = connection.execute(
        "SELECT 1 FROM chunks_fts WHERE chunks_fts MATCH ? AND rowid = ?", (query, chunk.row)
    ).fetchone()
    return row is not None


def rank(connection: sqlite3.Connection, match: str, limit: int, books: Sequence[Book] | None) -> dict[int, float]:
    """Score chunks by BM25 for an FTS5 expression, within `books` or all: chunk row -> score, higher is better.

    Of equal scores the lowest rows are kept.
    """
    admitted = "" if books is None else f" AND {_ADMITTED}"
    if books is not None:
        _choose_runs(connection, books)
    # Without the plus FTS5 sorts by itself: all matches, scored before a filter is asked; that takes twice the time.
    rows = connection.execute(
        f"SELECT rowid, -rank FROM chunks_fts WHERE chunks_fts MATCH ?{admitted} ORDER BY +rank, rowid LIMIT ?",
        (match, limit),
    )
    return dict(rows.fetchall())


def rows_matching(connection: sqlite3.Connection, match: str) -> list[int]:
    """The rows of all chunks for which an FTS5 expression holds, ascending."""
    rows = connection.execute("SELECT rowid FROM chunks_fts WHERE chunks_fts MATCH ?", (match,))
    return [row[0] for row in rows]


def count_matching(connection: sqlite3.Connection, match: str) -> int:
    """How many chunks an FTS5 expression holds for. A word takes about 20 ns a chunk that has it."""
    return int(connection.execute("SELECT count(*) FROM chunks_fts WHERE chunks_fts MATCH ?", (match,)).fetchone()[0])


# A book's chunks follow each other, so its run tells whose a row is without reading the row itself.
_ADMITTED = "rowid <= (SELECT last FROM chosen_runs WHERE first <= chunks_fts.rowid ORDER BY first DESC LIMIT 1)"


def _choose_runs(connection: sqlite3.Connection, books: Sequence[Book]) -> None:
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS chosen_runs (first INTEGER PRIMARY KEY, last INTEGER NOT NULL)")
    connection.execute("DELETE FROM chosen_runs")
    # One without chunks begins where the next one does.
    runs = ((book.first_chunk or 0, (book.first_chunk or 0) + book.chunks - 1) for book in books if book.chunks)
    connection.executemany("INSERT INTO chosen_runs VALUES (?, ?)", runs)


def indexed_rows(connection: sqlite3.Connection, book: Book) -> int:
    """How many of a book's chunks the full-text index holds. (`count(*)` on it would count the chunks.)"""
    first = book.first_chunk or 0
    row = connection.execute(
        "SELECT count(*) FROM chunks_fts_docsize WHERE id BETWEEN ? AND ?", (first, first + book.chunks - 1)
    ).fetchone()
    return int(row[0])


def chunks_with(connection: sqlite3.Connection, book_row: int, word: str) -> tuple[int, int]:
    """How many chunks of a book, and of all others in its language, hold a word in one of its forms."""
    first, count = chunk_range(connection, book_row)
    phrase = analysis.phrase(word, fulltext.analysis_of(connection, book_row))
    if not phrase:
        return 0, 0
    row = connection.execute(
        "SELECT total(rowid BETWEEN ? AND ?), count(*) FROM chunks_fts WHERE chunks_fts MATCH ?",
        (first, first + count - 1, f"text : {phrase}"),
    ).fetchone()
    return int(row[0]), int(row[1] - row[0])
