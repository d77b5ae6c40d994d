"""The library-level vector index: which basis is in force, and one blob of codes per book.

The index is derived, like the full-text index: it may be rebuilt at any time from the chunks. A basis is a built-in
one, or the id of a model from outside (embedders.py), whose vectors come in parts of a book.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_BASIS = "vectors.basis"
_CHUNKS_AT_FIT = "vectors.chunks_at_fit"
_TARGET = "vectors.target"
_SCALE_BYTES = 4


@dataclass(frozen=True, slots=True)
class BookVectors:
    """The codes of one book's chunks, in order, of which the first has the id `first_chunk`."""

    book_row: int
    first_chunk: int
    chunks: int
    codes: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """Some chunks of one book without vectors: `chunks` of its `of`, from the one numbered `start` (from 0) on."""

    book_row: int
    first_chunk: int
    of: int
    start: int
    chunks: int


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
    """Put a basis in force whose vectors are complete, and drop those of any other that is not the target's."""
    connection.executemany(
        "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)",
        ((_BASIS, basis), (_CHUNKS_AT_FIT, str(chunks_at_fit))),
    )
    connection.execute(
        "DELETE FROM facts WHERE name = ? AND value = coalesce((SELECT signature FROM embedders WHERE id = ?), 'lsa')",
        (_TARGET, basis),
    )
    kept = (basis, target(connection))
    for table in ("vectors", "vector_parts"):
        connection.execute(
            f"DELETE FROM {table} WHERE basis <> ? AND basis NOT IN (SELECT id FROM embedders WHERE signature = ?)",
            kept,
        )


def target(connection: sqlite3.Connection) -> str:
    """The signature of the embedder that the library is on its way to; empty for none."""
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (_TARGET,)).fetchone()
    return str(row[0]) if row else ""


def set_target(connection: sqlite3.Connection, signature: str) -> None:
    """Let the library change to another embedder; the vectors in force serve until those are complete."""
    connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (_TARGET, signature))


def any_stored(connection: sqlite3.Connection, basis: str) -> bool:
    """Whether there is any vector of a basis."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM vectors WHERE basis = :basis)"
        " OR EXISTS (SELECT 1 FROM vector_parts WHERE basis = :basis)",
        {"basis": basis},
    ).fetchone()
    return bool(row[0])


def retire(connection: sqlite3.Connection) -> None:
    """Drop all built-in vectors, and a built-in basis in force: texts count other terms now. Those of models stay."""
    connection.execute("DELETE FROM vectors WHERE basis NOT IN (SELECT id FROM embedders)")
    active = active_basis(connection)
    if active and not connection.execute("SELECT 1 FROM embedders WHERE id = ?", (active[0],)).fetchone():
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


def missing(connection: sqlite3.Connection, basis: str) -> list[Span]:
    """The chunks that lack vectors of a basis, in the order of the library."""
    parts: dict[int, list[tuple[int, int]]] = {}
    for book, start, chunks in connection.execute(
        "SELECT book, start, chunks FROM vector_parts WHERE basis = ? ORDER BY book, start", (basis,)
    ):
        parts.setdefault(book, []).append((start, chunks))
    rows = connection.execute(
        "SELECT id, first_chunk, chunks FROM books WHERE first_chunk IS NOT NULL AND chunks > 0"
        " AND id NOT IN (SELECT book FROM vectors WHERE basis = ?) ORDER BY first_chunk",
        (basis,),
    )
    found = []
    for book, first, chunks in rows.fetchall():
        at = 0
        for start, length in (*parts.get(book, []), (chunks, 0)):
            if start > at:
                found.append(Span(book, first, chunks, at, start - at))
            at = start + length
    return found


def save_parts(connection: sqlite3.Connection, basis: str, parts: Iterable[tuple[Span, bytes]]) -> None:
    """Store vectors of some chunks, of books that were not cut anew meanwhile; a book that is whole becomes a blob."""
    for span, codes in parts:
        connection.execute(
            "INSERT OR REPLACE INTO vector_parts (book, basis, start, chunks, codes)"
            " SELECT id, ?, ?, ?, ? FROM books WHERE id = ? AND first_chunk = ? AND chunks = ?",
            (basis, span.start, span.chunks, codes, span.book_row, span.first_chunk, span.of),
        )
        _join_if_whole(connection, basis, span.book_row)


def _join_if_whole(connection: sqlite3.Connection, basis: str, book: int) -> None:
    there = "SELECT coalesce(sum(chunks), 0) FROM vector_parts WHERE book = :book AND basis = :basis"
    whole = connection.execute(
        f"SELECT ({there}) = chunks FROM books WHERE id = :book", {"book": book, "basis": basis}
    ).fetchone()
    if not whole or not whole[0]:
        return
    parts = connection.execute(
        "SELECT chunks, codes FROM vector_parts WHERE book = ? AND basis = ? ORDER BY start", (book, basis)
    ).fetchall()
    # A blob has all its scales, then all its codes; so has each part.
    scales = [codes[: _SCALE_BYTES * chunks] for chunks, codes in parts]
    codes = [codes[_SCALE_BYTES * chunks :] for chunks, codes in parts]
    connection.execute(
        "INSERT OR REPLACE INTO vectors (book, basis, codes) VALUES (?, ?, ?)",
        (book, basis, b"".join((*scales, *codes))),
    )
    connection.execute("DELETE FROM vector_parts WHERE book = ? AND basis = ?", (book, basis))
