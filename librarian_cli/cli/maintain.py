"""`librarian maintain reembed` and `generate`: what is done to a whole library, now and then."""

from typing import TYPE_CHECKING

import click

from librarian_cli.cli import complete
from librarian_cli.cli.context import Settings, json_option, pass_settings

if TYPE_CHECKING:
    from librarian_cli.plan.vectors import VectorsPlan


@click.group()
def maintain() -> None:
    """Do to the whole library what is needed now and then."""


@maintain.command()
@click.option("--dry-run", is_flag=True, help="Say what it would take, and change nothing.")
@click.option("--progress/--no-progress", default=None, help="A bar; by default on a terminal only.")
@json_option
@pass_settings
def reembed(settings: Settings, *, dry_run: bool, progress: bool | None, as_json: bool) -> None:
    """Give the library the vectors of the embedder in the settings.

    Searches use the vectors that are there until the new ones are complete. What was stopped, even by kill -9, goes on
    where it was, with this command or with the next `ingest`.
    """
    import sys

    from librarian_cli.cli import render
    from librarian_cli.events import Bus
    from librarian_cli.pipeline.shutdown import Shutdown
    from librarian_cli.progress import Progress

    bus, shutdown = Bus(), Shutdown()
    with settings.open(bus=bus) as librarian:
        if dry_run:
            _print_plan(librarian.plan_reembed(), as_json=as_json)
            return
        shows = sys.stderr.isatty() if progress is None else progress
        with shutdown.on_signals(), Progress(bus, shown=shows and not settings.quiet, quiet=settings.quiet):
            result = librarian.reembed(shutdown=shutdown)
    if as_json:
        render.document({"embedder": result.embedder, "complete": result.complete, "seconds": round(result.seconds, 3)})
    elif result.complete:
        render.notice(f"The vectors are those of {result.embedder}, all of them.")
    else:
        render.notice("Stopped before all was done; the same command, or the next `ingest`, goes on from here.")
    if not result.complete:
        sys.exit(128 + (shutdown.signal or 2))


@maintain.command()
@click.argument("books", nargs=-1, metavar="[BOOK]...", shell_complete=complete.books)
@json_option
@pass_settings
def generate(settings: Settings, *, books: tuple[str, ...], as_json: bool) -> None:
    """Let the language model of [llm] describe books.

    BOOKs, or else all that it has not described yet. A summary in its own words, names with their types, relations:
    `show` prints them, marked as generated. Excerpts of the books are sent to the server. What was stopped goes on with
    the next call.
    """
    import sys
    from dataclasses import asdict

    from librarian_cli.cli import render
    from librarian_cli.pipeline.shutdown import Shutdown

    shutdown = Shutdown()
    with settings.open() as librarian, shutdown.on_signals():
        result = librarian.generate(books, shutdown=shutdown)
    if as_json:
        render.document(asdict(result))
    else:
        left = f", {result.left} left for another run" if result.left else ""
        render.echo(f"{result.described} books described, {result.failed} not{left}")
    sys.exit(shutdown.exit_code if shutdown.level else 4 if result.error else 0)


def _print_plan(found: "VectorsPlan", *, as_json: bool) -> None:
    from dataclasses import asdict

    from librarian_cli.cli import render

    if as_json:
        render.document(asdict(found))
        return
    render.echo(f"from {render.escape(found.before)} to {render.escape(found.after)}")
    calls = f", in {found.calls:,} calls with about {found.tokens:,} tokens" if found.calls else ""
    render.echo(f"{found.passages:,} passages to embed{calls}")
    if found.cost:
        render.echo(f"cost: about {found.cost:,.2f}")
    if found.seconds is None:
        render.echo(f"how long cannot be said: {render.escape(found.problem)}")
    else:
        render.echo(f"time: about {render.duration(found.seconds)}")
