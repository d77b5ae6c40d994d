"""`librarian pause`, `resume`, `cancel`, `retry` and `prioritise`: live control from a second terminal."""

import click

from librarian_cli.cli import complete
from librarian_cli.cli.context import Settings, json_option, pass_settings

_LEVELS = ("low", "medium", "high", "critical")
_NOTHING = "nothing to do: no such book has anything left, or is in that state"


@click.command()
@click.argument("names", nargs=-1, metavar="[STAGE|QUEUE]...", shell_complete=complete.stages_and_queues)
@json_option
@pass_settings
def pause(settings: Settings, *, names: tuple[str, ...], as_json: bool) -> None:
    """Let stages or queues begin nothing more, or everything.

    What runs may end. This holds for every process. Stages: schema, extract, chunk, enrich, audit, index.
    Queues: schema, ingestion, trust_audit.
    """
    from librarian_cli.cli import render

    with settings.open() as librarian:
        paused = sorted(librarian.pause(names))
    if as_json:
        render.document({"paused": paused})
    else:
        render.echo(f"paused: {', '.join(paused)}; `librarian resume` lets them go on")


@click.command()
@click.argument("names", nargs=-1, metavar="[STAGE|QUEUE]...", shell_complete=complete.stages_and_queues)
@json_option
@pass_settings
def resume(settings: Settings, *, names: tuple[str, ...], as_json: bool) -> None:
    """Let what was paused go on: some of it, or everything."""
    from librarian_cli.cli import render

    with settings.open() as librarian:
        resumed = librarian.resume(names)
    if as_json:
        render.document({"resumed": resumed})
    else:
        render.echo(f"resumed: {', '.join(resumed)}" if resumed else "nothing was paused")


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="BOOK|JOB...", shell_complete=complete.books_and_jobs)
@json_option
@pass_settings
def cancel(settings: Settings, *, targets: tuple[str, ...], as_json: bool) -> None:
    """Cancel what books, or those of a job, have not finished.

    What runs is stopped, and nothing half-written stays. `librarian retry` takes a cancelled book up again.
    """
    from librarian_cli.cli import render

    with settings.open() as librarian:
        changed = librarian.cancel(targets)
    render.changed_books("cancelled", changed, as_json=as_json, nothing=_NOTHING)


@click.command()
@click.argument("targets", nargs=-1, metavar="[BOOK|JOB]...", shell_complete=complete.books_and_jobs)
@click.option("--failed", is_flag=True, help="Every book that failed.")
@json_option
@pass_settings
def retry(settings: Settings, *, targets: tuple[str, ...], failed: bool, as_json: bool) -> None:
    """Give failed or cancelled books a new life.

    They go on at the stage that they did not pass. A running `ingest` takes them up; else `librarian ingest` without a
    path does.
    """
    from librarian_cli.cli import render

    if bool(targets) == failed:
        raise click.UsageError("name books or jobs, or say --failed")
    with settings.open() as librarian:
        job, changed = librarian.retry(targets, all_failed=failed)
    if as_json:
        render.document({"job": job, "retried": [book.id for book in changed]})
        return
    render.changed_books("ready again", changed, as_json=False, nothing=_NOTHING)
    if changed:
        render.notice(f"job {job}; a running `ingest` takes it up, else run `librarian ingest`")


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="BOOK|JOB...", shell_complete=complete.books_and_jobs)
@click.argument("level", type=click.Choice(_LEVELS))
@json_option
@pass_settings
def prioritise(settings: Settings, *, targets: tuple[str, ...], level: str, as_json: bool) -> None:
    """Give unfinished books, or those of a job, another priority.

    They move to its place in the queue.
    """
    from librarian_cli.cli import render

    with settings.open() as librarian:
        changed = librarian.prioritise(targets, level)
    render.changed_books("prioritised", changed, as_json=as_json, nothing=_NOTHING)
