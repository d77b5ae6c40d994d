"""Readers: one file per format, registered in READERS. Importing this package loads no parser.

    head of a file -> sniff -> format -> load -> reader.peek, reader.read -> parts

A new format is one new module with a `READER`, one entry here, and a rule in `sniffing`.
"""

from importlib import import_module
from typing import cast

from librarian_cli import errors
from librarian_cli.readers.base import NEEDS_PASSWORD, PEEK_BYTES, PEEK_CHARS, Reader, ReaderEntry
from librarian_cli.readers.sniffing import HEAD_BYTES, Sniff, sniff

__all__ = [
    "HEAD_BYTES",
    "NEEDS_PASSWORD",
    "PEEK_BYTES",
    "PEEK_CHARS",
    "READERS",
    "Reader",
    "ReaderEntry",
    "Sniff",
    "load",
    "sniff",
    "version",
]

READERS: tuple[ReaderEntry, ...] = (
    ReaderEntry("pdf", "librarian_cli.readers.pdf", 2, ("pypdfium2", "pypdf")),
    ReaderEntry("epub", "librarian_cli.readers.epub", 1, ("lxml", "selectolax")),
    ReaderEntry("html", "librarian_cli.readers.html", 1, ("selectolax", "charset-normalizer")),
    ReaderEntry("md", "librarian_cli.readers.markdown", 1, ("charset-normalizer",)),
    ReaderEntry("txt", "librarian_cli.readers.plain", 1, ("charset-normalizer",)),
)


def load(book_format: str) -> Reader:
    """Import and return the reader of a format. Raises: ReadError: unsupported."""
    return cast(Reader, import_module(_entry(book_format).module).READER)


def version(book_format: str) -> str:
    """Return what a format's fingerprint must hold, without loading a parser. Raises: ReadError: unsupported."""
    return _entry(book_format).version


def _entry(book_format: str) -> ReaderEntry:
    for entry in READERS:
        if entry.format == book_format:
            return entry
    raise errors.ReadError("unsupported", f"no reader for {book_format}")
