"""The full-text index of the chunks, in the form that each book's language asks for.

The index holds no text of its own: to forget a row it must be told the very words that it holds. So each book's row
names the analysis that gave them (text/analysis.py), and what no analysis of ours gives any more is made anew.
"""

import sqlite3
from collections.abc import Iterator, Sequence

from librarian_cli.store import books, vectors
from librarian_cli.text import analysis, language

_RENEWED_BYTES = 8 << 20
_MERGED_BYTES = 32 << 20
_MANY_SEGMENTS = 4
_COLUMNS = "INSERT INTO chunks_fts (rowid, heading, text)"
_FORGOTTEN = "INSERT INTO chunks_fts (chunks_fts, rowid, heading, text)"


def index(connection: sqlite3.Connection, book_row: int, name: str) -> None:
    """Put a book's chunks into the index, by an analysis."""
    span = _span(connection, book_row)
    if name == analysis.AS_IT_STANDS:
        # One statement a book: SQLite runs it without the GIL, where a row at a time would ask for it at every row.
        connection.execute(f"{_COLUMNS} SELECT id, heading, text FROM chunk_texts WHERE id BETWEEN ? AND ?", span)
    else:
        connection.executemany(f"{_COLUMNS} VALUES (?,?,?)", _forms(connection, span, name))
    connection.execute("UPDATE books SET analysis = ? WHERE id = ?", (name, book_row))


def forget(connection: sqlite3.Connection, book_row: int) -> None:
    """Take a book's chunks out of the index; they must still be there."""
    span = _span(connection, book_row)
    name = analysis_of(connection, book_row)
    if not analysis.is_known(name):
        _make_anew(connection)
        name = analysis_of(connection, book_row)
    if name == analysis.AS_IT_STANDS:
        connection.execute(
            f"{_FORGOTTEN} SELECT 'delete', id, heading, text FROM chunk_texts WHERE id BETWEEN ? AND ?", span
        )
    else:
        connection.executemany(f"{_FORGOTTEN} VALUES ('delete',?,?,?)", _forms(connection, span, name))


def analysis_of(connection: sqlite3.Connection, book_row: int) -> str:
    """The name of the analysis by which a book is indexed."""
    row = connection.execute("SELECT analysis FROM books WHERE id = ?", (book_row,)).fetchone()
    return row[0] or analysis.AS_IT_STANDS


def analyses(connection: sqlite3.Connection, book_rows: Sequence[int] | None = None) -> set[str]:
    """The analyses by which some books, or all, are indexed."""
    rows = connection.execute("SELECT id, coalesce(analysis, '') FROM books WHERE first_chunk IS NOT NULL")
    wanted = None if book_rows is None else set(book_rows)
    return {name for row, name in rows if wanted is None or row in wanted}


def telling_texts(connection: sqlite3.Connection, rows: Sequence[int]) -> list[str]:
    """The texts of some chunks for counting terms, in the order asked for: in their forms, without stop words."""
    names = dict(connection.execute("SELECT id, analysis FROM books WHERE first_chunk IS NOT NULL"))
    found = {}
    for row in sorted(rows):  # as they lie on disk
        book, text = connection.execute("SELECT book, text FROM chunks WHERE id = ?", (row,)).fetchone()
        found[row] = _tell(text, names[book])
    return [found[row] for row in rows]


def telling_chunks(connection: sqlite3.Connection, book_row: int) -> tuple[int, list[str]]:
    """The row of a book's first chunk, and the texts of all of them for counting terms, in order."""
    span = _span(connection, book_row)
    name = analysis_of(connection, book_row)
    rows = connection.execute("SELECT text FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id", span)
    return span[0], [_tell(row[0], name) for row in rows]


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether every book is indexed as this program would."""
    return not _outdated(connection)


def is_known(connection: sqlite3.Connection) -> bool:
    """Whether this program can tell what the index should hold of every book."""
    return all(map(analysis.is_known, analyses(connection)))


def renew(connection: sqlite3.Connection) -> bool:
    """Index some of the books anew that an older program indexed. Returns: whether there are more.

    Where one was indexed by forms that cannot be made again, all are.
    """
    outdated = _outdated(connection)
    if any(name is not None for _, name, _ in outdated):
        _make_anew(connection)
        return False
    size = 0
    for row, _, text_bytes in outdated:
        name = _choose(connection, row)
        if name == analysis.AS_IT_STANDS:
            connection.execute("UPDATE books SET analysis = '' WHERE id = ?", (row,))
        else:
            forget(connection, row)
            index(connection, row, name)
            vectors.retire(connection)
        size += text_bytes
        if size >= _RENEWED_BYTES:
            return True
    return False


def is_scattered(connection: sqlite3.Connection) -> bool:
    """Whether the index of a small library lies in many segments, each with its own list of words.

    A large one has few in comparison, and merging them takes 12 ms of CPU a megabyte.
    """
    if books.totals(connection)[2] > _MERGED_BYTES:
        return False
    (segments,) = connection.execute("SELECT count(DISTINCT segid) FROM chunks_fts_idx").fetchone()
    return bool(segments >= _MANY_SEGMENTS)


def merge(connection: sqlite3.Connection) -> None:
    """Make one segment of the whole index."""
    connection.execute("INSERT INTO chunks_fts (chunks_fts) VALUES ('optimize')")


def check(connection: sqlite3.Connection) -> None:
    """Compare the whole index with the chunks. Raises: sqlite3.DatabaseError: they differ.

    For as long as it takes, `chunk_texts` shows the other books in the form in which they are indexed.
    """
    connection.execute("SAVEPOINT index_check")
    try:
        connection.executemany("INSERT INTO indexed_texts (id, heading, text) VALUES (?,?,?)", _all_forms(connection))
        connection.execute("INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('integrity-check', 1)")
    finally:
        connection.execute("ROLLBACK TO index_check")
        connection.execute("RELEASE index_check")


def _tell(text: str, name: str | None) -> str:
    return analysis.telling_form(text, name) if name and analysis.is_known(name) else text


def _make_anew(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO chunks_fts (chunks_fts) VALUES ('delete-all')")
    vectors.retire(connection)
    rows = connection.execute("SELECT id FROM books WHERE first_chunk IS NOT NULL ORDER BY id").fetchall()
    for (row,) in rows:
        index(connection, row, _choose(connection, row))


def _choose(connection: sqlite3.Connection, book_row: int) -> str:
    texts = connection.execute("SELECT text FROM chunks WHERE id BETWEEN ? AND ?", _span(connection, book_row))
    text = "".join(row[0] for row in texts)
    (named,) = connection.execute("SELECT language FROM books WHERE id = ?", (book_row,)).fetchone()
    return analysis.choose(text, language.settle_language(text, named))


def _outdated(connection: sqlite3.Connection) -> list[tuple[int, str | None, int]]:
    rows = connection.execute("SELECT id, analysis, text_bytes FROM books WHERE first_chunk IS NOT NULL ORDER BY id")
    return [(row, name, size) for row, name, size in rows if name is None or not analysis.is_known(name)]


def _all_forms(connection: sqlite3.Connection) -> Iterator[tuple[int, str, str]]:
    rows = connection.execute(
        "SELECT id, analysis FROM books WHERE first_chunk IS NOT NULL AND chunks > 0 AND coalesce(analysis, '') <> ''"
    ).fetchall()
    for row, name in rows:
        yield from _forms(connection, _span(connection, row), name)


def _forms(connection: sqlite3.Connection, span: tuple[int, int], name: str) -> Iterator[tuple[int, str, str]]:
    rows = connection.execute("SELECT id, heading, text FROM chunk_texts WHERE id BETWEEN ? AND ?", span).fetchall()
    for row, heading, text in rows:
        yield row, analysis.indexed_form(heading, name), analysis.indexed_form(text, name)


def _span(connection: sqlite3.Connection, book_row: int) -> tuple[int, int]:
    first, count = connection.execute("SELECT first_chunk, chunks FROM books WHERE id = ?", (book_row,)).fetchone()
    return (first or 0), (first or 0) + count - 1
