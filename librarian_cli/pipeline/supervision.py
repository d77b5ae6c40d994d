"""What a coordinator tells other processes of its work, and what they ask of it, through the library's file.

    pause, cancel, take-over  --rows--> look() -> Orders
    who has begun, how far    --rows--> tell()

Looked at twice a second, so that a pause reaches every process within a second.
"""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from librarian_cli.pipeline import settle
from librarian_cli.pipeline.execution import Execution
from librarian_cli.pipeline.leases import Owner, silent_owners
from librarian_cli.settings import Config
from librarian_cli.store import activity, agents, owners, pauses, tasks
from librarian_cli.store.database import Database

_LONG_SECONDS = 2.0
"""Books that take longer than this have their progress logged."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What others want: names of what is paused, and executions whose lease is gone."""

    paused: frozenset[str]
    revoked: tuple[Execution, ...]

    def pauses(self, item: Execution) -> bool:
        """Whether an execution that has not begun must wait."""
        return bool(self.paused & {pauses.ALL, item.stage.name, item.stage.queue})


class Supervision:
    """One coordinator's eyes and voice. For its thread only."""

    def __init__(self, database: Database, config: Config) -> None:
        self._database = database
        self._config = config
        self._told: set[int] = set()
        self._pages: dict[int, int] = {}

    def look(self, owner: Owner, running: Collection[Execution]) -> Orders:
        """Read what others want of this process."""
        reader = self._database.reader()
        held = tasks.held(reader, owner.name)
        revoked = tuple(item for item in running if held.get(item.task.id) != item.task.token)
        return Orders(pauses.current(reader), revoked)

    def tell(self, running: Collection[Execution]) -> None:
        """Record which agents have begun, and how far long books are."""
        begun = [item.task.agent for item in running if item.task.agent not in self._told and item.has_begun]
        self._told = {item.task.agent for item in running} & (self._told | set(begun))
        moved = [
            item
            for item in running
            if item.seconds > _LONG_SECONDS and item.pages_done > self._pages.get(item.task.id, 0)
        ]
        self._pages = {item.task.id: item.pages_done for item in running}
        if begun or moved:
            self._database.write(partial(_tell, begun=begun, moved=[_progress(item) for item in moved]), durable=False)

    def take_over(self, owner: Owner) -> int:
        """Make tasks ready again of owners that are dead, or silent for longer than a lease. Returns: how many."""
        reader = self._database.reader()
        known = {item.name for item in owners.every(reader)} | set(tasks.owners(reader))
        dead = [name for name in known if owner.is_dead(name)]
        silent = silent_owners(reader, self._config.limits.lease_seconds) & set(tasks.owners(reader)) - {owner.name}
        taken = 0
        for name in {*dead, *silent}:
            taken += self._database.write_now(partial(settle.take_over, owner=name, dead=name in dead))
        return taken


def _progress(item: Execution) -> dict[str, int]:
    return {
        "book": item.book.row,
        "job": item.task.job,
        "agent": item.task.agent,
        "pages": item.pages_done,
        "of": item.book.page_count or 0,
    }


def _tell(connection: sqlite3.Connection, *, begun: Sequence[int], moved: Sequence[dict[str, int]]) -> None:
    agents.set_running(connection, begun)
    for item in moved:
        book, job, agent = item["book"], item["job"], item["agent"]
        if agents.is_at_work(connection, agent):  # else the book was taken from us since we looked
            activity.record(
                connection, "ingestion.progress", book=book, job=job, agent=agent, pages=item["pages"], of=item["of"]
            )
