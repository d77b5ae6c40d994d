"""Which order group a book belongs to, and which concurrency group that shares, as the settings say."""

import os
import sqlite3
from fnmatch import fnmatchcase

from librarian_cli.models import Book, Candidate
from librarian_cli.settings import Config
from librarian_cli.stages import QUEUE_STAGES
from librarian_cli.store import order_groups


def place_by_folder(connection: sqlite3.Connection, row: int, candidate: Candidate, config: Config) -> None:
    """Put a new book into the order group of its folder, where settings want that."""
    if config.ingest.order_groups == "folder":
        _place(connection, row, os.path.dirname(candidate.absolute).decode("utf-8", "backslashreplace"), config)


def place_by_author(connection: sqlite3.Connection, book: Book, config: Config) -> None:
    """Put a book whose author has become known into that author's order group, where settings want that."""
    if config.ingest.order_groups == "author" and book.author:
        _place(connection, book.row, book.author, config)


def _place(connection: sqlite3.Connection, row: int, group: str, config: Config) -> None:
    shared = next((name for pattern, name in config.concurrency_groups.items() if fnmatchcase(group, pattern)), "")
    order_groups.place(connection, row, QUEUE_STAGES["ingestion"], group, shared)
