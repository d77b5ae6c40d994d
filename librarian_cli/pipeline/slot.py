"""One slot of a pool: the thread that takes calls and supervises the worker that performs them.

Owns: a call's course from the queue to its future, when a worker is replaced, and what is told of it. Must not know
stages, books, the store or retry policy.
"""

import concurrent.futures as cf
import functools
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from librarian_cli import errors
from librarian_cli.pipeline import deadline, nursery, process, worker
from librarian_cli.pipeline.health import Health, WorkerEvent, WorkerStatus
from librarian_cli.pipeline.task import Task, TaskFuture, cause, death, settlement

logger = logging.getLogger(__name__)

_KILLED = "killed"
_CLOSED = "pool closed"
_START_ATTEMPTS = 5
_FRESH_SECONDS = 0.05  # a worker that has just answered is not asked whether it lives
_BACKOFF_SECONDS = 0.05  # doubled after each failed start


@dataclass(frozen=True, slots=True)
class Shared:
    """What the slots of one pool have in common."""

    calls: "queue.SimpleQueue[Task | None]"  # None: the slot that takes it ends
    abandoned: threading.Event  # whatever runs is to be killed
    source: nursery.Nursery
    limits: worker.WorkerLimits
    on_end: Callable[[], None]
    on_worker: Callable[[WorkerEvent], object] | None


class Slot:
    """A thread and its worker. `kill`, `join` and `status` are for other threads."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._lock = threading.Lock()  # guards these three, so that a kill hits no other call's worker
        self._running: cf.Future[Any] | None = None
        self._worker: process.WorkerProcess | None = None
        self._condition: Health = "healthy"  # the worker's, or that of its starting; never busy
        self._killed = threading.Event()  # the running call's; also cuts the wait between two starts short
        self._starts = self._tasks = self._tasks_of_worker = self._peak_rss_bytes = 0
        self._rss_bytes = 0
        self._last_cpu_seconds = self._answered_at = 0.0
        self._thread = threading.Thread(target=self._run, name="slot", daemon=True)
        self._thread.start()

    def kill(self, future: cf.Future[Any] | None = None) -> bool:
        """Kill the worker if it runs this call (any call, by default)."""
        with self._lock:
            if self._running is None or future not in (None, self._running):
                return False
            self._killed.set()
            if self._worker is not None:
                self._worker.kill()
            return True

    def join(self, timeout_seconds: float | None = None) -> None:
        """Wait for the thread's end, except from within it."""
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_seconds)

    def status(self) -> WorkerStatus:
        """Describe the slot as it is now."""
        with self._lock:
            return WorkerStatus(
                pid=None if self._worker is None else self._worker.pid,
                health=self._health(),
                tasks_done=self._tasks,
                restarts=max(0, self._starts - 1),
                peak_rss_bytes=self._peak_rss_bytes,
                last_cpu_seconds=self._last_cpu_seconds,
            )

    def _health(self) -> Health:
        if self._condition != "healthy":
            return self._condition
        if self._running is not None:
            return "busy"
        return "healthy" if self._worker is None or self._worker.is_alive() else "unhealthy"

    def _run(self) -> None:
        while (task := self._shared.calls.get()) is not None:
            if self._begin(task.future):
                self._serve(task)
            else:
                self._end()
            del task  # an idle slot must not keep its last book
        self._retire_worker(_CLOSED)
        self._shared.on_end()

    def _begin(self, future: cf.Future[Any]) -> bool:
        with self._lock:
            self._running = future
            self._killed.clear()
            if self._shared.abandoned.is_set():
                self._killed.set()
        return future.set_running_or_notify_cancel()

    def _end(self) -> bool:
        """Close the window in which a kill may hit. Returns: whether one did."""
        with self._lock:
            self._running = None
            return self._killed.is_set()

    def _serve(self, task: Task) -> None:
        """Run one call and settle its future, whatever happens."""
        fate = ""  # why the worker has to go, if it has to
        try:
            request = worker.pack_request(task.call, deadline.or_for_ever(task.deadline.total_seconds))
            fate = _KILLED
            answer = self._perform(task, request)
            fate = "memory" if answer.kind == worker.OUT_OF_MEMORY else ""  # C libraries seldom get over it
            settle = settlement(task, answer)
        except BaseException as exc:  # noqa: BLE001 - pickle and on_part run foreign code, and each future must end
            settle = functools.partial(task.future.set_exception, exc)
        if self._end():
            fate = _KILLED
            settle = functools.partial(task.future.set_exception, cf.CancelledError("killed while it ran"))
        if fate:
            self._bury_worker(fate)
        settle()
        if self._worn_out():
            self._retire_worker("recycled")

    def _perform(self, task: Task, request: bytes) -> process.Answer:
        for _ in range(_START_ATTEMPTS):
            if self._killed.is_set():
                raise cf.CancelledError
            child = self._ready_worker()
            try:
                return self._converse(child, task, request)
            except process.Unread:  # it was found dead: nothing ran, so nothing is charged
                self._bury_worker()
        raise errors.EnvironmentFault("worker processes end before they take a task; is something killing them?")

    def _converse(self, child: process.WorkerProcess, task: Task, request: bytes) -> process.Answer:
        watch = deadline.Watch(task.deadline)
        try:
            child.send(request, watch.until)
            while (answer := child.receive(watch.until)).kind == worker.PART:
                heard_at = time.monotonic()
                task.take_part(answer)
                watch.part_taken(heard_at)
        except process.Unread:
            raise
        except process.Overdue:
            child.kill()
            self._bury_worker("timeout")
            raise errors.WorkerTimeout("timeout", watch.verdict(), tuple(task.parts)) from None
        except process.Died:
            raise death(self._bury_worker(), self._limits.memory_bytes, tuple(task.parts)) from None
        finally:
            task.future.output = child.take_output()
        self._record(task.future, answer)
        return answer

    def _record(self, future: TaskFuture[Any], answer: process.Answer) -> None:
        future.cpu_seconds = self._last_cpu_seconds = answer.cpu_seconds
        future.peak_rss_bytes = self._peak_rss_bytes = answer.peak_rss_bytes
        self._rss_bytes = answer.rss_bytes
        self._answered_at = time.monotonic()
        self._tasks += 1
        self._tasks_of_worker += 1

    def _ready_worker(self) -> process.WorkerProcess:
        """Return the slot's worker if it lives, else a new one. Raises: EnvironmentFault, CancelledError."""
        if self._worker is not None:
            if time.monotonic() < self._answered_at + _FRESH_SECONDS or self._worker.is_alive():
                return self._worker
            self._bury_worker()
        detail = ""
        for attempt in range(_START_ATTEMPTS):
            if self._killed.wait(_BACKOFF_SECONDS * 2**attempt if attempt else 0.0):
                raise cf.CancelledError
            try:
                return self._adopt(self._start_worker())
            except nursery.StartFailed as exc:
                detail = str(exc)
        raise errors.EnvironmentFault(f"no worker process can be started ({detail}); is memory or are processes short?")

    def _start_worker(self) -> process.WorkerProcess:
        self._set_condition("restarting" if self._starts else "starting")
        try:
            return self._shared.source.start_worker(self._limits)
        except BaseException:
            self._set_condition("unhealthy")
            raise

    def _set_condition(self, condition: Health) -> None:
        with self._lock:
            self._condition = condition

    def _adopt(self, child: process.WorkerProcess) -> process.WorkerProcess:
        with self._lock:
            self._worker = child
            self._condition = "healthy"
            self._starts += 1
            self._tasks_of_worker = 0
            self._rss_bytes = child.first_rss_bytes
            killed = self._killed.is_set()
        self._tell(WorkerEvent(child.pid, "started"))
        if killed:
            raise cf.CancelledError
        return child

    def _worn_out(self) -> bool:
        if self._worker is None:
            return False
        growth = self._rss_bytes - self._worker.first_rss_bytes
        return self._tasks_of_worker >= self._limits.max_tasks or growth > self._limits.max_growth_bytes

    def _retire_worker(self, reason: str) -> None:
        if (child := self._release_worker("healthy")) is not None:
            child.retire()
            self._tell(WorkerEvent(child.pid, "stopped", reason))

    def _bury_worker(self, reason: str = "") -> process.Ending:
        """Release a worker that is dead or has to die; its ending is the reason unless one is given.

        Only one that was killed on demand leaves a healthy slot.
        """
        if self._killed.is_set():
            reason = _CLOSED if self._shared.abandoned.is_set() else _KILLED
        child = self._release_worker("healthy" if reason in (_KILLED, _CLOSED) else "unhealthy")
        if child is None:
            return process.Ending(None)
        ending = child.bury()
        self._tell(WorkerEvent(child.pid, "stopped", reason or cause(ending, self._limits.memory_bytes)))
        return ending

    def _release_worker(self, condition: Health) -> process.WorkerProcess | None:
        with self._lock:  # from here on, no kill reaches it
            child, self._worker = self._worker, None
            if child is not None:
                self._condition = condition
            return child

    def _tell(self, event: WorkerEvent) -> None:
        if self._shared.on_worker is None:
            return
        try:
            self._shared.on_worker(event)
        except Exception:  # foreign code: no call may suffer for a listener
            logger.exception("on_worker failed at %s", event)
