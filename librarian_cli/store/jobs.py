"""Jobs: requests, the part of the tree that each looked at, and the books that it waits for.

A file belongs to a job if it lies in the job's scope and was seen by it, or since by a later one: several jobs may
look at one tree at the same time.
"""

import json
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from librarian_cli.errors import UsageError
from librarian_cli.models import PRIORITIES
from librarian_cli.store import files, tasks


@dataclass(frozen=True, slots=True)
class Job:
    """One request. `steps` are the stages of its books, `steps_ended` those that are over."""

    id: int
    command: str
    owner: str
    priority: int
    created_at: float
    finished_at: float | None
    outcomes: Mapping[str, int]
    books: int
    steps: int
    steps_ended: int

    @property
    def percent(self) -> float:
        """How much of it is over, 0 to 100."""
        if self.finished_at is not None:
            return 100.0
        return round(100 * self.steps_ended / self.steps, 1) if self.steps else 0.0


@dataclass(frozen=True, slots=True)
class JobBook:
    """A book that a job waits for, with the state of each of its stages."""

    id: str
    title: str
    status: str
    stages: Mapping[str, str]


def start(connection: sqlite3.Connection, command: str, owner: str, *, priority: int = PRIORITIES["medium"]) -> int:
    """Record a request; no `owner` means that nobody waits for it. Returns: its id."""
    cursor = connection.execute(
        "INSERT INTO jobs (command, owner, priority, created_at) VALUES (?,?,?,?)",
        (command, owner, priority, time.time()),
    )
    return int(cursor.lastrowid or 0)


def close(connection: sqlite3.Connection, job: int, outcomes: Mapping[str, int]) -> None:
    """Record a request's end."""
    connection.execute(
        "UPDATE jobs SET finished_at = ?, outcomes = ? WHERE id = ?", (time.time(), json.dumps(outcomes), job)
    )


def drop(connection: sqlite3.Connection, job: int) -> None:
    """Forget a request that found nothing to do; one that tasks name stays, closed."""
    if connection.execute("SELECT 1 FROM tasks WHERE job = ? LIMIT 1", (job,)).fetchone():
        close(connection, job, {})
        return
    connection.execute("DELETE FROM activity WHERE job = ? AND action = 'job.started'", (job,))
    connection.execute("DELETE FROM jobs WHERE id = ?", (job,))


def set_scope(connection: sqlite3.Connection, job: int, roots: Sequence[bytes]) -> None:
    """Record which files a job looks at: those that are one of `roots` or lie below it, under any stored root."""
    stored = connection.execute("SELECT path, id FROM roots").fetchall()
    rows = [(job, root_id, low, high) for path, root_id in stored for low, high in _disjoint(_ranges(path, roots))]
    connection.executemany("INSERT OR IGNORE INTO job_scopes (job, root, low, high) VALUES (?,?,?,?)", rows)


def foresee(connection: sqlite3.Connection, job: int) -> None:
    """Have what ends from now on in a job's scope be told as that job's, though its scan has not come so far yet."""
    connection.execute(
        "UPDATE tasks SET job = :job WHERE state IN ('waiting', 'ready', 'leased') AND EXISTS"
        f" (SELECT 1 FROM files WHERE files.book = tasks.book AND {files.IN_SCOPE})",
        {"job": job},
    )


def take_all(connection: sqlite3.Connection, job: int) -> None:
    """Let a job wait for every unfinished book of the library, whoever filed it."""
    unfinished = "SELECT DISTINCT book FROM tasks WHERE state IN ('waiting', 'ready', 'leased') AND book IS NOT NULL"
    connection.execute(
        "INSERT OR IGNORE INTO job_scopes (job, root, low, high)"
        f" SELECT ?, root, path, CAST(path || x'00' AS BLOB) FROM files WHERE book IN ({unfinished})",
        (job,),
    )
    connection.execute(f"UPDATE files SET seen_job = ? WHERE book IN ({unfinished})", (job,))
    adopt(connection, job)


def adopt(connection: sqlite3.Connection, job: int) -> None:
    """Let a job wait for every unfinished book that it saw, and give those its priority where that is higher."""
    unfinished = (
        "SELECT DISTINCT tasks.book FROM tasks JOIN files ON files.book = tasks.book"
        f" WHERE tasks.state IN ('waiting', 'ready', 'leased') AND {files.IN_JOB}"
    )
    rows = [row[0] for row in connection.execute(unfinished, {"job": job})]
    (priority,) = connection.execute("SELECT priority FROM jobs WHERE id = ?", (job,)).fetchone()
    for row in rows:
        tasks.join_job(connection, job, row)
        connection.execute(
            "UPDATE tasks SET job = ? WHERE book = ? AND state IN ('waiting', 'ready', 'leased')", (job, row)
        )
        low = connection.execute(
            "SELECT 1 FROM tasks WHERE book = ? AND priority < ? AND state IN ('waiting', 'ready', 'leased')",
            (row, priority),
        ).fetchone()
        if low:
            tasks.set_priority(connection, row, priority)


def older_work(connection: sqlite3.Connection, job: int) -> list[tuple[str, int, int]]:
    """(stage, books, bytes) of what a job waits for that was there before it."""
    rows = connection.execute(
        "SELECT tasks.stage, count(*), sum(books.size) FROM job_books JOIN books ON books.id = job_books.book"
        " JOIN tasks ON tasks.book = books.id JOIN jobs ON jobs.id = job_books.job"
        " WHERE jobs.id = ? AND books.created_at < jobs.created_at AND tasks.state IN ('waiting', 'ready', 'leased')"
        " GROUP BY tasks.stage",
        (job,),
    )
    return rows.fetchall()


def leave(connection: sqlite3.Connection, job: int) -> None:
    """Have nobody wait for a job any more; one with nothing to do is closed."""
    connection.execute("UPDATE jobs SET owner = '' WHERE id = ?", (job,))
    close_unattended(connection)


def close_unattended(connection: sqlite3.Connection) -> None:
    """Close open jobs that nobody waits for and that have nothing left to do."""
    rows = connection.execute(
        "SELECT id FROM jobs WHERE finished_at IS NULL AND owner NOT IN (SELECT name FROM owners)"
    ).fetchall()
    for (job,) in rows:
        if not tasks.unfinished(connection, job):
            close(connection, job, Counter(book.status for book in books_of(connection, job)))


def every(connection: sqlite3.Connection, limit: int) -> Iterator[Job]:
    """The latest jobs, newest first."""
    rows = connection.execute(f"{_JOBS} ORDER BY jobs.id DESC LIMIT ?", (limit,))
    return map(_job, rows)


def get(connection: sqlite3.Connection, job: int) -> Job:
    """One job. Raises: UsageError: there is none of that number."""
    row = connection.execute(f"{_JOBS} WHERE jobs.id = ?", (job,)).fetchone()
    if row is None:
        raise UsageError(f"no job {job} in this library; `librarian jobs` lists the latest")
    return _job(row)


def books_of(connection: sqlite3.Connection, job: int) -> Iterator[JobBook]:
    """The books that a job had to work on, in the order in which they were found."""
    rows = connection.execute(
        "SELECT books.id, books.sha256, books.title, books.status FROM job_books"
        " JOIN books ON books.id = job_books.book WHERE job_books.job = ? ORDER BY books.id",
        (job,),
    ).fetchall()
    for row, sha256, title, status in rows:
        yield JobBook(sha256, title, status, tasks.states(connection, row))


def rows_of(connection: sqlite3.Connection, job: int) -> list[int]:
    """Rows of the books that a job had to work on."""
    rows = connection.execute("SELECT book FROM job_books WHERE job = ? ORDER BY book", (job,))
    return [row[0] for row in rows]


_JOBS = """
SELECT jobs.id, command, owner, priority, created_at, finished_at, outcomes,
       (SELECT count(*) FROM job_books WHERE job_books.job = jobs.id),
       (SELECT count(*) FROM job_books JOIN tasks ON tasks.book = job_books.book WHERE job_books.job = jobs.id),
       (SELECT count(*) FROM job_books JOIN tasks ON tasks.book = job_books.book
        WHERE job_books.job = jobs.id AND tasks.state IN ('done', 'failed', 'cancelled'))
FROM jobs
"""


def _job(row: tuple[int, str, str, int, float, float | None, str, int, int, int]) -> Job:
    return Job(*row[:6], json.loads(row[6]), *row[7:])


def _disjoint(ranges: Iterable[tuple[bytes, bytes | None]]) -> Iterator[tuple[bytes, bytes | None]]:
    """Drop ranges that lie in others, so that only the last one that begins before a path can hold it."""
    end: bytes | None = b""
    for low, high in sorted(ranges, key=lambda item: item[0]):
        if end is not None and (high is None or high > end):
            end = high
            yield low, high


def _ranges(stored: bytes, roots: Sequence[bytes]) -> Iterator[tuple[bytes, bytes | None]]:
    for root in roots:
        if root == stored or stored.startswith(root.rstrip(b"/") + b"/"):
            yield b"", None
        elif root.startswith(stored.rstrip(b"/") + b"/"):
            below = os.path.relpath(root, stored)
            yield below, below + b"\0"
            yield below + b"/", below + b"0"  # the character after the slash
