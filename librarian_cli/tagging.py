"""Tagging books by name: what a person gives and takes, from any process, while others work."""

from collections.abc import Iterable
from functools import partial

from librarian_cli import control
from librarian_cli.errors import UsageError
from librarian_cli.models import Book
from librarian_cli.store import books, tags
from librarian_cli.store.database import Database


def add(database: Database, tag: str, targets: Iterable[str]) -> list[Book]:
    """Give books, or the books of jobs, a tag. Returns: those that did not have it.

    Raises: UsageError: no such book or job, or what cannot be a tag.
    """
    reader = database.reader()
    named = {row: books.get(reader, row) for row in control.rows_of(reader, targets)}
    return [named[row] for row in database.write_now(partial(tags.add, tag=tag, rows=tuple(named)))]


def remove(database: Database, tag: str, targets: Iterable[str]) -> list[Book]:
    """Take a tag from books, or from the books of jobs. Returns: those that had it.

    Raises: UsageError: no such book or job, or no book has that tag.
    """
    reader = database.reader()
    if tags.as_shown(reader, tag) is None:
        raise UsageError(f"no book has the tag {tag!r}; `librarian tag list` shows those that there are")
    named = {row: books.get(reader, row) for row in control.rows_of(reader, targets)}
    return [named[row] for row in database.write_now(partial(tags.remove, tag=tag, rows=tuple(named)))]
