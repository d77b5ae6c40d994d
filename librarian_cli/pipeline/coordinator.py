"""Runs tasks until a job is done: claims what free slots can take, hands it to pools, stores what comes back.

    store --claim--> coordinator --calls--> pools (threads, processes)
      ^                  ^                        |
      +---- writer <-----+-- inbox <--results-----+--- signals, intake (wake), workers' starts and ends
                         |
                         +-- twice a second: what other processes want (supervision)

One thread, one inbox: all decisions are made here, in the order of arrival. Claims and finishes are handed to the
writer without waiting; it commits those that meet in one transaction. About two seconds' work is claimed ahead, so
that no slot waits for a commit; everything else stays in the database, where it can be seen and reordered.
"""

import logging
import queue
import sys
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from librarian_cli.errors import BookError, EnvironmentFault, WorkerTimeout
from librarian_cli.events import Bus, Notice, StageAdvanced, StageEnded
from librarian_cli.models import Candidate, Part, Task
from librarian_cli.pipeline import claims, settle
from librarian_cli.pipeline.execution import Execution, plan_calls
from librarian_cli.pipeline.indexing import Indexing
from librarian_cli.pipeline.leases import Owner
from librarian_cli.pipeline.pools import Pools
from librarian_cli.pipeline.shutdown import Shutdown
from librarian_cli.pipeline.supervision import Supervision
from librarian_cli.pipeline.verdicts import Judge, Verdict
from librarian_cli.settings import Config
from librarian_cli.stages import NEEDS, Saved, index
from librarian_cli.store import books, claiming, files, order_groups, tasks
from librarian_cli.store.database import Database

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
_SWITCH_SECONDS = 0.0005
"""SQLite gives up the GIL at every row; at Python's default of 5 ms the writer would wait that long for each."""


class Goal(Protocol):
    """What a run is for. `idle` says that nothing is under way; only then does the answer count."""

    def __call__(self, *, idle: bool) -> bool: ...


class Coordinator:
    """One process's share in running tasks."""

    def __init__(
        self, database: Database, config: Config, bus: Bus, *, folder: Path, pools: Pools, approve: bool = False
    ) -> None:
        self._database = database
        self._config = config
        self._bus = bus
        self._pools = pools
        self._judge = Judge(config, approve=approve)
        self._indexing = Indexing(database, config, bus, folder=folder, pools=pools)
        self._supervision = Supervision(database, config)
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._running: dict[int, Execution] = {}
        self._paused: frozenset[str] = frozenset()
        self._committing = 0
        self._held_bytes = 0
        self._claiming = False
        self._hungry = True
        self._has_new_text = True  # an earlier run may have left some
        self._next_look = 0.0
        self.changed: list[Candidate] = []

    @property
    def slots(self) -> dict[str, int]:
        """How many workers each pool has."""
        return self._pools.slots

    def wake(self) -> None:
        """Look again for work; safe in any thread and in a signal handler."""
        self._inbox.put(self._look_again)

    def file_index(self, job: int, *, again: bool = False) -> bool:
        """File the library's own task where vectors are missing; once more after a failure only `again`.

        Returns: whether there is anything to wait for.
        """
        if again:
            self._indexing.forgive()
        if not self._indexing.is_needed:
            self._indexing.mark_unreachable()
            return False
        # Where it is paused or another's, the next look is soon enough.
        self._hungry = self._indexing.file(job) or self._hungry
        return True

    def file_index_beside(self, job: int) -> None:
        """File the library's own task once no text is left to come; audits and enriching go on beside it."""
        if not self._has_new_text or any(item.stage.name in claims.TO_SEARCHABLE for item in self._running.values()):
            return
        if not tasks.any_unfinished(self._database.reader(), claims.TO_SEARCHABLE):
            self._has_new_text = False
            self.file_index(job)

    @property
    def index_is_due_again(self) -> bool:
        """Whether a model that could not be asked for vectors may be asked again."""
        return self._indexing.is_due_again

    @property
    def index_error(self) -> BaseException | None:
        """Why the library's own task failed when it last ran here."""
        return self._indexing.error

    def run(self, owner: Owner, shutdown: Shutdown, reached: Goal) -> None:
        """Run tasks until a goal is reached, or until a shutdown.

        `reached` is asked twice a second, and whenever nothing is under way.

        Raises: EnvironmentFault: the disk or the library failed; tasks under way were given back.
        """
        self._owner = owner
        self._shutdown = shutdown
        interval = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)
        shutdown.on_change(self.wake)
        try:
            while not shutdown.level and not (self._is_idle() and reached(idle=True)):
                if self._look_around():
                    reached(idle=False)
                self._claim()
                self._handle_next()
            self._drain(shutdown)
        finally:
            self._abandon()
            sys.setswitchinterval(interval)

    def close(self) -> None:
        """End all workers."""
        self._indexing.stop()
        self._pools.close()
        self._indexing.close()

    # -- what to do next

    def _is_idle(self) -> bool:
        return not self._busy() and not self._hungry

    def _handle_next(self) -> None:
        if self._committing and not self._running and self._inbox.empty():
            self._database.flush()
        try:
            self._inbox.get(timeout=max(0.0, self._next_look - time.monotonic()))()
        except queue.Empty:
            return

    def _busy(self) -> bool:
        return bool(self._running or self._committing or self._claiming or self._indexing.task)

    def _look_again(self) -> None:
        self._hungry = True

    # -- other processes, and the clock

    def _look_around(self) -> bool:
        """Twice a second: do what other processes ask for, tell them how it goes, and mind calls that take too long.

        Returns: whether it was time to.
        """
        if self._shutdown.report_asked:
            self._shutdown.report_asked = False
            self._bus.publish(Notice(self._state()))
        if time.monotonic() < self._next_look:
            return False
        self._next_look = time.monotonic() + _LOOK_SECONDS
        running = tuple(self._running.values())
        orders = self._supervision.look(self._owner, running)
        for item in orders.revoked:
            logger.info("%s of %s was taken from this process", item.stage.name, item.book.id[:12])
            self._drop(item)
        self._heed(orders.paused)
        self._withdraw([item for item in self._running.values() if orders.pauses(item) and not item.has_begun])
        self._supervision.tell(running)
        self._end_overdue()
        if taken := self._supervision.take_over(self._owner):
            logger.info("took over %d tasks of processes that have ended", taken)
        self._hungry = True  # others may have made something ready, or let it go on
        if not self._busy() and order_groups.any_waiting(self._database.reader()):
            self._database.write_now(partial(tasks.advance_groups, needs=NEEDS))
        return True

    def _heed(self, paused: frozenset[str]) -> None:
        if paused != self._paused:
            names = ", ".join(sorted(paused))
            text = f"paused: {names}; `librarian resume` goes on" if paused else "resumed"
            self._bus.publish(Notice(text))
            self._paused = paused

    def _withdraw(self, items: Collection[Execution]) -> None:
        """Give back what no worker has begun with."""
        for item in items:
            self._drop(item)
        if items:
            self._database.write(partial(settle.give_back, given=[item.task for item in items]), durable=False)

    def _drop(self, item: Execution) -> None:
        del self._running[item.task.id]
        self._held_bytes -= item.held_bytes
        item.kill(self._pools)

    def _end_overdue(self) -> None:
        """Threads cannot be killed: a call in one that takes too long is given up, and its result not waited for."""
        for item in tuple(self._running.values()):
            limit = item.thread_seconds(self._config)
            if item.seconds > limit:
                item.error = WorkerTimeout("timeout", f"not done in {limit:g} s")
                self._conclude(item)

    def _state(self) -> str:
        """What waits and what runs, for a person."""
        counts = [f"{stage} {count} {state}" for stage, state, count in tasks.state_counts(self._database.reader())]
        lines = [f"tasks: {', '.join(counts) or 'none'}"]
        lines += [
            f"running: {item.stage.name} of {item.book.id[:12]} for {item.seconds:.1f} s, {item.name}"
            for item in self._running.values()
            if item.has_begun
        ]
        lines += [f"worker: {w.pool} {w.health}, pid {w.pid}, {w.tasks_done} tasks" for w in self._pools.workers()]
        return "\n".join(lines)

    # -- claiming

    def _claim(self) -> None:
        if self._claiming or not self._hungry or any(item.task.alone for item in self._running.values()):
            return
        if self._held_bytes >= self._config.limits.in_flight_mb << 20:
            return
        wanted = claims.wants(self._running.values(), self._pools.slots, self._config.limits.prefer)
        if self._indexing.task is None:
            wanted.append(claiming.Want(index.NAME, "", 1))
        self._claiming, self._hungry = True, False
        operation = partial(
            claims.claim,
            owner=self._owner.name,
            wanted=wanted,
            within=claims.caps(self._config, self._pools.slots),
            alone=not self._running and not self._committing,
        )
        future = self._database.write(operation, durable=False)
        future.add_done_callback(lambda done: self._inbox.put(partial(self._claimed, done)))

    def _claimed(self, future: "Future[list[Task]]") -> None:
        self._claiming = False
        for task in future.result():
            self._hungry = True
            if task.stage == index.NAME:
                self._indexing.start(task, lambda done: self._inbox.put(partial(self._index_ended, done)))
            else:
                self._start(task)

    def _index_ended(self, future: "Future[int]") -> None:
        self._hungry = True
        self._indexing.conclude(future)

    # -- running

    def _start(self, task: Task) -> None:
        assert task.book_row is not None
        reader = self._database.reader()
        candidate = next(iter(files.candidates_of(reader, task.book_row)), None)
        item = Execution(task, books.get(reader, task.book_row), candidate)
        if task.id in self._running:  # it was cancelled and tried again since the last look
            self._drop(self._running[task.id])
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
        if self._running.get(item.task.id) is not item:
            return  # it was dropped meanwhile
        held = sum(sys.getsizeof(page.text) for page in part.pages)
        item.held_bytes += held
        item.pages_done += len(part.pages)
        self._held_bytes += held
        share = len(part.pages) / max(1, item.book.page_count or len(part.pages))
        self._bus.publish(StageAdvanced(item.stage.name, item.book.id, min(1.0, share)))

    def _ended(self, item: Execution, number: int, future: "Future[Any]") -> None:
        self._hungry = True
        if item.take(number, future) and self._running.get(item.task.id) is item:
            self._conclude(item)

    # -- what an end means

    def _conclude(self, item: Execution) -> None:
        if isinstance(item.error, EnvironmentFault):
            raise item.error
        verdict = self._judge.judge(item)
        if verdict.changed:
            self.changed.append(verdict.changed)
        del self._running[item.task.id]
        self._committing += 1
        future = self._database.write(verdict.operation, bulk_bytes=item.held_bytes)
        future.add_done_callback(lambda done: self._inbox.put(partial(self._committed, item, done, verdict)))

    def _committed(self, item: Execution, future: "Future[Any]", verdict: Verdict) -> None:
        self._committing -= 1
        self._held_bytes -= item.held_bytes
        self._hungry = True
        self._has_new_text = self._has_new_text or item.stage.name in claims.TO_SEARCHABLE
        try:
            saved = future.result()
        except tasks.LeaseLost as exc:
            logger.warning("%s", exc)
            return
        fused: tuple[str, ...] = ()
        outcome, reason = verdict.outcome, verdict.reason
        if isinstance(saved, Saved):
            fused = saved.fused
            outcome, reason = ("failed", saved.failure[0]) if saved.failure else (outcome, reason)
        for stage in (item.stage.name, *fused):
            ended = StageEnded(stage, item.book.id, item.name, outcome, reason, item.book.size, item.seconds)
            self._bus.publish(ended)
        if outcome == "failed" and (group := order_groups.of(self._database.reader(), item.book.row)):
            self._bus.publish(Notice(f"{item.name} failed ({reason}); its order group {group} goes on without it"))

    # -- the end of the run

    def _drain(self, shutdown: Shutdown) -> None:
        """Let running tasks end within the grace."""
        if not shutdown.level:
            return
        self._indexing.stop()
        if self._busy():
            why = "the time is up" if shutdown.out_of_time else "stopping"
            self._bus.publish(Notice(f"{why}: books under way may end; press Ctrl-C again to stop at once"))
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
        busy = self._busy()
        for item in tuple(self._running.values()):
            self._drop(item)
        if busy:
            self._database.write_now(partial(settle.take_over, owner=self._owner.name, dead=False))
