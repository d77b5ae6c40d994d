"""The library's one task, `index`: it runs beside the books' tasks, in a thread that hands its work to others.

What it brings up to date are the built-in vectors or those of a model from outside, as stages/embed.py aims.
"""

import logging
import math
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from librarian_cli import embedders
from librarian_cli.embedders.base import Embedder
from librarian_cli.errors import EndpointError, EnvironmentFault, LibrarianError
from librarian_cli.events import Bus, Notice, VectorsAdvanced
from librarian_cli.models import Task
from librarian_cli.pipeline import embedding, retry, settle
from librarian_cli.pipeline.pools import Call, Pools, deadline
from librarian_cli.settings import Config
from librarian_cli.stages import embed, index
from librarian_cli.store import embedders as stored
from librarian_cli.store import tasks, vectors
from librarian_cli.store.database import Database
from librarian_cli.store.writer import Operation

logger = logging.getLogger(__name__)


class Indexing:
    """Runs the index task when it was claimed. For the coordinator's thread only."""

    def __init__(self, database: Database, config: Config, bus: Bus, *, folder: Path, pools: Pools) -> None:
        embedders.check(config.embedder)
        self.task: Task | None = None
        self.error: BaseException | None = None
        """Why the last run failed; None where it did not."""
        self._database = database
        self._config = config
        self._bus = bus
        self._folder = folder / "basis"
        self._pools = pools
        self._not_before = 0.0  # CLOCK_MONOTONIC
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="librarian-index")
        self._stopping = threading.Event()
        self._model: Embedder | None = None  # set by the run's thread, closed by ours
        self._remind()

    def forgive(self) -> None:
        """Try again though it failed before: there are new books."""
        self._not_before = 0.0

    @property
    def is_needed(self) -> bool:
        """Whether vectors are missing, unless this run has failed to make them just now."""
        return time.monotonic() >= self._not_before and embed.needed(self._database.reader(), self._config.embedder)

    @property
    def is_due_again(self) -> bool:
        """Whether a model that could not be asked may be asked again."""
        return 0.0 < self._not_before <= time.monotonic()

    def mark_unreachable(self) -> None:
        """Warn of books whose vectors only a model could make that the settings do not name; there is nothing to do."""
        if self.is_due_again:
            self._not_before = 0.0
        reader = self._database.reader()
        active = vectors.active_basis(reader)
        if active and not embed.aim(reader, self._config.embedder) and vectors.books_without(reader, active[0]):
            self._database.write_now(partial(stored.mark_pending, basis=active[0], waits=True))

    def file(self, job: int) -> bool:
        """File the task. Returns: False where it waits or runs already, here or in another process."""
        return self._database.write_now(partial(tasks.add_library_task, stage=index.NAME, job=job))

    def start(self, task: Task, ended: Callable[["Future[int]"], None]) -> None:
        """Begin; `ended` is called in some thread."""
        self.task = task
        self._thread.submit(self._run, task).add_done_callback(ended)

    def conclude(self, future: "Future[int]") -> None:
        """Record how it ended. Raises: EnvironmentFault: the disk or the library failed."""
        task, self.task = self.task, None
        assert task is not None
        self.error = future.exception()
        if self._stopping.is_set() and isinstance(self.error, EndpointError):
            self.error = None  # an answer that we did not wait for
        if isinstance(self.error, EnvironmentFault):
            raise self.error
        try:
            if isinstance(self.error, tasks.LeaseLost):
                raise self.error
            if self.error is None:
                self._database.write_now(partial(settle.complete_index, task=task, waits=self._waits))
                # Books that came meanwhile are next; what it cannot make is for the next run.
                made = 0 if future.exception() else future.result()
                self._not_before = math.inf if not made and self.is_needed else 0.0
            else:
                self._give_up(task, self.error)
        except tasks.LeaseLost as exc:
            logger.warning("%s", exc)

    def stop(self) -> None:
        """Let it end after the step at hand; the answer of a server is not waited for."""
        self._stopping.set()
        if self._model:
            self._model.close()

    def close(self) -> None:
        """Wait for its end."""
        self.stop()
        self._thread.shutdown(wait=True)

    @property
    def _waits(self) -> bool:
        """Whether books that lack vectors wait for a model from outside."""
        return embed.aim(self._database.reader(), self._config.embedder) != embedders.BUILT_IN

    def _run(self, task: Task) -> int:
        """Make what is missing. Returns: how much was made, in books or passages."""

        def write(operation: Operation[object]) -> object:
            return self._database.write_now(partial(_write_fenced, task=task, operation=operation))

        aim = embed.aim(self._database.reader(), self._config.embedder)
        if not aim:
            return 0  # another process filed it, whose settings name the model
        if aim != embedders.BUILT_IN:
            advance = partial(self._advance, "passages")
            with embedding.tools(
                self._config,
                self._pools,
                write=write,
                advance=advance,
                stop=self._stopping,
                on_open=partial(setattr, self, "_model"),
            ) as tools:
                made = embed.bring_up_to_date(self._database, self._config.embedder, tools)
            active = vectors.active_basis(self._database.reader())
            index.remove_other_bases(self._folder, active[0] if active else "")
            return made
        return index.bring_up_to_date(
            self._database,
            self._folder,
            self._config.stages.index,
            submit=self._submit,
            write=write,
            stop=self._stopping,
            advance=partial(self._advance, "books"),
        )

    def _remind(self) -> None:
        """Say what to do where the settings name another embedder than that of the library's vectors."""
        reader, settings = self._database.reader(), self._config.embedder
        if embed.is_other(reader, settings):
            self._bus.publish(
                Notice(
                    f"the library's vectors are those of {embed.name_in_force(reader)}, not of embedder.kind ="
                    f' "{settings.kind}"; `librarian maintain reembed` changes them, with --dry-run it says what that'
                    " takes"
                )
            )

    def _submit(self, function: Any, *arguments: object) -> "Future[object]":
        return self._pools.submit("index", Call(function, arguments, deadline(self._config.stages.index, 0)))

    def _advance(self, unit: str, done: int, total: int) -> None:
        self._bus.publish(VectorsAdvanced(done, total, unit))

    def _give_up(self, task: Task, error: BaseException) -> None:
        waits = self._waits
        # Others than a server out of order are tried again by the next run.
        recheck = max(1.0, self._config.embedder.recheck_seconds) if waits else math.inf
        self._not_before = time.monotonic() + recheck
        decision = retry.decide(task, error, self._config.stages.index, random.Random())
        if not isinstance(error, LibrarianError):
            logger.error("the vector index failed", exc_info=error)
        detail = str(error) if isinstance(error, LibrarianError) else decision.detail
        until = "; the next ingest goes on" if waits else ""
        self._bus.publish(Notice(f"the vectors are not up to date ({detail}); search uses words alone{until}"))
        self._database.write_now(partial(settle.give_up_index, task=task, decision=decision, waits=waits))


def _write_fenced(connection: sqlite3.Connection, *, task: Task, operation: Operation[object]) -> object:
    tasks.require_lease(connection, task)
    return operation(connection)
