"""Librarian: the Python API and composition root. Every front end parses, calls one method here, and renders.

with Librarian(config.load()) as librarian:
    result = librarian.ingest([b"/home/me/Books"])
    hits = librarian.search(Query("tidal forces"))
"""

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from librarian_cli import details
from librarian_cli.details import BookDetails
from librarian_cli.events import Bus, Notice
from librarian_cli.models import Book, FileOutcome, Hit
from librarian_cli.search import BookHits, Query, Scope, Searcher, Similar
from librarian_cli.settings import Config
from librarian_cli.store import (
    activity,
    agents,
    books,
    files,
    generated,
    jobs,
    runs,
    tags,
    untouched,
    vectors,
)
from librarian_cli.store.activity import Entry
from librarian_cli.store.agents import Agent, Totals
from librarian_cli.store.connections import fault_of
from librarian_cli.store.database import Database
from librarian_cli.store.jobs import Job, JobBook
from librarian_cli.store.runs import Run

# A search takes a fifth of a second, so what it does without is loaded by the methods that need it.
if TYPE_CHECKING:
    from librarian_cli.check import CheckResult
    from librarian_cli.cite import Citation, Verification
    from librarian_cli.graph import Graph
    from librarian_cli.insights import Insights
    from librarian_cli.pipeline.engine import Engine
    from librarian_cli.pipeline.generating import GenerateResult
    from librarian_cli.pipeline.intake import Request
    from librarian_cli.pipeline.ledger import IngestResult
    from librarian_cli.pipeline.pools import Pools
    from librarian_cli.pipeline.shutdown import Shutdown
    from librarian_cli.plan import Plan
    from librarian_cli.plan.vectors import VectorsPlan
    from librarian_cli.status import Status

Kept = TypeVar("Kept", Database, Searcher)

_FOLLOW_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ReembedResult:
    """The embedder whose vectors are in force after a reembed, and whether that is the one asked for."""

    embedder: str
    complete: bool
    seconds: float


class Librarian:
    """One library, opened for as long as the object lives. Not for several threads at once."""

    def __init__(self, config: Config, *, bus: Bus | None = None) -> None:
        self.config = config
        self.bus = bus or Bus()
        self._folder = config.library_path
        self._kept = ExitStack()
        self._open: Database | None = None
        self._search: Searcher | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kept.close()
        if isinstance(value, sqlite3.Error):
            raise fault_of(value, self._folder / "library.db") from value

    def ingest(
        self,
        request: "Request",
        *,
        jobs: int | None = None,
        shutdown: "Shutdown | None" = None,
        pools: "Pools | None" = None,
    ) -> "IngestResult":
        """Take in what is new or changed below some paths, and wait until it is done or a shutdown is asked for.

        `jobs` caps the workers of each stage; `pools` replaces the pools (tests run everything in line).
        Raises: EnvironmentFault: the disk, the library or a root fails; what was acknowledged is kept.
        """
        from librarian_cli.pipeline import ledger
        from librarian_cli.pipeline.shutdown import Shutdown

        started = time.monotonic()
        shutdown = shutdown or Shutdown()
        with self._hooked(shutdown):
            with self._at_work("ingest", request, jobs=jobs, pools=pools) as engine:
                job = engine.open_job(request.priority)
                try:
                    engine.run(job, request, shutdown)
                except BaseException as fault:
                    ledger.record_fault(engine.database, job, fault)
                    raise
            late = shutdown.out_of_time and shutdown.signal is None
            return engine.close_job(job, started, interrupted=shutdown.level > 0 and not late, out_of_time=late)

    def watch(
        self, request: "Request", *, jobs: int | None = None, shutdown: "Shutdown | None" = None, once: bool = False
    ) -> Mapping[str, int]:
        """Take in what is there and then what arrives below some folders, until a shutdown is asked for.

        `once`: until everything that is there has settled and is done. Returns: files by outcome, of all batches.
        Raises: EnvironmentFault: the disk, the library or a root fails.
        """
        from librarian_cli.pipeline import watching
        from librarian_cli.pipeline.shutdown import Shutdown

        shutdown = shutdown or Shutdown()
        with self._hooked(shutdown), self._at_work("watch", request, jobs=jobs) as engine:
            return watching.watch(engine, request, shutdown, folder=self._folder, once=once)

    def enqueue(self, request: "Request") -> int:
        """Scan, and file what is new or changed for a later process. Returns: the job's id.

        Raises: EnvironmentFault: the disk, the library or a root fails.
        """
        with self._at_work("ingest", request) as engine:
            job = engine.open_job(request.priority)  # until all is filed
            engine.intake(job).run(request, engine.coordinator.slots["schema"], lambda: False)
            engine.database.write_now(partial(jobs.leave, job=job))
        return job

    def plan(self, request: "Request", *, jobs: int | None = None) -> "Plan":
        """Tell what `ingest` would do, and change nothing. Raises: EnvironmentFault: the library or a root fails."""
        from librarian_cli import plan

        def question(reader: sqlite3.Connection | None) -> "Plan":
            library = self._folder.stat() if self._folder.exists() else None
            identity = (library.st_dev, library.st_ino) if library else None
            return plan.make(reader, request, self.config, library=identity, jobs=jobs)

        return untouched.ask(self._folder, question)

    def search(self, query: Query) -> list[Hit]:
        """Find passages, best first. Raises: UsageError: an unusable query or an unknown book."""
        return self._searcher().search(query)

    def search_books(self, query: Query) -> list[BookHits]:
        """Find books by their best passages, best first; `query.limit` counts books. Raises: as `search`."""
        return self._searcher().search_books(query)

    def similar(self, name: str, scope: Scope | None = None, limit: int = 10) -> Similar:
        """Find the books and passages most like a book, or a passage `BOOK:start-end`.

        Raises: UsageError: there is no such thing. EnvironmentFault: there are no vectors of it yet.
        """
        return self._searcher().similar(name, scope or Scope(), limit)

    def cite(self, name: str) -> "Citation":
        """A passage `BOOK:start-end`, with where it stands and its hashes. Raises: UsageError: there is none such."""
        from librarian_cli import cite  # it loads the stages, which no other query needs

        return cite.cite(self._readable(), name)

    def verify(self, citation: "Citation", *, pools: "Pools | None" = None) -> "Verification":
        """Read the source of a passage again, in a worker, and prove that it stands there.

        Raises: BookError: no file of the book is there any more.
        """
        from librarian_cli import cite
        from librarian_cli.pipeline.pools import Pools
        from librarian_cli.pipeline.reading import read_parts

        with closing(pools or Pools(self.config, None)) as used:
            return cite.verify(self._readable(), citation, self.config, partial(read_parts, used, self.config))

    def books(self, order: str = "title", tagged: Sequence[str] = ()) -> Iterator[BookDetails]:
        """All books, or those with all of these tags, in one of the orders of `store.books.ORDERS`."""
        reader = self._readable()
        chosen = tags.members(reader, tagged) if tagged else None
        every = books.every(reader, order)
        return (details.read(reader, book) for book in every if chosen is None or book.row in chosen)

    def show(self, prefix: str) -> BookDetails:
        """One book, by its id or the beginning of it. Raises: UsageError: unknown or ambiguous."""
        reader = self._readable()
        return details.read(reader, books.find(reader, prefix))

    def insights(self, prefix: str) -> "Insights | None":
        """What enrichment found in a book; None before it was enriched. Raises: UsageError: unknown or ambiguous."""
        from librarian_cli import insights

        reader = self._readable()
        return insights.read(reader, books.find(reader, prefix))

    def graph(self, name: str, *, depth: int = 1, limit: int = 10) -> "Graph":
        """A name, in all books, and what it occurs with. Raises: UsageError: no book has such a name."""
        from librarian_cli.graph import graph

        return graph(self._readable(), name, depth=depth, limit=limit)

    def text(self, prefix: str, *, chapter: int | None = None, page: str | None = None) -> str:
        """A book's text, or that of one chapter (from 1) or page (its label, or number from 1).

        `prefix` may name a passage, `BOOK:start-end`. Raises: UsageError: there is no such thing.
        """
        return details.text(self._readable(), prefix, chapter=chapter, page=page)

    def totals(self) -> tuple[int, int, int]:
        """Books, passages and bytes of text in the whole library; zeros where there is none yet."""
        if not (self._folder / "library.db").exists():
            return 0, 0, 0
        return books.totals(self._readable())

    def files(self, *, outcome: str | None = None, job: int | None = None) -> Iterator[FileOutcome]:
        """What became of each file, by path: as it stands, or in one job."""
        return files.outcomes(self._readable(), job=job, outcome=outcome)

    def failed_before(self, job: int) -> bool:
        """Whether any file seen in a job stands as failed, however long ago that was found."""
        seen = {item.path for item in self.files(job=job)}
        return any(item.path in seen for item in self.files(outcome="failed"))

    def least_trust(self, job: int) -> float:
        """The lowest trust score among the books seen in a job; 1 where there is none."""
        reader = self._readable()
        rows = (books.get(reader, row) for row in books.seen_in(reader, job))
        return min((book.trust_score for book in rows if book.trust_score is not None), default=1.0)

    def remove(self, prefixes: Iterable[str]) -> list[Book]:
        """Forget books: their text and tags go, their hashes are remembered as ignored until `ingest --force`."""
        from librarian_cli import control

        return control.remove(self._writable(), prefixes)

    def tags(self) -> list[tuple[str, int]]:
        """(tag, books) of every tag, in alphabetical order."""
        return tags.counts(self._readable())

    def tag(self, tag: str, targets: Iterable[str]) -> list[Book]:
        """Give books, or the books of jobs, a tag. Returns: those that did not have it."""
        from librarian_cli import tagging

        return tagging.add(self._writable(), tag, targets)

    def untag(self, tag: str, targets: Iterable[str]) -> list[Book]:
        """Take a tag from books, or from the books of jobs. Returns: those that had it."""
        from librarian_cli import tagging

        return tagging.remove(self._writable(), tag, targets)

    def status(self) -> "Status":
        """What waits and what runs, in every process that works on this library."""
        from librarian_cli import status
        from librarian_cli.pipeline.leases import is_alive

        return status.read(self._readable(), self.config, partial(is_alive, self._folder / "owners"))

    def jobs(self, limit: int = 20) -> list[Job]:
        """The latest jobs, newest first."""
        return list(jobs.every(self._readable(), limit))

    def job(self, number: int) -> tuple[Job, list[JobBook]]:
        """One job with its books. Raises: UsageError: there is none of that number."""
        reader = self._readable()
        return jobs.get(reader, number), list(jobs.books_of(reader, number))

    def runs(self, limit: int = 20) -> list[Run]:
        """The latest runs, newest first; `ending` is never empty, but may be running."""
        from librarian_cli.pipeline.leases import is_alive

        def told(run: Run) -> Run:
            alive = not run.ending and is_alive(self._folder / "owners", run.owner)
            return replace(run, ending=run.ending or ("running" if alive else "died"))

        return [told(run) for run in runs.every(self._readable(), limit)]

    def record_exit(self, job: int, code: int) -> None:
        """Note in the ledger of runs with what the process of a job's run exits."""
        self._writable().write_now(partial(runs.set_exit_code, job=job, code=code))

    def agents(self, *, statuses: Sequence[str] = (), limit: int = 50) -> list[Agent]:
        """The latest agents, newest first."""
        return list(agents.every(self._readable(), statuses=statuses, limit=limit))

    def agent_totals(self) -> Mapping[str, Totals]:
        """What the agents of each type did since the library was made."""
        from librarian_cli.stages import QUEUES

        return agents.totals(self._readable(), QUEUES.values())

    def activity(
        self, *, since: float = 0.0, action: str = "", limit: int = -1, follow: threading.Event | None = None
    ) -> Iterator[Entry]:
        """What happened, oldest first; with `follow`, what happens as well, until that event is set."""
        reader = self._readable()
        last = activity.latest(reader) if limit == 0 else 0
        for entry in activity.since(reader, at=since, action=action, limit=limit):
            last = entry.row
            yield entry
        while follow and not follow.wait(_FOLLOW_SECONDS):
            for entry in activity.since(reader, row=last, at=since, action=action):
                last = entry.row
                yield entry

    def pause(self, names: Sequence[str]) -> frozenset[str]:
        """Let stages or queues begin nothing, or all of them, in every process. Returns: all that is paused."""
        from librarian_cli import control

        return control.pause(self._writable(), names)

    def resume(self, names: Sequence[str]) -> list[str]:
        """Let them go on. Returns: what was paused."""
        from librarian_cli import control

        return control.resume(self._writable(), names)

    def cancel(self, targets: Iterable[str]) -> list[Book]:
        """Cancel what books or jobs have not finished. Returns: the books that had such."""
        from librarian_cli import control

        return control.cancel(self._writable(), targets)

    def retry(self, targets: Iterable[str], *, all_failed: bool = False) -> tuple[int, list[Book]]:
        """Give failed or cancelled books a new life. Returns: the job that waits for them, and the books."""
        from librarian_cli import control

        return control.retry(self._writable(), targets, all_failed=all_failed)

    def prioritise(self, targets: Iterable[str], level: str) -> list[Book]:
        """Give unfinished books another priority. Returns: those that had unfinished work."""
        from librarian_cli import control

        return control.prioritise(self._writable(), targets, level)

    def plan_reembed(self) -> "VectorsPlan":
        """Tell what `reembed` would take, and change nothing. Raises: UsageError, EmbedderError: the settings."""
        from librarian_cli.plan.vectors import make

        return make(self._readable(), self.config)

    def reembed(self, *, shutdown: "Shutdown | None" = None) -> ReembedResult:
        """Give the library the vectors of the embedder that the settings name, those in force serving until then.

        Raises: UsageError, EmbedderError, EndpointError: it cannot be opened or asked; what was made is kept.
        """
        from librarian_cli import embedders
        from librarian_cli.embedders.base import signature
        from librarian_cli.pipeline.shutdown import Shutdown
        from librarian_cli.stages import embed

        started = time.monotonic()
        shutdown = shutdown or Shutdown()
        embedders.check(self.config.embedder)
        self._writable().write_now(partial(vectors.set_target, signature=signature(self.config.embedder)))
        with self._at_work("reembed") as engine:
            job = engine.open_job()
            engine.renew_vectors(job, shutdown)
            error = engine.coordinator.index_error
            engine.close_job(job, started, interrupted=bool(shutdown.level or error))
        if error:
            raise error
        reader = self._writable().reader()
        complete = not embed.needed(reader, self.config.embedder)
        return ReembedResult(embed.name_in_force(reader), complete, time.monotonic() - started)

    def generate(self, prefixes: Sequence[str] = (), *, shutdown: "Shutdown | None" = None) -> "GenerateResult":
        """Let the language model of the settings describe books: these, or all that it has not described yet.

        Raises: UsageError: the settings name none, or there is no such book.
        """
        from librarian_cli.llm import TASK, Llm
        from librarian_cli.pipeline import generating

        database = self._writable()
        reader = database.reader()
        named = [books.find(reader, prefix).row for prefix in prefixes]
        chosen = named or generated.books_without(reader, self.config.llm.model, TASK)
        llm = Llm(self.config.llm, threading.Event())
        if shutdown:
            shutdown.on_change(llm.end)
        with closing(llm.endpoint):
            return generating.generate(database, self.config.llm, self.bus, llm=llm, chosen=chosen)

    def check(self, *, read_data: bool = False) -> "CheckResult":
        """Verify the library: the file, its full-text index, its vectors, and with `read_data` every text's hash."""
        from librarian_cli.check import check

        return check(self._writable(), read_data=read_data)

    def _hooked(self, shutdown: "Shutdown") -> "AbstractContextManager[None]":
        from librarian_cli.pipeline.engine import hooked

        def facts(book: str) -> dict[str, object]:
            return details.facts(self._writable().reader(), book)

        return hooked(self.config, self.bus, folder=self._folder, describe=facts, shutdown=shutdown)

    def _at_work(
        self,
        command: str,
        request: "Request | None" = None,
        *,
        jobs: int | None = None,
        pools: "Pools | None" = None,
    ) -> "AbstractContextManager[Engine]":
        from librarian_cli.pipeline.engine import at_work

        return at_work(
            self._writable(create=True),
            self.config,
            self.bus,
            folder=self._folder,
            command=command,
            approve=request is not None and request.approve,
            jobs=jobs,
            pools=pools,
        )

    def _writable(self, *, create: bool = False) -> Database:
        if self._open is None or self._open.read_only:  # whoever reads from that one goes on
            wait = self.config.limits.lock_wait_seconds
            self._open = self._keep(Database(self._folder, lock_wait_seconds=wait, create=create))
        return self._open

    def _searcher(self) -> Searcher:
        reader = self._readable()
        if self._search is None or self._search.connection is not reader:
            basis = self._folder / "basis"
            self._search = self._keep(Searcher(reader, basis, self.config, lambda text: self.bus.publish(Notice(text))))
        return self._search

    def _readable(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = self._keep(Database(self._folder, read_only=True))
        return self._open.reader()

    def _keep(self, opened: Kept) -> Kept:
        """Have it closed with the library."""
        self._kept.callback(opened.close)
        return opened
