"""`librarian tag add`, `remove` and `list`."""

import click

from librarian_cli.cli import complete
from librarian_cli.cli.context import TAG, Settings, json_option, pass_settings

_TAG = click.argument("tag", type=TAG)
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
    from librarian_cli.cli import render

    with settings.open() as librarian:
        changed = librarian.tag(tag, targets)
    render.changed_books("tagged", changed, as_json=as_json, nothing="nothing to do: they have this tag already")


@tag.command()
@_TAG
@_TARGETS
@json_option
@pass_settings
def remove(settings: Settings, *, tag: str, targets: tuple[str, ...], as_json: bool) -> None:
    """Take TAG from books, or from the books of a job. A tag that no book has is gone."""
    from librarian_cli.cli import render

    with settings.open() as librarian:
        changed = librarian.untag(tag, targets)
    render.changed_books("untagged", changed, as_json=as_json, nothing="nothing to do: none of them has this tag")


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
