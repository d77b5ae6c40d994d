"""`librarian runs`."""

from typing import TYPE_CHECKING, Any

import click

from librarian_cli.cli.context import Settings, json_option, pass_settings

if TYPE_CHECKING:
    from librarian_cli.store.runs import Run


@click.command()
@click.option("--limit", "-n", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="Latest N.")
@json_option
@pass_settings
def runs(settings: Settings, *, limit: int, as_json: bool) -> None:
    """List the latest runs of `ingest` and batches of `watch`.

    When each began, how long it took, how it ended, and what it brought. For the progress of work that is queued, see
    `librarian jobs`.
    """
    from librarian_cli.cli import render

    with settings.open() as librarian:
        found = librarian.runs(limit)
    if as_json:
        render.document({"runs": [_as_json(run) for run in found]})
    elif not found:
        render.notice("No runs yet. `librarian ingest FOLDER` makes one.")
    else:
        header = ("JOB", "COMMAND", "STARTED", "TOOK", "ENDED", "EXIT", "NEW", "RECOVERED", "FAILED", "UNCHANGED")
        render.echo(render.table([_row(run) for run in found], header, right=(0, 3, 5, 6, 7, 8, 9)))


def _row(run: "Run") -> tuple[str, ...]:
    from librarian_cli.cli import render

    seconds = _seconds(run)
    return (
        str(run.job),
        run.command,
        render.local_time(run.started_at),
        "" if seconds is None else render.duration(seconds),
        run.ending,
        *("" if count is None else str(count) for count in (run.exit_code, run.added, run.recovered)),
        *("" if count is None else str(count) for count in (run.failed, run.unchanged)),
    )


def _as_json(run: "Run") -> dict[str, Any]:
    from librarian_cli.cli import render

    seconds = _seconds(run)
    return {
        "job": run.job,
        "command": run.command,
        "started_at": render.iso_time(run.started_at),
        "ended_at": render.iso_time(run.ended_at),
        "seconds": None if seconds is None else round(seconds, 3),
        "ended": run.ending,
        "exit_code": run.exit_code,
        "new": run.added,
        "recovered": run.recovered,
        "failed": run.failed,
        "unchanged": run.unchanged,
    }


def _seconds(run: "Run") -> float | None:
    return None if run.ended_at is None else max(0.0, run.ended_at - run.started_at)
