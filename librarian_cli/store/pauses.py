"""Pauses: which queues and stages begin nothing for now, in every process."""

import sqlite3
import time
from collections.abc import Iterable

ALL = "all"


def current(connection: sqlite3.Connection) -> frozenset[str]:
    """The names of all that is paused."""
    return frozenset(row[0] for row in connection.execute("SELECT name FROM pauses"))


def add(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    """Pause; pausing again changes nothing."""
    now = time.time()
    connection.executemany("INSERT OR IGNORE INTO pauses (name, since) VALUES (?,?)", ((name, now) for name in names))


def clear(connection: sqlite3.Connection, names: Iterable[str] | None = None) -> list[str]:
    """Resume these, or everything. Returns: the names that were paused."""
    before = current(connection)
    gone = sorted(before if names is None else before & set(names))
    connection.executemany("DELETE FROM pauses WHERE name = ?", ((name,) for name in gone))
    return gone
