"""The durable queue: one row per stage of a book, its state machine and fenced finishes.

                 needs are done             claim                finish
      waiting ------------------> ready ------------> leased --------------> done
         |                          ^                    |  retryable failure: ready, later (run_at)
         | finished with the stage  | dead owner,        |  given back:        ready, uncharged
         +--> done (fused)          +--------------------+  for good:          failed; what needs it: cancelled

    changed file, setting, --force or retry: done, failed, cancelled -> ready or waiting

Books of one order group pass the gate one after the other (order_groups.py): only its head becomes ready.

Every change of state goes through `move`, so TRANSITIONS is the whole truth. A claim (claiming.py) adds one to
`token`; a finish must bring the token of its claim, so a worker that was given up for dead can no longer change
anything.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence

from librarian_cli.errors import LibrarianError
from librarian_cli.models import PRIORITIES, Task
from librarian_cli.store import files, order_groups

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


def add(
    connection: sqlite3.Connection, book_row: int, needs: Mapping[str, tuple[str, ...]], job: int, cost: float
) -> None:
    """File every stage of a new book: ready where nothing is needed first, else waiting."""
    now = time.time()
    priority, order_key = _place(connection, job, now)
    connection.executemany(
        "INSERT INTO tasks (book, stage, job, state, priority, order_key, mix, cost, created_at)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        (
            (book_row, stage, job, "waiting" if first else "ready", priority, order_key, _mix(book_row), cost, now)
            for stage, first in needs.items()
        ),
    )
    join_job(connection, job, book_row)


def join_job(connection: sqlite3.Connection, job: int, book_row: int) -> None:
    """Let a job wait for a book."""
    connection.execute("INSERT OR IGNORE INTO job_books (job, book) VALUES (?,?)", (job, book_row))


def add_library_task(connection: sqlite3.Connection, stage: str, job: int) -> bool:
    """File a task of the whole library, or make it ready again. Returns: False where it waits or runs already."""
    row = connection.execute("SELECT id, state FROM tasks WHERE book IS NULL AND stage = ?", (stage,)).fetchone()
    if row and row[1] in ("ready", "leased"):
        return False
    if row:
        _reopen(connection, [row[0]], "ready", job)
        return True
    now = time.time()
    connection.execute(
        "INSERT INTO tasks (book, stage, job, state, priority, order_key, created_at) VALUES (NULL,?,?,'ready',?,?,?)",
        (stage, job, PRIORITIES["medium"], now, now),
    )
    return True


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
    move(connection, ids, "waiting", "done")
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
        move(connection, ids, "waiting", "cancelled")


def promote(connection: sqlite3.Connection, book_row: int, needs: Mapping[str, tuple[str, ...]]) -> None:
    """Make every waiting stage of a book ready whose needs are all done, and whose order group lets it."""
    rows = connection.execute("SELECT stage, state, order_group FROM tasks WHERE book = ?", (book_row,)).fetchall()
    states = {stage: state for stage, state, _ in rows}
    group = next((group for stage, _, group in rows if stage == order_groups.GATE), "")
    ready = [
        stage
        for stage, first in needs.items()
        if states.get(stage) == "waiting"
        and all(states.get(other) == "done" for other in first)
        and (stage != order_groups.GATE or not group or order_groups.head(connection, group) == book_row)
    ]
    move(connection, _ids(connection, book_row, ready, ("waiting",)), "waiting", "ready")


def advance_group(connection: sqlite3.Connection, group: str, needs: Mapping[str, tuple[str, ...]]) -> int | None:
    """Let the next book of an order group begin, if none is at work. Returns: the book that may now, or None."""
    head = order_groups.head(connection, group) if group else None
    if head is None:
        return None
    promote(connection, head, needs)
    return head if states(connection, head)[order_groups.GATE] == "ready" else None


def advance_groups(connection: sqlite3.Connection, needs: Mapping[str, tuple[str, ...]]) -> None:
    """Do so for every order group."""
    groups = "SELECT DISTINCT order_group FROM tasks WHERE order_group <> '' AND state = 'waiting'"
    for (group,) in connection.execute(groups).fetchall():
        advance_group(connection, group, needs)


def all_done(connection: sqlite3.Connection, book_row: int, optional: Sequence[str] = ()) -> bool:
    """Whether a book has passed every stage but the optional ones, whatever these have come to."""
    rows = connection.execute("SELECT stage FROM tasks WHERE book = ? AND state <> 'done'", (book_row,))
    return all(stage in optional for (stage,) in rows)


def passed(connection: sqlite3.Connection, book_row: int, stages: Sequence[str]) -> bool:
    """Whether a book has passed all of these stages."""
    return len(_ids(connection, book_row, stages, ("done",))) == len(stages)


def rerun(connection: sqlite3.Connection, book_row: int, stage: str, dependents: Sequence[str], job: int) -> bool:
    """Run a stage of a book again, and what depends on it. Returns: False while it is under way already."""
    if _ids(connection, book_row, (stage, *dependents), ("leased",)):
        return False
    gated = stage == order_groups.GATE and order_groups.of(connection, book_row) != ""  # `advance_group` lets it pass
    first = "waiting" if gated else "ready"
    _reopen(connection, _ids(connection, book_row, (stage,), ("done", "failed", "cancelled")), first, job)
    _reopen(
        connection, _ids(connection, book_row, dependents, ("done", "failed", "cancelled", "ready")), "waiting", job
    )
    join_job(connection, job, book_row)
    return True


def cancel(connection: sqlite3.Connection, book_row: int) -> bool:
    """Cancel whatever a book has not finished, running or not. Returns: whether there was anything."""
    found = False
    for state in ("waiting", "ready", "leased"):
        ids = [
            row[0] for row in connection.execute("SELECT id FROM tasks WHERE book = ? AND state = ?", (book_row, state))
        ]
        move(connection, ids, state, "cancelled")
        # Whoever runs it finds that its lease is gone.
        connection.executemany("UPDATE tasks SET token=token+1 WHERE id=?", ((task_id,) for task_id in ids))
        found = found or bool(ids)
    return found


def set_priority(connection: sqlite3.Connection, book_row: int, priority: int) -> int:
    """Move what a book has not finished to its place under another priority. Returns: how many tasks."""
    bonus = {number: PRIORITY_BONUS_SECONDS[name] for name, number in PRIORITIES.items()}
    rows = connection.execute(
        "SELECT id, priority FROM tasks WHERE book = ? AND state IN ('waiting', 'ready', 'leased')", (book_row,)
    ).fetchall()
    connection.executemany(
        "UPDATE tasks SET priority=?, order_key=order_key+? WHERE id=?",
        ((priority, bonus[before] - bonus[priority], task_id) for task_id, before in rows),
    )
    return len(rows)


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
        f" WHERE {files.IN_JOB} AND books.status <> 'removed' AND tasks.state IN ('done', 'failed')"
        " ORDER BY tasks.id",
        {"job": job},
    )
    for book_row, stage, book_format, fingerprint, state, _ in rows:
        current = done if state == "done" else failed
        if current.get((stage, book_format), fingerprint) != fingerprint:
            found.setdefault(book_row, stage)
    return list(found.items())


def forget(connection: sqlite3.Connection, book_row: int) -> None:
    """Drop every task of a book. A worker that still runs one loses its lease."""
    connection.execute("DELETE FROM tasks WHERE book = ?", (book_row,))


def states(connection: sqlite3.Connection, book_row: int) -> dict[str, str]:
    """The state of each stage of a book, in the order of the pipeline."""
    rows = connection.execute("SELECT stage, state FROM tasks WHERE book = ? ORDER BY id", (book_row,))
    return dict(rows.fetchall())


def marks(connection: sqlite3.Connection, book_row: int) -> list[tuple[str, str, str]]:
    """(stage, state, fingerprint) of each stage of a book, in the order of the pipeline."""
    rows = connection.execute("SELECT stage, state, fingerprint FROM tasks WHERE book = ? ORDER BY id", (book_row,))
    return rows.fetchall()


def unfinished_books(connection: sqlite3.Connection) -> list[int]:
    """Rows of every book that has not passed all stages, whoever filed it."""
    rows = connection.execute(
        "SELECT DISTINCT book FROM tasks WHERE state IN ('waiting', 'ready', 'leased') AND book IS NOT NULL"
        " ORDER BY book"
    )
    return [row[0] for row in rows]


def any_unfinished(connection: sqlite3.Connection, stages: Sequence[str]) -> bool:
    """Whether any book has not passed these stages, whoever filed it; failed ones have."""
    rows = connection.execute(
        "SELECT 1 FROM tasks WHERE state IN ('waiting', 'ready', 'leased') AND book IS NOT NULL"
        f" AND stage IN ({','.join('?' * len(stages))}) LIMIT 1",
        tuple(stages),
    )
    return rows.fetchone() is not None


def latest_job(connection: sqlite3.Connection, book_row: int) -> int | None:
    """The job that last wanted anything of a book."""
    row = connection.execute("SELECT max(job) FROM tasks WHERE book = ?", (book_row,)).fetchone()
    return row[0] if row else None


def unfinished(connection: sqlite3.Connection, job: int) -> int:
    """How many books a job waits for: those with unfinished tasks. What waits for approval is not counted."""
    row = connection.execute(
        "SELECT count(DISTINCT tasks.book) FROM tasks JOIN books ON books.id = tasks.book"
        " WHERE tasks.state IN ('waiting', 'ready', 'leased') AND books.status <> 'waiting'"
        " AND EXISTS (SELECT 1 FROM job_books WHERE job_books.job = ? AND job_books.book = tasks.book)",
        (job,),
    ).fetchone()
    return int(row[0])


def first_unfinished(connection: sqlite3.Connection, job: int, start: int = 0) -> int | None:
    """The first book that a job waits for, from this row on; None where there is none.

    Whoever asks again and again, and brings the last answer, passes each book of a job once.
    """
    row = connection.execute(
        "SELECT job_books.book FROM job_books JOIN books ON books.id = job_books.book"
        " WHERE job_books.job = ? AND job_books.book >= ? AND books.status <> 'waiting'"
        " AND EXISTS (SELECT 1 FROM tasks WHERE tasks.book = job_books.book"
        " AND tasks.state IN ('waiting', 'ready', 'leased'))"
        " ORDER BY job_books.book LIMIT 1",
        (job, start),
    ).fetchone()
    return row[0] if row else None


def held(connection: sqlite3.Connection, owner: str) -> dict[int, int]:
    """What an owner has leased: task -> token."""
    return dict(connection.execute("SELECT id, token FROM tasks WHERE state='leased' AND owner=?", (owner,)).fetchall())


def owners(connection: sqlite3.Connection) -> list[str]:
    """Owners that hold leases."""
    return [row[0] for row in connection.execute("SELECT DISTINCT owner FROM tasks WHERE state = 'leased'")]


def take_over(connection: sqlite3.Connection, owner: str) -> int:
    """Make everything ready, uncharged, that a dead owner had leased. Returns: how many tasks."""
    ids = [row[0] for row in connection.execute("SELECT id FROM tasks WHERE state='leased' AND owner=?", (owner,))]
    move(connection, ids, "leased", "ready")
    return len(ids)


def state_counts(connection: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """(stage, state, count) of every task that is not over."""
    rows = connection.execute(
        "SELECT stage, state, count(*) FROM tasks WHERE state IN ('ready', 'leased') GROUP BY stage, state"
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _move_leased(connection: sqlite3.Connection, task: Task, state: str) -> None:
    require_lease(connection, task)
    move(connection, [task.id], "leased", state)


def _reopen(connection: sqlite3.Connection, ids: Sequence[int], state: str, job: int) -> None:
    for task_id in ids:
        (current,) = connection.execute("SELECT state FROM tasks WHERE id = ?", (task_id,)).fetchone()
        if current in ("leased", state):
            continue
        move(connection, [task_id], current, state)
        connection.execute(
            "UPDATE tasks SET job=?, token=token+1, attempts=0, memory_faults=0, alone=0, run_at=0, reason='',"
            " detail='' WHERE id=?",
            (job, task_id),
        )


def move(connection: sqlite3.Connection, ids: Sequence[int], before: str, after: str) -> None:
    """Change the state of tasks, those that still have the one before."""
    if after not in TRANSITIONS[before]:
        raise AssertionError(f"no task goes from {before} to {after}")
    for task_id in ids:
        connection.execute("UPDATE tasks SET state=?, owner=NULL WHERE id=? AND state=?", (after, task_id, before))


def _ids(connection: sqlite3.Connection, book_row: int, stages: Sequence[str], states: Sequence[str]) -> list[int]:
    rows = connection.execute("SELECT id, stage, state FROM tasks WHERE book = ?", (book_row,))
    return [row[0] for row in rows if row[1] in stages and row[2] in states]


def _mix(book_row: int) -> int:
    """A place within a job that keeps like from following like: a folder holds books of one kind.

    Long PDFs keep the workers busy and plain text the writer; side by side neither waits for the other.
    Source: Knuth, The Art of Computer Programming 3, 6.4 (Fibonacci hashing).
    """
    return book_row * 2654435769 & 0xFFFFFFFF


def _place(connection: sqlite3.Connection, job: int, now: float) -> tuple[int, float]:
    """The priority of a job's new tasks, and their key in the order."""
    row = connection.execute("SELECT priority, created_at FROM jobs WHERE id = ?", (job,)).fetchone()
    priority, filed_at = row or (PRIORITIES["medium"], now)
    bonus = next(PRIORITY_BONUS_SECONDS[name] for name, number in PRIORITIES.items() if number == priority)
    return priority, filed_at - bonus
