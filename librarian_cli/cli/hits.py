"""How passages that were found are shown, and the options that choose the books which may answer."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from librarian_cli.cli.context import TAG

if TYPE_CHECKING:
    from librarian_cli.models import Hit

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FILTERS = (
    click.option("--author", metavar="NAME", help="Authors that contain NAME."),
    click.option("--language", metavar="CODE", help="Books in this language, such as en."),
    click.option("--collection", metavar="NAME", help="Books of this collection, and of those below it."),
    click.option("--group", metavar="NAME", help="Books of this order group."),
    click.option("--min-trust", type=click.FloatRange(0, 1), metavar="X", help="Books with at least this trust score."),
    click.option("--tag", "tags", type=TAG, multiple=True, help="Books with this tag, or with all that are given."),
)


def filter_options(command: _Command) -> _Command:
    """Add the filters to a command, in the order in which help shows them."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


def as_json(hits: "Iterable[Hit]") -> list[dict[str, Any]]:
    """Passages for JSON; matches are marked for terminals only."""
    from dataclasses import asdict

    from librarian_cli.cli import render

    return [{**asdict(hit), "path": render.path_text(hit.path), "snippet": _plain(hit.snippet)} for hit in hits]


def print_hits(hits: "Iterable[Hit]", *, full: bool, indent: str = "", book: bool = True) -> None:
    """Print passages, with whole texts or snippets, and their book unless that was said already."""
    from librarian_cli.cli import render

    for number, hit in enumerate(hits, 1):
        place = " · ".join(part for part in (hit.chapter, f"p. {hit.page}" if hit.page else "", hit.chunk) if part)
        shown = click.style(render.escape(place), dim=True)
        if book:
            render.echo(f"{indent}{number:>2}  {heading(hit.title, hit.author, hit.score)}")
            render.echo(f"{indent}    {shown}")
        else:
            render.echo(f"{indent}{shown}  {hit.score:.2f}")
        lines = _indented(hit.text) if full else [_marked(line) for line in _wrapped(hit.snippet, len(indent))]
        render.echo("\n".join(f"{indent}    {line}" for line in lines) + "\n")


def heading(title: str, author: str, score: float) -> str:
    """A book's name and its score, in a line."""
    from librarian_cli.cli import render

    by = f", {author}" if author else ""
    return f"{click.style(render.escape(title), bold=True)}{render.escape(by)}  {score:.2f}"


def _wrapped(snippet: str, indent: int) -> list[str]:
    import shutil
    import textwrap

    width = min(100, shutil.get_terminal_size().columns - 4) - indent
    return textwrap.wrap(snippet, max(20, width), break_on_hyphens=False)


def _marked(snippet: str) -> str:
    from librarian_cli.cli import render
    from librarian_cli.search import MATCH_END, MATCH_START

    first, *rest = snippet.split(MATCH_START)
    shown = [render.escape(first)]
    for piece in rest:
        match, _, tail = piece.partition(MATCH_END)
        shown.append(click.style(render.escape(match), bold=True, fg="yellow") + render.escape(tail))
    return "".join(shown)


def _plain(snippet: str) -> str:
    from librarian_cli.search import MATCH_END, MATCH_START

    return snippet.replace(MATCH_START, "").replace(MATCH_END, "")


def _indented(text: str) -> list[str]:
    from librarian_cli.cli import render

    return render.escape(text, lines=True).strip().split("\n")
