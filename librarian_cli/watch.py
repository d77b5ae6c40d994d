"""Folders -> settled changes, for as long as it runs. Events are hints, looking again is the truth.

    watchdog (inotify) --paths--> Settling --stood still--> Batch(paths)       a look at these alone
    every `rescan_seconds`, after an overflow, while polling --> Batch(None)   a look at everything
    Batch(None) meets a file that is too young --> Settling

A file that is still being written is not handed on. What a batch finds is the intake's matter: nothing is opened here.
"""

import heapq
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from librarian_cli.config import WatchSettings
from librarian_cli.models import Candidate

logger = logging.getLogger(__name__)

_EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
"""Not those of opening and reading: we do that ourselves."""
_TICK_SECONDS = 0.25
_MAX_BATCH = 10_000
NETWORK_TYPES = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "lustre", "fuse", "vboxsf", "davfs")
"""Beginnings of the names of file systems on which others make changes that this machine is not told of."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What to look at: absolute paths of files and folders, or everything (`paths` None)."""

    paths: tuple[bytes, ...] | None


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


class Watcher:
    """Watches folders until `close`. `notice` gets what a person should know, once each."""

    def __init__(self, roots: Sequence[bytes], settings: WatchSettings, notice: Callable[[str], None]) -> None:
        self._roots = roots
        self._settings = settings
        self._notice = notice
        self._events: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._settling = Settling(settings.settle_seconds)
        self._ready: set[bytes] = set()
        self._observer = Observer()
        self._alarm = _OverflowAlarm(self._events)
        self._polled = self._start()

    @property
    def is_polling(self) -> bool:
        """Whether any root has to be looked at again and again, because no events come from it."""
        return self._polled

    def defer(self, candidate: Candidate) -> bool:
        """Whether a file that a look met must settle first; if so, it is waited for."""
        path = candidate.absolute
        if path in self._ready or not self._settling.is_young(candidate.mtime_ns):
            return False
        self.touch(path)
        return True

    def touch(self, path: bytes) -> None:
        """Have a path looked at once it has settled; safe in any thread."""
        self._events.put(path)

    def batches(self, stopped: threading.Event, *, once: bool = False) -> Iterator[Batch]:
        """Yield everything, then what changes. With `once`, end when nothing is left that must settle."""
        yield Batch(None)
        looked = time.monotonic()
        while not stopped.is_set():
            overflowed = self._take_events()
            every = self._settings.poll_seconds if self._polled else self._settings.rescan_seconds
            if overflowed or time.monotonic() >= looked + every:
                yield Batch(None)
                looked = time.monotonic()
            paths = self._settling.settled()
            for start in range(0, len(paths), _MAX_BATCH):
                self._ready = set(paths[start : start + _MAX_BATCH])
                yield Batch(tuple(sorted(self._ready)))
            self._ready = set()
            if once and not len(self._settling) and self._events.empty():
                return
            stopped.wait(_TICK_SECONDS)

    def close(self) -> None:
        """Watch no longer."""
        logging.getLogger(_OverflowAlarm.LOGGER).removeHandler(self._alarm)
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()

    def _start(self) -> bool:
        """Have events come in where that can be. Returns: whether any root must be polled."""
        polled = self._settings.poll
        self._observer.start()
        logging.getLogger(_OverflowAlarm.LOGGER).addHandler(self._alarm)
        for root in self._roots if not polled else ():
            why = self._watch(root)
            if why:
                polled = True
                self._notice(
                    f"{os.fsdecode(root)}: looked at every {self._settings.poll_seconds:g} s, because {why}; "
                    "`librarian watch --doctor` says more"
                )
        return polled

    def _watch(self, root: bytes) -> str:
        """Subscribe to a root. Returns: why that cannot be, or an empty text."""
        kind = filesystem_type(root)
        if kind.startswith(NETWORK_TYPES):
            return f"changes that others make are not told on {kind}"
        try:
            self._observer.schedule(_Handler(self._events), os.fsdecode(root), recursive=True, event_filter=_EVENTS)
        except OSError as exc:
            return f"the system refuses to watch it ({exc.strerror or exc})"
        return ""

    def _take_events(self) -> bool:
        """Note what came in. Returns: whether events were lost."""
        lost = False
        for _ in range(self._events.qsize()):
            path = self._events.get()
            if path is None:
                lost = True
            else:
                self._settling.touch(path)
        return lost


def filesystem_type(path: bytes) -> str:
    """The type of the file system that a path lies on, as the system names it; empty where it does not say."""
    real = os.path.realpath(path)
    try:
        with open("/proc/self/mountinfo", "rb") as stream:  # noqa: PTH123  # names in bytes
            lines = [line.split(b" - ", 1) for line in stream]
    except OSError:
        return ""
    best = (b"", b"")
    for before, after in lines:
        mounted = before.split()[4].decode("unicode_escape").encode("latin-1")
        holds = real == mounted or real.startswith(mounted.rstrip(b"/") + b"/")
        if holds and len(mounted) >= len(best[0]):
            best = (mounted, after.split()[0])
    return best[1].decode()


class _Handler(FileSystemEventHandler):
    """Puts the paths of events into a queue. It is called in the observer's thread, so it does nothing else."""

    def __init__(self, events: "queue.SimpleQueue[bytes | None]") -> None:
        self._events = events

    def on_any_event(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path:
                self._events.put(os.fsencode(path))


class _OverflowAlarm(logging.Handler):
    """Watchdog tells of lost events in its log only."""

    LOGGER = "watchdog.observers.inotify_c"

    def __init__(self, events: "queue.SimpleQueue[bytes | None]") -> None:
        super().__init__(logging.WARNING)
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():
            self._events.put(None)


def _look(path: bytes) -> tuple[int, int] | None:
    """Size and time of a file; None for what is gone or is no file."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return None if os.path.isdir(path) else (status.st_size, status.st_mtime_ns)
