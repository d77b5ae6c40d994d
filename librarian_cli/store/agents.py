"""Agents: who worked on what. One row for one queue's work on one book by one owner.

    claim -> active -> running -> idle (its task ended well, the next step follows) -> ... -> terminated
                          |                                                              all steps done, or cancelled
                          +-> error (its task failed for good)

The id that people see is `<type>_<time>_<n>`.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from librarian_cli.models import Cost

MAX_OUTPUT_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent. `book` is the id of its book, or None where that is gone; sizes in bytes, times in seconds."""

    row: int
    id: str
    type: str
    status: str
    current_task: str
    book: str | None
    title: str
    job: int
    owner: str
    tasks_completed: int
    tasks_failed: int
    started_at: float
    last_active_at: float
    ended_at: float | None
    cpu_seconds: float
    peak_bytes: int
    output: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What all agents of a type did since the library was made."""

    spawned: int = 0
    active: int = 0
    completed: int = 0
    failed: int = 0

    @property
    def success_rate(self) -> float | None:
        """The share of ended ones that ended well, 0 to 1; None before any has ended."""
        ended = self.completed + self.failed
        return self.completed / ended if ended else None


def begin(
    connection: sqlite3.Connection, agent_type: str, *, book: int, job: int, owner: str, stage: str
) -> tuple[int, bool]:
    """Have an agent take up a stage of a book: the one that is at work on it, else a new one.

    Another owner's, which gave the book back, ends with that.
    Returns: its row, and whether it is new.
    """
    now = time.time()
    found = connection.execute(
        "UPDATE agents SET status='active', current_task=?, last_active_at=?"
        " WHERE book=? AND type=? AND owner=? AND ended_at IS NULL RETURNING id",
        (stage, now, book, agent_type, owner),
    ).fetchone()
    if found:
        return int(found[0]), False
    connection.execute(
        "UPDATE agents SET status='terminated', last_active_at=?1, ended_at=?1"
        " WHERE book=?2 AND type=?3 AND ended_at IS NULL",
        (now, book, agent_type),
    )
    cursor = connection.execute(
        "INSERT INTO agents (type, book, job, owner, status, current_task, started_at, last_active_at)"
        " VALUES (?,?,?,?,'active',?,?,?)",
        (agent_type, book, job, owner, stage, now, now),
    )
    _count(connection, agent_type, "spawned")
    return int(cursor.lastrowid or 0), True


def is_at_work(connection: sqlite3.Connection, row: int) -> bool:
    """Whether an agent has not ended."""
    return connection.execute("SELECT 1 FROM agents WHERE id = ? AND ended_at IS NULL", (row,)).fetchone() is not None


def between_stages(connection: sqlite3.Connection, stage: str, agent_type: str) -> set[int]:
    """Books of which a stage may be claimed now, and whose agent of this type waits for just that."""
    rows = connection.execute(
        "SELECT tasks.book FROM tasks CROSS JOIN agents ON agents.book = tasks.book"  # many may be idle, few are ready
        " WHERE tasks.state = 'ready' AND tasks.stage = ? AND tasks.run_at <= ?"
        " AND agents.ended_at IS NULL AND agents.type = ? AND agents.status = 'idle'",
        (stage, time.time(), agent_type),
    )
    return {row[0] for row in rows}


def set_running(connection: sqlite3.Connection, rows: Iterable[int]) -> None:
    """Record that a worker has begun with what these agents have."""
    now = time.time()
    connection.executemany(
        "UPDATE agents SET status='running', last_active_at=? WHERE id=? AND status='active'",
        ((now, row) for row in rows),
    )


def end_task(
    connection: sqlite3.Connection, row: int, status: str, cost: Cost, *, completed: int = 0, failed: int = 0
) -> None:
    """Record what an agent's task came to. `status` is idle where the agent goes on, else error or terminated."""
    now = time.time()
    agent_type = connection.execute(
        "UPDATE agents SET status=?, current_task='', tasks_completed=tasks_completed+?, tasks_failed=tasks_failed+?,"
        " cpu_seconds=cpu_seconds+?, peak_bytes=max(peak_bytes, ?), output=substr(output || ?, -?),"
        " last_active_at=?, ended_at=? WHERE id=? AND ended_at IS NULL RETURNING type",
        (
            status,
            completed,
            failed,
            cost.cpu_seconds,
            cost.peak_bytes,
            cost.output,
            MAX_OUTPUT_CHARS,
            now,
            None if status == "idle" else now,
            row,
        ),
    ).fetchone()
    if agent_type and status != "idle":
        _count(connection, agent_type[0], "failed" if status == "error" else "completed")


def terminate(connection: sqlite3.Connection, *, owner: str | None = None, book: int | None = None) -> None:
    """End agents whose work was taken from them: those of an owner, or at work on a book. They count as neither."""
    now = time.time()
    connection.execute(
        "UPDATE agents SET status='terminated', current_task='', last_active_at=?1, ended_at=?1"
        " WHERE ended_at IS NULL AND (owner=?2 OR book=?3)",
        (now, owner, book),
    )


def every(connection: sqlite3.Connection, *, statuses: Sequence[str] = (), limit: int = 50) -> Iterator[Agent]:
    """The latest agents, newest first."""
    where = f"WHERE agents.status IN ({','.join('?' * len(statuses))})" if statuses else ""
    rows = connection.execute(f"{_AGENTS} {where} ORDER BY agents.id DESC LIMIT ?", (*statuses, limit))
    return (Agent(*row) for row in rows)


def totals(connection: sqlite3.Connection, types: Iterable[str]) -> Mapping[str, Totals]:
    """What the agents of each type did in all."""
    rows = connection.execute("SELECT type, spawned, completed, failed FROM agent_totals")
    counted = {row[0]: row[1:] for row in rows}
    active = dict(
        connection.execute("SELECT type, count(*) FROM agents WHERE ended_at IS NULL GROUP BY type").fetchall()
    )
    found = {}
    for name in types:
        spawned, completed, failed = counted.get(name, (0, 0, 0))
        found[name] = Totals(spawned, active.get(name, 0), completed, failed)
    return found


_AGENTS = """
SELECT agents.id, agents.type || '_' || CAST(agents.started_at AS INTEGER) || '_' || agents.id, agents.type,
       agents.status, current_task, books.sha256, coalesce(books.title, ''), job, owner, tasks_completed,
       tasks_failed, started_at, last_active_at, ended_at, cpu_seconds, peak_bytes, output
FROM agents LEFT JOIN books ON books.id = agents.book
"""


def _count(connection: sqlite3.Connection, agent_type: str, column: str) -> None:
    connection.execute(
        f"INSERT INTO agent_totals (type, {column}) VALUES (?,1) ON CONFLICT DO UPDATE SET {column} = {column} + 1",
        (agent_type,),
    )
