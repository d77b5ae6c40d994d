"""Reading a library without leaving a trace in it: no file is made or written there, not even by SQLite.

SQLite makes a -wal and a -shm even for readers. While nothing waits in a -wal, library.db is all there is and can be
read as if nobody could change it; if somebody did meanwhile, the question is asked again in the usual way. Those who
work on the library have made both files by then.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from librarian_cli.errors import EnvironmentFault
from librarian_cli.store import connections

T = TypeVar("T")


def ask(folder: Path, question: Callable[[sqlite3.Connection | None], T]) -> T:
    """Answer a question from the library in a folder; it gets None where there is no library yet.

    Raises: EnvironmentFault: not a library, or made by a newer Librarian.
    """
    path = folder / "library.db"
    before = _state(path)
    if before is None or before[0] == 0:
        return question(None)
    if before[2] == 0:
        try:
            with closing(connections.open_immutable(path)) as connection:
                answer = question(connection)
        except (sqlite3.Error, EnvironmentFault):
            if _state(path) == before:
                raise
        else:
            if _state(path) == before:
                return answer
    with closing(connections.open_read_only(path)) as connection:
        return question(connection)


def _state(path: Path) -> tuple[int, int, int] | None:
    """Size and time of the library's file, and the size of its -wal; None where there is no such file."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    try:
        waiting = path.with_name(path.name + "-wal").stat().st_size
    except FileNotFoundError:
        waiting = 0
    return status.st_size, status.st_mtime_ns, waiting
