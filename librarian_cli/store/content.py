"""What books say: text, pages, chapters, chunks and their full-text index.

Text is stored once: the chunks of a book tile it, `[start_char, end_char)`, and joined they are the text. Pages,
sections and chapters are ranges over it. Between extract and chunk, where two processes do them, the text waits
compressed in `extracts`.
"""

import hashlib
import math
import sqlite3
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from librarian_cli.models import Book, BookHeading, Chapter, Chunked, Extract, Page
from librarian_cli.store import enrichment, fulltext
from librarian_cli.text import analysis


@dataclass(frozen=True, slots=True)
class Chunk:
    """One stored passage; `row` is its id in this library, `chapter` the index of its chapter."""

    row: int
    book_row: int
    chapter: int | None
    start_char: int
    end_char: int
    text: str


def save_extract(connection: sqlite3.Connection, book_row: int, extract: Extract, *, keep_text: bool) -> None:
    """Replace a book's structure; `keep_text` leaves the text for the chunk stage of another process."""
    for table in ("headings", "pages", "sections"):
        connection.execute(f"DELETE FROM {table} WHERE book = ?", (book_row,))
    connection.executemany(
        "INSERT INTO headings (book, number, level, title, start_char, end_char, exact) VALUES (?,?,?,?,?,?,?)",
        (
            (book_row, number, item.level, item.title, item.start_char, item.end_char, item.exact)
            for number, item in enumerate(extract.headings)
        ),
    )
    connection.executemany(
        "INSERT INTO pages (book, number, label, start_char) VALUES (?,?,?,?)",
        ((book_row, page.number, page.label, page.start_char) for page in extract.pages),
    )
    connection.executemany(
        "INSERT INTO sections (book, number, start_char) VALUES (?,?,?)",
        ((book_row, number, start) for number, start in enumerate(extract.sections)),
    )
    connection.execute("UPDATE books SET page_count = ? WHERE id = ?", (extract.page_count, book_row))
    if keep_text:
        data = zlib.compress(extract.text.encode("utf-8"), 1)
        connection.execute("INSERT OR REPLACE INTO extracts (book, text) VALUES (?,?)", (book_row, data))


def save_chunks(connection: sqlite3.Connection, book_row: int, text: str, chunked: Chunked) -> None:
    """Replace a book's chapters, chunks and full-text rows; from the commit on it is searchable."""
    delete_chunks(connection, book_row)
    connection.executemany(
        "INSERT INTO chapters (book, number, level, title, start_char, end_char, kind) VALUES (?,?,?,?,?,?,?)",
        (
            (book_row, number, item.level, item.title, item.start_char, item.end_char, item.kind)
            for number, item in enumerate(chunked.chapters)
        ),
    )
    first = int(connection.execute("SELECT coalesce(max(id), 0) + 1 FROM chunks").fetchone()[0])
    count = max(0, len(chunked.cuts) - 1)
    connection.executemany(
        "INSERT INTO chunks (id, book, chapter, start_char, end_char, text) VALUES (?,?,?,?,?,?)",
        _chunk_rows(first, book_row, text, chunked),
    )
    data = text.encode("utf-8")
    connection.execute(
        "UPDATE books SET first_chunk=?, chunks=?, chars=?, text_bytes=?, text_sha256=?,"
        " language=coalesce(nullif(?, ''), language) WHERE id=?",
        (first, count, len(text), len(data), hashlib.sha256(data).hexdigest(), chunked.language, book_row),
    )
    fulltext.index(connection, book_row, analysis.choose(text, chunked.language))
    connection.execute("DELETE FROM extracts WHERE book = ?", (book_row,))


def delete_chunks(connection: sqlite3.Connection, book_row: int) -> None:
    """Remove a book's chapters, chunks, full-text rows, vectors and findings."""
    first, count = chunk_range(connection, book_row)
    if count == 0:
        return
    span = (first, first + count - 1)
    fulltext.forget(connection, book_row)
    connection.execute("DELETE FROM chunks WHERE id BETWEEN ? AND ?", span)
    connection.execute("DELETE FROM chapters WHERE book = ?", (book_row,))
    for table in ("vectors", "vector_parts"):
        connection.execute(f"DELETE FROM {table} WHERE book = ?", (book_row,))
    enrichment.delete(connection, book_row)
    connection.execute("UPDATE books SET first_chunk=NULL, chunks=0 WHERE id=?", (book_row,))


def delete_all(connection: sqlite3.Connection, book_row: int) -> None:
    """Remove everything that a book says; its row stays."""
    delete_chunks(connection, book_row)
    for table in ("headings", "pages", "sections", "extracts", "audits", "generated"):
        connection.execute(f"DELETE FROM {table} WHERE book = ?", (book_row,))


def text(connection: sqlite3.Connection, book_row: int) -> str:
    """Return a book's whole text."""
    waiting = connection.execute("SELECT text FROM extracts WHERE book = ?", (book_row,)).fetchone()
    if waiting:
        return zlib.decompress(waiting[0]).decode("utf-8")
    texts = [chunk.text for chunk in chunks(connection, book_row)]
    if None in texts:  # which no schema of ours allows: pages of the file were mixed up
        raise sqlite3.DatabaseError("database disk image is malformed: a passage has no text")
    return "".join(texts)


def chunks(connection: sqlite3.Connection, book_row: int) -> Iterator[Chunk]:
    """The chunks of a book, in order."""
    first, count = chunk_range(connection, book_row)
    rows = connection.execute(
        "SELECT id, book, chapter, start_char, end_char, text FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id",
        (first, first + count - 1),
    )
    return (Chunk(*row) for row in rows)


def texts_between(connection: sqlite3.Connection, start: int, stop: int) -> list[str]:
    """The texts of the chunk rows [start, stop) that are there, in order."""
    rows = connection.execute("SELECT text FROM chunks WHERE id >= ? AND id < ? ORDER BY id", (start, stop))
    return [row[0] for row in rows]


def first_texts(connection: sqlite3.Connection, count: int) -> list[str]:
    """The texts of the first chunks of the library."""
    return [row[0] for row in connection.execute("SELECT text FROM chunks ORDER BY id LIMIT ?", (count,))]


def spread(connection: sqlite3.Connection, book: Book, most: int) -> list[str]:
    """The texts of chunks spread evenly over a book, the first one among them, of at most so many characters in all."""
    average = max(1, book.chars // max(1, book.chunks))
    step = max(1, math.ceil(book.chunks / max(1, most // average)))
    first = book.first_chunk or 0
    found, room = [], most
    for text in texts_of(connection, range(first, first + book.chunks, step)):
        found.append(text[:room])
        room -= len(text)
        if room <= 0:
            break
    return found


def texts_of(connection: sqlite3.Connection, rows: Sequence[int]) -> list[str]:
    """The texts of some chunks, in the order asked for; they are read in the order in which they lie on disk."""
    found = {
        row: connection.execute("SELECT text FROM chunks WHERE id = ?", (row,)).fetchone()[0] for row in sorted(rows)
    }
    return [found[row] for row in rows]


def count_chunks(connection: sqlite3.Connection) -> int:
    """How many chunks all books have."""
    return int(connection.execute("SELECT coalesce(sum(chunks), 0) FROM books").fetchone()[0])


def books_of(connection: sqlite3.Connection, rows: Sequence[int]) -> list[int]:
    """The books to which some chunks belong, in the order asked for."""
    runs = connection.execute("SELECT first_chunk, id FROM books WHERE chunks > 0 ORDER BY first_chunk").fetchall()
    firsts = [first for first, _ in runs]
    return [runs[bisect_right(firsts, row) - 1][1] for row in rows]


def chunk_by_row(connection: sqlite3.Connection, row: int) -> Chunk:
    """Return one chunk."""
    found = connection.execute(
        "SELECT id, book, chapter, start_char, end_char, text FROM chunks WHERE id = ?", (row,)
    ).fetchone()
    return Chunk(*found)


def text_around(connection: sqlite3.Connection, book: Book, chunk: Chunk, neighbours: int) -> str:
    """The text of a chunk with so many chunks before and after it."""
    first = book.first_chunk or 0
    rows = connection.execute(
        "SELECT text FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id",
        (max(first, chunk.row - neighbours), min(first + book.chunks - 1, chunk.row + neighbours)),
    )
    return "".join(row[0] for row in rows)


def headings(connection: sqlite3.Connection, book_row: int) -> tuple[BookHeading, ...]:
    """The structural headings of a book, as its file names them."""
    rows = connection.execute(
        "SELECT title, level, start_char, end_char, exact FROM headings WHERE book = ? ORDER BY number", (book_row,)
    )
    return tuple(BookHeading(title, level, start, end, bool(exact)) for title, level, start, end, exact in rows)


def pages(connection: sqlite3.Connection, book_row: int) -> tuple[Page, ...]:
    """The printed pages of a book, in order; none where it has none."""
    rows = connection.execute("SELECT number, label, start_char FROM pages WHERE book = ? ORDER BY number", (book_row,))
    return tuple(Page(*row) for row in rows)


def page_at(connection: sqlite3.Connection, book_row: int, start_char: int) -> Page | None:
    """The page on which a character stands."""
    row = connection.execute(
        "SELECT number, label, start_char FROM pages WHERE book = ? AND start_char <= ? ORDER BY number DESC LIMIT 1",
        (book_row, start_char),
    ).fetchone()
    return Page(*row) if row else None


def chapters(connection: sqlite3.Connection, book_row: int) -> tuple[Chapter, ...]:
    """The chapters of a book, in order."""
    rows = connection.execute(
        "SELECT title, level, start_char, end_char, kind FROM chapters WHERE book = ? ORDER BY number", (book_row,)
    )
    return tuple(Chapter(*row) for row in rows)


def chapter_title(connection: sqlite3.Connection, chunk: Chunk) -> str:
    """The title of the chapter that a chunk belongs to; empty where it belongs to none."""
    row = connection.execute(
        "SELECT title FROM chapters WHERE book = ? AND number = ?", (chunk.book_row, chunk.chapter)
    ).fetchone()
    return str(row[0]) if row else ""


def rows_between(connection: sqlite3.Connection, book_row: int, start_char: int, end_char: int) -> range:
    """The rows of a book's chunks that touch [start_char, end_char)."""
    first, count = chunk_range(connection, book_row)
    low, high = connection.execute(
        "SELECT min(id), max(id) FROM chunks WHERE id BETWEEN ? AND ? AND start_char < ? AND end_char > ?",
        (first, first + count - 1, end_char, start_char),
    ).fetchone()
    return range(0) if low is None else range(low, high + 1)


def chunk_range(connection: sqlite3.Connection, book_row: int) -> tuple[int, int]:
    """The row of a book's first chunk, 0 where it has none, and how many it has."""
    first, count = connection.execute("SELECT first_chunk, chunks FROM books WHERE id = ?", (book_row,)).fetchone()
    return (first or 0), count


def _chunk_rows(
    first: int, book_row: int, text: str, chunked: Chunked
) -> Iterator[tuple[int, int, int | None, int, int, str]]:
    starts = [chapter.start_char for chapter in chunked.chapters]
    for number, (start, end) in enumerate(zip(chunked.cuts, chunked.cuts[1:], strict=False)):
        chapter = bisect_right(starts, start) - 1
        # The innermost open chapter is the last to start before us that has not ended yet.
        while chapter >= 0 and chunked.chapters[chapter].end_char <= start:
            chapter -= 1
        yield first + number, book_row, (chapter if chapter >= 0 else None), start, end, text[start:end]
