"""Pools without threads or processes: every call runs at once, in the thread that submits it."""

from concurrent.futures import Future
from types import GeneratorType
from typing import Any

from librarian_cli.capacity import worker_counts
from librarian_cli.pipeline.pools import Call, Pools
from librarian_cli.settings import Config
from librarian_cli.store.owners import Worker


class InlinePools(Pools):
    """Stands in for `Pools` on trusted samples."""

    def __init__(self, config: Config) -> None:
        self.slots = worker_counts(config, 1)

    def submit(self, pool: str, call: Call) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(_run(call))
        except Exception as exc:  # noqa: BLE001  # as a pool does: whatever a call raises is its result
            future.set_exception(exc)
        return future

    def workers(self) -> tuple[Worker, ...]:
        """There are none."""
        return ()

    def kill(self, pool: str, future: "Future[Any]") -> None:
        """There is never anything left to kill."""

    def close(self, grace_seconds: float = 0.0) -> None:
        """There is nothing to end."""


def _run(call: Call) -> Any:
    value = call.function(*call.arguments)
    if not isinstance(value, GeneratorType):
        return value
    parts = []
    for part in value:
        parts.append(part)
        if call.on_part:
            call.on_part(part)
    return tuple(parts)
