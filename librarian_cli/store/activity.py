"""Activity: the log of what happened to books, workers and the queue, as rows that others can follow.

Each row is written in the transaction that it tells of, so the log has what happened and nothing else. Its length
is bounded by `prune`.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ACTIONS = (
    "ingestion.queued",
    "ingestion.started",
    "ingestion.progress",
    "ingestion.completed",
    "ingestion.failed",
    "file.added",
    "file.moved",
    "file.changed",
    "file.gone",
    "file.returned",
    "schema.proposed",
    "schema.approved",
    "stage.completed",
    "stage.retried",
    "trust.updated",
    "agent.completed",
    "agent.failed",
    "worker.started",
    "worker.stopped",
    "job.started",
    "job.finished",
    "queue.paused",
    "queue.resumed",
    "task.cancelled",
    "task.retried",
    "task.prioritised",
    "group.advanced",
    "tag.added",
    "tag.removed",
)
"""Every action that is logged, `subject.what`."""

_PRUNED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `book` is an id or None; `target` the path that it happened to, else a name."""

    row: int
    at: float
    action: str
    book: str | None
    target: str
    job: int | None
    agent: str | None
    details: Mapping[str, Any]


def record(
    connection: sqlite3.Connection,
    action: str,
    *,
    book: int | None = None,
    job: int | None = None,
    agent: int | None = None,
    target: str | None = None,
    **details: object,
) -> None:
    """Add an entry. A book's path is looked up when the log is read; `target` is for what is no book."""
    connection.execute(
        "INSERT INTO activity (at, action, book, job, agent, target, details) VALUES (?,?,?,?,?,?,?)",
        (time.time(), action, book, job, agent, target, json.dumps(details) if details else "{}"),
    )


def since(
    connection: sqlite3.Connection, *, row: int = 0, at: float = 0.0, action: str = "", limit: int = -1
) -> Iterator[Entry]:
    """Entries after a row and from a time on, oldest first; `action` is one, or the subject of several.

    A `limit` keeps the latest so many.
    """
    rows = connection.execute(
        f"SELECT * FROM ({_ENTRIES} WHERE activity.id > ? AND at >= ? AND (?3 = '' OR action = ?3 OR action GLOB ?4)"
        " ORDER BY activity.id DESC LIMIT ?) ORDER BY 1",
        (row, at, action, f"{action}.*", limit),
    )
    return (
        Entry(number, moment, what, book, target, job, agent, json.loads(details))
        for number, moment, what, book, target, job, agent, details in rows
    )


def latest(connection: sqlite3.Connection) -> int:
    """The row of the last entry, 0 where there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM activity").fetchone()[0])


def rate(connection: sqlite3.Connection, seconds: float) -> tuple[int, int]:
    """Books that were audited in the last so many seconds, and their bytes; enriching may come much later."""
    row = connection.execute(
        "SELECT count(*), coalesce(sum(books.size), 0) FROM activity JOIN books ON books.id = activity.book"
        " WHERE activity.id > (SELECT coalesce(max(id), 0) FROM activity WHERE at < ?)"
        " AND action = 'trust.updated'",
        (time.time() - seconds,),
    ).fetchone()
    return int(row[0]), int(row[1])


def prune(connection: sqlite3.Connection, *, max_rows: int, max_days: float) -> int:
    """Delete a batch of what is too old or too much, of activity, ended agents and ended jobs. Returns: how many."""
    oldest = time.time() - max_days * 86_400
    removed = 0
    for table, ended, kept in (
        ("activity", "at", ""),
        ("agents", "ended_at", ""),
        ("jobs", "finished_at", " AND id NOT IN (SELECT job FROM tasks)"),
    ):
        (last,) = connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()
        removed += connection.execute(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table}"
            f" WHERE {ended} IS NOT NULL AND ({ended} < ? OR id <= ?){kept} ORDER BY id LIMIT ?)",
            (oldest, last - max_rows, _PRUNED_AT_ONCE),
        ).rowcount
    return removed


_ENTRIES = """
SELECT activity.id, at, action, books.sha256,
       coalesce(target, (SELECT path FROM book_paths WHERE book_paths.book = activity.book), ''), activity.job,
       agents.type || '_' || CAST(agents.started_at AS INTEGER) || '_' || agents.id, details
FROM activity LEFT JOIN books ON books.id = activity.book LEFT JOIN agents ON agents.id = activity.agent
"""
