"""A process pool in which a bad call costs itself only.

Owns: the calls that wait, and the pool's opening and closing. Must not know stages, books, the store or retry policy.

    submit, run -> calls -> Slot (a thread) <-> one worker process -> TaskFuture

Each slot talks to its own worker, so no worker holds another's lock or queue, and a kill at any instant breaks
nothing that is shared. The nursery starts with the pool, because an interpreter and its imports take longest and that
overlaps with other work; a slot forks its worker for its first call, which takes milliseconds, so idle slots have none.
"""

import atexit
import concurrent.futures as cf
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from librarian_cli.pipeline import nursery
from librarian_cli.pipeline.deadline import Deadline
from librarian_cli.pipeline.health import Health, WorkerEvent, WorkerStatus
from librarian_cli.pipeline.slot import Shared, Slot
from librarian_cli.pipeline.task import Task, TaskFuture
from librarian_cli.pipeline.worker import WorkerLimits

__all__ = ["Deadline", "Health", "SlotPool", "TaskFuture", "WorkerEvent", "WorkerLimits", "WorkerStatus"]

_T = TypeVar("_T")
_P = ParamSpec("_P")
_FOR_EVER = Deadline()
_EXIT_SECONDS = 3.0  # an on_part that blocks cannot hold the interpreter's end up


class SlotPool(cf.Executor):
    """Run calls in supervised worker processes, one per slot.

    A call is a top-level function and its arguments. A generator function's parts arrive one by one, and its result
    is the tuple of them. A future fails with what the call raised, or with
    errors.WorkerCrashed or errors.WorkerTimeout: the worker died or was killed at a limit; retryable, with its parts;
    errors.WorkerError of reason "memory": it needed more than `limits.memory_bytes`; likewise;
    errors.EnvironmentFault: no worker can be started, nothing ran;
    CancelledError: `kill`, or a shutdown whose grace was over.
    """

    def __init__(
        self,
        slots: int,
        *,
        limits: WorkerLimits = WorkerLimits(),  # noqa: B008 - it is frozen
        preload: Sequence[str] = (),
        shared_nursery: nursery.Nursery | None = None,
        on_worker: Callable[[WorkerEvent], object] | None = None,
    ) -> None:
        """Open a pool. With a shared nursery, what to preload and when to close it are that nursery's matter.

        on_worker: sees each worker start and stop, in the slots' threads; a stop before the call that it cost fails.
        A death while idle is told when the slot's next call finds it. It should not raise: that is logged, no more.
        """
        self._nursery = shared_nursery or nursery.Nursery(preload)
        self._owns_nursery = shared_nursery is None
        self._calls: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards _closed, so that no call enters after the closing mark, and _open
        self._closed = False
        self._open = slots
        self._abandoned = threading.Event()
        self._nursery.warm_up()
        shared = Shared(self._calls, self._abandoned, self._nursery, limits, self._slot_ended, on_worker)
        self._slots = tuple(Slot(shared) for _ in range(slots))
        atexit.register(self._end_with_interpreter)

    @property
    def slots(self) -> int:
        """Return how many calls can run at once."""
        return len(self._slots)

    @property
    def restarts(self) -> int:
        """Return how often a worker was replaced, for whatever reason."""
        return sum(status.restarts for status in self.status())

    def status(self) -> tuple[WorkerStatus, ...]:
        """Describe every slot."""
        return tuple(slot.status() for slot in self._slots)

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> TaskFuture[_T]:
        """Run a call without limits of time. Raises: RuntimeError after shutdown."""
        return self._enqueue(Task(TaskFuture(), (fn, args, kwargs), _FOR_EVER, None))

    def run(
        self,
        fn: Callable[..., Any],
        /,
        *args: object,
        deadline: Deadline = _FOR_EVER,
        on_part: Callable[[Any], object] | None = None,
    ) -> TaskFuture[Any]:
        """Run a call under a deadline; `on_part` sees each part as it comes, in the slot's thread.

        Raises: RuntimeError after shutdown.
        """
        return self._enqueue(Task(TaskFuture(), (fn, args, {}), deadline, on_part))

    def kill(self, future: cf.Future[Any]) -> bool:
        """Cancel a call even while it runs, by SIGKILL to its worker. Returns: False if it had ended."""
        return future.cancel() or any(slot.kill(future) for slot in self._slots)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False, grace_seconds: float | None = None) -> None:
        """Take no more calls, and end the workers when those at hand are done.

        cancel_futures: cancel what waits. grace_seconds: after so long, cancel what waits and kill what runs;
        waiting for an `on_part` that blocks is then all that can take longer.
        """
        self._close()
        if cancel_futures:
            self._cancel_waiting()
        if grace_seconds is not None:
            self._join(grace_seconds)
            self._abandoned.set()
            self._cancel_waiting()
            for slot in self._slots:
                slot.kill()
        if wait:
            self._join()

    def _enqueue(self, task: Task) -> TaskFuture[Any]:
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot run a call after the pool's shutdown")
            self._calls.put(task)
        return task.future

    def _close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._put_closing_marks(len(self._slots))

    def _put_closing_marks(self, count: int) -> None:
        for _ in range(count):
            self._calls.put(None)

    def _cancel_waiting(self) -> None:
        marks = 0
        try:
            while True:
                task = self._calls.get_nowait()
                if task is None:
                    marks += 1
                else:
                    task.cancel()
        except queue.Empty:
            self._put_closing_marks(marks)

    def _join(self, timeout_seconds: float | None = None) -> None:
        end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        for slot in self._slots:
            slot.join(None if end is None else max(0.0, end - time.monotonic()))

    def _slot_ended(self) -> None:
        with self._lock:
            self._open -= 1
            last = self._open == 0
        if last:
            atexit.unregister(self._end_with_interpreter)
            if self._owns_nursery:
                self._nursery.close()

    def _end_with_interpreter(self) -> None:
        # The slots' threads are daemons: a forgotten pool must not keep a program from ending.
        self.shutdown(wait=False, cancel_futures=True, grace_seconds=0.0)
        self._join(_EXIT_SECONDS)
