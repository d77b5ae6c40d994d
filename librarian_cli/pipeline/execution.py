"""A claimed task on its way through a pool: its calls, what they returned, what they cost.

    plan_calls(...) -> calls --start--> pool --futures--> take(...) -> outputs or error

It knows one task only: not the queue it came from, nor what its end means.
"""

import math
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any

from librarian_cli.models import Book, Candidate, Cost, Part, Task
from librarian_cli.pipeline.pools import Call, Pools, deadline, process_settings
from librarian_cli.settings import Config
from librarian_cli.stages import STAGE_BY_NAME, THREAD_POOLS, Stage, extract
from librarian_cli.store.database import Database


class Execution:
    """One task under way. For the coordinator's thread only."""

    def __init__(self, task: Task, book: Book, candidate: Candidate | None) -> None:
        self.task = task
        self.book = book
        self.candidate = candidate
        self.stage = STAGE_BY_NAME[task.stage]
        self.error: BaseException | None = None
        self.cpu_seconds = 0.0
        self.peak_bytes = 0
        self.output = ""
        self.held_bytes = 0
        self.pages_done = 0
        self.calls_left = 1  # until it is planned, it counts as one
        self._started = time.monotonic()
        self._outputs: dict[int, Any] = {}
        self._futures: list[Future[Any]] = []

    @property
    def name(self) -> str:
        """What people know the book by: its path below the root, else its title."""
        return os.fsdecode(self.candidate.path) if self.candidate else self.book.title

    @property
    def cost(self) -> Cost:
        """What it has taken so far."""
        return Cost(self.seconds, self.cpu_seconds, self.peak_bytes, self.output)

    @property
    def has_begun(self) -> bool:
        """Whether any of its calls is in a worker's hands, or was."""
        return any(future.running() or future.done() for future in self._futures)

    @property
    def seconds(self) -> float:
        """How long ago it was claimed."""
        return time.monotonic() - self._started

    @property
    def seconds_left(self) -> float:
        """What its calls may still take, as the book's size makes us think."""
        share = self.calls_left / max(1, len(self._futures))
        return share * self.task.cost if self.stage is extract.STAGE else 0.0

    def thread_seconds(self, config: Config) -> float:
        """How long it may take where it runs in a thread; SlotPool minds the others."""
        return config.stages.audit.total_seconds if self.stage.pool in THREAD_POOLS else math.inf

    @property
    def outputs(self) -> tuple[Any, ...]:
        """What the calls returned, in their order."""
        return tuple(self._outputs[number] for number in sorted(self._outputs))

    def start(self, calls: Sequence[Call], pools: Pools, ended: Callable[[int, "Future[Any]"], None]) -> None:
        """Hand all calls to the pool; `ended` is called in some thread with each call's number and future."""
        self.calls_left = len(calls)
        for number, call in enumerate(calls):
            future = pools.submit(self.stage.pool, call)
            self._futures.append(future)
            future.add_done_callback(partial(ended, number))

    def take(self, number: int, future: "Future[Any]") -> bool:
        """Keep a call's result, or its error with the parts that came before it. Returns: whether it was the last."""
        self.calls_left -= 1
        self.cpu_seconds += getattr(future, "cpu_seconds", 0.0)
        self.peak_bytes = max(self.peak_bytes, getattr(future, "peak_rss_bytes", 0))
        self.output += getattr(future, "output", "")
        try:
            self._outputs[number] = future.result()
        except CancelledError as exc:
            self.error = self.error or exc
        except BaseException as exc:  # noqa: BLE001  # a worker's failure may be anything; retry.decide sorts it
            self.error = exc
            self._outputs[number] = getattr(exc, "parts", ())
        return self.calls_left == 0

    def salvage(self, reason: str) -> tuple[tuple[Part, ...], ...]:
        """The good pages of a file whose attempts are spent; empty where there are none."""
        if self.stage is not extract.STAGE or isinstance(self.error, CancelledError):
            return ()
        return extract.partial(self._outputs.values(), reason)

    def kill(self, pools: Pools) -> None:
        """Stop its calls."""
        for future in self._futures:
            pools.kill(self.stage.pool, future)


def plan_calls(
    execution: Execution, database: Database, config: Config, *, on_part: Callable[[Any], None]
) -> list[Call]:
    """Say which calls a task makes. Raises: BookError, EnvironmentFault: it cannot even be loaded."""
    stage, book = execution.stage, execution.book
    if stage.pool in THREAD_POOLS:
        return [Call(_load_and_run, (stage, book, database, config))]
    settings = process_settings(config, stage.pool)
    inputs = stage.load(database.reader(), book, config)
    return [
        Call(stage.run, (item,), deadline(settings, getattr(item, "page_total", 0) or book.page_count or 0), on_part)
        for item in inputs
    ]


def _load_and_run(stage: Stage, book: Book, database: Database, config: Config) -> Any:
    connection: sqlite3.Connection = database.reader()
    (task_input,) = stage.load(connection, book, config)
    return stage.run(task_input)
