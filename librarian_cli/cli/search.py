"""`librarian search`."""

import sys
from typing import TYPE_CHECKING

import click

from librarian_cli.cli import complete
from librarian_cli.cli.context import Settings, json_option, pass_settings

if TYPE_CHECKING:
    from librarian_cli.models import Hit


@click.command()
@click.argument("query", nargs=-1, required=True)
@click.option("--mode", type=click.Choice(["hybrid", "text", "vector"]), default="hybrid", show_default=True)
@click.option("--limit", "-n", type=click.IntRange(1, 1000), metavar="N", help="How many passages. [default: 10]")
@click.option(
    "--book", metavar="BOOK", shell_complete=complete.books, help="Within this book (its id, or the beginning of it)."
)
@click.option("--author", metavar="NAME", help="Authors that contain NAME.")
@click.option("--language", metavar="CODE", help="Books in this language, such as en.")
@click.option("--min-trust", type=click.FloatRange(0, 1), metavar="X", help="Books with at least this trust score.")
@click.option("--context", type=click.IntRange(0, 20), default=0, metavar="N", help="Show N passages before and after.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 when nothing is found.")
@json_option
@pass_settings
def search(settings: Settings, /, *, query: tuple[str, ...], as_json: bool, exit_code: bool, **options: object) -> None:
    """Find the passages that answer QUERY, with book, chapter and page."""
    from librarian_cli.search import Query

    text = " ".join(query)
    with settings.open({"search.limit": options.pop("limit")}) as librarian:
        wanted = Query(text, limit=librarian.config.search.limit, **options)  # type: ignore[arg-type]  # click checked them
        hits = librarian.search(wanted)
    if as_json:
        _print_json(text, hits)
    else:
        _print(hits, full=wanted.context > 0)
    sys.exit(3 if exit_code and not hits else 0)


def _print_json(text: str, hits: "list[Hit]") -> None:
    from dataclasses import asdict

    from librarian_cli.cli import render

    shown = [{**asdict(hit), "path": render.path_text(hit.path), "snippet": _plain(hit.snippet)} for hit in hits]
    render.document({"query": text, "hits": shown})


def _print(hits: "list[Hit]", *, full: bool) -> None:
    from librarian_cli.cli import render

    if not hits:
        render.notice("No passage found. Fewer or other words may help; `librarian books` shows what there is.")
    for number, hit in enumerate(hits, 1):
        author = f", {hit.author}" if hit.author else ""
        title = click.style(render.escape(hit.title), bold=True)
        place = " · ".join(part for part in (hit.chapter, f"p. {hit.page}" if hit.page else "", hit.chunk) if part)
        render.echo(f"{number:>2}  {title}{render.escape(author)}  {hit.score:.2f}")
        render.echo(f"    {click.style(render.escape(place), dim=True)}")
        lines = _indented(hit.text) if full else [_marked(line) for line in _wrapped(hit.snippet)]
        render.echo("\n".join(f"    {line}" for line in lines) + "\n")


def _wrapped(snippet: str) -> list[str]:
    import shutil
    import textwrap

    return textwrap.wrap(snippet, min(100, shutil.get_terminal_size().columns - 4), break_on_hyphens=False)


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
