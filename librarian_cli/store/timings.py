"""When stages of books ran, as far as it is recorded: what estimates are made from."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """One stage of one book that ended well, from its claim to its commit. `size` is the book's, in bytes."""

    stage: str
    format: str
    size: int
    started_at: float
    finished_at: float


def latest(connection: sqlite3.Connection, limit: int) -> list[Timing]:
    """The stages that ended last. One that came along with the stage before it has no time of its own."""
    rows = connection.execute(
        "SELECT tasks.stage, books.format, books.size, tasks.started_at, tasks.finished_at"
        " FROM tasks JOIN books ON books.id = tasks.book"
        " WHERE tasks.state = 'done' AND tasks.started_at < tasks.finished_at"
        " ORDER BY tasks.finished_at DESC LIMIT ?",
        (limit,),
    )
    return [Timing(*row) for row in rows]
