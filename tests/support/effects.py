"""What a library's rows say of how the work was done: each function returns complaints, none where all is well."""

import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from librarian_cli.stages import QUEUE_STAGES, QUEUES
from librarian_cli.store.connections import open_read_only

_TABLES_OF_CONTENT = (
    "chunks",
    "chapters",
    "pages",
    "sections",
    "headings",
    "extracts",
    "vectors",
    "audits",
    "findings",
    "entities",
)


def done_twice(connection: sqlite3.Connection) -> list[str]:
    """Books whose stages were counted more often, or less often, than they are done, by agent or in the log."""
    found = []
    for queue, agent_type in QUEUES.items():
        stages = QUEUE_STAGES[queue]
        marks = ",".join("?" * len(stages))
        found += [
            f"book {book}: {agent_type}s completed {counted} stages, {done} are done"
            for book, done, counted in connection.execute(
                "SELECT id, (SELECT count(*) FROM tasks WHERE book = books.id AND state = 'done'"
                f" AND stage IN ({marks})) AS done, (SELECT coalesce(sum(tasks_completed), 0) FROM agents"
                " WHERE agents.book = books.id AND type = ?) AS counted FROM books WHERE done <> counted",
                (*stages, agent_type),
            )
        ]
    for action, stage in (("ingestion.completed", "enrich"), ("trust.updated", "audit"), ("schema.proposed", "schema")):
        found += [
            f"book {book}: {times} times {action}"
            for book, times in connection.execute(
                "SELECT books.id, (SELECT count(*) FROM activity WHERE book = books.id AND action = ?) AS times"
                " FROM books JOIN tasks ON tasks.book = books.id AND stage = ? WHERE times <> (state = 'done')",
                (action, stage),
            )
        ]
    return found


def stored_twice(connection: sqlite3.Connection) -> list[str]:
    """Chunks that are no book's, and books whose chunks are not exactly those that they count."""
    found = [f"{count} chunks of no book" for (count,) in connection.execute(_STRAY_CHUNKS) if count]
    counted = "SELECT id, chunks, (SELECT count(*) FROM chunks WHERE chunks.book = books.id) AS rows FROM books"
    rows = connection.execute(f"SELECT * FROM ({counted}) WHERE chunks <> rows")
    return found + [f"book {book}: counts {chunks} chunks, has {stored}" for book, chunks, stored in rows]


def out_of_order(connection: sqlite3.Connection) -> list[str]:
    """Books of one order group that were under way at once, or ended in another order than they were found in."""
    found = []
    work: dict[str, list[tuple[float, float | None, int]]] = {}
    for group, book, began, ended in connection.execute(_INGESTIONS):
        work.setdefault(group, []).append((began, ended, book))
    for group, spans in work.items():
        found += [
            f"{group}: book {book} from {began:.3f} to {ended}, book {other} from {then:.3f}"
            for (began, ended, book), (then, _, other) in pairwise(spans)
            if book != other and (ended is None or ended > then)
        ]
    ends: dict[str, list[int]] = {}
    for group, book in connection.execute(_COMPLETIONS):
        ends.setdefault(group, []).append(book)
    return found + [f"{group}: ended in the order {books}" for group, books in ends.items() if books != sorted(books)]


def half_written(connection: sqlite3.Connection) -> list[str]:
    """What is left of the content of cancelled books."""
    return [
        f"book {book}: {count} rows in {table}"
        for table in _TABLES_OF_CONTENT
        for book, count in connection.execute(
            f"SELECT book, count(*) FROM {table} JOIN books ON books.id = {table}.book WHERE status = 'cancelled'"
            " GROUP BY book"
        )
    ]


def left_over(library: Path) -> list[str]:
    """What no finished run should leave: open tasks and agents, waiting texts, owners, more than one basis."""
    with closing(open_read_only(library / "library.db")) as connection:
        found = [f"{what} {row}" for what, query in _OPEN.items() for row in connection.execute(query)]
    stored = list((library / "basis").glob("*"))
    found += [f"bases {stored}"] if len(stored) > 1 else []
    return found + [str(path) for path in (library / "owners").iterdir()]


_STRAY_CHUNKS = """
SELECT count(*) FROM chunks LEFT JOIN books ON books.id = chunks.book
WHERE books.id IS NULL OR chunks.id < first_chunk OR chunks.id >= first_chunk + books.chunks OR first_chunk IS NULL
"""
_INGESTIONS = """
SELECT order_group, agents.book, agents.started_at, agents.ended_at
FROM agents JOIN tasks ON tasks.book = agents.book AND tasks.stage = 'extract'
WHERE agents.type = 'ingestion_runner' AND order_group <> '' ORDER BY order_group, agents.started_at, agents.id
"""
_COMPLETIONS = """
SELECT order_group, activity.book
FROM activity JOIN tasks ON tasks.book = activity.book AND tasks.stage = 'extract'
WHERE action = 'ingestion.completed' AND order_group <> '' ORDER BY activity.id
"""
_OPEN = {
    "task": "SELECT book, stage, state, owner FROM tasks WHERE state IN ('waiting', 'ready', 'leased')",
    "agent": "SELECT id, type, book, owner, status FROM agents WHERE ended_at IS NULL",
    "extract": "SELECT book FROM extracts",
    "owner": "SELECT name FROM owners",
    "job": "SELECT id, command FROM jobs WHERE finished_at IS NULL",
}
