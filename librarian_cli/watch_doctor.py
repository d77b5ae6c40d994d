"""Why a folder can or cannot be watched: looked at, and tried, without writing to it."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import FileOpenedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from librarian_cli.discover import Listing, Selection, walk
from librarian_cli.settings import Config
from librarian_cli.watch_limits import NETWORK_TYPES, filesystem_type

_PROBE_SECONDS = 2.0
_INOTIFY = Path("/proc/sys/fs/inotify")
_SKEW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `verdict` is ok, note or bad; bad means that changes will be missed or refused."""

    verdict: str
    text: str


def examine(root: bytes, config: Config) -> Iterator[Finding]:
    """Look at everything that watching a folder depends on."""
    name = os.fsdecode(root)
    if not os.path.isdir(root):
        yield Finding("bad", f"{name}: not a folder; name the folder that holds the file")
        return
    if not os.access(root, os.R_OK | os.X_OK):
        yield Finding("bad", f"{name}: cannot be listed; give yourself the right to")
        return
    yield from _rights(root, config)
    yield _filesystem(root)
    yield _budget(root)
    yield _events(root)
    yield from _clock(root, config)


def _rights(root: bytes, config: Config) -> Iterator[Finding]:
    listing, refused = Listing(), 0
    for candidate in walk(root, Selection(hidden=config.ingest.hidden), listing):
        refused += not os.access(candidate.absolute, os.R_OK)
    for path, why in listing.unreadable:
        yield Finding("bad", f"{os.fsdecode(path)}: cannot be listed ({why}); what is in it is not seen")
    if refused:
        yield Finding("bad", f"{os.fsdecode(root)}: {refused} files may not be read; check their permissions")
    elif not listing.unreadable:
        yield Finding("ok", f"{os.fsdecode(root)}: every folder can be listed and every file read")


def _filesystem(root: bytes) -> Finding:
    kind = filesystem_type(root)
    if kind.startswith(NETWORK_TYPES):
        return Finding("note", f"{os.fsdecode(root)}: on {kind}, which does not tell what others change: it is polled")
    return Finding("ok", f"{os.fsdecode(root)}: on {kind or 'a file system'} that tells its changes")


def _budget(root: bytes) -> Finding:
    """Each folder takes one inotify watch."""
    needed = 1 + sum(len(folders) for _, folders, _ in os.walk(root))
    try:
        allowed = int((_INOTIFY / "max_user_watches").read_text(encoding="ascii"))
    except OSError:
        return Finding("note", f"{needed} folders to watch; this system does not tell how many may be")
    text = f"{needed} folders to watch, {allowed} inotify watches allowed to this user"
    if needed > allowed:
        return Finding("bad", f"{text}: raise fs.inotify.max_user_watches (sysctl), or it is polled")
    return Finding("ok", text)


def _events(root: bytes) -> Finding:
    """Open a file to read, as anyone may, and wait for the system to tell of it."""
    name = os.fsdecode(root)
    found = walk(root, Selection(hidden=True), Listing())
    candidate = next((item for item in found if os.access(item.absolute, os.R_OK)), None)
    if candidate is None:
        return Finding("note", f"{name}: no file to try whether events arrive")
    seen = threading.Event()
    observer = Observer()
    try:
        observer.schedule(_Bell(seen), os.fsdecode(root), recursive=True, event_filter=[FileOpenedEvent])
        observer.start()
    except OSError as exc:
        return Finding("bad", f"{name}: cannot be watched ({exc.strerror or exc}): it is polled")
    try:
        end = time.monotonic() + _PROBE_SECONDS
        while not seen.wait(0.1) and time.monotonic() < end:
            os.close(os.open(candidate.absolute, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC))
    finally:
        observer.stop()
        observer.join()
    if seen.is_set():
        return Finding("ok", f"{name}: events arrive")
    return Finding("bad", f"{name}: no event arrived within {_PROBE_SECONDS:g} s; use --poll")


def _clock(root: bytes, config: Config) -> Iterator[Finding]:
    """A file from the future seems to be written to for ever."""
    now = time.time()
    ahead = [
        candidate
        for candidate in walk(root, Selection(hidden=config.ingest.hidden), Listing())
        if candidate.mtime_ns / 1e9 > now + _SKEW_SECONDS
    ]
    if ahead:
        first = os.fsdecode(ahead[0].absolute)
        yield Finding("note", f"{len(ahead)} files have a time in the future, such as {first}; check the clock")
    else:
        yield Finding("ok", "no file has a time in the future")


class _Bell(FileSystemEventHandler):
    """Rings at any event."""

    def __init__(self, seen: threading.Event) -> None:
        self._seen = seen

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._seen.set()
