"""`librarian ingest`."""

import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from librarian_cli.cli.context import DURATION, TAG, Settings, json_option, pass_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from librarian_cli.app import Librarian
    from librarian_cli.pipeline.intake import Request
    from librarian_cli.pipeline.ledger import IngestResult

_STAGES = ("schema", "extract", "chunk", "enrich", "audit")
_NAMES = ", ".join(_STAGES)
_SHOWN_FAILURES = 20


class _IngestCommand(click.Command):
    """Lets `--force` stand before a path: only the name of a stage is taken for its value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        for place, (word, following) in enumerate(zip(args[:end], [*args[1:], ""], strict=False)):
            if word == "--force" and following not in _STAGES:
                args[place] = f"--force={_STAGES[0]}"
        return super().parse_args(ctx, args)


@click.command(cls=_IngestCommand)
@click.argument("paths", nargs=-1, type=click.Path(path_type=bytes, readable=False))
@click.option(
    "--files-from", "lists", type=click.Path(path_type=bytes), multiple=True, metavar="FILE",
    help="Take the paths in FILE too, one a line (-: standard input).",
)  # fmt: skip
@click.option("--null", "-0", is_flag=True, help="Paths in lists end with a NUL character (find -print0).")
@click.option(
    "--force", type=click.Choice(_STAGES), metavar="[STAGE]", help=f"Run all again, or from STAGE on: {_NAMES}."
)
@click.option("--yes", is_flag=True, help="Approve every proposal that waits for a person.")
@click.option(
    "--priority", type=click.Choice(["low", "medium", "high", "critical"]), default="medium", show_default=True
)
@click.option("--tag", "tags", type=TAG, multiple=True, help="Give every book seen this tag; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Print what would be done with each file and why, and change nothing.")
@click.option("--no-wait", is_flag=True, help="File the work, print the job's id and exit; a later process does it.")
@click.option(
    "--lock-wait", type=click.FloatRange(0), metavar="S", help="Wait so long for another process that writes."
)
@click.option(
    "--max-runtime", type=DURATION, metavar="TIME", help="Begin nothing after 90s, 10m, 2h, 1d; go on next time."
)
@click.option("--jobs", "-j", type=click.IntRange(1), metavar="N", help="At most N workers in each stage.")
@click.option("--include", multiple=True, metavar="GLOB", help="Take these files only.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave these files out.")
@click.option("--hidden", is_flag=True, default=None, help="Take hidden files and folders too.")
@click.option("--min-trust", type=click.FloatRange(0, 1), metavar="X", help="Exit with 3 if a book seen is below X.")
@click.option("--strict", is_flag=True, help="Exit with 3 for failures of earlier runs as well.")
@click.option("--progress/--no-progress", default=None, help="Bars; by default on a terminal only.")
@json_option
@pass_settings
def ingest(
    settings: Settings,
    /,
    *,
    paths: tuple[bytes, ...],
    lists: tuple[bytes, ...],
    null: bool,
    as_json: bool,
    strict: bool,
    min_trust: float | None,
    **options: Any,
) -> None:
    """Take in what is new or changed below PATHS, then exit.

    Without PATHS, do what waits in the library. A PATH may be - for a list of paths on standard input, or a single
    file. Running again is safe, and free for files that did not change. A run that was stopped, even by kill -9, goes
    on where it was. Source files are never written.
    """
    from librarian_cli import discover
    from librarian_cli.cli import pathlist
    from librarian_cli.events import Bus
    from librarian_cli.pipeline.intake import Request
    from librarian_cli.pipeline.shutdown import Shutdown
    from librarian_cli.progress import Progress

    if not paths and not lists and (options["no_wait"] or options["force"] or options["tags"]):
        raise click.UsageError("name at least one path; without one, `ingest` does what waits already")
    if options["no_wait"] and options["max_runtime"]:
        raise click.UsageError("--no-wait does no work that --max-runtime could end; leave one of them out")
    if options["dry_run"] and options["no_wait"]:
        raise click.UsageError("--dry-run files no work, so it cannot go with --no-wait; leave one of them out")
    named = pathlist.gather(paths, lists, null=null)
    roots = tuple(dict.fromkeys(discover.resolve(path) for path in named))
    bus, shutdown = Bus(), Shutdown()
    with settings.open(_flags(options), bus=bus) as librarian:
        if (paths or lists) and not roots:
            _print_nothing(librarian, options, as_json=as_json)
            return
        chosen = librarian.config.ingest
        selection = discover.Selection(chosen.include, chosen.exclude, chosen.hidden)
        request = Request(
            roots, selection, options["force"], bool(options["yes"]), options["priority"], tags=options["tags"]
        )
        if options["dry_run"]:
            _print_plan(librarian, request, options["jobs"], as_json=as_json, every_file=settings.verbose > 0)
            return
        if options["no_wait"]:
            _print_job(librarian.enqueue(request), as_json=as_json)
            return
        shows = _shows(settings, options["progress"])
        time_limit = shutdown.after(options["max_runtime"])
        with shutdown.on_signals(), time_limit, Progress(bus, shown=shows, quiet=settings.quiet):
            result = librarian.ingest(request, jobs=options["jobs"], shutdown=shutdown)
        code = _exit_code(librarian, result, shutdown.signal, strict=strict, min_trust=min_trust)
        librarian.record_exit(result.job, code)
        _report(librarian, result, as_json=as_json, table=not settings.quiet and (shows or settings.verbose > 0))
        if result.out_of_time:
            _print_out_of_time(result)
        sys.exit(code)


def _flags(options: "Mapping[str, object]") -> dict[str, object]:
    return {
        "ingest.include": options["include"] or None,
        "ingest.exclude": options["exclude"] or None,
        "ingest.hidden": options["hidden"],
        "limits.lock_wait_seconds": options["lock_wait"],
    }


def _print_nothing(librarian: "Librarian", options: "Mapping[str, object]", *, as_json: bool) -> None:
    """A list without a path is no fault: a script found nothing new."""
    from librarian_cli.cli import render
    from librarian_cli.status import totals

    if options["dry_run"]:
        from librarian_cli.cli import plan
        from librarian_cli.plan import Plan

        plan.show(Plan(()), as_json=as_json, every_file=False)
    elif as_json:
        whole = dict(zip(("books", "chunks", "text_bytes"), librarian.totals(), strict=True))
        nothing = {"seconds": 0.0, "ended": "done", "outcomes": totals({}), "files": [], **whole}
        render.document({"job": None, **({} if options["no_wait"] else nothing)})
    elif click.get_current_context().find_root().params["verbose"]:
        render.notice("Nothing to do: the list of paths is empty.")


def _print_plan(
    librarian: "Librarian", request: "Request", jobs: int | None, *, as_json: bool, every_file: bool
) -> None:
    from librarian_cli.cli import plan

    plan.show(librarian.plan(request, jobs=jobs), as_json=as_json, every_file=every_file)


def _print_job(job: int, *, as_json: bool) -> None:
    from librarian_cli.cli import render

    if as_json:
        render.document({"job": job})
    else:
        render.echo(str(job))


def _shows(settings: Settings, wish: object) -> bool:
    return bool(wish) if wish is not None else sys.stderr.isatty() and not settings.quiet


def _report(librarian: "Librarian", result: "IngestResult", *, as_json: bool, table: bool) -> None:
    from librarian_cli.cli import render

    if as_json:
        render.document(_as_json(librarian, result))
        return
    if table:
        _print_summary(result)
    failures = librarian.files(job=result.job, outcome="failed")
    for number, item in enumerate(failures):
        if number == _SHOWN_FAILURES:
            render.echo("… and more: `librarian files --outcome failed` lists all", err=True)
            break
        detail = f" ({item.detail})" if item.detail else ""
        line = f"failed  {render.escape(item.path)}: {item.reason}{render.escape(detail)}{_next_step(item.reason)}"
        render.echo(line, err=True)


def _print_summary(result: "IngestResult") -> None:
    from librarian_cli.cli import render

    rows = [(word, str(count), _why(result.reasons[word])) for word, count in result.outcomes.items() if count]
    rows.append(("all", str(sum(result.outcomes.values())), f"in {render.duration(result.seconds)}"))
    render.echo(render.table(rows, ("OUTCOME", "FILES", ""), right=(1,)), err=True)
    total = f"{result.books} books, {result.chunks:,} passages, {render.size(result.text_bytes)} of text"
    render.echo(f"The library holds {total}.", err=True)
    if result.reasons.get("waiting", {}).get("approval"):
        render.echo(
            "Some wait for approval: look with `librarian files --outcome waiting`, then `ingest --yes`.", err=True
        )
    if result.interrupted:
        render.echo("Stopped before all was done; the same command goes on from here.", err=True)


def _print_out_of_time(result: "IngestResult") -> None:
    from librarian_cli.cli import render

    left = result.reasons.get("waiting", {}).get("queued", 0)
    render.notice(f"Out of time; {left} of the files seen wait. The same command goes on from here next time.")


def _why(reasons: "Mapping[str, int]") -> str:
    named = sorted(((count, reason) for reason, count in reasons.items() if reason), reverse=True)
    return ", ".join(f"{count} {reason}" for count, reason in named)


def _as_json(librarian: "Librarian", result: "IngestResult") -> dict[str, object]:
    from librarian_cli.cli import render

    files = (
        {
            "path": render.path_text(item.path),
            "outcome": item.outcome,
            "reason": item.reason,
            "book": item.book,
            "seconds": round(item.seconds, 3),
        }
        for item in librarian.files(job=result.job)
    )
    return {
        "job": result.job,
        "seconds": round(result.seconds, 3),
        "ended": result.ending,
        "outcomes": dict(result.outcomes),
        "files": files,
        "books": result.books,
        "chunks": result.chunks,
        "text_bytes": result.text_bytes,
    }


def _exit_code(
    librarian: "Librarian", result: "IngestResult", signum: int | None, *, strict: bool, min_trust: float | None
) -> int:
    if result.interrupted:
        return 128 + (signum or signal.SIGINT)
    failed = result.outcomes["failed"] > 0
    if strict:
        failed = failed or librarian.failed_before(result.job)
    if min_trust is not None:
        failed = failed or librarian.least_trust(result.job) < min_trust
    return 3 if failed else 0


_NEXT_STEPS = {
    "encrypted": "give its password under [passwords] in config.toml",
    "no_text": "it holds images only; run it through OCR first",
    "corrupt": "get a fresh copy",
    "empty": "get a fresh copy",
    "drm": "get a copy without copy protection",
    "limit": "raise the limit under [read] in config.toml",
    "timeout": "raise stages.extract.total_seconds, then `ingest --force`",
    "memory": "raise stages.extract.memory_mb, then `ingest --force`",
    "crash": "the file kills its reader; it is left alone until it changes",
    "changed": "run again when it is complete",
    "internal": "this is our fault; please report it with the output of -v",
}


def _next_step(reason: str) -> str:
    return f"; {_NEXT_STEPS[reason]}" if reason in _NEXT_STEPS else ""
