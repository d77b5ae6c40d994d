"""All that is known of one book, put together from the store, and its text or a part of it."""

import os
import sqlite3
from bisect import bisect_right
from dataclasses import dataclass

from librarian_cli.errors import UsageError
from librarian_cli.models import AuditReport, Book, Chapter, Page, SchemaProposal
from librarian_cli.store import books, content, files, generated, tags, tasks
from librarian_cli.store.generated import Said


@dataclass(frozen=True, slots=True)
class BookDetails:
    """All that is known of one book."""

    book: Book
    paths: tuple[bytes, ...]
    tags: tuple[str, ...]
    chapters: tuple[Chapter, ...]
    pages: tuple[Page, ...]
    proposal: tuple[str, SchemaProposal] | None
    audit: AuditReport | None
    said: Said | None
    """What a language model said of it."""

    def page_of(self, start_char: int) -> str | None:
        """The page, as printed, on which a character stands."""
        place = bisect_right([page.start_char for page in self.pages], start_char) - 1
        return (self.pages[place].label or str(self.pages[place].number)) if place >= 0 else None


def read(reader: sqlite3.Connection, book: Book) -> BookDetails:
    """Put together what is known of a book."""
    return BookDetails(
        book,
        tuple(files.paths_of(reader, book.row)),
        tags.of_book(reader, book.row),
        content.chapters(reader, book.row),
        content.pages(reader, book.row),
        books.proposal(reader, book.row),
        books.audit(reader, book.row),
        generated.of_book(reader, book.row),
    )


def facts(reader: sqlite3.Connection, book_id: str) -> dict[str, object]:
    """What a hook is told of a book, as plain data. Raises: UsageError: there is none of that id."""
    book = books.find(reader, book_id)
    path = next(iter(files.paths_of(reader, book.row)), None)
    return {
        "job": tasks.latest_job(reader, book.row),
        "book": book.id,
        "title": book.title,
        "author": book.author,
        "path": os.fsdecode(path) if path is not None else None,
        "outcome": book.status,
        "reason": book.reason,
        "trust_score": book.trust_score,
    }


def passage(reader: sqlite3.Connection, name: str) -> tuple[Book, int, int]:
    """The book and the range [start_char, end_char) that a name such as `BOOK:start-end` means; BOOK is all of it.

    Raises: UsageError: there is no such thing, or the book holds no text.
    """
    prefix, colon, span = name.partition(":")
    book = books.find(reader, prefix)
    if book.first_chunk is None:
        state = ":".join(filter(None, (book.status, book.reason)))
        raise UsageError(f"{prefix}: this book holds no text ({state}); see `librarian show {prefix}`")
    if not colon:
        return book, 0, book.chars
    start, dash, end = span.partition("-")
    if not (dash and _is_number(start) and _is_number(end) and int(start) < int(end) <= book.chars):
        raise UsageError(f"{span!r} is no passage of this book; write BOOK:start-end, up to {book.chars}")
    return book, int(start), int(end)


def text(reader: sqlite3.Connection, prefix: str, *, chapter: int | None = None, page: str | None = None) -> str:
    """A book's text, or that of one chapter (from 1) or page (its label, or number from 1).

    `prefix` may name a passage, `BOOK:start-end`. Raises: UsageError: there is no such thing.
    """
    book, start, end = passage(reader, prefix)
    if ":" not in prefix:
        start, end = _span(read(reader, book), chapter, page)
    return content.text(reader, book.row)[start:end]


def _span(details: BookDetails, chapter: int | None, page: str | None) -> tuple[int, int]:
    book = details.book
    if chapter is not None:
        if not 1 <= chapter <= len(details.chapters):
            raise UsageError(f"chapter {chapter}: this book has {len(details.chapters)} chapters, see `librarian show`")
        found = details.chapters[chapter - 1]
        return found.start_char, found.end_char
    if page is not None:
        return _page_span(details, page)
    return 0, book.chars


def _page_span(details: BookDetails, page: str) -> tuple[int, int]:
    ends = [item.start_char for item in details.pages[1:]] + [details.book.chars]
    labelled = [(item, end) for item, end in zip(details.pages, ends, strict=False) if item.label == page]
    numbered = [(item, end) for item, end in zip(details.pages, ends, strict=False) if str(item.number) == page]
    for item, end in (*labelled, *numbered):
        return item.start_char, end
    raise UsageError(f"page {page}: this book has {len(details.pages)} pages, see `librarian show`")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
