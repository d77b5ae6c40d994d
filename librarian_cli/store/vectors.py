"""The library-level vector index: which basis is in force, and one blob of codes per book.

The index is derived, like the full-text index: it may be rebuilt at any time from the chunks.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_BASIS = "vectors.basis"
_CHUNKS_AT_FIT = "vectors.chunks_at_fit"


@dataclass(frozen=True, slots=True)
class BookVectors:
    """The codes of one book's chunks, in order, of which the first has the id `first_chunk`."""

    book_row: int
    first_chunk: int
    chunks: int
    codes: bytes


def basis_file(folder: Path, basis: str) -> Path:
    """Where a basis is stored, beside the library's file."""
    return folder / f"{basis}.basis"


def active_basis(connection: sqlite3.Connection) -> tuple[str, int] | None:
    """The id of the basis in force and how many chunks the library had when it was fitted."""
    facts = dict(connection.execute("SELECT name, value FROM facts WHERE name IN (?, ?)", (_BASIS, _CHUNKS_AT_FIT)))
    return (facts[_BASIS], int(facts[_CHUNKS_AT_FIT])) if _BASIS in facts else None


def state(connection: sqlite3.Connection) -> object:
    """Something that differs once anybody else has written to the library since the last call."""
    return connection.execute("PRAGMA data_version").fetchone()[0]


def activate(connection: sqlite3.Connection, basis: str, chunks_at_fit: int) -> None:
    """Put a basis in force whose vectors are complete, and drop those of any other."""
    connection.executemany(
        "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)",
        ((_BASIS, basis), (_CHUNKS_AT_FIT, str(chunks_at_fit))),
    )
    connection.execute("DELETE FROM vectors WHERE basis <> ?", (basis,))


def retire(connection: sqlite3.Connection) -> None:
    """Drop all vectors and the basis in force: texts count other terms now."""
    connection.execute("DELETE FROM vectors")
    connection.executemany("DELETE FROM facts WHERE name = ?", ((_BASIS,), (_CHUNKS_AT_FIT,)))


def save(connection: sqlite3.Connection, basis: str, rows: Iterable[tuple[int, int, bytes]]) -> None:
    """Store (book_row, first chunk, codes) made with one basis, of books that were not cut anew meanwhile."""
    connection.executemany(
        "INSERT OR REPLACE INTO vectors (book, basis, codes)"
        " SELECT id, ?, ? FROM books WHERE id = ? AND first_chunk = ?",
        ((basis, codes, book_row, first) for book_row, first, codes in rows),
    )


def stored(connection: sqlite3.Connection, basis: str) -> list[BookVectors]:
    """All vectors of a basis, ordered by chunk."""
    rows = connection.execute(
        "SELECT books.id, books.first_chunk, books.chunks, vectors.codes FROM vectors"
        " JOIN books ON books.id = vectors.book"
        " WHERE vectors.basis = ? AND books.first_chunk IS NOT NULL",
        (basis,),
    )
    # Sorted here: SQLite would copy every blob through its sorter.
    return sorted((BookVectors(*row) for row in rows), key=lambda item: item.first_chunk)


def books_without(connection: sqlite3.Connection, basis: str) -> list[tuple[int, int]]:
    """(book_row, bytes of text) of chunked books that lack vectors of a basis."""
    rows = connection.execute(
        "SELECT id, text_bytes FROM books WHERE first_chunk IS NOT NULL AND chunks > 0"
        " AND id NOT IN (SELECT book FROM vectors WHERE basis = ?) ORDER BY sha256",
        (basis,),
    )
    return [(row[0], row[1]) for row in rows]
