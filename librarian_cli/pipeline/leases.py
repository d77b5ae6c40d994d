"""Who is alive: every running Librarian process flocks a file of its own, so that a dead one is known at once.

The kernel drops the lock however the process ends; whoever can take it may take over its tasks.
"""

import fcntl
import os
import socket
import time
from pathlib import Path


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
            path.unlink(missing_ok=True)
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
