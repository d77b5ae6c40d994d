"""The pools of one run: threads for stages that read the store, supervised processes for those that parse or compute.

Each pool has the name of the stage that sizes it (`[stages.NAME] workers`).
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from librarian_cli import capacity
from librarian_cli.pipeline.nursery import Nursery
from librarian_cli.pipeline.slotpool import Deadline, SlotPool, WorkerEvent, WorkerLimits
from librarian_cli.settings import Config, ProcessSettings, StageSettings
from librarian_cli.stages import THREAD_POOLS
from librarian_cli.store.owners import Worker

PRELOAD = (
    "librarian_cli.stages",
    "librarian_cli.readers.epub",
    "librarian_cli.readers.html",
    "librarian_cli.readers.pdf",
    "librarian_cli.text.structure.chapters",
    "librarian_cli.text.chunks",
)
"""What workers share from their birth on. Not numpy: only enrich and the index need it, and parsers need the memory."""
_NICE = {"enrich": 15}
"""Pools that give way to others: a book is searchable before it is enriched."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call into a pool, with its limits of time and what to do with parts as they come."""

    function: Callable[..., Any]
    arguments: tuple[object, ...]
    deadline: Deadline = field(default_factory=Deadline)
    on_part: Callable[[Any], None] | None = None


class Pools:
    """All pools, closed together. Each opens with its first call, so that a run with nothing to do starts nothing.

    `on_worker` gets the pool's name with each worker's start and end, in some thread.
    """

    def __init__(
        self, config: Config, jobs: int | None, on_worker: Callable[[str, WorkerEvent], None] = lambda *_: None
    ) -> None:
        self.slots = capacity.worker_counts(config, jobs)
        self._config = config
        self._on_worker = on_worker
        self._nursery = Nursery(PRELOAD)
        self._threads = {
            name: ThreadPoolExecutor(self.slots[name], thread_name_prefix=f"librarian-{name}") for name in THREAD_POOLS
        }
        self._processes: dict[str, SlotPool] = {}
        self._lock = threading.Lock()  # guards _processes: the index submits from a thread of its own

    def submit(self, pool: str, call: Call) -> "Future[Any]":
        """Hand a call to a pool."""
        if pool in self._threads:
            return self._threads[pool].submit(call.function, *call.arguments)
        return self._open(pool).run(call.function, *call.arguments, deadline=call.deadline, on_part=call.on_part)

    def workers(self) -> tuple[Worker, ...]:
        """How every slot of the process pools is."""
        with self._lock:
            opened = tuple(self._processes.items())
        return tuple(
            Worker(name, slot.pid, slot.health, slot.tasks_done, slot.restarts, slot.peak_rss_bytes)
            for name, pool in opened
            for slot in pool.status()
        )

    def kill(self, pool: str, future: "Future[Any]") -> None:
        """Stop a call, running or not. A thread's call cannot be stopped; its result is dropped."""
        if pool in self._threads:
            future.cancel()
        else:
            self._open(pool).kill(future)

    def close(self, grace_seconds: float = 0.0) -> None:
        """End all workers, after at most the grace."""
        for executor in self._threads.values():
            executor.shutdown(wait=False, cancel_futures=True)
        for pool in tuple(self._processes.values()):
            pool.shutdown(wait=True, cancel_futures=True, grace_seconds=grace_seconds)
        for executor in self._threads.values():
            executor.shutdown(wait=True)
        self._nursery.close()

    def _open(self, name: str) -> SlotPool:
        with self._lock:
            if name not in self._processes:
                limits = _limits(process_settings(self._config, name), niceness=_NICE.get(name, 0))
                self._processes[name] = SlotPool(
                    self.slots[name],
                    limits=limits,
                    shared_nursery=self._nursery,
                    on_worker=partial(self._on_worker, name),
                )
            return self._processes[name]


def settings_of(config: Config, stage: str) -> StageSettings:
    """The settings of a stage."""
    found: StageSettings = getattr(config.stages, stage)
    return found


def process_settings(config: Config, pool: str) -> ProcessSettings:
    """The settings of a stage that has a process pool."""
    found: ProcessSettings = getattr(config.stages, pool)
    return found


def deadline(settings: ProcessSettings, pages: int) -> Deadline:
    """How long a call over so many pages may take."""
    total = min(settings.total_seconds + settings.seconds_per_page * pages, settings.max_total_seconds)
    return Deadline(silence_seconds=settings.silence_seconds, total_seconds=total)


def _limits(settings: ProcessSettings, *, niceness: int) -> WorkerLimits:
    return WorkerLimits(
        memory_bytes=settings.memory_mb << 20, max_tasks=settings.max_tasks_per_child, niceness=niceness
    )
