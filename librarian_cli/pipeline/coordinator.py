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
import sqlite3
import sys
import threading
import time
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from librarian_cli.config import Config
from librarian_cli.errors import BookError, EnvironmentFault
from librarian_cli.events import Bus, Notice, StageAdvanced, StageEnded
from librarian_cli.models import Book, Candidate, Part, Task
from librarian_cli.pipeline import retry, settle
from librarian_cli.pipeline.leases import Owner
from librarian_cli.pipeline.pools import Call, Pools, deadline, settings_of
from librarian_cli.pipeline.shutdown import Shutdown
from librarian_cli.stages import STAGE_BY_NAME, STAGES, THREAD_POOLS, Stage, extract, fingerprints, index
from librarian_cli.store import books, files, tasks
from librarian_cli.store.database import Database

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 0.5
_LONG_SECONDS = 5.0
_AHEAD_SECONDS = 1.5
_AHEAD_CALLS = 16
"""What is claimed for each slot beforehand, at most: longer than a commit of much text takes."""

_SWITCH_SECONDS = 0.0005
"""SQLite gives up the GIL at every row; at Python's default of 5 ms the writer would wait that long for each."""


@dataclass(slots=True)
class _Running:
    """A claimed task on its way through a pool. `outputs[i]` is what call i returned."""

    task: Task
    book: Book
    stage: Stage
    candidate: Candidate | None
    started: float = field(default_factory=time.monotonic)
    futures: list["Future[Any]"] = field(default_factory=list)
    outputs: dict[int, Any] = field(default_factory=dict)
    error: BaseException | None = None
    left: int = 0
    cpu_seconds: float = 0.0
    held_bytes: int = 0

    @property
    def seconds_left(self) -> float:
        """What its calls may still take, as the book's size makes us think."""
        share = self.left / max(1, len(self.futures))
        return share * self.task.cost if self.stage is extract.STAGE else 0.0


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
        self._running: dict[int, _Running] = {}
        self._committing = 0
        self._held_bytes = 0
        self._claiming = False
        self._index_task: Task | None = None
        self._index_failed = False
        self._hungry = True
        self._stopping = threading.Event()
        self._fingerprints = fingerprints(config)
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
        wants = self._wants()
        if not wants:
            return
        self._claiming, self._hungry = True, False
        alone = not self._running and not self._committing
        future = self._database.write(
            partial(_claim, owner=self._owner.name, wants=wants, caps=self._caps(), alone=alone)
        )
        future.add_done_callback(lambda done: self._inbox.put(partial(self._claimed, done)))

    def _wants(self) -> list[tasks.Want]:
        """What free slots can take, later stages first: what is begun ends before more begins."""
        if self._held_bytes >= self._config.limits.in_flight_mb << 20:
            return []
        wants = []
        for stage in reversed(STAGES):
            slots = self._pools.slots[stage.pool]
            waiting = [item for item in self._running.values() if item.left and item.stage is stage]
            seconds = _AHEAD_SECONDS * slots - sum(item.seconds_left for item in waiting)
            room = _AHEAD_CALLS * slots - sum(item.left for item in waiting)
            if room > 0 and seconds > 0:
                wants.append(tasks.Want(stage.name, stage.queue, room, seconds))
        if self._index_task is None:
            wants.append(tasks.Want(index.NAME, "", 1))
        return wants

    def _caps(self) -> tasks.Caps:
        return caps(self._config, self._pools.slots)

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
        reader = self._database.reader()
        assert task.book_row is not None
        stage = STAGE_BY_NAME[task.stage]
        candidate = next(iter(files.candidates_of(reader, task.book_row)), None)
        item = _Running(task, books.get(reader, task.book_row), stage, candidate, left=1)
        self._running[task.id] = item
        try:
            calls = self._calls(item)
        except (BookError, EnvironmentFault) as exc:
            item.left, item.error = 0, exc
            self._conclude(item)
            return
        item.left = len(calls)
        for number, call in enumerate(calls):
            future = self._pools.submit(stage.pool, call)
            item.futures.append(future)
            future.add_done_callback(partial(self._hand_in, item, number))

    def _hand_in(self, item: _Running, number: int, future: "Future[Any]") -> None:
        self._inbox.put(partial(self._call_ended, item, number, future))

    def _calls(self, item: _Running) -> list[Call]:
        stage, settings = item.stage, settings_of(self._config, item.stage.pool)
        if stage.pool in THREAD_POOLS:
            return [Call(self._load_and_run, (stage, item.book), deadline(settings, 0))]
        inputs = stage.load(self._database.reader(), item.book, self._config)
        return [
            Call(
                stage.run,
                (task_input,),
                deadline(settings, getattr(task_input, "page_total", 0) or item.book.page_count or 0),
                partial(self._part_came, item),
            )
            for task_input in inputs
        ]

    def _load_and_run(self, stage: Stage, book: Book) -> Any:
        (task_input,) = stage.load(self._database.reader(), book, self._config)
        return stage.run(task_input)

    def _start_index(self, task: Task) -> None:
        settings = self._config.stages.index

        def submit(function: Any, *arguments: object) -> "Future[object]":
            return self._pools.submit("index", Call(function, arguments, deadline(settings, 0)))

        self._index_task = task
        future = self._library.submit(
            index.bring_up_to_date, self._database, self._basis_folder, settings, submit, self._stopping
        )
        future.add_done_callback(lambda done: self._inbox.put(partial(self._index_ended, task, done)))

    def _part_came(self, item: _Running, part: Any) -> None:
        # In a slot's thread; the coordinator's own records are for its own thread only.
        if isinstance(part, Part):
            self._inbox.put(partial(self._count_part, item, part))

    def _count_part(self, item: _Running, part: Part) -> None:
        held = sum(len(page.text) for page in part.pages)
        item.held_bytes += held
        self._held_bytes += held
        share = len(part.pages) / max(1, item.book.page_count or len(part.pages))
        self._bus.publish(StageAdvanced(item.stage.name, item.book.id, min(1.0, share)))

    # -- ending

    def _call_ended(self, item: _Running, number: int, future: "Future[Any]") -> None:
        item.left -= 1
        self._hungry = True
        item.cpu_seconds += getattr(future, "cpu_seconds", 0.0) or 0.0
        try:
            item.outputs[number] = future.result()
        except CancelledError as exc:
            item.error = item.error or exc
        except BaseException as exc:  # noqa: BLE001  # a worker's failure may be anything; retry.decide sorts it
            item.error = exc
            item.outputs[number] = getattr(exc, "parts", ())
        if item.left == 0 and item.task.id in self._running:
            self._conclude(item)

    def _conclude(self, item: _Running) -> None:
        if isinstance(item.error, EnvironmentFault):
            raise item.error
        if item.error is None:
            self._complete(item, tuple(item.outputs[n] for n in sorted(item.outputs)))
            return
        decision = self._decide(item, item.error)
        salvaged = self._salvage(item, decision)
        if salvaged:
            self._complete(item, salvaged)
        elif decision.action == "retry":
            run_at = time.time() + decision.delay_seconds
            self._write(
                item, partial(_retry_later, task=item.task, run_at=run_at, decision=decision), "retry", decision
            )
        elif decision.action == "changed":
            self._forget_changed(item, decision)
        else:
            give_up = partial(settle.give_up, task=item.task, decision=decision, fingerprints=self._fingerprints)
            self._write(item, give_up, "failed", decision)

    def _decide(self, item: _Running, error: BaseException) -> retry.Decision:
        attempts = settings_of(self._config, item.stage.name).max_attempts
        decision = retry.decide(item.task, error, attempts, self._jitter)
        if decision.reason == "internal":
            logger.error("%s of %s failed", item.stage.name, item.book.id[:12], exc_info=error)
        return decision

    def _salvage(self, item: _Running, decision: retry.Decision) -> tuple[tuple[Part, ...], ...]:
        """Good pages of a bad file are kept once its attempts are spent."""
        if decision.action != "fail" or item.stage is not extract.STAGE or isinstance(item.error, CancelledError):
            return ()
        return extract.partial(item.outputs.values(), decision.reason)

    def _forget_changed(self, item: _Running, decision: retry.Decision) -> None:
        gone = item.candidate is None or not os.path.lexists(item.candidate.absolute)
        if item.candidate and not gone:
            self.changed.append(item.candidate)
        operation = partial(settle.forget_changed, task=item.task, candidate=item.candidate, vanished=gone)
        self._write(item, operation, "failed", decision)

    def _complete(self, item: _Running, outputs: tuple[Any, ...]) -> None:
        operation = partial(
            settle.complete,
            task=item.task,
            outputs=outputs,
            config=self._config,
            fingerprints=self._fingerprints,
            cost=settle.Cost(time.monotonic() - item.started, item.cpu_seconds),
            approve=self._approve,
        )
        self._write(item, operation, "ok", None)

    def _write(self, item: _Running, operation: Any, outcome: str, decision: retry.Decision | None) -> None:
        del self._running[item.task.id]
        self._committing += 1
        item.outputs = {}
        future = self._database.write(operation, bulk_bytes=item.held_bytes)
        future.add_done_callback(lambda done: self._inbox.put(partial(self._committed, item, done, outcome, decision)))

    def _committed(self, item: _Running, future: "Future[Any]", outcome: str, decision: retry.Decision | None) -> None:
        self._committing -= 1
        self._held_bytes -= item.held_bytes
        self._hungry = True
        try:
            saved = future.result()
        except tasks.LeaseLost as exc:
            logger.warning("%s", exc)
            return
        failure = getattr(saved, "failure", None)
        reason = decision.reason if decision else ""
        if failure:
            outcome, reason = "failed", failure[0]
        seconds = time.monotonic() - item.started
        name = os.fsdecode(item.candidate.path) if item.candidate else item.book.title
        for stage in (item.stage.name, *getattr(saved, "fused", ())):
            self._bus.publish(StageEnded(stage, item.book.id, name, outcome, reason, item.book.size, seconds))

    def _index_ended(self, task: Task, future: "Future[int]") -> None:
        self._index_task = None
        self._hungry = True
        error = future.exception()
        if isinstance(error, EnvironmentFault):
            raise error
        if error is None:
            operation: Any = partial(tasks.finish, task=task, fingerprint="", seconds=0.0, cpu_seconds=0.0)
        else:
            self._index_failed = True  # the next run tries again
            decision = retry.decide(task, error, 1, self._jitter)
            logger.error("the vector index failed", exc_info=error)
            self._bus.publish(
                Notice(f"the vector index is not up to date ({decision.detail}); search uses words alone")
            )
            operation = partial(
                tasks.fail, task=task, dependents=(), fingerprint="", reason=decision.reason, detail=decision.detail
            )
        self._database.write_now(operation)

    # -- the end of the run

    def _drain(self, shutdown: Shutdown) -> None:
        """Let running tasks end within the grace."""
        self._stopping.set()
        if shutdown.level and self._busy():
            self._bus.publish(Notice("stopping: books under way may end; press Ctrl-C again to stop at once"))
        end = time.monotonic() + self._config.limits.grace_seconds
        while self._busy() and shutdown.level < 2 and time.monotonic() < end:
            try:
                self._inbox.get(timeout=max(0.0, end - time.monotonic()))()
            except queue.Empty:
                return

    def _abandon(self) -> None:
        """Kill what still runs; its tasks go back uncharged, with any claim whose answer we have not seen."""
        for item in self._running.values():
            for future in item.futures:
                self._pools.kill(item.stage.pool, future)
        if self._busy():
            self._running.clear()
            self._database.write_now(partial(tasks.take_over, owner=self._owner.name))


def _claim(
    connection: sqlite3.Connection, *, owner: str, wants: list[tasks.Want], caps: tasks.Caps, alone: bool
) -> list[Task]:
    """Claim what is wanted; where nothing runs and nothing else is ready, one task that must run alone."""
    found = tasks.claim(connection, owner, wants, caps)
    if found or not alone:
        return found
    for want in wants:
        found = tasks.claim(connection, owner, [replace(want, count=1)], caps, alone=True)
        if found:
            return found
    return []


def _retry_later(connection: sqlite3.Connection, *, task: Task, run_at: float, decision: retry.Decision) -> None:
    tasks.retry_later(connection, task, run_at, alone=decision.alone, reason=decision.reason, detail=decision.detail)


def caps(config: Config, slots: dict[str, int]) -> tasks.Caps:
    """How many books may be under way in each queue."""
    if config.limits.profile == "gentle":
        return tasks.Caps({"schema": 2, "ingestion": 3, "trust_audit": 2}, total=5)
    # Books whose text waits for the writer count too; what bounds memory are the bytes in flight.
    queues = {"schema": 8 * slots["extract"], "ingestion": 32 * slots["extract"], "trust_audit": 8 * slots["audit"]}
    return tasks.Caps(queues, total=sum(queues.values()))
