"""Order groups: books of which one is ingested after the other, in the order in which they were found.

They wait for each other before one stage, the gate. Only its reading is here: who may begin is decided by
`tasks.promote`, which asks for the `head`.
"""

import sqlite3
from collections.abc import Sequence

GATE = "extract"
"""The stage before which books of one order group wait for each other."""


def place(
    connection: sqlite3.Connection, book_row: int, stages: Sequence[str], order_group: str, concurrency_group: str
) -> None:
    """Put these stages of a book into an order group, and that into a concurrency group; empty means none."""
    connection.executemany(
        "UPDATE tasks SET order_group=?, concurrency_group=? WHERE book=? AND stage=?",
        ((order_group, concurrency_group, book_row, stage) for stage in stages),
    )


def of(connection: sqlite3.Connection, book_row: int) -> str:
    """The order group of a book, or an empty text."""
    row = connection.execute("SELECT order_group FROM tasks WHERE book=? AND stage=?", (book_row, GATE)).fetchone()
    return str(row[0]) if row else ""


def members(connection: sqlite3.Connection, group: str) -> frozenset[int]:
    """The rows of the books in an order group."""
    rows = connection.execute("SELECT book FROM tasks WHERE order_group=? AND stage=?", (group, GATE))
    return frozenset(row[0] for row in rows)


def head(connection: sqlite3.Connection, group: str) -> int | None:
    """The book of an order group that may begin: the first that waits, while none is at work.

    One that waits for a person does not hold up the others.
    """
    at_work = "SELECT 1 FROM tasks WHERE order_group = ? AND state IN ('ready', 'leased') LIMIT 1"
    if connection.execute(at_work, (group,)).fetchone():
        return None
    row = connection.execute(
        "SELECT tasks.book FROM tasks JOIN books ON books.id = tasks.book"
        " WHERE order_group = ? AND tasks.state = 'waiting' AND books.status <> 'waiting' ORDER BY tasks.book LIMIT 1",
        (group,),
    ).fetchone()
    return int(row[0]) if row else None


def any_waiting(connection: sqlite3.Connection) -> bool:
    """Whether any book waits in an order group."""
    row = connection.execute("SELECT 1 FROM tasks WHERE order_group <> '' AND state = 'waiting' LIMIT 1").fetchone()
    return row is not None


def counts(connection: sqlite3.Connection) -> list[tuple[str, str, int]]:
    """(order group, state, books) of every group with books that are not done; a book counts where it is furthest."""
    rows = connection.execute(
        "SELECT order_group, state, count(*) FROM ("
        " SELECT order_group, min(CASE WHEN tasks.state = 'leased' THEN '1leased' WHEN books.status = 'failed' THEN"
        " '2failed' WHEN tasks.state = 'cancelled' THEN '4cancelled' ELSE '3waiting' END) AS state"
        " FROM tasks JOIN books ON books.id = tasks.book WHERE order_group <> '' AND tasks.state <> 'done'"
        " GROUP BY order_group, tasks.book) GROUP BY order_group, state ORDER BY order_group"
    )
    return [(group, state[1:], count) for group, state, count in rows]
