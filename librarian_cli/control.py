"""Live control: what a person changes in the queue, from any process, while others work.

Everything is a row in the library; running processes look twice a second and heed it.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from librarian_cli.errors import UsageError
from librarian_cli.models import PRIORITIES, Book
from librarian_cli.stages import NEEDS, QUEUES, STAGES, dependents, index
from librarian_cli.store import activity, agents, books, content, jobs, order_groups, pauses, tags, tasks
from librarian_cli.store.database import Database

_JOB_DIGITS = 7
"""Longer numbers are taken for the beginning of a book's id, which has 8 characters at least."""


def pause(database: Database, names: Sequence[str]) -> frozenset[str]:
    """Let these stages or queues begin nothing, or all of them. Returns: everything that is paused.

    Raises: UsageError: there is no such stage or queue.
    """
    chosen = tuple(_known(name) for name in names) or (pauses.ALL,)
    database.write_now(partial(_pause, names=chosen))
    return pauses.current(database.reader())


def resume(database: Database, names: Sequence[str]) -> list[str]:
    """Let these go on, or everything. Returns: what was paused. Raises: UsageError: there is no such thing."""
    chosen = tuple(_known(name) for name in names) or None
    return database.write_now(partial(_resume, names=chosen))


def cancel(database: Database, targets: Iterable[str]) -> list[Book]:
    """Cancel what books, or the books of jobs, have not finished, running or not. Returns: those that had such.

    A book that was never complete keeps nothing; one that was being renewed keeps its old version.
    Raises: UsageError: no such book or job.
    """
    return _change(database, targets, _cancel)


def prioritise(database: Database, targets: Iterable[str], level: str) -> list[Book]:
    """Give unfinished work of books, or of the books of jobs, another priority. Returns: those that had such.

    Raises: UsageError: no such book or job.
    """
    return _change(database, targets, partial(_prioritise, level=level))


def retry(database: Database, targets: Iterable[str], *, all_failed: bool = False) -> tuple[int, list[Book]]:
    """Give failed or cancelled books a new life, from the stage on that they did not pass.

    Returns: a job that waits for them, which the next process takes up, and the books.
    Raises: UsageError: no such book or job.
    """
    reader = database.reader()
    rows = books.rows_with_status(reader, "failed") if all_failed else rows_of(reader, targets)
    job = database.write_now(partial(jobs.start, command="retry", owner=""))
    chosen = [row for row in rows if database.write_now(partial(_retry, row=row, job=job))]
    if not chosen:
        database.write_now(partial(jobs.close, job=job, outcomes={}))
    return job, [books.get(reader, row) for row in chosen]


def remove(database: Database, prefixes: Iterable[str]) -> list[Book]:
    """Forget books: their text and tags go, their hashes are remembered as ignored.

    Raises: UsageError: unknown or ambiguous; none is forgotten then.
    """
    reader = database.reader()
    chosen = [books.find(reader, prefix) for prefix in prefixes]
    for book in chosen:
        database.write_now(partial(_remove, row=book.row))
    return chosen


def rows_of(reader: sqlite3.Connection, targets: Iterable[str]) -> list[int]:
    """The books that are named, by id or by a job's number, each once. Raises: UsageError: no such book or job."""
    rows: list[int] = []
    for target in targets:
        if target.isdecimal() and len(target) <= _JOB_DIGITS:
            rows += jobs.rows_of(reader, jobs.get(reader, int(target)).id)
        else:
            rows.append(books.find(reader, target).row)
    return list(dict.fromkeys(rows))


def _change(database: Database, targets: Iterable[str], operation: Callable[..., bool]) -> list[Book]:
    reader = database.reader()
    rows = rows_of(reader, targets)
    before = {row: books.get(reader, row) for row in rows}
    return [before[row] for row in rows if database.write_now(partial(operation, row=row))]


def _remove(connection: sqlite3.Connection, *, row: int) -> None:
    content.delete_all(connection, row)
    tasks.forget(connection, row)
    tags.clear(connection, row)
    books.set_status(connection, row, "removed", None)


def _known(name: str) -> str:
    stages = (*(stage.name for stage in STAGES), index.NAME)
    if name not in (*stages, *QUEUES):
        raise UsageError(f"no stage or queue {name!r}; there are {', '.join((*stages, *QUEUES))}")
    return name


def _pause(connection: sqlite3.Connection, *, names: Sequence[str]) -> None:
    pauses.add(connection, names)
    activity.record(connection, "queue.paused", target=", ".join(names))


def _resume(connection: sqlite3.Connection, *, names: Sequence[str] | None) -> list[str]:
    gone = pauses.clear(connection, names)
    if gone:
        activity.record(connection, "queue.resumed", target=", ".join(gone))
    return gone


def _cancel(connection: sqlite3.Connection, *, row: int) -> bool:
    group = order_groups.of(connection, row)
    job = tasks.latest_job(connection, row)
    if not tasks.cancel(connection, row):
        return False
    agents.terminate(connection, book=row)
    if books.get(connection, row).status in ("pending", "waiting"):
        content.delete_all(connection, row)
        books.set_status(connection, row, "cancelled", job)
    activity.record(connection, "task.cancelled", book=row, job=job)
    tasks.advance_group(connection, group, NEEDS)
    return True


def _prioritise(connection: sqlite3.Connection, *, row: int, level: str) -> bool:
    if not tasks.set_priority(connection, row, PRIORITIES[level]):
        return False
    activity.record(connection, "task.prioritised", book=row, priority=level)
    return True


def _retry(connection: sqlite3.Connection, *, row: int, job: int) -> bool:
    states = tasks.states(connection, row)
    broken = [stage.name for stage in STAGES if states.get(stage.name) in ("failed", "cancelled")]
    stage = broken[0] if broken else None
    if stage and states.get(order_groups.GATE) == "done" and books.get(connection, row).status == "cancelled":
        stage = order_groups.GATE  # the text went with the cancelling
    if stage is None or not tasks.rerun(connection, row, stage, (*dependents(stage), *broken[1:]), job):
        return False
    tasks.promote(connection, row, NEEDS)  # what ended beside that stage does not wait for it
    if books.get(connection, row).status in ("failed", "cancelled"):
        books.set_status(connection, row, "pending", None)
    tasks.advance_group(connection, order_groups.of(connection, row), NEEDS)
    activity.record(connection, "task.retried", book=row, job=job, stage=stage)
    return True
