"""Books filed in a library's queue without a pipeline, and their tasks moved by hand."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from librarian_cli.models import Task
from librarian_cli.stages import NEEDS, QUEUE_STAGES, STAGE_BY_NAME, dependents
from librarian_cli.store import claiming, jobs, order_groups, tasks
from librarian_cli.store.claiming import Caps, Want
from librarian_cli.store.connections import open_read_only
from tests.support.stored import add_book

NO_CAPS = Caps({}, total=1000)


def file_book(
    connection: sqlite3.Connection, name: str, job: int | None = None, *, cost: float = 1.0, group: str = ""
) -> int:
    """File every stage of a new book, in an order group if one is given. Returns: its row."""
    job = job or jobs.start(connection, "ingest", "me")
    row = add_book(connection, name, job=job)
    tasks.add(connection, row, NEEDS, job, cost)
    if group:
        order_groups.place(connection, row, QUEUE_STAGES["ingestion"], group, "")
    return row


def claim(
    connection: sqlite3.Connection, *stages: str, count: int = 100, caps: Caps = NO_CAPS, owner: str = "me"
) -> list[Task]:
    """Claim what is ready of these stages."""
    wants = [Want(stage, STAGE_BY_NAME[stage].queue, count) for stage in stages]
    return claiming.claim(connection, owner, wants, caps)


def finish(connection: sqlite3.Connection, task: Task) -> None:
    """End a task well, as the pipeline does: what needs it becomes ready, and its order group goes on."""
    assert task.book_row is not None
    tasks.finish(connection, task, "print", seconds=0.5, cpu_seconds=0.25)
    tasks.promote(connection, task.book_row, NEEDS)
    tasks.advance_group(connection, order_groups.of(connection, task.book_row), NEEDS)


def fail(connection: sqlite3.Connection, task: Task) -> None:
    """Bury a task; its order group is left to the test."""
    tasks.fail(connection, task, dependents(task.stage), fingerprint="print", reason="corrupt", detail="")


def pass_stage(connection: sqlite3.Connection, stage: str) -> None:
    """End well whatever is ready of a stage."""
    for task in claim(connection, stage):
        finish(connection, task)


def states(connection: sqlite3.Connection, row: int) -> Mapping[str, str]:
    """The state of each stage of a book."""
    return tasks.states(connection, row)


def rows(library: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask a library's file, as another program would."""
    connection = open_read_only(library / "library.db")
    try:
        found: list[tuple[Any, ...]] = connection.execute(statement, values).fetchall()
        return found
    finally:
        connection.close()
