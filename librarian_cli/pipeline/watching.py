"""A watch: batch after batch of changes becomes a job, while the coordinator works on all of them.

Watcher --batches--> thread: a job each, intake --tasks--> coordinator
                               open jobs  <--reached()----+   closes those that have nothing left
"""

import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from librarian_cli.config import Config
from librarian_cli.events import Bus
from librarian_cli.pipeline.coordinator import Coordinator
from librarian_cli.pipeline.intake import Intake, Request
from librarian_cli.pipeline.shutdown import Shutdown
from librarian_cli.store import jobs, tasks
from librarian_cli.store.database import Database
from librarian_cli.watch import Watcher


class Watching:
    """One watch over some roots. `run_intake` has a thread of its own, all else is for the coordinator's."""

    def __init__(
        self,
        database: Database,
        config: Config,
        bus: Bus,
        *,
        coordinator: Coordinator,
        watcher: Watcher,
        open_job: Callable[[], int],
        close_job: Callable[[int], object],
    ) -> None:
        self._database = database
        self._config = config
        self._bus = bus
        self._coordinator = coordinator
        self._watcher = watcher
        self._open_job = open_job
        self._close_job = close_job
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
            self._close_job(job)
            del self._open[job]
            self._counts["closed"] += 1
        if done or not self._indexed or self._coordinator.index_is_due_again:
            self._last = max((self._last, *done))
            self._indexed = not self._coordinator.file_index(self._last, again=bool(done))
        if intake.done():
            intake.result()
        return idle and intake.done() and self._indexed and not self._open and self._filed.empty()

    def _take(self, request: Request, shutdown: Shutdown) -> None:
        job = self._open_job()
        intake = Intake(
            self._database,
            self._config,
            self._bus,
            job=job,
            wake=self._coordinator.wake,
            defer=self._watcher.defer,
        )
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
