"""`librarian search`."""

import sys
from typing import TYPE_CHECKING

import click

from librarian_cli.cli import complete, hits
from librarian_cli.cli.context import Settings, json_option, pass_settings

if TYPE_CHECKING:
    from librarian_cli.search import BookHits

_NOTHING = "No passage found. Fewer or other words may help; `librarian books` shows what there is."


@click.command()
@click.argument("query", nargs=-1, required=True)
@click.option("--mode", type=click.Choice(["hybrid", "text", "vector"]), default="hybrid", show_default=True)
@click.option("--limit", "-n", type=click.IntRange(1, 1000), metavar="N", help="How many passages. [default: 10]")
@click.option(
    "--book", metavar="BOOK", shell_complete=complete.books, help="Within this book (its id, or the beginning of it)."
)
@hits.filter_options
@click.option("--expand", is_flag=True, help="Look for what the best passages speak of, too.")
@click.option("--by-book", is_flag=True, help="Show books, each with its best passages; N counts books.")
@click.option("--context", type=click.IntRange(0, 20), default=0, metavar="N", help="Show N passages before and after.")
@click.option("--exit-code", is_flag=True, help="Exit with 3 when nothing is found.")
@json_option
@pass_settings
def search(
    settings: Settings,
    /,
    *,
    query: tuple[str, ...],
    by_book: bool,
    as_json: bool,
    exit_code: bool,
    **options: object,
) -> None:
    """Find the passages that answer QUERY, with their places.

    \b
    high water            either word, rare ones count more
    '"high water"'        the phrase must occur
    harb*                 any word that begins so
    'tide -clock'         a word or a "phrase" that must not occur
    title:harbour         in books whose title has the word; likewise author:
    """
    from librarian_cli.cli import render
    from librarian_cli.search import Query

    text = " ".join(query)
    with settings.open({"search.limit": options.pop("limit")}) as librarian:
        wanted = Query(text, limit=librarian.config.search.limit, **options)  # type: ignore[arg-type]  # click checked them
        books = librarian.search_books(wanted) if by_book else []
        found = [] if by_book else librarian.search(wanted)
    if as_json:
        render.document(
            {"query": text, **({"books": _books_json(books)} if by_book else {"hits": hits.as_json(found)})}
        )
    else:
        _print_books(books, full=wanted.context > 0)
        hits.print_hits(found, full=wanted.context > 0)
        if not (books or found):
            render.notice(_NOTHING)
    sys.exit(3 if exit_code and not (books or found) else 0)


def _books_json(books: "list[BookHits]") -> list[dict[str, object]]:
    return [
        {
            "book": item.book,
            "title": item.title,
            "author": item.author,
            "score": item.score,
            "hits": hits.as_json(item.hits),
        }
        for item in books
    ]


def _print_books(books: "list[BookHits]", *, full: bool) -> None:
    from librarian_cli.cli import render

    for number, item in enumerate(books, 1):
        render.echo(f"{number:>2}  {hits.heading(item.title, item.author, item.score)}")
        hits.print_hits(item.hits, full=full, indent="    ", book=False)
