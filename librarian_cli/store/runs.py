"""Runs: what each process that worked through a job came to, kept in the job's row when it ends.

A job is done when its last book is, whoever does it; a run ends with its process, and may leave its job open.
"""

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Books: `added` and `recovered` (they had failed before); files: `failed` and `unchanged`.

    `ending` is done, interrupted, out-of-time or died; empty where none was recorded: it runs still, or was killed.
    """

    job: int
    command: str
    owner: str
    started_at: float
    ended_at: float | None
    ending: str
    exit_code: int | None
    added: int
    recovered: int
    failed: int | None
    unchanged: int | None


def end(
    connection: sqlite3.Connection, job: int, ending: str, *, failed: int | None = None, unchanged: int | None = None
) -> None:
    """Record how a job's run ended, and in how many files."""
    connection.execute(
        "UPDATE jobs SET ended_at = ?, ending = ?, failed = ?, unchanged = ? WHERE id = ?",
        (time.time(), ending, failed, unchanged, job),
    )


def end_all(connection: sqlite3.Connection, owner: str, ending: str) -> None:
    """Record how every run of a process ended of which that was not recorded yet."""
    connection.execute(
        "UPDATE jobs SET ended_at = ?, ending = ? WHERE owner = ? AND ending = ''", (time.time(), ending, owner)
    )


def set_exit_code(connection: sqlite3.Connection, job: int, code: int) -> None:
    """Record with what a run's process exits."""
    connection.execute("UPDATE jobs SET exit_code = ? WHERE id = ?", (code, job))


def count_book(connection: sqlite3.Connection, job: int | None, verdict_before: str) -> None:
    """Count a book that is complete now, unless it was before: as new, or as recovered."""
    if verdict_before == "failed":
        connection.execute("UPDATE jobs SET recovered = recovered + 1 WHERE id = ?", (job,))
    elif verdict_before == "":
        connection.execute("UPDATE jobs SET added = added + 1 WHERE id = ?", (job,))


def every(connection: sqlite3.Connection, limit: int) -> Iterator[Run]:
    """The latest runs, newest first. Jobs that were only filed, for whichever process comes, are none."""
    rows = connection.execute(
        "SELECT id, command, owner, created_at, ended_at, ending, exit_code, added, recovered, failed, unchanged"
        " FROM jobs WHERE owner <> '' ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return (Run(*row) for row in rows)
