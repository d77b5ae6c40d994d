"""What to do with a failed task: a policy as a value, decided from its record and its error alone."""

import random
from dataclasses import dataclass

from librarian_cli.errors import BookError, FileChanged, LibrarianError, WorkerError
from librarian_cli.models import Task
from librarian_cli.settings import StageSettings


@dataclass(frozen=True, slots=True)
class Decision:
    """`action` is `retry` (after `delay_seconds`, `alone` in the machine if so), `fail` or `changed`."""

    action: str
    reason: str
    detail: str
    delay_seconds: float = 0.0
    alone: bool = False


def decide(task: Task, error: BaseException, settings: StageSettings, jitter: random.Random) -> Decision:
    """Choose for a task that failed with `error`.

    A worker's death may be a neighbour's fault (memory), so it is tried once more with nothing beside it. A file
    that changed is not the task's fault at all: it must be read anew. What a reader refuses it will refuse again.
    """
    reason = error.reason if isinstance(error, BookError) else "internal"
    detail = error.detail if isinstance(error, BookError) else f"{type(error).__name__}: {error}"
    if isinstance(error, FileChanged):
        return Decision("changed", reason, detail)
    retryable = isinstance(error, LibrarianError) and error.retryable
    if not retryable or task.attempts + 1 >= settings.max_attempts:
        return Decision("fail", reason, detail)
    longest = min(settings.max_retry_seconds, settings.retry_seconds * 2**task.attempts)
    delay = longest * jitter.uniform(0.5, 1.0)
    return Decision("retry", reason, detail, delay, alone=isinstance(error, WorkerError))
