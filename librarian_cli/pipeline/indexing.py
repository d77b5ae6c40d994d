"""The library's one task, `index`: it runs beside the books' tasks, in a thread that hands its work to a pool."""

import logging
import random
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from librarian_cli.config import Config
from librarian_cli.errors import EnvironmentFault
from librarian_cli.events import Bus, Notice
from librarian_cli.models import Task
from librarian_cli.pipeline import retry, settle
from librarian_cli.pipeline.pools import Call, Pools, deadline
from librarian_cli.stages import index
from librarian_cli.store import tasks
from librarian_cli.store.database import Database
from librarian_cli.store.writer import Operation

logger = logging.getLogger(__name__)


class Indexing:
    """Runs the index task when it was claimed. For the coordinator's thread only."""

    def __init__(self, database: Database, config: Config, bus: Bus, *, folder: Path, pools: Pools) -> None:
        self.task: Task | None = None
        self._database = database
        self._config = config
        self._bus = bus
        self._folder = folder / "basis"
        self._pools = pools
        self._failed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="librarian-index")
        self._stopping = threading.Event()

    def forgive(self) -> None:
        """Try again though it failed before: there are new books."""
        self._failed = False

    @property
    def is_needed(self) -> bool:
        """Whether vectors are missing, unless this run has failed to make them."""
        return not self._failed and index.needed(self._database.reader())

    def file(self, job: int) -> bool:
        """File the task. Returns: False where it waits or runs already, here or in another process."""
        return self._database.write_now(partial(tasks.add_library_task, stage=index.NAME, job=job))

    def start(self, task: Task, ended: Callable[["Future[int]"], None]) -> None:
        """Begin; `ended` is called in some thread."""
        settings = self._config.stages.index

        def submit(function: Any, *arguments: object) -> "Future[object]":
            return self._pools.submit("index", Call(function, arguments, deadline(settings, 0)))

        def write(operation: Operation[object]) -> object:
            return self._database.write_now(partial(_write_fenced, task=task, operation=operation))

        self.task = task
        future = self._thread.submit(
            index.bring_up_to_date,
            self._database,
            self._folder,
            settings,
            submit=submit,
            write=write,
            stop=self._stopping,
        )
        future.add_done_callback(ended)

    def conclude(self, future: "Future[int]") -> None:
        """Record how it ended. Raises: EnvironmentFault: the disk or the library failed."""
        task, self.task = self.task, None
        assert task is not None
        error = future.exception()
        if isinstance(error, EnvironmentFault):
            raise error
        try:
            if isinstance(error, tasks.LeaseLost):
                raise error
            if error is None:
                self._database.write_now(partial(settle.complete_index, task=task))
                self._failed = index.needed(self._database.reader())  # what it leaves is for the next run
            else:
                self._give_up(task, error)
        except tasks.LeaseLost as exc:
            logger.warning("%s", exc)

    def stop(self) -> None:
        """Let it end after the step at hand."""
        self._stopping.set()

    def close(self) -> None:
        """Wait for its end."""
        self.stop()
        self._thread.shutdown(wait=True)

    def _give_up(self, task: Task, error: BaseException) -> None:
        self._failed = True  # the next run tries again
        decision = retry.decide(task, error, self._config.stages.index, random.Random())
        logger.error("the vector index failed", exc_info=error)
        self._bus.publish(Notice(f"the vector index is not up to date ({decision.detail}); search uses words alone"))
        self._database.write_now(partial(settle.give_up_index, task=task, decision=decision))


def _write_fenced(connection: sqlite3.Connection, *, task: Task, operation: Operation[object]) -> object:
    tasks.require_lease(connection, task)
    return operation(connection)
