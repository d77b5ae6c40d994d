"""A watch: batch after batch of changes becomes a job, while the coordinator works on all of them.

Watcher --batches--> thread: a job each, intake --tasks--> coordinator
                               open jobs  <--reached()----+   closes those that have nothing left
"""

import os
import queue
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from librarian_cli.events import Notice, WatchBegan
from librarian_cli.pipeline.engine import Engine
from librarian_cli.pipeline.intake import Request
from librarian_cli.pipeline.shutdown import Shutdown
from librarian_cli.store import jobs, runs, tasks
from librarian_cli.watch import Watcher


def watch(engine: Engine, request: Request, shutdown: Shutdown, *, folder: Path, once: bool) -> Mapping[str, int]:
    """Take in what is below some roots and then what arrives, until a shutdown, or `once` until all is done.

    `folder` is the library's. Returns: files by outcome, of all batches.
    """
    bus, stopped = engine.bus, threading.Event()
    wants = partial(may_matter, request=request, library=os.path.realpath(os.fsencode(folder)))
    watcher = Watcher(request.roots, engine.config.watch, lambda text: bus.publish(Notice(text)), wants=wants)
    with closing(watcher), ThreadPoolExecutor(1, thread_name_prefix="librarian-scan") as scanner, ExitStack() as stack:
        stack.callback(stopped.set)
        bus.publish(WatchBegan(len(request.roots)))
        watching = _Watching(engine, watcher)
        intake = scanner.submit(watching.run_intake, request, shutdown, stopped, once=once)
        engine.coordinator.run(engine.owner, shutdown, partial(watching.reached, intake))
        engine.database.write_now(partial(runs.end_all, owner=engine.owner.name, ending="interrupted"))
    return watching.outcomes


class _Watching:
    """`run_intake` has a thread of its own, all else is for the coordinator's."""

    def __init__(self, engine: Engine, watcher: Watcher) -> None:
        self._engine = engine
        self._database = engine.database
        self._coordinator = engine.coordinator
        self._watcher = watcher
        self.outcomes: Counter[str] = Counter()
        self._filed: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._open: dict[int, int] = {}  # job -> the first book that it waited for when last asked
        self._counts = {"filed": 0, "closed": 0}  # each is changed by one thread only
        self._indexed = True
        self._last = 0

    def run_intake(self, request: Request, shutdown: Shutdown, stopped: threading.Event, *, once: bool) -> None:
        """Make a job of every batch, until it is stopped. Raises: EnvironmentFault: a root cannot be listed."""
        first = True
        for batch in self._watcher.batches(
            stopped, ended=lambda: once and self._counts["filed"] == self._counts["closed"]
        ):
            if shutdown.level:
                return
            roots = self._watcher.present()
            if roots:
                self._take(replace(request, roots=roots, paths=batch.paths, quiet=not first), shutdown)
            first = False

    def reached(self, intake: "Future[None]", *, idle: bool) -> bool:
        """Close jobs that are done, and keep the index up to date. Returns: whether nothing is left to wait for."""
        while not self._filed.empty():
            self._open[self._filed.get()] = 0
        reader = self._database.reader()
        done = [job for job in self._open if self._is_done(reader, job)]
        self._take_up_changed()  # before its job is closed, because with that `once` may end
        for job in done:
            result = self._engine.close_job(job, time.monotonic())
            self.outcomes.update(result.outcomes)
            again = result.reasons.get("failed", {}).get("changed", 0)  # a later batch has them
            self.outcomes["failed"] -= again
            del self._open[job]
            self._counts["closed"] += 1
        if done or not self._indexed or self._coordinator.index_is_due_again:
            self._last = max((self._last, *done))
            self._indexed = not self._coordinator.file_index(self._last, again=bool(done))
        elif self._open:
            self._coordinator.file_index_beside(max(self._open))
        if intake.done():
            intake.result()
        return idle and intake.done() and self._indexed and not self._open and self._filed.empty()

    def _take(self, request: Request, shutdown: Shutdown) -> None:
        job = self._engine.open_job(request.priority)
        intake = self._engine.intake(job, defer=self._watcher.defer)
        intake.run(request, self._coordinator.slots["schema"], lambda: shutdown.level > 0)
        if intake.has_news or tasks.first_unfinished(self._database.reader(), job) is not None:
            self._counts["filed"] += 1
            self._filed.put(job)
        else:
            self._database.write_now(partial(jobs.drop, job=job))
        self._coordinator.wake()

    def _is_done(self, reader: sqlite3.Connection, job: int) -> bool:
        before = self._open[job]
        found = tasks.first_unfinished(reader, job, before)
        if found is None and before:  # one before it may have been taken up again
            found = tasks.first_unfinished(reader, job)
        self._open[job] = found or 0
        return found is None

    def _take_up_changed(self) -> None:
        """Files that changed while they were read settle like any other."""
        changed, self._coordinator.changed = self._coordinator.changed, []
        for candidate in changed:
            self._watcher.touch(candidate.absolute)


def may_matter(path: bytes, request: Request, library: bytes) -> bool:
    """Whether a look would take a file at this path, or below it: it is not the library's own, and not hidden."""
    if path == library or path.startswith(library + b"/"):
        return False
    tops = (root.rstrip(b"/") + b"/" for root in request.roots)
    below = [path[len(top) :] for top in tops if path.startswith(top)]
    return request.selection.hidden or not below or not all(b"/." in b"/" + name for name in below)
