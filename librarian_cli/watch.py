"""Folders -> settled changes, for as long as it runs. Events are hints, looking again is the truth.

    watchdog (inotify) --paths--> Settling --stood still--> Batch(paths)       a look at these alone
    every `rescan_seconds`, after an overflow, while polling --> Batch(None)   a look at everything
    Batch(None) meets a file that is too young --> Settling

A file that is still being written is not handed on. What a batch finds is the intake's matter: nothing is opened here.
"""

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
from watchdog.observers.api import ObservedWatch

from librarian_cli.models import Candidate
from librarian_cli.settings import WatchSettings
from librarian_cli.settling import Settling
from librarian_cli.watch_limits import NETWORK_TYPES, filesystem_type, is_exhausted

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


@dataclass(frozen=True, slots=True)
class Batch:
    """What to look at: absolute paths of files and folders, or everything (`paths` None)."""

    paths: tuple[bytes, ...] | None


class Watcher:
    """Watches folders until `close`. `notice` gets what a person should know, once each."""

    def __init__(
        self,
        roots: Sequence[bytes],
        settings: WatchSettings,
        notice: Callable[[str], None],
        *,
        wants: Callable[[bytes], bool] = lambda _: True,
    ) -> None:
        """`wants` says whether what happens to a path is a reason to look at it."""
        self._settings = settings
        self._notice = notice
        self._wants = wants
        self._events: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._settling = Settling(settings.settle_seconds)
        self._ready: set[bytes] = set()
        self._observer = Observer()
        self._handler = _Handler(self._events)
        self._alarm = _OverflowAlarm(self._events)
        self._roots = {root: _Root(root) for root in roots}
        self._start()

    @property
    def is_polling(self) -> bool:
        """Whether any root has to be looked at again and again, because no events come from it."""
        return self._settings.poll or any(root.is_polled for root in self._roots.values())

    def defer(self, candidate: Candidate) -> bool:
        """Whether a file that a look met must settle first; if so, it is waited for."""
        path = candidate.absolute
        if path in self._ready or not self._settling.is_young(candidate.mtime_ns):
            return False
        if path not in self._settling:  # else every look would begin its wait anew
            self._settling.touch(path)
        return True

    def touch(self, path: bytes) -> None:
        """Have a path looked at once it has settled; safe in any thread."""
        self._events.put(path)

    def batches(self, stopped: threading.Event, *, ended: Callable[[], bool] = lambda: False) -> Iterator[Batch]:
        """Yield everything, then what changes, until it is stopped, or it is `ended` and nothing is left to settle."""
        yield Batch(None)
        looked = time.monotonic()
        while not stopped.is_set():
            missed = self._renew() | self._take_events()
            every = self._settings.poll_seconds if self.is_polling else self._settings.rescan_seconds
            if missed or time.monotonic() >= looked + every:
                yield Batch(None)
                looked = time.monotonic()
                self._mind_budget()
            paths = self._settling.settled()
            for start in range(0, len(paths), _MAX_BATCH):
                self._ready = set(paths[start : start + _MAX_BATCH])
                yield Batch(tuple(sorted(self._ready)))
            self._ready = set()
            if ended() and not len(self._settling) and self._events.empty():
                return
            stopped.wait(_TICK_SECONDS)

    def present(self) -> tuple[bytes, ...]:
        """The roots that are there."""
        return tuple(root for root in self._roots if os.path.isdir(root))

    def close(self) -> None:
        """Watch no longer."""
        self._alarm.uninstall()
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()

    def _start(self) -> None:
        """Have events come in where that can be."""
        self._observer.start()
        self._alarm.install()
        for root in self._roots.values():
            self._watch(root)
        self._mind_budget()

    def _watch(self, root: "_Root") -> None:
        """Subscribe to a root, or have it polled."""
        root.identity = _identity(root.path)
        if self._settings.poll or root.identity is None:
            return
        kind = filesystem_type(root.path)
        if kind.startswith(NETWORK_TYPES):
            self._poll(root, f"changes that others make are not told on {kind}")
            return
        try:
            name = os.fsdecode(root.path)
            root.subscription = self._observer.schedule(self._handler, name, recursive=True, event_filter=_EVENTS)
        except OSError as exc:
            self._poll(root, f"the system refuses to watch it ({exc.strerror or exc})")

    def _poll(self, root: "_Root", why: str) -> None:
        if not root.is_polled:
            root.is_polled = True
            self._notice(
                f"{os.fsdecode(root.path)}: looked at every {self._settings.poll_seconds:g} s, because {why}; "
                "`librarian watch --doctor` says more"
            )

    def _mind_budget(self) -> None:
        """Poll everything once the system watches no further folder."""
        self._handler.grown.clear()
        watched = [root for root in self._roots.values() if root.subscription and not root.is_polled]
        if watched and is_exhausted(watched[0].path):
            for root in watched:
                self._poll(root, "no more folders may be watched (fs.inotify.max_user_watches)")

    def _renew(self) -> bool:
        """Watch anew what was mounted, unmounted or made anew. Returns: whether changes may have been missed."""
        missed = False
        for root in self._roots.values():
            identity = _identity(root.path)
            if identity == root.identity:
                continue
            if identity is None:
                self._notice(f"{os.fsdecode(root.path)}: is not there any more; it is taken up again once it is back")
            if root.subscription:
                self._observer.unschedule(root.subscription)
                root.subscription = None
            self._watch(root)
            missed = missed or root.identity is not None  # it may be back since we looked
        if self._handler.grown.is_set():
            self._mind_budget()
        return missed

    def _take_events(self) -> bool:
        """Note what came in. Returns: whether events were lost."""
        lost = False
        for _ in range(self._events.qsize()):
            path = self._events.get()
            if path is None:
                lost = True
            elif self._wants(path):
                self._settling.touch(path)
        if lost:
            logger.warning("the system lost events: everything is looked at again")
        return lost


@dataclass(slots=True)
class _Root:
    """A folder that is watched: which one it is, so that another of its name is noticed."""

    path: bytes
    identity: tuple[int, int] | None = None
    subscription: ObservedWatch | None = None
    is_polled: bool = False


class _Handler(FileSystemEventHandler):
    """Puts the paths of events into a queue. It is called in the observer's thread, so it does nothing else."""

    def __init__(self, events: "queue.SimpleQueue[bytes | None]") -> None:
        self._events = events
        self.grown = threading.Event()
        """Set by every new folder."""

    def on_any_event(self, event: FileSystemEvent) -> None:
        if isinstance(event, DirCreatedEvent | DirMovedEvent):
            self.grown.set()
        for path in (event.src_path, event.dest_path):
            if path:
                self._events.put(os.fsencode(path))


class _OverflowAlarm(logging.Handler):
    """Watchdog tells of lost events in its log only."""

    LOGGER = "watchdog.observers.inotify_c"

    def __init__(self, events: "queue.SimpleQueue[bytes | None]") -> None:
        super().__init__(logging.WARNING)
        self._events = events
        self._logger = logging.getLogger(self.LOGGER)

    def install(self) -> None:
        """Hear of it, whatever level people want to see; we tell of it ourselves."""
        self._logger.setLevel(logging.WARNING)
        self._logger.propagate = False
        self._logger.addHandler(self)

    def uninstall(self) -> None:
        """Leave the log as it was."""
        self._logger.removeHandler(self)
        self._logger.propagate = True
        self._logger.setLevel(logging.NOTSET)

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():
            self._events.put(None)


def _identity(path: bytes) -> tuple[int, int] | None:
    """Device and inode of a folder; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if os.path.isdir(path) else None
