"""Who is alive: every running Librarian process flocks a file of its own, so that a dead one is known at once.

dead      the kernel drops the lock however the process ends; whoever can take it takes over its tasks
stopped   a process that gives no sign of life for a lease (SIGSTOP, a disk that hangs) loses its tasks too; its
          tokens are void then, so it can do no harm when it goes on
"""

import fcntl
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from librarian_cli.errors import EnvironmentFault
from librarian_cli.store import agents, owners
from librarian_cli.store.database import Database

_LOOK_SECONDS = 1.0


class Owner:
    """This process as an owner of leases, until `close`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.name = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}"
        self._path = folder / self.name
        self._descriptor = self._lock_own_file()

    def is_dead(self, owner: str) -> bool:
        """Whether another owner's process has ended. Its file is removed then."""
        if owner == self.name:
            return False
        path = self._folder / owner
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            path.unlink(missing_ok=True)  # while we hold it: else its owner could have begun to
            return True
        finally:
            os.close(descriptor)

    def sweep(self) -> None:
        """Remove what dead owners left."""
        for path in self._folder.iterdir():
            self.is_dead(path.name)

    def _lock_own_file(self) -> int:
        # Between open and flock another process may take us for dead and unlink the file; then we begin again.
        while True:
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if self._path.exists() and self._path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
            os.close(descriptor)

    def close(self) -> None:
        """Give up the name."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


class Heartbeat:
    """Renews an owner's leases from a thread of its own, and says how its workers are, until `close`."""

    def __init__(
        self,
        database: Database,
        owner: Owner,
        *,
        command: str,
        lease_seconds: float,
        workers: Callable[[], Sequence[owners.Worker]],
    ) -> None:
        self._database = database
        self._name = owner.name
        self._every_seconds = lease_seconds / 4
        self._workers = workers
        self._ended = threading.Event()
        database.write_now(
            partial(
                owners.register,
                name=owner.name,
                pid=os.getpid(),
                command=command,
                boot_id=boot_id(),
                beat=time.monotonic(),
            )
        )
        self._thread = threading.Thread(target=self._beat, name="librarian-heartbeat", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, and take this owner off the record."""
        self._ended.set()
        self._thread.join()
        with suppress(EnvironmentFault):  # another process takes us off, once it sees that we are dead
            self._database.write_now(partial(_leave, owner=self._name))

    def _beat(self) -> None:
        told: Sequence[owners.Worker] = ()
        due = 0.0
        while not self._ended.wait(min(_LOOK_SECONDS, self._every_seconds)):
            workers = self._workers()
            if time.monotonic() < due and workers == told:
                continue  # an idle watcher must not wake the disk every second
            try:
                beat = partial(owners.beat, name=self._name, at=time.monotonic(), workers=workers)
                self._database.write(beat, durable=False).result()
            except EnvironmentFault:
                continue  # the coordinator meets the same fault, and tells of it
            told, due = workers, time.monotonic() + self._every_seconds


def _leave(connection: sqlite3.Connection, *, owner: str) -> None:
    agents.terminate(connection, owner=owner)  # those between two tasks, of which another process has the next
    owners.forget(connection, owner)


def is_alive(folder: Path, owner: str) -> bool:
    """Whether an owner's process lives, for those who only look: it holds its file locked."""
    try:
        descriptor = os.open(folder / owner, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def silent_owners(connection: sqlite3.Connection, lease_seconds: float) -> set[str]:
    """Owners of this boot that gave no sign of life for a lease."""
    return set(owners.silent(connection, boot_id(), time.monotonic() - lease_seconds))


def boot_id() -> str:
    """What tells this boot of the machine from others; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
