"""`librarian similar`."""

import click

from librarian_cli.cli import complete, hits
from librarian_cli.cli.context import Settings, json_option, pass_settings


@click.command()
@click.argument("target", metavar="BOOK|CHUNK", shell_complete=complete.books)
@click.option("--limit", "-n", type=click.IntRange(1, 1000), metavar="N", help="How many of each. [default: 10]")
@hits.filter_options
@json_option
@pass_settings
def similar(settings: Settings, /, *, target: str, as_json: bool, **options: object) -> None:
    """Find what is most like BOOK, or like a passage BOOK:start-end."""
    from dataclasses import asdict

    from librarian_cli.cli import render
    from librarian_cli.search import Scope

    with settings.open({"search.limit": options.pop("limit")}) as librarian:
        chosen = Scope(**options)  # type: ignore[arg-type]  # click checked them
        found = librarian.similar(target, chosen, librarian.config.search.limit)
    if as_json:
        near = [asdict(item) for item in found.books]
        render.document({"like": target, "books": near, "hits": hits.as_json(found.passages)})
        return
    for item in found.books:
        render.echo(f"{render.escape(item.book[:12])}  {hits.heading(item.title, item.author, item.score)}")
    render.echo()
    hits.print_hits(found.passages, full=False)
