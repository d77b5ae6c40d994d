"""One library's file: its writer, and a read-only connection for each thread that reads.

any thread --write(op)--> Writer (writer.py)
any thread --reader()--> its own mode=ro connection (connections.py)
"""

import os
import sqlite3
import threading
from concurrent.futures import Future
from pathlib import Path

from librarian_cli.errors import EnvironmentFault
from librarian_cli.store.connections import open_read_only, require_file
from librarian_cli.store.writer import Operation, T, Writer


class Database:
    """One library's file. Opening may `create` it, and migrates an older one; `read_only` never writes."""

    def __init__(
        self, folder: Path, *, lock_wait_seconds: float = 30.0, read_only: bool = False, create: bool = False
    ) -> None:
        self.path = folder / "library.db"
        self.read_only = read_only
        self._folder = folder
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()  # guards _readers
        if create:
            _make_folder(folder)
        else:
            require_file(folder)
        self._writer = None if read_only else Writer(self.path, lock_wait_seconds)

    @property
    def folder_identity(self) -> tuple[int, int]:
        """(device, inode) of the library's folder, by which a scan knows and skips it."""
        status = self._folder.stat()
        return status.st_dev, status.st_ino

    def write(self, operation: Operation[T], *, bulk_bytes: int = 0, durable: bool = True) -> "Future[T]":
        """Run `operation` in the writer thread; the future resolves once its effects are durable.

        What may be lost in a power cut, because it would only be done again (a claim, what a scan found), says so and
        does not wait for the disk.

        One that writes much text says how much (`bulk_bytes`): it may wait a second for others like it, until
        `flush`, and those without pass it.

        An operation that raises is rolled back alone; those that were grouped with it may run a second time, so
        operations must depend on the connection only and have no other effect.
        """
        if self._writer is None:
            raise EnvironmentFault(f"{self.path}: opened read-only, cannot be changed")
        return self._writer.write(operation, bulk_bytes=bulk_bytes, durable=durable)

    def write_now(self, operation: Operation[T]) -> T:
        """Run `operation` in the writer thread and wait until it is durable."""
        return self.write(operation).result()

    def flush(self) -> None:
        """Let bulk wait no longer: nothing is left to join it."""
        if self._writer:
            self._writer.flush()

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
        if self._writer:
            self._writer.close()
            self._writer = None


def _make_folder(folder: Path) -> None:
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as exc:
        raise EnvironmentFault(
            f"{folder}: cannot make the library's folder ({exc.strerror}); check its permissions, or choose another"
            " with --library"
        ) from exc
