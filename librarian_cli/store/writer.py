"""The one thread of a process that writes to a library, with group commit, and the lock between processes.

    write(op) --> queue --> writer thread: [writer.lock [BEGIN IMMEDIATE op op op COMMIT]] --> futures

It opens the file writable, writes, checkpoints and closes only under `writer.lock`: SQLite before 3.51.3 can corrupt
a WAL when two connections write or checkpoint at once. It does not know what is written.
"""

import fcntl
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from librarian_cli.errors import EnvironmentFault, LibraryLocked
from librarian_cli.store import migrations
from librarian_cli.store.connections import fault_of, open_writable

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]

_MAX_GROUP = 500
_BULK_BYTES = 16 << 20
_BULK_SECONDS = 1.0
_SMALL_BYTES = 32 << 20
"""Rewriting so much takes a tenth of a second."""
_CHANGES_PER_PAGE = 8


class Writer:
    """A library's writer in this process. Starting it creates or migrates the file."""

    def __init__(self, path: Path, lock_wait_seconds: float) -> None:
        self._path = path
        self._lock_wait_seconds = lock_wait_seconds
        self._queue: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        self._bulk = _Bulk()
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._write_loop, name="librarian-writer", daemon=True)
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:
            self._thread.join()
            raise

    def write(self, operation: Operation[T], *, bulk_bytes: int, durable: bool) -> "Future[T]":
        """Queue an operation."""
        future: Future[T] = Future()
        self._queue.put(_Request(operation, future, bulk_bytes, durable))
        return future

    def flush(self) -> None:
        """Let bulk wait no longer."""
        self._queue.put(_FLUSH)

    def close(self) -> None:
        """Write what waits, checkpoint, and close."""
        self._queue.put(_CLOSE)
        self._thread.join()

    def _write_loop(self) -> None:
        try:
            lock = WriterLock(self._path.with_name("writer.lock"), self._lock_wait_seconds)
            with lock.held():
                connection = open_writable(self._path, self._lock_wait_seconds)
                migrations.apply(connection, self._path.with_name("tmp"))
        except BaseException as exc:  # noqa: BLE001  # handed to the opener, who raises it
            self._opened.set_exception(fault_of(exc, self._path))
            return
        self._opened.set_result(None)
        while (group := self._next_group()) is not None:
            self._commit(connection, lock, group)
        with suppress(sqlite3.Error, LibraryLocked), lock.held():  # what is committed is safe without it
            with suppress(sqlite3.Error):  # there may be no room for it
                _compact(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    def _next_group(self) -> "list[_Request] | None":
        """Wait for the next group: everything that is there, with bulk once it is enough or old enough."""
        group: list[_Request] = []
        while not group:
            request = self._take(self._bulk.seconds_left())
            if request is _CLOSE:
                group = self._bulk.drain()
                if not group:
                    return None
                self._queue.put(_CLOSE)
            elif request is _FLUSH:
                group = self._bulk.drain()
            elif request is None or self._bulk.add(request):
                group = self._bulk.drain() if self._bulk.is_due() else []
            else:
                group.append(request)
        while len(group) < _MAX_GROUP and (request := self._take(0.0)) is not None:
            if request in (_CLOSE, _FLUSH):
                self._queue.put(request)
                break
            if not self._bulk.add(request):
                group.append(request)
        return group

    def _take(self, timeout: float | None) -> "_Request | None":
        try:
            return self._queue.get(timeout=timeout) if timeout != 0.0 else self._queue.get_nowait()
        except queue.Empty:
            return None

    def _commit(self, connection: sqlite3.Connection, lock: "WriterLock", group: "list[_Request]") -> None:
        """Commit a group as one transaction; if an operation raises, each of them as a transaction of its own.

        Savepoints would save the second try, but each would make FTS5 write out what it holds in memory.
        """
        try:
            with lock.held():
                _sync(connection, durable=any(request.durable for request in group))
                results = _run_together(connection, [request.operation for request in group])
        except BaseException as exc:  # noqa: BLE001  # every waiter of this group must learn of it
            if len(group) > 1 and not isinstance(exc, sqlite3.OperationalError | EnvironmentFault | OSError):
                for request in group:
                    self._commit(connection, lock, [request])
                return
            for request in group:
                request.future.set_exception(fault_of(exc, self._path))
            return
        for request, value in zip(group, results, strict=True):
            request.future.set_result(value)


def _compact(connection: sqlite3.Connection) -> None:
    """Give back what the file does not need: free pages, and of a small file what splits have left of the others."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    if pages * page_bytes <= _SMALL_BYTES and connection.total_changes >= _CHANGES_PER_PAGE * pages:
        connection.execute("VACUUM")
    else:
        connection.executescript("PRAGMA incremental_vacuum")  # execute() would free one page and stop


class WriterLock:
    """The cross-process lock around every write transaction and checkpoint of one library."""

    def __init__(self, path: Path, wait_seconds: float) -> None:
        self._path = path
        self._wait_seconds = wait_seconds
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises: LibraryLocked: not had within the wait."""
        self._acquire()
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def _acquire(self) -> None:
        # flock has no timeout of its own, and a signal-based one would need the main thread.
        deadline = time.monotonic() + self._wait_seconds
        pause = threading.Event()
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LibraryLocked(
                        f"{self._path.parent}: another Librarian process has been writing for more than "
                        f"{self._wait_seconds:g} s; try again later or raise limits.lock_wait_seconds"
                    ) from None
                pause.wait(0.002)


@dataclass(frozen=True, slots=True)
class _Request:
    """An operation that waits for the writer, with the future of its result."""

    operation: Operation[Any]
    future: "Future[Any]"
    bulk_bytes: int = 0
    durable: bool = True


_CLOSE = _Request(lambda connection: None, Future())
_FLUSH = _Request(lambda connection: None, Future())


class _Bulk:
    """Operations that write much text. They wait a moment for company, while others pass them.

    Each commit makes FTS5 write a segment that it has to merge later: grouping them saves a third of its work.
    """

    def __init__(self) -> None:
        self._requests: list[_Request] = []
        self._chars = 0
        self._since = 0.0

    def add(self, request: _Request) -> bool:
        """Keep a request if it is one of bulk. Returns: whether it is."""
        if not request.bulk_bytes:
            return False
        if not self._requests:
            self._since = time.monotonic()
        self._requests.append(request)
        self._chars += request.bulk_bytes
        return True

    def seconds_left(self) -> float | None:
        """How long they may still wait; None where there is nothing."""
        return max(1e-6, self._since + _BULK_SECONDS - time.monotonic()) if self._requests else None

    def is_due(self) -> bool:
        """Whether there is enough, or it has waited long enough."""
        return bool(self._requests) and (self._chars >= _BULK_BYTES or time.monotonic() >= self._since + _BULK_SECONDS)

    def drain(self) -> list[_Request]:
        """Take everything out."""
        taken, self._requests, self._chars = self._requests, [], 0
        return taken


def _sync(connection: sqlite3.Connection, *, durable: bool) -> None:
    """Have the next commit wait for the disk, or not: then a later one that does brings it along."""
    connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")


def _run_together(connection: sqlite3.Connection, operations: Sequence[Operation[object]]) -> list[object]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        results = [operation(connection) for operation in operations]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results
