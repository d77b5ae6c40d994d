"""enrich: a stored book -> its keyphrases, summaries, names and what else can be found in its text without a model.

A worker reads the text from the library itself: sent through a pipe, every text would cost the coordinator its time.
"""

import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from librarian_cli.models import Book
from librarian_cli.settings import Config
from librarian_cli.stages.base import Saved, Stage
from librarian_cli.store import books, content, enrichment
from librarian_cli.store.connections import open_read_only
from librarian_cli.text.enriching.findings import Findings


@dataclass(frozen=True, slots=True)
class EnrichInput:
    """Where a worker finds a book's text."""

    library: Path
    book_row: int
    language: str


def load(connection: sqlite3.Connection, book: Book, config: Config) -> tuple[EnrichInput, ...]:
    """Say where the book is."""
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    return (EnrichInput(Path(path), book.row, book.language),)


def run(task: EnrichInput) -> Findings:
    """Find everything in one pass."""
    from librarian_cli.text.enriching.enrichment import enrich  # it needs numpy, which parsers do without

    connection = _reader(task.library)
    chapters = content.chapters(connection, task.book_row)
    return enrich(content.text(connection, task.book_row), chapters, task.language)


@lru_cache(maxsize=1)
def _reader(library: Path) -> sqlite3.Connection:
    """A worker's connection, which it keeps: opening one takes ten times as long as reading a small book."""
    return open_read_only(library)


def save(connection: sqlite3.Connection, book: Book, outputs: tuple[Findings, ...], config: Config) -> Saved:
    """Replace the book's findings."""
    enrichment.save(connection, book.row, outputs[0])
    warnings = [word for word in book.reason.split(",") if word and word != "no_enrich"]
    books.set_warnings(connection, book.row, warnings)
    return Saved()


STAGE = Stage(
    name="enrich",
    queue="ingestion",
    needs=("chunk",),
    pool="enrich",
    version=1,
    load=load,
    run=run,
    save=save,
    settings=(),
)
