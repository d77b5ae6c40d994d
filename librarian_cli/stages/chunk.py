"""chunk: text with its headings -> chapters and chunks. One transaction stores them with their full-text rows.

Extraction runs it in the same worker where that holds the whole text (`cut`); else it is a call of its own.
"""

import sqlite3
from dataclasses import dataclass

from librarian_cli.models import Book, BookHeading, Chunked
from librarian_cli.settings import Config
from librarian_cli.stages.base import Saved, Stage
from librarian_cli.store import content

_DEEPEST_BORDER = 2
"""Chunks end at chapters and their sections; a border at every heading of a deep outline would leave crumbs."""

_TARGET_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Chunking:
    """How to cut: the book's title (which is no chapter), the longest chunk, and its language as first seen."""

    title: str
    max_chars: int
    language: str = ""


@dataclass(frozen=True, slots=True)
class ChunkInput:
    """One book's text and what its file names as headings."""

    text: str
    headings: tuple[BookHeading, ...]
    chunking: Chunking


def load(connection: sqlite3.Connection, book: Book, config: Config) -> tuple[ChunkInput, ...]:
    """Fetch the text, from where extraction left it or from the chunks of an earlier run."""
    text = content.text(connection, book.row)
    chunking = Chunking(book.title, config.stages.chunk.max_chars, book.language)
    return (ChunkInput(text, content.headings(connection, book.row), chunking),)


def run(task: ChunkInput) -> Chunked:
    """Find the chapters and cut the text."""
    return cut(task.text, task.headings, task.chunking)


def save(connection: sqlite3.Connection, book: Book, outputs: tuple[Chunked, ...], config: Config) -> Saved:
    """Replace the book's chapters and chunks."""
    content.save_chunks(connection, book.row, content.text(connection, book.row), outputs[0])
    return Saved()


def cut(text: str, headings: tuple[BookHeading, ...], chunking: Chunking) -> Chunked:
    """Find the chapters of a text and cut it into chunks that never cross one."""
    # The coordinator never cuts, and these compile a score of patterns: workers have them preloaded.
    from librarian_cli.text import chunks, language
    from librarian_cli.text.structure import chapters

    found = chapters.find_chapters(text, headings, title=chunking.title)
    starts = [chapter.start_char for chapter in found if chapter.level <= _DEEPEST_BORDER]
    target = int(chunking.max_chars * _TARGET_SHARE)
    cuts = chunks.split_chunks(text, boundaries=starts, target_chars=target, max_chars=chunking.max_chars)
    return Chunked(found, cuts, language.settle_language(text, chunking.language))


STAGE = Stage(
    name="chunk",
    queue="ingestion",
    needs=("extract",),
    pool="chunk",
    version=3,
    load=load,
    run=run,
    save=save,
    settings=("stages.chunk.max_chars",),
)
