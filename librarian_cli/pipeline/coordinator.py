"""Runs tasks until a job is done: claims what free slots can take, hands it to pools, stores what comes back.

    store --claim--> coordinator --calls--> pools (threads, processes)
      ^                  ^                        |
      +---- writer <-----+-- inbox <--results-----+--- signals, intake (wake)

One thread, one inbox: all decisions are made here, in the order of arrival. Claims and finishes are handed to the
writer without waiting; it commits those that meet in one transaction. About a second's work is claimed ahead, so
that no slot waits for a commit; everything else stays in the database, where it can be seen and reordered.
"""

import logging
import os
import queue
import random
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from librarian_cli.config import Config
from librarian_cli.errors import BookError, EnvironmentFault
from librarian_cli.events import Bus, Notice, StageAdvanced, StageEnded
from librarian_cli.models import Candidate, Part, Task
from librarian_cli.pipeline import claims, retry, settle
from librarian_cli.pipeline.execution import Execution, plan_calls
from librarian_cli.pipeline.leases import Owner
from librarian_cli.pipeline.pools import Call, Pools, deadline, settings_of
from librarian_cli.pipeline.shutdown import Shutdown
from librarian_cli.stages import Saved, fingerprints, index
from librarian_cli.store import books, files, tasks
from librarian_cli.store.database import Database
from librarian_cli.store.writer import Operation

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 0.5
_LONG_SECONDS = 5.0
_SWITCH_SECONDS = 0.0005
"""SQLite gives up the GIL at every row; at Python's default of 5 ms the writer would wait that long for each."""


class Coordinator:
    """One process's share in running tasks."""

    def __init__(
        self, database: Database, config: Config, bus: Bus, *, folder: Path, pools: Pools, approve: bool = False
    ) -> None:
        self._database = database
        self._config = config
        self._bus = bus
        self._basis_folder = folder / "basis"
        self._pools = pools
        self._approve = approve
        self._library = ThreadPoolExecutor(1, thread_name_prefix="librarian-index")
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._running: dict[int, Execution] = {}
        self._committing = 0
        self._held_bytes = 0
        self._claiming = False
        self._index_task: Task | None = None
        self._index_failed = False
        self._hungry = True
        self._stopping = threading.Event()
        self._fingerprints = settle.Fingerprints(fingerprints(config), fingerprints(config, failed=True))
        self._jitter = random.Random()
        self.changed: list[Candidate] = []

    @property
    def slots(self) -> dict[str, int]:
        """How many workers each pool has."""
        return self._pools.slots

    def wake(self) -> None:
        """Look again for work; safe in any thread and in a signal handler."""
        self._inbox.put(self._look_again)

    def run(self, job: int, owner: Owner, shutdown: Shutdown, intake: "Future[None]") -> None:
        """Run tasks until the intake has ended and nothing of the job is left, or until a shutdown.

        Raises: EnvironmentFault: the disk or the library failed; tasks under way were given back.
        """
        self._owner = owner
        interval = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)
        shutdown.on_change(self.wake)
        intake.add_done_callback(lambda _: self.wake())
        try:
            self._take_over()
            while not shutdown.level and not self._finished(job, intake):
                self._claim()
                self._handle_next()
            self._drain(shutdown)
        finally:
            self._abandon()
            sys.setswitchinterval(interval)

    def close(self) -> None:
        """End all workers."""
        self._stopping.set()
        self._pools.close()
        self._library.shutdown(wait=True)

    # -- what to do next

    def _finished(self, job: int, intake: "Future[None]") -> bool:
        if not intake.done() or self._busy() or self._hungry:
            return False
        intake.result()
        reader = self._database.reader()
        if tasks.unfinished(reader, job):
            return False
        if not self._index_failed and index.needed(reader):
            self._database.write_now(partial(tasks.add_library_task, stage=index.NAME, job=job))
            self._hungry = True
            return False
        return True

    def _handle_next(self) -> None:
        if self._committing and not self._running and self._inbox.empty():
            self._database.flush()
        try:
            handle = self._inbox.get(timeout=_LONG_SECONDS if self._busy() else _IDLE_SECONDS)
        except queue.Empty:
            self._take_over()
            handle = self._look_again
        handle()

    def _busy(self) -> bool:
        return bool(self._running or self._committing or self._claiming or self._index_task)

    def _look_again(self) -> None:
        self._hungry = True

    def _take_over(self) -> None:
        """Make tasks of dead processes ready again."""
        dead = [name for name in tasks.owners(self._database.reader()) if self._owner.is_dead(name)]
        for name in dead:
            count = self._database.write_now(partial(tasks.take_over, owner=name))
            logger.info("took over %d tasks of %s, which has ended", count, name)

    # -- claiming

    def _claim(self) -> None:
        if self._claiming or not self._hungry or any(item.task.alone for item in self._running.values()):
            return
        if self._held_bytes >= self._config.limits.in_flight_mb << 20:
            return
        wanted = claims.wants(self._running.values(), self._pools.slots)
        if self._index_task is None:
            wanted.append(tasks.Want(index.NAME, "", 1))
        self._claiming, self._hungry = True, False
        operation = partial(
            claims.claim,
            owner=self._owner.name,
            wanted=wanted,
            within=claims.caps(self._config, self._pools.slots),
            alone=not self._running and not self._committing,
        )
        future = self._database.write(operation)
        future.add_done_callback(lambda done: self._inbox.put(partial(self._claimed, done)))

    def _claimed(self, future: "Future[list[Task]]") -> None:
        self._claiming = False
        for task in future.result():
            self._hungry = True
            if task.stage == index.NAME:
                self._start_index(task)
            else:
                self._start(task)

    # -- running

    def _start(self, task: Task) -> None:
        assert task.book_row is not None
        reader = self._database.reader()
        candidate = next(iter(files.candidates_of(reader, task.book_row)), None)
        item = Execution(task, books.get(reader, task.book_row), candidate)
        self._running[task.id] = item
        try:
            calls = plan_calls(item, self._database, self._config, on_part=partial(self._part_came, item))
        except (BookError, EnvironmentFault) as exc:
            item.error = exc
            self._conclude(item)
            return
        item.start(calls, self._pools, lambda number, done: self._inbox.put(partial(self._ended, item, number, done)))

    def _part_came(self, item: Execution, part: Any) -> None:
        # In a slot's thread; the coordinator's own records are for its own thread only.
        if isinstance(part, Part):
            self._inbox.put(partial(self._count_part, item, part))

    def _count_part(self, item: Execution, part: Part) -> None:
        held = sum(sys.getsizeof(page.text) for page in part.pages)
        item.held_bytes += held
        self._held_bytes += held
        share = len(part.pages) / max(1, item.book.page_count or len(part.pages))
        self._bus.publish(StageAdvanced(item.stage.name, item.book.id, min(1.0, share)))

    def _ended(self, item: Execution, number: int, future: "Future[Any]") -> None:
        self._hungry = True
        if item.take(number, future) and item.task.id in self._running:
            self._conclude(item)

    # -- what an end means

    def _conclude(self, item: Execution) -> None:
        if isinstance(item.error, EnvironmentFault):
            raise item.error
        if item.error is None:
            self._complete(item, item.outputs)
            return
        decision = self._decide(item, item.error)
        salvaged = item.salvage(decision.reason) if decision.action == "fail" else ()
        if salvaged:
            self._complete(item, salvaged)
        elif decision.action == "retry":
            self._write(item, partial(settle.retry_later, task=item.task, decision=decision), "retry", decision.reason)
        elif decision.action == "changed":
            self._forget_changed(item)
        else:
            give_up = partial(settle.give_up, task=item.task, decision=decision, fingerprints=self._fingerprints)
            self._write(item, give_up, "failed", decision.reason)

    def _decide(self, item: Execution, error: BaseException) -> retry.Decision:
        attempts = settings_of(self._config, item.stage.name).max_attempts
        decision = retry.decide(item.task, error, attempts, self._jitter)
        if decision.reason == "internal":
            logger.error("%s of %s failed", item.stage.name, item.book.id[:12], exc_info=error)
        return decision

    def _forget_changed(self, item: Execution) -> None:
        gone = item.candidate is None or not os.path.lexists(item.candidate.absolute)
        if item.candidate and not gone:
            self.changed.append(item.candidate)
        operation = partial(settle.forget_changed, task=item.task, candidate=item.candidate, vanished=gone)
        self._write(item, operation, "failed", "changed")

    def _complete(self, item: Execution, outputs: tuple[Any, ...]) -> None:
        operation = partial(
            settle.complete,
            task=item.task,
            outputs=outputs,
            config=self._config,
            fingerprints=self._fingerprints,
            cost=settle.Cost(item.seconds, item.cpu_seconds),
            approve=self._approve,
        )
        self._write(item, operation, "ok")

    def _write(self, item: Execution, operation: Operation[Any], outcome: str, reason: str = "") -> None:
        del self._running[item.task.id]
        self._committing += 1
        future = self._database.write(operation, bulk_bytes=item.held_bytes)
        future.add_done_callback(lambda done: self._inbox.put(partial(self._committed, item, done, outcome, reason)))

    def _committed(self, item: Execution, future: "Future[Any]", outcome: str, reason: str) -> None:
        self._committing -= 1
        self._held_bytes -= item.held_bytes
        self._hungry = True
        try:
            saved = future.result()
        except tasks.LeaseLost as exc:
            logger.warning("%s", exc)
            return
        fused: tuple[str, ...] = ()
        if isinstance(saved, Saved):
            fused = saved.fused
            outcome, reason = ("failed", saved.failure[0]) if saved.failure else (outcome, reason)
        name = os.fsdecode(item.candidate.path) if item.candidate else item.book.title
        for stage in (item.stage.name, *fused):
            ended = StageEnded(stage, item.book.id, name, outcome, reason, item.book.size, item.seconds)
            self._bus.publish(ended)

    # -- the index

    def _start_index(self, task: Task) -> None:
        settings = self._config.stages.index

        def submit(function: Any, *arguments: object) -> "Future[object]":
            return self._pools.submit("index", Call(function, arguments, deadline(settings, 0)))

        self._index_task = task
        future = self._library.submit(
            index.bring_up_to_date, self._database, self._basis_folder, settings, submit, self._stopping
        )
        future.add_done_callback(lambda done: self._inbox.put(partial(self._index_ended, task, done)))

    def _index_ended(self, task: Task, future: "Future[int]") -> None:
        self._index_task = None
        self._hungry = True
        error = future.exception()
        if isinstance(error, EnvironmentFault):
            raise error
        if error is None:
            self._database.write_now(partial(settle.complete_index, task=task))
            self._index_failed = index.needed(self._database.reader())  # what it leaves is for the next run
            return
        self._index_failed = True  # the next run tries again
        decision = retry.decide(task, error, 1, self._jitter)
        logger.error("the vector index failed", exc_info=error)
        self._bus.publish(Notice(f"the vector index is not up to date ({decision.detail}); search uses words alone"))
        self._database.write_now(partial(settle.give_up_index, task=task, decision=decision))

    # -- the end of the run

    def _drain(self, shutdown: Shutdown) -> None:
        """Let running tasks end within the grace."""
        if not shutdown.level:
            return
        self._stopping.set()
        if self._busy():
            self._bus.publish(Notice("stopping: books under way may end; press Ctrl-C again to stop at once"))
        end = time.monotonic() + self._config.limits.grace_seconds
        while self._busy() and shutdown.level < 2 and time.monotonic() < end:
            if self._committing and not self._running:
                self._database.flush()
            try:
                self._inbox.get(timeout=max(0.0, end - time.monotonic()))()
            except queue.Empty:
                return

    def _abandon(self) -> None:
        """Kill what still runs; its tasks go back uncharged, with any claim whose answer we have not seen."""
        for item in self._running.values():
            item.kill(self._pools)
        if self._busy():
            self._running.clear()
            self._database.write_now(partial(tasks.take_over, owner=self._owner.name))
