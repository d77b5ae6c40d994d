"""Claims: which ready tasks are leased next, within the caps that all processes share.

Order groups hold tasks back before they are ready (order_groups.py); concurrency groups are counted here.
"""

import json
import math
import sqlite3
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from librarian_cli.models import Task
from librarian_cli.store import tasks

_TASK_COLUMNS = ("id", "book_row", "stage", "job", "token", "attempts", "deliveries", "memory_faults", "alone", "cost")


@dataclass(frozen=True, slots=True)
class Want:
    """A wish for tasks of a stage: at most `count`, and no more once their costs reach `seconds`.

    `queue` is what caps count.
    """

    stage: str
    queue: str
    count: int
    seconds: float = math.inf


@dataclass(frozen=True, slots=True)
class Caps:
    """How many books may be under way in each queue and in all, over every process."""

    queues: Mapping[str, int]
    total: int
    groups: Mapping[str, int] = field(default_factory=dict)
    """Concurrency group -> books of it that may be under way at once; those not named take one."""


def claim(
    connection: sqlite3.Connection,
    owner: str,
    wants: Sequence[Want],
    caps: Caps,
    *,
    alone: bool = False,
    between: Mapping[str, Set[int]] = MappingProxyType({}),
) -> list[Task]:
    """Lease ready tasks, in the order of the wants and of the queue, within the caps of all processes together.

    `between` are books, by queue, that are between two of its stages: they are under way, and need no room to go on.
    """
    busy = _books_under_way(connection)
    for queue, held in between.items():
        busy.setdefault(queue, set()).update(held)
    groups = _concurrency(connection)
    claimed: list[Task] = []
    for want in wants:
        mine = busy.setdefault(want.queue, set())
        going_on = between.get(want.queue)
        chosen = _choose(connection, want, caps, groups, alone=alone, among=going_on) if going_on else []
        room = min(want.count - len(chosen), caps.total - sum(map(len, busy.values())))
        if want.queue in caps.queues:
            room = min(room, caps.queues[want.queue] - len(mine))
        leased = [_lease(connection, task_id, want.queue, owner) for task_id in chosen]
        if room > 0:
            chosen = _choose(connection, replace(want, count=room), caps, groups, alone=alone)
            leased += [_lease(connection, task_id, want.queue, owner) for task_id in chosen]
        mine.update(task.book_row for task in leased if task.book_row is not None)
        claimed += leased
    return claimed


def _choose(
    connection: sqlite3.Connection,
    want: Want,
    caps: Caps,
    busy: dict[str, set[int]],
    *,
    alone: bool,
    among: Set[int] | None = None,
) -> list[int]:
    """Choose ready tasks, of all books or `among` some: until there are enough or their costs reach the seconds.

    `busy` are the books under way by concurrency group; those chosen are added.
    """
    full = [group for group, held in busy.items() if len(held) >= caps.groups.get(group, 1)]
    books = () if among is None else (json.dumps(sorted(among)),)
    rows = connection.execute(
        "SELECT id, book, cost, concurrency_group FROM tasks WHERE state='ready' AND stage=? AND alone=? AND run_at<=?"
        " AND concurrency_group NOT IN (SELECT value FROM json_each(?))"
        f"{' AND book IN (SELECT value FROM json_each(?))' if books else ''} ORDER BY order_key, mix LIMIT ?",
        (want.stage, alone, time.time(), json.dumps(full), *books, want.count),
    ).fetchall()
    chosen, seconds = [], 0.0
    for task_id, book, cost, group in rows:
        if seconds >= want.seconds:
            break
        held = busy.setdefault(group, set()) if group else set()
        if group and len(held) >= caps.groups.get(group, 1):
            continue
        held.add(book)
        seconds += cost
        chosen.append(task_id)
    return chosen


def _lease(connection: sqlite3.Connection, task_id: int, queue: str, owner: str) -> Task:
    tasks.move(connection, [task_id], "ready", "leased")
    row = connection.execute(
        "UPDATE tasks SET queue=?, owner=?, token=token+1, deliveries=deliveries+1, started_at=? WHERE id=?"
        " RETURNING id, book, stage, job, token, attempts, deliveries, memory_faults, alone, cost",
        (queue, owner, time.time(), task_id),
    ).fetchone()
    return Task(**dict(zip(_TASK_COLUMNS, row, strict=True)))


def _concurrency(connection: sqlite3.Connection) -> dict[str, set[int]]:
    """Books under way by concurrency group, in every process."""
    found: dict[str, set[int]] = {}
    rows = "SELECT concurrency_group, book FROM tasks WHERE state = 'leased' AND concurrency_group <> ''"
    for group, book in connection.execute(rows):
        found.setdefault(group, set()).add(book)
    return found


def _books_under_way(connection: sqlite3.Connection) -> dict[str, set[int]]:
    """Books by the queue for which they were claimed, in every process."""
    found: dict[str, set[int]] = {}
    # The plus keeps SQLite from the index by book, which holds every task of the library.
    rows = connection.execute("SELECT queue, book FROM tasks WHERE state = 'leased' AND +book IS NOT NULL")
    for queue, book in rows:
        found.setdefault(queue, set()).add(book)
    return found
