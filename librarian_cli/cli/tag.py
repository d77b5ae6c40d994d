"""`librarian tag add`, `remove` and `list`."""

from typing import TYPE_CHECKING

import click

from librarian_cli.cli import complete
from librarian_cli.cli.context import Settings, json_option, pass_settings

if TYPE_CHECKING:
    from librarian_cli.models import Book

_ID_CHARS = 12
_TAG = click.argument("tag", shell_complete=complete.tags)
_TARGETS = click.argument(
    "targets", nargs=-1, required=True, metavar="BOOK|JOB...", shell_complete=complete.books_and_jobs
)


@click.group()
def tag() -> None:
    """Give books labels of your own, and take them away.

    `search`, `similar` and `books` choose by them with --tag.
    """


@tag.command()
@_TAG
@_TARGETS
@json_option
@pass_settings
def add(settings: Settings, *, tag: str, targets: tuple[str, ...], as_json: bool) -> None:
    """Give books, or the books of a job, TAG. Those that have it keep it."""
    with settings.open() as librarian:
        changed = librarian.tag(tag, targets)
    _report("tagged", changed, "nothing to do: they have this tag already", as_json=as_json)


@tag.command()
@_TAG
@_TARGETS
@json_option
@pass_settings
def remove(settings: Settings, *, tag: str, targets: tuple[str, ...], as_json: bool) -> None:
    """Take TAG from books, or from the books of a job. A tag that no book has is gone."""
    with settings.open() as librarian:
        changed = librarian.untag(tag, targets)
    _report("untagged", changed, "nothing to do: none of them has this tag", as_json=as_json)


@tag.command("list")
@json_option
@pass_settings
def list_(settings: Settings, *, as_json: bool) -> None:
    """List the tags, with how many books have each."""
    from librarian_cli.cli import render

    with settings.open() as librarian:
        found = librarian.tags()
    if as_json:
        render.document({"tags": [{"tag": name, "books": count} for name, count in found]})
    elif found:
        rows = [(render.escape(name), str(count)) for name, count in found]
        render.echo(render.table(rows, ("TAG", "BOOKS"), right=(1,)))
    else:
        render.notice("No tags here. `librarian tag add TAG BOOK` gives a book one.")


def _report(word: str, changed: "list[Book]", nothing: str, *, as_json: bool) -> None:
    from librarian_cli.cli import render

    if as_json:
        render.document({word: [book.id for book in changed]})
        return
    for book in changed:
        render.echo(f"{word}  {book.id[:_ID_CHARS]}  {render.escape(book.title)}")
    if not changed:
        render.notice(nothing)
