"""One submitted call: its future, its parts, and how an answer or a worker's end settles it.

Owns: what a caller gets to see of a call. Must not know slots, threads or how workers are started.
"""

import concurrent.futures as cf
import functools
import pickle
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from librarian_cli import errors
from librarian_cli.pipeline import deadline, process, worker

_T = TypeVar("_T")

_FULL_SHARE = 0.75
_OUT_OF_MEMORY_SIGNALS = frozenset(
    -number for number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGTRAP)
)
"""How native code dies when an allocation fails; with a nearly full address space that is what it was."""


class TaskFuture(cf.Future[_T]):
    """A future that also tells what its call cost and printed. The costs are zero unless a worker answered."""

    output: str = ""  # the last output.KEPT_BYTES of stdout and stderr, however the call ended
    cpu_seconds: float = 0.0
    peak_rss_bytes: int = 0  # of the worker's whole life so far


class RemoteTraceback(Exception):
    """Carries the text of a worker's traceback, as the cause of what was raised there."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


@dataclass(frozen=True, slots=True)
class Task:
    """One submitted call; `parts` grows while it runs."""

    future: TaskFuture[Any]
    call: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
    deadline: deadline.Deadline
    on_part: Callable[[Any], object] | None
    parts: list[Any] = field(default_factory=list)

    def cancel(self) -> None:
        """Cancel a call that waits, and wake those who wait for it."""
        if self.future.cancel():
            self.future.set_running_or_notify_cancel()

    def take_part(self, answer: process.Answer) -> None:
        """Keep a part and pass it on. Raises: RuntimeError if it cannot be unpickled; whatever `on_part` raises."""
        part = _unpack(answer.body)
        self.parts.append(part)
        if self.on_part is not None:
            self.on_part(part)


def settlement(task: Task, answer: process.Answer) -> Callable[[], None]:
    """Turn a final answer into what is to be done to the future."""
    if answer.kind == worker.RESULT:
        return functools.partial(task.future.set_result, _unpack(answer.body))
    if answer.kind == worker.FINISHED:
        return functools.partial(task.future.set_result, tuple(task.parts))
    if answer.kind == worker.OUT_OF_MEMORY:
        raise errors.WorkerError("memory", "it needs more than its worker may use", tuple(task.parts))
    exc, text = _unpack(answer.body)
    exc.__cause__ = RemoteTraceback(text)
    return functools.partial(task.future.set_exception, exc)


def death(ending: process.Ending, memory_bytes: int, parts: tuple[object, ...]) -> errors.WorkerError:
    """Turn a worker's end into what its call fails with."""
    if ending.code == -signal.SIGXCPU:
        return errors.WorkerTimeout("timeout", "it used up its CPU time", parts)
    if ending.code in _OUT_OF_MEMORY_SIGNALS and ending.peak_rss_bytes >= _FULL_SHARE * memory_bytes:
        used, most = ending.peak_rss_bytes >> 20, memory_bytes >> 20
        return errors.WorkerError("memory", f"it used {used} of the {most} MiB that its worker may have", parts)
    return errors.WorkerCrashed("crash", ending.text, parts)


def cause(ending: process.Ending, memory_bytes: int) -> str:
    """Name what ended a worker, in few words."""
    error = death(ending, memory_bytes, ())
    return f"crash: {error.detail}" if error.reason == "crash" else error.reason


def _unpack(body: memoryview) -> Any:
    try:
        return pickle.loads(body)
    except Exception as exc:
        raise RuntimeError(f"the result cannot be unpickled: {worker.describe(exc)}") from exc
