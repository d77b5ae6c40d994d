"""What the end of a task means, as write operations: each is one transaction that first checks the lease.

Only here do effects, the task's end, the next tasks and the book's status meet, so they stand or fall together.
"""

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from librarian_cli.config import Config
from librarian_cli.models import Candidate, Task
from librarian_cli.pipeline.retry import Decision
from librarian_cli.stages import NEEDS, STAGE_BY_NAME, Saved, dependents
from librarian_cli.store import books, files, tasks


@dataclass(frozen=True, slots=True)
class Cost:
    """What a task has taken."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Those in force, by (stage, format): of a stage that is done, and of one that failed."""

    done: Mapping[tuple[str, str], str]
    failed: Mapping[tuple[str, str], str]


def complete(
    connection: sqlite3.Connection,
    task: Task,
    outputs: tuple[Any, ...],
    *,
    config: Config,
    fingerprints: Fingerprints,
    cost: Cost,
    approve: bool,
) -> Saved:
    """Store what a stage made, end its task, and let the next ones begin; `approve` speaks for a person.

    Raises: LeaseLost: nothing was stored.
    """
    assert task.book_row is not None
    tasks.require_lease(connection, task)
    book = books.get(connection, task.book_row)
    saved = STAGE_BY_NAME[task.stage].save(connection, book, outputs, config)
    books.add_seconds(connection, book.row, cost.seconds)
    if saved.failure:
        _bury(connection, task, fingerprints.failed[task.stage, book.format], *saved.failure)
        return saved
    fingerprint = fingerprints.done[task.stage, book.format]
    tasks.finish(connection, task, fingerprint, seconds=cost.seconds, cpu_seconds=cost.cpu_seconds)
    for stage in saved.fused:
        tasks.finish_fused(connection, book.row, stage, fingerprints.done[stage, book.format])
    if not saved.promote and approve:
        books.approve_waiting(connection, [book.row], "ingest --yes")
        saved = replace(saved, promote=True)
    if saved.promote:
        tasks.promote(connection, book.row, NEEDS)
        _close_if_done(connection, task)
    else:
        books.set_status(connection, book.row, "waiting", task.job)
    return saved


def give_up(connection: sqlite3.Connection, task: Task, decision: Decision, fingerprints: Fingerprints) -> None:
    """Bury a task for good, with its reason. Raises: LeaseLost."""
    assert task.book_row is not None
    book = books.get(connection, task.book_row)
    fingerprint = fingerprints.failed[task.stage, book.format]
    _bury(connection, task, fingerprint, decision.reason, decision.detail)


def retry_later(connection: sqlite3.Connection, task: Task, decision: Decision) -> None:
    """Charge an attempt and try again after the decision's delay. Raises: LeaseLost."""
    run_at = time.time() + decision.delay_seconds
    tasks.retry_later(connection, task, run_at, alone=decision.alone, reason=decision.reason, detail=decision.detail)


def complete_index(connection: sqlite3.Connection, task: Task) -> None:
    """End the library's index task. Raises: LeaseLost."""
    tasks.finish(connection, task, "", seconds=0.0, cpu_seconds=0.0)


def give_up_index(connection: sqlite3.Connection, task: Task, decision: Decision) -> None:
    """Bury the library's index task with its reason; the next ingest files it anew. Raises: LeaseLost."""
    tasks.fail(connection, task, (), fingerprint="", reason=decision.reason, detail=decision.detail)


def forget_changed(connection: sqlite3.Connection, task: Task, candidate: Candidate | None, *, vanished: bool) -> None:
    """End a task whose file is no longer what was hashed; the file's next scan makes it a book of its own."""
    assert task.book_row is not None
    if candidate:
        words = ("skipped", "vanished") if vanished else ("failed", "changed")
        files.forget_content(connection, candidate, *words)
    if files.candidates_of(connection, task.book_row):
        tasks.give_back(connection, [task])  # another path holds the same content
        return
    _bury(connection, task, "", "changed", "the file changed or vanished while it was being read")


def _bury(connection: sqlite3.Connection, task: Task, fingerprint: str, reason: str, detail: str) -> None:
    assert task.book_row is not None
    below = dependents(task.stage)
    tasks.fail(connection, task, below, fingerprint=fingerprint, reason=reason, detail=detail)
    books.set_status(connection, task.book_row, "failed", task.job, reason=reason, detail=detail)


def _close_if_done(connection: sqlite3.Connection, task: Task) -> None:
    assert task.book_row is not None
    if not tasks.all_done(connection, task.book_row):
        return
    warnings = books.get(connection, task.book_row).reason
    status = "ok-with-warning" if warnings else "ok"
    books.set_status(connection, task.book_row, status, task.job, reason=warnings)
