"""Connections to one library.db: a single writer thread with group commit, and read-only readers.

    any thread --write(op)--> queue --> writer thread: [writer.lock [BEGIN IMMEDIATE op op op COMMIT]] --> futures
    any thread --reader()--> its own mode=ro connection

Only the writer thread opens the file writable, writes or checkpoints, and only under `writer.lock`: SQLite before
3.51.3 can corrupt a WAL when two connections write or checkpoint at once. Nothing here knows what is stored.
Never open library.db, -wal or -shm by other means: closing such a descriptor drops SQLite's POSIX locks.
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

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]

_MAX_GROUP = 500
_PAGE_BYTES = 16384
_CHECKPOINT_PAGES = 8192
_BULK_CHARS = 8 << 20
_BULK_SECONDS = 1.0
_BUSY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Request:
    """An operation that waits for the writer, with the future of its result."""

    operation: Operation[Any]
    future: "Future[Any]"
    bulk_chars: int = 0


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
        if not request.bulk_chars:
            return False
        if not self._requests:
            self._since = time.monotonic()
        self._requests.append(request)
        self._chars += request.bulk_chars
        return True

    def seconds_left(self) -> float | None:
        """How long they may still wait; None where there is nothing."""
        return max(1e-6, self._since + _BULK_SECONDS - time.monotonic()) if self._requests else None

    def is_due(self) -> bool:
        """Whether there is enough, or it has waited long enough."""
        return bool(self._requests) and (self._chars >= _BULK_CHARS or time.monotonic() >= self._since + _BULK_SECONDS)

    def drain(self) -> list[_Request]:
        """Take everything out."""
        taken, self._requests, self._chars = self._requests, [], 0
        return taken


class Database:
    """One library's file. Opening may `create` it, and migrates an older one; `read_only` never writes."""

    def __init__(
        self, folder: Path, *, lock_wait_seconds: float = 30.0, read_only: bool = False, create: bool = False
    ) -> None:
        self.path = folder / "library.db"
        self._folder = folder
        self._lock_wait_seconds = lock_wait_seconds
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()  # guards _readers
        self._queue: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        self._bulk = _Bulk()
        self._thread: threading.Thread | None = None
        self._opened: Future[None] = Future()
        if not create:
            self._require_file()
        if not read_only:
            self._start_writer()

    @property
    def folder_identity(self) -> tuple[int, int]:
        """(device, inode) of the library's folder, by which a scan knows and skips it."""
        status = self._folder.stat()
        return status.st_dev, status.st_ino

    def write(self, operation: Operation[T], *, bulk_chars: int = 0) -> "Future[T]":
        """Run `operation` in the writer thread; the future resolves once its effects are durable.

        One that writes much text says how much (`bulk_chars`): it may wait a second for others like it, until
        `flush`, and those without pass it.

        An operation that raises is rolled back alone; those that were grouped with it may run a second time, so
        operations must depend on the connection only and have no other effect.
        """
        future: Future[T] = Future()
        if self._thread is None:
            raise EnvironmentFault(f"{self.path}: opened read-only, cannot be changed")
        self._queue.put(_Request(operation, future, bulk_chars))
        return future

    def write_now(self, operation: Operation[T]) -> T:
        """Run `operation` in the writer thread and wait until it is durable."""
        return self.write(operation).result()

    def flush(self) -> None:
        """Let bulk wait no longer: nothing is left to join it."""
        self._queue.put(_FLUSH)

    def reader(self) -> sqlite3.Connection:
        """Return this thread's read-only connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if connection is None:
            connection = self._local.reader = open_read_only(self.path)
            with self._readers_lock:
                self._readers.append(connection)
        return connection

    def close(self) -> None:
        """Drain the writer, checkpoint, and close every connection."""
        with self._readers_lock:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
        if self._thread is not None:
            self._queue.put(_CLOSE)
            self._thread.join()
            self._thread = None

    def _require_file(self) -> None:
        if not self.path.exists():
            raise EnvironmentFault(
                f"{self._folder}: there is no library here yet; `librarian ingest FOLDER` makes one,"
                " or name another with --library"
            )

    def _start_writer(self) -> None:
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
        except OSError as exc:
            raise EnvironmentFault(f"{self._folder}: cannot make the library's folder ({exc.strerror})") from exc
        self._thread = threading.Thread(target=self._write_loop, name="librarian-writer", daemon=True)
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:
            self._thread.join()
            self._thread = None
            raise

    def _write_loop(self) -> None:
        try:
            lock = WriterLock(self._folder / "writer.lock", self._lock_wait_seconds)
            with lock.held():
                connection = _open_writable(self.path, self._lock_wait_seconds)
                migrations.apply(connection, self._folder / "tmp")
        except BaseException as exc:  # noqa: BLE001  # handed to the opener, who raises it
            self._opened.set_exception(fault_of(exc, self.path))
            return
        self._opened.set_result(None)
        while (group := self._next_group()) is not None:
            self._commit(connection, lock, group)
        with suppress(sqlite3.Error, LibraryLocked), lock.held():  # what is committed is safe without it
            connection.execute("PRAGMA incremental_vacuum").fetchall()
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
                results = _run_together(connection, [request.operation for request in group])
        except BaseException as exc:  # noqa: BLE001  # every waiter of this group must learn of it
            if len(group) > 1 and not isinstance(exc, sqlite3.OperationalError | EnvironmentFault | OSError):
                for request in group:
                    self._commit(connection, lock, [request])
                return
            for request in group:
                request.future.set_exception(fault_of(exc, self.path))
            return
        for request, value in zip(group, results, strict=True):
            request.future.set_result(value)


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


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a reader that can neither write nor checkpoint.

    Raises: EnvironmentFault: no library, not a library, or made by a newer Librarian.
    """
    try:
        connection = _connect(path, "mode=ro")
        try:
            connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError:
            # A read-only folder offers no place for the -shm file; with no -wal beside it the file is all there is.
            if _size(path.with_name(path.name + "-wal")):
                raise
            connection.close()
            connection = _connect(path, "mode=ro&immutable=1")
        migrations.require_known(connection)
    except sqlite3.Error as exc:
        raise fault_of(exc, path) from exc
    return connection


def verify(connection: sqlite3.Connection) -> list[str]:
    """What SQLite itself finds wrong with the file; nothing where it is sound."""
    problems = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
    return problems + [f"{row[0]}: a row refers to nothing" for row in connection.execute("PRAGMA foreign_key_check")]


def fault_of(exc: BaseException, path: Path) -> BaseException:
    """Say what an SQLite error means for a person; other exceptions pass as they are."""
    if isinstance(exc, OSError):
        return EnvironmentFault(f"{path}: {exc.strerror or exc}; check the disk and the folder's permissions")
    if not isinstance(exc, sqlite3.Error):
        return exc
    text = str(exc)
    for needle, cls, meaning in _MEANINGS:
        if needle in text:
            return cls(f"{path}: {meaning} ({text})")
    return exc


_MEANINGS: tuple[tuple[str, type[EnvironmentFault], str], ...] = (
    (
        "disk is full",
        EnvironmentFault,
        "no space left on the disk; free some and run again, nothing acknowledged is lost",
    ),
    ("disk I/O error", EnvironmentFault, "the disk does not answer as it should; check it, then run again"),
    ("locked", LibraryLocked, "another program holds the library; try again later"),
    ("readonly", EnvironmentFault, "the library cannot be written; check its permissions"),
    (
        "unable to open",
        EnvironmentFault,
        "the library cannot be opened; check that the folder exists and may be read",
    ),
    (
        "Could not decode",
        EnvironmentFault,
        "the library is damaged; restore it from a backup, or move it away and ingest again",
    ),
    ("not a database", EnvironmentFault, "this is not a library; restore it from a backup or move it away"),
    (
        "malformed",
        EnvironmentFault,
        "the library is damaged; restore it from a backup, or move it away and ingest again",
    ),
)


def _open_writable(path: Path, busy_seconds: float) -> sqlite3.Connection:
    previous = os.umask(0o077)
    try:
        connection = _connect(path, "mode=rwc", busy_seconds)
        # Both take effect on a new file only. Chunks of about 1 kB leave an eighth of a 4 kB page empty.
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        os.umask(previous)
    connection.execute("PRAGMA synchronous=FULL")  # an acknowledged book survives a power cut
    # A checkpoint follows a commit, so it too happens under the lock.
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    connection.execute("PRAGMA cache_size=-32768")
    return connection


def _connect(path: Path, mode: str, busy_seconds: float = _BUSY_SECONDS) -> sqlite3.Connection:
    uri = f"file:{_quote(path)}?{mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=busy_seconds, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA mmap_size=0")
    return connection


def _quote(path: Path) -> str:
    from urllib.parse import quote_from_bytes

    return quote_from_bytes(os.fsencode(path))


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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
