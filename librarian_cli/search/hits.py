"""A chunk that was found, as it is shown: where it stands, what it says."""

import sqlite3
from collections.abc import Sequence

from librarian_cli.models import Hit
from librarian_cli.search.snippets import snippet
from librarian_cli.search.syntax import Term
from librarian_cli.store import books, content, files, fulltext


def hit(
    connection: sqlite3.Connection, row: int, score: float, *, wanted: Sequence[Term] = (), context: int = 0
) -> Hit:
    """Describe a chunk as a hit, with the `wanted` terms marked in its snippet."""
    chunk = content.chunk_by_row(connection, row)
    book = books.get(connection, chunk.book_row)
    page = content.page_at(connection, book.row, chunk.start_char)
    phrases = [term for term in wanted if len(term.words) > 1 and not term.prefix]
    others = [term for term in wanted if term not in phrases]
    return Hit(
        book=book.id,
        title=book.title,
        author=book.author,
        chapter=content.chapter_title(connection, chunk),
        page=(page.label or str(page.number)) if page else None,
        chunk=f"{book.id[:12]}:{chunk.start_char}-{chunk.end_char}",
        start_char=chunk.start_char,
        end_char=chunk.end_char,
        score=round(score, 4),
        text=content.text_around(connection, book, chunk, context),
        snippet=snippet(
            chunk.text,
            [word for term in others for word in (term.words[:-1] if term.prefix else term.words)],
            [term.words[-1] for term in others if term.prefix],
            fulltext.analysis_of(connection, book.row),
            [term.words for term in phrases],
        ),
        path=next(iter(files.paths_of(connection, book.row)), b""),
    )
