"""`librarian graph`."""

from typing import TYPE_CHECKING

import click

from librarian_cli.cli import complete
from librarian_cli.cli.context import ID_CHARS, Settings, json_option, pass_settings

if TYPE_CHECKING:
    from librarian_cli.graph import Graph, Related

_SHOWN_BOOKS = 5


@click.command()
@click.argument("entity", shell_complete=complete.entities)
@click.option("--depth", type=click.IntRange(1, 4), default=1, show_default=True, metavar="N", help="How many steps.")
@click.option(
    "--limit", "-n", type=click.IntRange(1, 100), default=10, show_default=True, metavar="N", help="Names a step."
)
@json_option
@pass_settings
def graph(settings: Settings, *, entity: str, depth: int, limit: int, as_json: bool) -> None:
    """Show what ENTITY occurs with, over all books.

    An entity is a person, a place, any name that books have.
    """
    from dataclasses import asdict

    from librarian_cli.cli import render

    with settings.open() as librarian:
        found = librarian.graph(entity, depth=depth, limit=limit)
    if as_json:
        render.document(asdict(found))
    else:
        _print_graph(found)


def _print_graph(found: "Graph") -> None:
    from librarian_cli.cli import render

    name = click.style(render.escape(found.name), bold=True)
    render.echo(f"{name}  {_kind(found.type)}{_times(found.count)}")
    for book in found.books[:_SHOWN_BOOKS]:
        render.echo(f"  {book.book[:ID_CHARS]}  {render.escape(book.title)}  {_times(book.count)}")
    if len(found.books) > _SHOWN_BOOKS:
        render.echo(f"  and {len(found.books) - _SHOWN_BOOKS} more books")
    _print_related(found.related, "")


def _print_related(items: "tuple[Related, ...]", indent: str) -> None:
    from librarian_cli.cli import render

    for place, item in enumerate(items, 1):
        is_last = place == len(items)
        first = item.passages[0]
        passage = click.style(f"{first.book[:ID_CHARS]}:{first.start_char}-{first.end_char}", dim=True)
        name = click.style(render.escape(item.name), bold=True)
        branch = f"{indent}{'└─' if is_last else '├─'}"
        render.echo(f"{branch} {name}  {_kind(item.type)}together {_times(item.together)}  {passage}")
        _print_related(item.related, indent + ("   " if is_last else "│  "))


def _kind(kind: str) -> str:
    return "" if kind == "UNKNOWN" else f"{kind.lower()}, "


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
