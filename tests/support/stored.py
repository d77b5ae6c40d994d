"""Books put straight into a library, for tests that need some there and no pipeline."""

import hashlib
import sqlite3
from pathlib import Path

from librarian_cli.models import BookHeading, Candidate, Chapter, Chunked, Extract, Page
from librarian_cli.store import books, content, files, jobs, migrations

ROOT = b"/books"
CHUNK_CHARS = 40


def make_library(path: Path) -> sqlite3.Connection:
    """Make a library's file and return a connection that may write to it."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=OFF")
    migrations.apply(connection, path.parent / "tmp")
    return connection


def sha256_of(name: str) -> str:
    """Return the id of the book that `add_book` makes under this name."""
    return hashlib.sha256(name.encode()).hexdigest()


def candidate(path: bytes, *, root: bytes = ROOT, size: int = 100, mtime_ns: int = 7, inode: int = 1) -> Candidate:
    """Return a file as a scan would find it."""
    return Candidate(root, path, size, mtime_ns, 5, inode)


def add_book(connection: sqlite3.Connection, name: str, *, status: str = "pending", job: int | None = None) -> int:
    """Make a book with one file, `name`, below `ROOT`. Returns: its row."""
    job = job or jobs.start(connection, "test", "owner")
    row = books.add(connection, sha256_of(name), 100, "txt", title=name)
    files.record(connection, candidate(name.encode()), job, book_row=row, outcome=None)
    jobs.set_scope(connection, job, [ROOT])
    if status != "pending":
        books.set_status(connection, row, status, job)
    return row


def save_text(
    connection: sqlite3.Connection,
    row: int,
    text: str,
    *,
    chapters: tuple[Chapter, ...] = (),
    pages: tuple[Page, ...] = (),
    headings: tuple[BookHeading, ...] = (),
    language: str = "",
) -> Chunked:
    """Give a book its text, in chunks of `CHUNK_CHARS` characters."""
    cuts = (*range(0, len(text), CHUNK_CHARS), len(text)) if text else ()
    extract = Extract(text, pages, (), headings, len(pages) or None)
    chunked = Chunked(chapters, cuts, language)
    content.save_extract(connection, row, extract, keep_text=False)
    content.save_chunks(connection, row, text, chunked)
    return chunked
