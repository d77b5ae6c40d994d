"""Owners: the processes that work on this library, their signs of life, and how their workers are.

A lease lasts as long as its owner gives signs of life. Time is CLOCK_MONOTONIC with the id of the boot, so that a
clock that is set does not end a lease, and a machine that slept does not lose all of them.
"""

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Worker:
    """One slot of a pool, as its process sees it."""

    pool: str
    pid: int | None
    health: str
    tasks_done: int
    restarts: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that works on this library, or did until it died."""

    name: str
    pid: int
    command: str
    started_at: float
    seen_at: float
    workers: tuple[Worker, ...]


def register(connection: sqlite3.Connection, name: str, pid: int, command: str, *, boot_id: str, beat: float) -> None:
    """Record an owner before its first claim."""
    now = time.time()
    connection.execute(
        "INSERT INTO owners (name, pid, command, boot_id, beat, started_at, seen_at) VALUES (?,?,?,?,?,?,?)",
        (name, pid, command, boot_id, beat, now, now),
    )


def beat(connection: sqlite3.Connection, name: str, at: float, workers: Sequence[Worker]) -> None:
    """Renew an owner's leases, and say how its workers are."""
    body = json.dumps([asdict(worker) for worker in workers])
    connection.execute("UPDATE owners SET beat=?, workers=?, seen_at=? WHERE name=?", (at, body, time.time(), name))


def forget(connection: sqlite3.Connection, name: str) -> None:
    """Drop an owner that has ended."""
    connection.execute("DELETE FROM owners WHERE name = ?", (name,))


def silent(connection: sqlite3.Connection, boot_id: str, since: float) -> list[str]:
    """Owners of this boot that gave no sign of life since a monotonic time."""
    rows = connection.execute("SELECT name FROM owners WHERE boot_id = ? AND beat < ?", (boot_id, since))
    return [row[0] for row in rows]


def every(connection: sqlite3.Connection) -> list[Owner]:
    """All owners on record, the oldest first. Those that were killed stay until another process finds out."""
    rows = connection.execute("SELECT name, pid, command, started_at, seen_at, workers FROM owners ORDER BY started_at")
    return [
        Owner(name, pid, command, started_at, seen_at, tuple(Worker(**item) for item in json.loads(workers)))
        for name, pid, command, started_at, seen_at, workers in rows
    ]
