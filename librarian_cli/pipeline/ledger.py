"""The beginning and the end of a job's run, as the ledger, the activity log and the events have them."""

import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from librarian_cli import status
from librarian_cli.errors import LibrarianError, LibraryLocked
from librarian_cli.events import Bus, FileRefused, RunEnded
from librarian_cli.models import PRIORITIES
from librarian_cli.settings import Config
from librarian_cli.stages import ingredients
from librarian_cli.store import activity, books, content, files, fingerprints, fulltext, jobs, runs
from librarian_cli.store.database import Database


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What one ingest did, and which of the two ended it before all was done: a signal, or the end of its time."""

    job: int
    seconds: float
    reasons: Mapping[str, Mapping[str, int]]
    """Outcome -> reason ("" for none) -> files."""
    books: int
    chunks: int
    text_bytes: int
    interrupted: bool
    out_of_time: bool = False

    @property
    def ending(self) -> str:
        """How it ended: done, interrupted or out-of-time."""
        return "interrupted" if self.interrupted else "out-of-time" if self.out_of_time else "done"

    @property
    def outcomes(self) -> dict[str, int]:
        """Files by outcome, every outcome named."""
        return status.totals(self.reasons)


def open_job(database: Database, config: Config, *, command: str, owner: str, priority: str) -> int:
    """Begin a job and its run. Returns: its number."""

    def operation(connection: sqlite3.Connection) -> int:
        job = jobs.start(connection, command, owner, priority=PRIORITIES[priority])
        fingerprints.record(connection, ingredients(config))
        activity.record(connection, "job.started", job=job, target=command, priority=priority)
        return job

    return database.write_now(operation)


def close_job(
    database: Database,
    config: Config,
    bus: Bus,
    *,
    job: int,
    started: float,
    interrupted: bool = False,
    out_of_time: bool = False,
) -> IngestResult:
    """End a run that `started` at a time of the monotonic clock: sweep, count, record, prune, merge, and tell."""
    sweep_before = time.time() - 86_400 * config.ingest.sweep_days
    database.write_now(partial(_forget_orphans, sweep_before=sweep_before))
    reader = database.reader()
    result = IngestResult(
        job,
        time.monotonic() - started,
        files.reason_counts(reader, job),
        *books.totals(reader),
        interrupted=interrupted,
        out_of_time=out_of_time,
    )
    database.write_now(partial(_record_end, result=result))
    prune = partial(activity.prune, max_rows=config.history.max_rows, max_days=config.history.max_days)
    while database.write_now(prune):  # batch by batch, so that others can write in between
        pass
    if fulltext.is_scattered(reader):
        database.write_now(fulltext.merge)
    for item in files.outcomes(reader, job=job, outcome="failed"):
        if item.book is None:
            bus.publish(FileRefused(job, os.fsdecode(item.path), item.reason))
    bus.publish(RunEnded(job, result.outcomes, result.seconds, interrupted or out_of_time))
    return result


def record_fault(database: Database, job: int, fault: BaseException | None) -> None:
    """Note that a run died of a fault, where the library still takes notes."""
    if not isinstance(fault, Exception) or isinstance(fault, LibraryLocked):
        return
    code = fault.exit_code if isinstance(fault, LibrarianError) else 1
    with suppress(LibrarianError, sqlite3.Error):
        database.write_now(partial(runs.end, job=job, ending="died"))
        database.write_now(partial(runs.set_exit_code, job=job, code=code))


def _forget_orphans(connection: sqlite3.Connection, *, sweep_before: float) -> None:
    """Books whose every file holds something else now, or was deleted long ago, have no place any more."""
    files.sweep(connection, sweep_before)
    for row in books.orphans(connection):
        content.delete_all(connection, row)
        books.delete(connection, row)


def _record_end(connection: sqlite3.Connection, *, result: IngestResult) -> None:
    counts = result.outcomes
    runs.end(connection, result.job, result.ending, failed=counts["failed"], unchanged=counts["unchanged"])
    if result.ending == "done":  # else the next process closes it once all is done
        jobs.close(connection, result.job, result.outcomes)
        activity.record(connection, "job.finished", job=result.job, outcomes=result.outcomes)
    jobs.close_unattended(connection)
