"""The durable queue: one row per stage of a book, its state machine, claims and fenced finishes.

                 needs are done             claim                finish
      waiting ------------------> ready ------------> leased --------------> done
         |                          ^                    |  retryable failure: ready, later (run_at)
         | finished with the stage  | dead owner,        |  given back:        ready, uncharged
         +--> done (fused)          +--------------------+  for good:          failed; what needs it: cancelled

    changed file, setting or --force: done, failed, cancelled -> ready or waiting

Every change of state goes through `_move`, so TRANSITIONS is the whole truth. A claim adds one to `token`; a finish
must bring the token of its claim, so a worker that was given up for dead can no longer change anything.
"""

import math
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from librarian_cli.errors import LibrarianError
from librarian_cli.models import Task

TRANSITIONS: Mapping[str, frozenset[str]] = {
    "waiting": frozenset({"ready", "done", "cancelled"}),
    "ready": frozenset({"leased", "waiting", "cancelled"}),
    "leased": frozenset({"done", "ready", "failed", "cancelled"}),
    "done": frozenset({"ready", "waiting"}),
    "failed": frozenset({"ready", "waiting"}),
    "cancelled": frozenset({"ready", "waiting"}),
}

PRIORITY_BONUS_SECONDS = {"low": 0.0, "medium": 3600.0, "high": 6 * 3600.0, "critical": 48 * 3600.0}
"""Linear ageing: a task of higher priority counts as filed that much earlier, so the stored key is the order."""


class LeaseLost(LibrarianError):
    """Another process took this task over; whatever we made of it is void."""


_TASK_COLUMNS = ("id", "book_row", "stage", "job", "token", "attempts", "deliveries", "memory_faults", "alone", "cost")


@dataclass(frozen=True, slots=True)
class Want:
    """A wish for tasks of a stage: at most `count`, and no more once their costs reach `seconds`.

    `queue` is what caps count.
    """

    stage: str
    queue: str
    count: int
    seconds: float = math.inf


@dataclass(frozen=True, slots=True)
class Caps:
    """How many books may be under way in each queue and in all, over every process."""

    queues: Mapping[str, int]
    total: int


def open_job(connection: sqlite3.Connection, command: str, owner: str) -> int:
    """Record a request. Returns: its id."""
    cursor = connection.execute(
        "INSERT INTO jobs (command, owner, created_at) VALUES (?,?,?)", (command, owner, time.time())
    )
    return int(cursor.lastrowid or 0)


def close_job(connection: sqlite3.Connection, job: int) -> None:
    """Record a request's end."""
    connection.execute("UPDATE jobs SET finished_at = ? WHERE id = ?", (time.time(), job))


def add(
    connection: sqlite3.Connection, book_row: int, needs: Mapping[str, tuple[str, ...]], job: int, cost: float
) -> None:
    """File every stage of a new book: ready where nothing is needed first, else waiting."""
    now = time.time()
    connection.executemany(
        "INSERT INTO tasks (book, stage, job, state, order_key, cost, created_at) VALUES (?,?,?,?,?,?,?)",
        (
            (book_row, stage, job, "waiting" if first else "ready", _order_key(connection, job, now), cost, now)
            for stage, first in needs.items()
        ),
    )


def add_library_task(connection: sqlite3.Connection, stage: str, job: int) -> None:
    """File a task of the whole library, or make it ready again."""
    now = time.time()
    connection.execute(
        "INSERT OR IGNORE INTO tasks (book, stage, job, state, order_key, created_at) VALUES (NULL,?,?,'ready',?,?)",
        (stage, job, now, now),
    )
    rows = connection.execute("SELECT id FROM tasks WHERE book IS NULL AND stage = ?", (stage,)).fetchall()
    _reopen(connection, [row[0] for row in rows], "ready", job)


def claim(
    connection: sqlite3.Connection, owner: str, wants: Sequence[Want], caps: Caps, *, alone: bool = False
) -> list[Task]:
    """Lease ready tasks, in the order of the wants and of the queue, within the caps of all processes together."""
    busy = _books_under_way(connection)
    claimed: list[Task] = []
    for want in wants:
        room = min(want.count, caps.total - sum(busy.values()))
        if want.queue in caps.queues:
            room = min(room, caps.queues[want.queue] - busy.get(want.queue, 0))
        tasks = _claim_stage(connection, owner, replace(want, count=room), alone=alone) if room > 0 else []
        busy[want.queue] = busy.get(want.queue, 0) + len(tasks)
        claimed += tasks
    return claimed


def finish(connection: sqlite3.Connection, task: Task, fingerprint: str, *, seconds: float, cpu_seconds: float) -> None:
    """Mark a leased task done; the caller writes its effects in the same transaction.

    Raises: LeaseLost: the token is not the current one.
    """
    _move_leased(connection, task, "done")
    connection.execute(
        "UPDATE tasks SET fingerprint=?, seconds=?, cpu_seconds=?, reason='', detail='', finished_at=? WHERE id=?",
        (fingerprint, seconds, cpu_seconds, time.time(), task.id),
    )


def finish_fused(connection: sqlite3.Connection, book_row: int, stage: str, fingerprint: str) -> None:
    """Mark the next stage done, whose work came along with the one before it."""
    ids = _ids(connection, book_row, (stage,), ("waiting",))
    _move(connection, ids, "waiting", "done")
    connection.executemany(
        "UPDATE tasks SET fingerprint=?, finished_at=? WHERE id=?", ((fingerprint, time.time(), i) for i in ids)
    )


def retry_later(
    connection: sqlite3.Connection, task: Task, run_at: float, *, alone: bool, reason: str, detail: str
) -> None:
    """Charge an attempt and make the task ready again from `run_at` on."""
    _move_leased(connection, task, "ready")
    connection.execute(
        "UPDATE tasks SET attempts=attempts+1, memory_faults=memory_faults+?, run_at=?, alone=?, reason=?, detail=?"
        " WHERE id=?",
        (reason == "memory", run_at, alone, reason, detail[:2000], task.id),
    )


def give_back(connection: sqlite3.Connection, tasks: Iterable[Task]) -> None:
    """Make leased tasks ready again, uncharged. Tasks that were taken over meanwhile are left alone."""
    for task in tasks:
        try:
            _move_leased(connection, task, "ready")
        except LeaseLost:
            continue


def fail(
    connection: sqlite3.Connection, task: Task, dependents: Sequence[str], *, fingerprint: str, reason: str, detail: str
) -> None:
    """Bury a task with its reason; the stages that need it are cancelled."""
    _move_leased(connection, task, "failed")
    connection.execute(
        "UPDATE tasks SET attempts=attempts+1, fingerprint=?, reason=?, detail=?, finished_at=? WHERE id=?",
        (fingerprint, reason, detail[:2000], time.time(), task.id),
    )
    if task.book_row is not None:
        ids = _ids(connection, task.book_row, dependents, ("waiting",))
        _move(connection, ids, "waiting", "cancelled")


def promote(connection: sqlite3.Connection, book_row: int, needs: Mapping[str, tuple[str, ...]]) -> None:
    """Make every waiting stage of a book ready whose needs are all done."""
    states = dict(connection.execute("SELECT stage, state FROM tasks WHERE book = ?", (book_row,)).fetchall())
    ready = [
        stage
        for stage, first in needs.items()
        if states.get(stage) == "waiting" and all(states.get(other) == "done" for other in first)
    ]
    _move(connection, _ids(connection, book_row, ready, ("waiting",)), "waiting", "ready")


def all_done(connection: sqlite3.Connection, book_row: int) -> bool:
    """Whether a book has passed every stage."""
    row = connection.execute("SELECT count(*) FROM tasks WHERE book = ? AND state <> 'done'", (book_row,)).fetchone()
    return bool(row[0] == 0)


def rerun(connection: sqlite3.Connection, book_row: int, stage: str, dependents: Sequence[str], job: int) -> bool:
    """Run a stage of a book again, and what depends on it. Returns: False while it is under way already."""
    if _ids(connection, book_row, (stage, *dependents), ("leased",)):
        return False
    _reopen(connection, _ids(connection, book_row, (stage,), ("done", "failed", "cancelled")), "ready", job)
    _reopen(
        connection, _ids(connection, book_row, dependents, ("done", "failed", "cancelled", "ready")), "waiting", job
    )
    return True


def adopt_seen(connection: sqlite3.Connection, job: int) -> None:
    """Let unfinished tasks of every book seen in this job belong to it, so that it waits for them."""
    connection.execute(
        "UPDATE tasks SET job = ?1 WHERE state IN ('waiting', 'ready', 'leased') AND job <> ?1"
        " AND book IN (SELECT book FROM files WHERE seen_job = ?1)",
        (job,),
    )


def require_lease(connection: sqlite3.Connection, task: Task) -> None:
    """Check that a task is still ours. Raises: LeaseLost."""
    current = connection.execute("SELECT state, token FROM tasks WHERE id = ?", (task.id,)).fetchone()
    if current != ("leased", task.token):
        raise LeaseLost(f"task {task.id} ({task.stage}) was taken over by another process")


def outdated(
    connection: sqlite3.Connection,
    job: int,
    *,
    done: Mapping[tuple[str, str], str],
    failed: Mapping[tuple[str, str], str],
) -> list[tuple[int, str]]:
    """Books seen in a job whose stage was done, or failed, with other settings: (book_row, first such stage).

    The fingerprints in force are those of `done` and `failed` by (stage, format).
    """
    found: dict[int, str] = {}
    rows = connection.execute(
        "SELECT DISTINCT tasks.book, tasks.stage, books.format, tasks.fingerprint, tasks.state, tasks.id"
        " FROM files"
        " JOIN books ON books.id = files.book JOIN tasks ON tasks.book = books.id"
        " WHERE files.seen_job = ? AND books.status <> 'removed' AND tasks.state IN ('done', 'failed')"
        " ORDER BY tasks.id",
        (job,),
    )
    for book_row, stage, book_format, fingerprint, state, _ in rows:
        current = done if state == "done" else failed
        if current.get((stage, book_format), fingerprint) != fingerprint:
            found.setdefault(book_row, stage)
    return list(found.items())


def forget(connection: sqlite3.Connection, book_row: int) -> None:
    """Drop every task of a book. A worker that still runs one loses its lease."""
    connection.execute("DELETE FROM tasks WHERE book = ?", (book_row,))


def unfinished(connection: sqlite3.Connection, job: int) -> int:
    """Tasks of a job that are ready or under way. What waits for approval is not counted."""
    row = connection.execute(
        "SELECT count(*) FROM tasks WHERE job = ? AND state IN ('ready', 'leased')", (job,)
    ).fetchone()
    return int(row[0])


def owners(connection: sqlite3.Connection) -> list[str]:
    """Owners that hold leases."""
    return [row[0] for row in connection.execute("SELECT DISTINCT owner FROM tasks WHERE state = 'leased'")]


def take_over(connection: sqlite3.Connection, owner: str) -> int:
    """Make everything ready, uncharged, that a dead owner had leased. Returns: how many tasks."""
    ids = [row[0] for row in connection.execute("SELECT id FROM tasks WHERE state='leased' AND owner=?", (owner,))]
    _move(connection, ids, "leased", "ready")
    return len(ids)


def state_counts(connection: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """(stage, state, count) of every task that is not over."""
    rows = connection.execute(
        "SELECT stage, state, count(*) FROM tasks WHERE state IN ('ready', 'leased') GROUP BY stage, state"
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _claim_stage(connection: sqlite3.Connection, owner: str, want: Want, *, alone: bool) -> list[Task]:
    now = time.time()
    rows = connection.execute(
        "SELECT id, cost FROM tasks WHERE state='ready' AND stage=? AND alone=? AND run_at<=?"
        " ORDER BY order_key, cost DESC LIMIT ?",
        (want.stage, alone, now, want.count),
    ).fetchall()
    before = [0.0, *accumulate(cost for _, cost in rows)]
    ids = [task_id for (task_id, _), spent in zip(rows, before, strict=False) if spent < want.seconds]
    _move(connection, ids, "ready", "leased")
    claimed = []
    for task_id in ids:
        row = connection.execute(
            "UPDATE tasks SET queue=?, owner=?, token=token+1, deliveries=deliveries+1, started_at=? WHERE id=?"
            " RETURNING id, book, stage, job, token, attempts, deliveries, memory_faults, alone, cost",
            (want.queue, owner, now, task_id),
        ).fetchone()
        claimed.append(Task(**dict(zip(_TASK_COLUMNS, row, strict=True))))
    return claimed


def _books_under_way(connection: sqlite3.Connection) -> dict[str, int]:
    """Books by the queue for which they were claimed, in every process."""
    rows = connection.execute(
        "SELECT queue, count(DISTINCT book) FROM tasks WHERE state = 'leased' AND book IS NOT NULL GROUP BY queue"
    )
    return dict(rows.fetchall())


def _move_leased(connection: sqlite3.Connection, task: Task, state: str) -> None:
    require_lease(connection, task)
    _move(connection, [task.id], "leased", state)


def _reopen(connection: sqlite3.Connection, ids: Sequence[int], state: str, job: int) -> None:
    for task_id in ids:
        (current,) = connection.execute("SELECT state FROM tasks WHERE id = ?", (task_id,)).fetchone()
        if current in ("leased", state):
            continue
        _move(connection, [task_id], current, state)
        connection.execute(
            "UPDATE tasks SET job=?, token=token+1, attempts=0, memory_faults=0, alone=0, run_at=0, reason='',"
            " detail='' WHERE id=?",
            (job, task_id),
        )


def _move(connection: sqlite3.Connection, ids: Sequence[int], before: str, after: str) -> None:
    if after not in TRANSITIONS[before]:
        raise AssertionError(f"no task goes from {before} to {after}")
    for task_id in ids:
        connection.execute("UPDATE tasks SET state=?, owner=NULL WHERE id=? AND state=?", (after, task_id, before))


def _ids(connection: sqlite3.Connection, book_row: int, stages: Sequence[str], states: Sequence[str]) -> list[int]:
    rows = connection.execute("SELECT id, stage, state FROM tasks WHERE book = ?", (book_row,))
    return [row[0] for row in rows if row[1] in stages and row[2] in states]


def _order_key(connection: sqlite3.Connection, job: int, now: float) -> float:
    row = connection.execute("SELECT created_at FROM jobs WHERE id = ?", (job,)).fetchone()
    return float(row[0] if row else now) - PRIORITY_BONUS_SECONDS["medium"]
