"""From files to books: looks every candidate up, hashes and sniffs what is new, and files its tasks.

    discover.walk -> known? --yes--> seen again, nothing to do
                        |
                        no --> [threads: hash, sniff] --> writer: book, tasks, file -- wakes the coordinator

The hash is of the bytes that will be parsed: a file that changes while it is hashed is taken up again later.
"""

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from librarian_cli import readers
from librarian_cli.discover import Listing, Selection, look, walk
from librarian_cli.events import Bus, FilesFound, StagePlanned
from librarian_cli.identify import Hashed, identify
from librarian_cli.models import Candidate, FileOutcome
from librarian_cli.pipeline import groups, identity, settle
from librarian_cli.settings import Config
from librarian_cli.stages import NEEDS, OPTIONAL, STAGES, dependents, fingerprints, planned, schema
from librarian_cli.store import activity, books, files, jobs, optional, tags, tasks
from librarian_cli.store.database import Database
from librarian_cli.store.files import Known
from librarian_cli.store.writer import Operation

_LOOKUP = 256
_AHEAD = 64
_SECONDS_PER_BYTE = {"pdf": 3e-7, "epub": 1e-7, "html": 2e-7, "md": 6e-8, "txt": 6e-8}
"""What extracting and chunking takes, measured; it orders the work and says how much to claim ahead."""


@dataclass(frozen=True, slots=True)
class Request:
    """What one ingest wants: the real paths, which of their files, and what to run again.

    Without paths it wants everything that waits in the library.
    """

    roots: tuple[bytes, ...]
    selection: Selection = field(default_factory=Selection)
    force: str | None = None
    """A stage: it and what depends on it run again, whatever is stored."""
    approve: bool = False
    priority: str = "medium"
    paths: tuple[bytes, ...] | None = None
    """Look at these only, absolute and below the roots; None means everything."""
    tags: tuple[str, ...] = ()
    """What every book that it takes in is given."""
    tag_unchanged: bool = True
    """Give them to books that it merely sees as well. A watch would give back at each start what a person took away."""
    quiet: bool = False
    """Write nothing for files that did not change: for a look that is repeated all the time."""

    @property
    def scope(self) -> tuple[bytes, ...]:
        """The part of the tree that it looks at."""
        return self.roots if self.paths is None else self.paths


class Intake:
    """One request's scan."""

    def __init__(
        self,
        database: Database,
        config: Config,
        bus: Bus,
        *,
        job: int,
        wake: Callable[[], None],
        defer: Callable[[Candidate], bool] = lambda _: False,
    ) -> None:
        """`defer` says of a new or changed file that it is not to be read yet."""
        self._database = database
        self._defer = defer
        self._config = config
        self._bus = bus
        self._job = job
        self._tags: tuple[str, ...] = ()
        self._wake = wake
        self._seen = 0
        self._new = 0
        self._stale = 0  # of those, what ended as before; for the writer's thread
        self._fault: BaseException | None = None  # the first write that failed

    def run(self, request: Request, threads: int, stopped: Callable[[], bool]) -> None:
        """Scan everything that is asked for. Raises: EnvironmentFault: a root cannot be listed."""
        self._tags = request.tags
        listings = {root: Listing() for root in request.roots}
        self._database.write_now(partial(_open_scope, job=self._job, request=request))
        with ThreadPoolExecutor(threads, thread_name_prefix="librarian-hash") as pool:
            self._take(self._found(request, listings), request, pool, stopped)
        if stopped():
            return
        for listing in listings.values():
            self._record_unreadable(listing)
        self._database.write_now(partial(self._close, request=request, listings=listings))
        if self._fault:  # all that was written before has ended by now
            raise self._fault
        for stage, count, size in jobs.older_work(self._database.reader(), self._job):
            self._bus.publish(StagePlanned(stage, count, size))
        self._bus.publish(FilesFound(self._seen, self._new, finished=True))

    def rescan(self, candidates: Sequence[Candidate]) -> None:
        """Take up files anew that changed under us."""
        fresh = []
        for candidate in candidates:
            try:
                status = os.lstat(candidate.absolute)
            except OSError:
                continue
            fresh.append(replace(candidate, size=status.st_size, mtime_ns=status.st_mtime_ns, inode=status.st_ino))
        for candidate in fresh:
            self._database.write_now(partial(self._register, hashed=identify(candidate, self._config)))
        self._database.write_now(partial(jobs.adopt, job=self._job))
        self._wake()

    @property
    def has_news(self) -> bool:
        """Whether anything was new, changed, moved or gone."""
        return self._new > self._stale

    def _found(self, request: Request, listings: dict[bytes, Listing]) -> Iterator[Candidate]:
        """The files of every root in one stream: a list of single files is taken as quickly as their folder."""
        for root, listing in listings.items():
            for candidate in self._candidates(root, request, listing):
                listing.files += 1
                yield candidate

    def _candidates(self, root: bytes, request: Request, listing: Listing) -> Iterator[Candidate]:
        library = self._database.folder_identity
        if request.paths is None:
            return walk(root, request.selection, listing, library=library)
        top = root.rstrip(b"/") + b"/"
        below = [path[len(top) :] for path in request.paths if path.startswith(top) or path == root]
        return look(root, below, request.selection, listing, library=library)

    def _take(
        self, candidates: Iterable[Candidate], request: Request, pool: ThreadPoolExecutor, stopped: Callable[[], bool]
    ) -> None:
        pending: deque[Future[Hashed]] = deque()
        again = request.force is not None
        for batch in _batched(candidates, _LOOKUP):
            if stopped():
                break
            found = files.known(self._database.reader(), batch)
            self._mark_same(batch, found, quiet=request.quiet)
            self._seen += len(batch)
            for candidate, known in zip(batch, found, strict=True):
                if known is None or not known.same or (again and known.book_row is None):
                    self._take_one(candidate, known, pool, pending)
                self._file(pending, keep=_AHEAD)
            self._bus.publish(FilesFound(self._seen, self._new))
        self._file(pending, keep=0)

    def _take_one(
        self, candidate: Candidate, known: Known | None, pool: ThreadPoolExecutor, pending: "deque[Future[Hashed]]"
    ) -> None:
        """Have a new or changed file read, unless its inode tells what it is."""
        twin = files.twin(self._database.reader(), candidate) if known is None else None
        if twin:
            pending.append(_resolved(Hashed(candidate, *twin)))
        elif not self._defer(candidate):
            pending.append(pool.submit(identify, candidate, self._config))

    def _mark_same(self, batch: Sequence[Candidate], found: Sequence[Known | None], *, quiet: bool) -> None:
        """Record files that did not change; of those that were missing it is news."""
        same = [(candidate, known) for candidate, known in zip(batch, found, strict=True) if known and known.same]
        back = [(candidate, known) for candidate, known in same if known.missing]
        ids = [known.id for _, known in (back if quiet else same)]
        if ids:
            self._write(partial(files.mark_seen, ids=ids, job=self._job))
        for candidate, known in back:
            self._new += 1
            self._write(partial(identity.log_returned, candidate=candidate, book_row=known.book_row, job=self._job))

    def _write(self, operation: Operation[Any]) -> None:
        self._database.write(operation, durable=False).add_done_callback(self._noted)

    def _file(self, pending: "deque[Future[Hashed]]", keep: int) -> None:
        """Register results in the order of the files, so that of equal ones the first is the book's path."""
        while len(pending) > keep:
            hashed = pending.popleft().result()
            self._new += 1
            self._database.write(partial(self._register, hashed=hashed), durable=False).add_done_callback(
                self._registered
            )

    def _noted(self, future: "Future[Any]") -> None:
        self._fault = self._fault or future.exception()

    def _registered(self, future: "Future[int]") -> None:
        self._noted(future)
        size = 0 if future.exception() else future.result()
        if size:
            for stage in planned(self._config):
                self._bus.publish(StagePlanned(stage, 1, size))
            self._wake()

    def _register(self, connection: sqlite3.Connection, *, hashed: Hashed) -> int:
        """Write one file with its book. Returns: the book's size where it is new, else 0."""
        candidate = hashed.candidate
        if hashed.outcome:
            known = files.known(connection, [candidate])[0]
            if known and known.outcome == (hashed.outcome.outcome, hashed.outcome.reason):
                self._stale += 1
                files.mark_seen(connection, [known.id], self._job)
                return 0
            files.record(connection, candidate, self._job, book_row=None, outcome=hashed.outcome)
            return 0
        row = books.find_row(connection, hashed.sha256)
        is_new = row is None
        if row is None:
            title = os.path.splitext(os.path.basename(os.fsdecode(candidate.path)))[0]
            row = books.add(connection, hashed.sha256, candidate.size, hashed.format, title=_storable(title))
            cost = candidate.size * _SECONDS_PER_BYTE[hashed.format]
            tasks.add(connection, row, planned(self._config), self._job, cost)
            groups.place_by_folder(connection, row, candidate, self._config)
            activity.record(connection, "ingestion.queued", book=row, job=self._job, format=hashed.format)
        elif books.get(connection, row).reason == "changed":  # it was given up as changed, and here it is again
            books.set_status(connection, row, "pending", None)
            tasks.rerun(connection, row, STAGES[0].name, dependents(STAGES[0].name), self._job)
            is_new = True
        identity.place(connection, candidate, row, self._job, is_new=is_new)
        for tag in self._tags:
            tags.add(connection, tag, [row])
        return candidate.size if is_new else 0

    def _record_unreadable(self, listing: Listing) -> None:
        for path, why in listing.unreadable:
            candidate = Candidate(os.path.dirname(path), os.path.basename(path), 0, -1, 0, 0)
            detail = f"{why}; give yourself the right to list it, then run again"
            outcome = FileOutcome(path, "skipped", "unreadable", detail, None, 0.0)
            self._database.write_now(
                partial(files.record, candidate=candidate, job=self._job, book_row=None, outcome=outcome)
            )

    def _mark_gone(self, connection: sqlite3.Connection, root: bytes, listing: Listing, *, whole: bool) -> None:
        gone = []
        if whole and listing.files and not listing.unreadable and os.path.isdir(root):
            gone = files.mark_absent(connection, root, self._job)
        if listing.gone and _has_entries(root):  # an empty root is a disk that is not mounted
            gone += files.mark_gone(connection, (os.path.join(root, path) for path in listing.gone))
        self._new += len(gone)
        identity.log_gone(connection, gone, self._job)

    def _close(self, connection: sqlite3.Connection, *, request: Request, listings: dict[bytes, Listing]) -> None:
        """Once everything is seen: what is gone, what else must run, what this job waits for."""
        jobs.set_scope(connection, self._job, request.scope)  # roots that were new are known now
        for root, listing in listings.items():
            self._mark_gone(connection, root, listing, whole=request.paths is None)
        seen = books.seen_in(connection, self._job)
        if request.force:
            self._force(connection, request.force, seen)
        done, failed = fingerprints(self._config), fingerprints(self._config, failed=True)
        for row, stage in tasks.outdated(connection, self._job, done=done, failed=failed):
            tasks.rerun(connection, row, stage, dependents(stage), self._job)
        for row in books.failed_for(connection, self._job, "encrypted", readers.NEEDS_PASSWORD):
            found = files.candidates_of(connection, row)
            if any(schema.with_password(candidate, self._config.passwords).password for candidate in found):
                tasks.rerun(connection, row, "schema", dependents("schema"), self._job)
        if request.approve:
            waiting = [row for row in seen if books.is_waiting(connection, row)]
            books.approve_waiting(connection, waiting, "ingest --yes")
            for row in waiting:
                activity.record(connection, "schema.approved", book=row, job=self._job, by="ingest --yes")
                tasks.promote(connection, row, NEEDS)
        self._fit_plan(connection, seen)
        for tag in request.tags if request.tag_unchanged else ():
            tags.add(connection, tag, books.seen_in(connection, self._job))  # with those that were forced back
        tasks.advance_groups(connection, NEEDS)
        if request.roots:
            jobs.adopt(connection, self._job)
        else:
            jobs.take_all(connection, self._job)

    def _fit_plan(self, connection: sqlite3.Connection, seen: Sequence[int]) -> None:
        """File optional stages of books seen that came before them; drop those that were switched off since."""
        plan = planned(self._config)
        for stage in OPTIONAL:
            if stage in plan:
                for row in optional.lacking(connection, stage, plan[stage]).intersection(seen):
                    tasks.add(connection, row, {stage: plan[stage]}, self._job, 0.0)
                    tasks.promote(connection, row, NEEDS)
            else:
                for row in optional.drop(connection, stage):
                    settle.close_if_done(connection, row)

    def _force(self, connection: sqlite3.Connection, stage: str, seen: Sequence[int]) -> None:
        """Run a stage again of every book that has come so far, and take back what was removed."""
        for row in books.seen_in(connection, self._job, removed=True):
            books.set_status(connection, row, "pending", None)
            tasks.add(connection, row, planned(self._config), self._job, 0.0)
        for row in seen:
            if tasks.passed(connection, row, NEEDS[stage]):
                tasks.rerun(connection, row, stage, dependents(stage), self._job)


def _open_scope(connection: sqlite3.Connection, *, job: int, request: Request) -> None:
    for root in request.roots:
        files.root_id(connection, root if os.path.isdir(root) else os.path.dirname(root))
    jobs.set_scope(connection, job, request.scope)
    if not request.quiet:
        jobs.foresee(connection, job)


def _resolved(hashed: Hashed) -> "Future[Hashed]":
    future: Future[Hashed] = Future()
    future.set_result(hashed)
    return future


def _has_entries(root: bytes) -> bool:
    with os.scandir(root) as entries:
        return next(entries, None) is not None


def _storable(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def _batched(items: Iterable[Candidate], count: int) -> Iterator[list[Candidate]]:
    iterator = iter(items)
    while batch := list(islice(iterator, count)):
        yield batch
