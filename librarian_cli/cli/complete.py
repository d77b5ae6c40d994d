"""What Tab offers for names that only the library or the settings know.

Nothing is offered where there is no library, or where it cannot be read: a shell waits for the answer and shows
whatever is said, so this says nothing, changes nothing, and goes past `app.Librarian`, which takes longer to load
than all the rest.
"""

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from librarian_cli.cli.context import ID_CHARS
from librarian_cli.errors import LibrarianError

if TYPE_CHECKING:
    import sqlite3

Items = list[CompletionItem]
_HELP_CHARS = 60
_MOST_BOOKS = 200
_MOST_JOBS = 50
_MOST_NAMES = 50


def books(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Ids of books, with their titles."""
    from librarian_cli.store import books as stored

    def find(reader: "sqlite3.Connection") -> Iterable[tuple[str, str]]:
        chars = max(ID_CHARS, len(incomplete))
        return ((book.id[:chars], book.title) for book in stored.beginning(reader, incomplete, _MOST_BOOKS))

    return _offer(ctx, find)


def entities(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Names that are known of books."""
    from librarian_cli.store import enrichment

    def find(reader: "sqlite3.Connection") -> Iterable[tuple[str, str]]:
        return ((name, f"{count} times") for name, count in enrichment.names_from(reader, incomplete, _MOST_NAMES))

    return _offer(ctx, find)


def tags(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Tags, with how many books have each."""
    from librarian_cli.store import tags as stored

    def find(reader: "sqlite3.Connection") -> Iterable[tuple[str, str]]:
        return ((name, f"{count} books") for name, count in stored.counts(reader, incomplete)[:_MOST_NAMES])

    return _offer(ctx, find)


def jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Numbers of the latest jobs, with what each was."""
    from librarian_cli.cli import render
    from librarian_cli.store import jobs as stored

    def find(reader: "sqlite3.Connection") -> Iterable[tuple[str, str]]:
        for job in stored.every(reader, _MOST_JOBS):
            if str(job.id).startswith(incomplete):
                yield str(job.id), f"{job.command} of {job.books} books, {render.local_time(job.created_at)}"

    return _offer(ctx, find)


def books_and_jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Both."""
    return books(ctx, param, incomplete) + jobs(ctx, param, incomplete)


def stages_and_queues(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """What can be paused."""
    from librarian_cli.settings import QUEUES, Stages

    names = dict.fromkeys((*(item.name for item in fields(Stages)), *QUEUES))
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Names of settings, with their values."""
    from librarian_cli import config

    try:
        found = config.settings()
    except LibrarianError:
        return []
    public = (item for item in found if config.table_of(item.key) is None and item.key.startswith(incomplete))
    return [_item(item.key, str(item.value)) for item in public]


def _offer(ctx: click.Context, find: "Callable[[sqlite3.Connection], Iterable[tuple[str, str]]]") -> Items:
    import sqlite3
    from contextlib import closing

    from librarian_cli import config
    from librarian_cli.store import connections

    library = ctx.find_root().params.get("library")
    try:
        path = config.load({"library.path": library}).library_path / "library.db"
        with closing(connections.open_read_only(path)) as reader:
            return [_item(*found) for found in find(reader)]
    except (LibrarianError, OSError, sqlite3.Error):
        return []


def _item(name: str, about: str) -> CompletionItem:
    from librarian_cli.cli import render

    return CompletionItem(name, help=render.shorten(render.escape(about), _HELP_CHARS))
