"""`librarian watch`."""

import logging
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any

import click

from librarian_cli.cli.context import TAG, Settings, pass_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from librarian_cli.app import Librarian
    from librarian_cli.events import Event, StageEnded
    from librarian_cli.pipeline.intake import Request
    from librarian_cli.settings import Config

logger = logging.getLogger(__name__)


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=bytes, readable=False), metavar="DIR...")
@click.option("--settle", type=click.FloatRange(0), metavar="S", help="A file must stand still for S seconds.")
@click.option("--poll", is_flag=True, default=None, help="Look at the folders again and again; wait for no events.")
@click.option("--once", is_flag=True, help="Exit once everything that is there has settled and is done.")
@click.option("--doctor", is_flag=True, help="Say why the folders can or cannot be watched, and exit.")
@click.option("--yes", is_flag=True, help="Approve every proposal that waits for a person.")
@click.option(
    "--priority", type=click.Choice(["low", "medium", "high", "critical"]), default="medium", show_default=True
)
@click.option("--tag", "tags", type=TAG, multiple=True, help="Give every book taken in this tag; may be repeated.")
@click.option("--jobs", "-j", type=click.IntRange(1), metavar="N", help="At most N workers in each stage.")
@click.option("--include", multiple=True, metavar="GLOB", help="Take these files only.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave these files out.")
@click.option("--hidden", is_flag=True, default=None, help="Take hidden files and folders too.")
@click.option(
    "--lock-wait", type=click.FloatRange(0), metavar="S", help="Wait so long for another process that writes."
)
@click.option("--progress/--no-progress", default=None, help="Bars; by default on a terminal only.")
@pass_settings
def watch(settings: Settings, /, *, folders: tuple[bytes, ...], once: bool, doctor: bool, **options: Any) -> None:
    """Take in what is below each DIR, and then what arrives.

    It ends with Ctrl-C or SIGTERM. Files are taken once they stand still. SIGHUP reads the settings anew, SIGUSR1
    prints what goes on.
    """
    from librarian_cli import discover
    from librarian_cli.cli import service

    roots = tuple(dict.fromkeys(discover.resolve(path) for path in folders))
    if doctor:
        sys.exit(_diagnose(settings, roots, options))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # where no watch takes it: before the first, and between two
    chosen = _load(settings, options)
    while (code := _watch(settings, chosen, roots, options, once=once)) is None:
        service.reloading()  # SIGHUP: once more, with the settings as they are now
        chosen = _reload(settings, options) or chosen
    sys.exit(code)


def _load(settings: Settings, options: dict[str, Any]) -> "Config":
    chosen = settings.load(_flags(options))
    return replace(chosen, limits=replace(chosen.limits, grace_seconds=chosen.watch.grace_seconds))


def _reload(settings: Settings, options: dict[str, Any]) -> "Config | None":
    """Read the settings anew; say what is wrong with them, and keep the old ones then."""
    from librarian_cli.cli import render
    from librarian_cli.errors import UsageError

    try:
        return _load(settings, options)
    except UsageError as exc:
        render.echo(f"librarian: {render.escape(str(exc))}; the watch goes on with its old settings", err=True)
        return None


def _watch(
    settings: Settings, chosen: "Config", roots: tuple[bytes, ...], options: dict[str, Any], *, once: bool
) -> int | None:
    from librarian_cli.app import Librarian
    from librarian_cli.cli import service
    from librarian_cli.events import Bus
    from librarian_cli.pipeline.shutdown import Shutdown
    from librarian_cli.progress import Progress

    bus, shutdown = Bus(), Shutdown(reloads=True)
    shows = bool(options["progress"]) if options["progress"] is not None else sys.stderr.isatty()
    shows = shows and not settings.quiet
    if not shows and not settings.quiet:
        bus.subscribe(_print_book)
    bus.subscribe(_log_event)
    bus.subscribe(_tell_manager)
    with (
        shutdown.on_signals(),  # first and last: what comes early or late counts as well
        Librarian(chosen, bus=bus) as librarian,
        _log_file(chosen),
        Progress(bus, shown=shows, quiet=settings.quiet),
    ):
        request = _request(librarian, roots, options)
        outcomes = librarian.watch(request, jobs=options["jobs"], shutdown=shutdown, once=once)
        if not shutdown.reload_asked:
            service.stopping()  # a manager that hears this waits for the end, then kills
    if shutdown.reload_asked:
        return None
    if shutdown.level:
        return shutdown.exit_code
    return 3 if outcomes.get("failed") else 0


def _request(librarian: "Librarian", roots: tuple[bytes, ...], options: dict[str, Any]) -> "Request":
    from librarian_cli import discover
    from librarian_cli.pipeline.intake import Request

    chosen = librarian.config.ingest
    selection = discover.Selection(chosen.include, chosen.exclude, chosen.hidden)
    return Request(
        roots,
        selection,
        approve=options["yes"],
        priority=options["priority"],
        tags=options["tags"],
        tag_unchanged=False,
    )


def _flags(options: dict[str, Any]) -> dict[str, object]:
    return {
        "ingest.include": options["include"] or None,
        "ingest.exclude": options["exclude"] or None,
        "ingest.hidden": options["hidden"],
        "watch.settle_seconds": options["settle"],
        "watch.poll": options["poll"],
        "limits.lock_wait_seconds": options["lock_wait"],
    }


def _print_book(event: "Event") -> None:
    """One line for each book that ended, where there are no bars."""
    from librarian_cli.cli import render
    from librarian_cli.events import StageEnded

    if isinstance(event, StageEnded) and _is_end(event):
        outcome = f"{event.outcome}:{event.reason}" if event.reason else event.outcome
        render.echo(f"{outcome}  {event.book[:12]}  {render.escape(event.name)}", err=True)


def _tell_manager(event: "Event") -> None:
    """Say that the start is over once changes are noticed, and not before."""
    from librarian_cli.cli import service
    from librarian_cli.events import WatchBegan

    if isinstance(event, WatchBegan):
        service.ready(f"watching {event.folders} folders")


def _log_event(event: "Event") -> None:
    """What the log file keeps: every book that ended, and what a person was told."""
    from librarian_cli.events import Notice, StageEnded

    if isinstance(event, StageEnded) and _is_end(event):
        logger.info("%s:%s %s %s", event.outcome, event.reason, event.book[:12], event.name)
    elif isinstance(event, Notice):
        logger.info("%s", event.text)


def _is_end(event: "StageEnded") -> bool:
    """Whether a book has ended, well or not. One that changed while it was read has not."""
    return (event.outcome == "failed" and event.reason != "changed") or event.stage == "audit"


@contextmanager
def _log_file(config: "Config") -> "Iterator[None]":
    """Write the log to a file that rotates, for as long as the block runs."""
    from librarian_cli.errors import EnvironmentFault

    path = config.log_path
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            path, maxBytes=config.log.max_mb << 20, backupCount=config.log.keep, encoding="utf-8", errors="replace"
        )
    except OSError as exc:
        raise EnvironmentFault(f"{path}: no log can be written ({exc.strerror}); set log.path to another file") from exc
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger("librarian_cli")
    before = ours.level
    ours.addHandler(handler)
    ours.setLevel(min(logging.INFO, ours.getEffectiveLevel()))
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(before)
        handler.close()


def _diagnose(settings: Settings, roots: tuple[bytes, ...], options: dict[str, Any]) -> int:
    from librarian_cli import config, watch_doctor
    from librarian_cli.cli import render

    chosen = config.load({"library.path": settings.library, **_flags(options)})
    findings = [finding for root in roots for finding in watch_doctor.examine(root, chosen)]
    for finding in findings:
        render.echo(f"{finding.verdict:<5} {render.escape(finding.text)}")
    return 4 if any(finding.verdict == "bad" for finding in findings) else 0
