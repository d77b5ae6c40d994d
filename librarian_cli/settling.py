"""Paths that wait until they stand still. It looks at sizes and times, and knows nothing of events or books."""

import heapq
import os
import time
from collections.abc import Callable


class Settling:
    """Paths that wait until they stand still: no event, and the same size and time, for `seconds`.

    One heap for all of them. Not for several threads. Times are monotonic but for `wall`, which file times compare to.
    """

    def __init__(
        self, seconds: float, *, now: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._seconds = seconds
        self._now = now
        self._wall = wall
        self._since: dict[bytes, float] = {}
        self._looks: dict[bytes, tuple[int, int]] = {}
        self._due: list[tuple[float, bytes]] = []

    def __len__(self) -> int:
        return len(self._since)

    def __contains__(self, path: bytes) -> bool:
        return path in self._since

    def touch(self, path: bytes) -> None:
        """Begin to wait for a path, or begin anew."""
        now = self._now()
        if path not in self._since:
            heapq.heappush(self._due, (now + self._seconds, path))
        self._since[path] = now

    def settled(self) -> list[bytes]:
        """Take out what has stood still for long enough; what is gone, and folders, need not."""
        now, found = self._now(), []
        while self._due and self._due[0][0] <= now:
            path = heapq.heappop(self._due)[1]
            wait = self._wait(path, now)
            if wait > 0:
                heapq.heappush(self._due, (now + wait, path))
            else:
                del self._since[path]
                self._looks.pop(path, None)
                found.append(path)
        return found

    def is_young(self, mtime_ns: int) -> bool:
        """Whether a file of this time may still be written to. One from the future must be seen to stand still."""
        return self._wall() - mtime_ns / 1e9 < self._seconds

    def _wait(self, path: bytes, now: float) -> float:
        quiet = now - self._since[path]
        if quiet < self._seconds:
            return self._seconds - quiet
        look = _look(path)
        if look is None or not self.is_young(look[1]) or self._looks.get(path) == look:
            return 0.0
        self._looks[path] = look
        return self._seconds


def _look(path: bytes) -> tuple[int, int] | None:
    """Size and time of a file; None for what is gone or is no file."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return None if os.path.isdir(path) else (status.st_size, status.st_mtime_ns)
