"""Librarian: the Python API and composition root. Every front end parses, calls one method here, and renders.

with Librarian(config.load()) as librarian:
    result = librarian.ingest([b"/home/me/Books"])
    hits = librarian.search(Query("tidal forces"))
"""

import hashlib
import sqlite3
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

from librarian_cli.config import Config
from librarian_cli.errors import EnvironmentFault, UsageError
from librarian_cli.events import Bus
from librarian_cli.models import OUTCOMES, AuditReport, Book, Chapter, FileOutcome, Hit, Page, SchemaProposal
from librarian_cli.search import Query, search
from librarian_cli.store import books, content, files, tasks, vectors
from librarian_cli.store.connections import fault_of, verify
from librarian_cli.store.database import Database

if TYPE_CHECKING:
    from librarian_cli.pipeline.coordinator import Coordinator
    from librarian_cli.pipeline.intake import Request
    from librarian_cli.pipeline.leases import Owner
    from librarian_cli.pipeline.pools import Pools
    from librarian_cli.pipeline.shutdown import Shutdown

_RESCANS = 3


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What one ingest did. `interrupted` is True where a signal ended it before all was done."""

    job: int
    seconds: float
    reasons: Mapping[str, Mapping[str, int]]
    """Outcome -> reason ("" for none) -> files."""
    books: int
    chunks: int
    text_bytes: int
    interrupted: bool

    @property
    def outcomes(self) -> dict[str, int]:
        """Files by outcome, every outcome named."""
        return _totals(self.reasons)


@dataclass(frozen=True, slots=True)
class BookDetails:
    """All that is known of one book."""

    book: Book
    paths: tuple[bytes, ...]
    chapters: tuple[Chapter, ...]
    pages: tuple[Page, ...]
    proposal: tuple[str, SchemaProposal] | None
    audit: AuditReport | None

    def page_of(self, start_char: int) -> str | None:
        """The page, as printed, on which a character stands."""
        place = bisect_right([page.start_char for page in self.pages], start_char) - 1
        return (self.pages[place].label or str(self.pages[place].number)) if place >= 0 else None


@dataclass(frozen=True, slots=True)
class Status:
    """What waits, what runs, what the library holds."""

    status: str
    queues: Mapping[str, int]
    active_agents: Mapping[str, int]
    running: int
    cap: int
    outcomes: Mapping[str, int]
    books: int
    chunks: int
    text_bytes: int


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check of the library found; no problems means that it is sound."""

    checked: tuple[str, ...]
    problems: tuple[str, ...]


class Librarian:
    """One library, opened for as long as the object lives. Not for several threads at once."""

    def __init__(self, config: Config, *, bus: Bus | None = None) -> None:
        self.config = config
        self.bus = bus or Bus()
        self._folder = config.library_path
        self._open: Database | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self._open.close()
        if isinstance(value, sqlite3.Error):
            raise fault_of(value, self._folder / "library.db") from value

    def ingest(
        self,
        request: "Request",
        *,
        jobs: int | None = None,
        shutdown: "Shutdown | None" = None,
        pools: "Pools | None" = None,
    ) -> IngestResult:
        """Take in what is new or changed below some paths, and wait until it is done or a shutdown is asked for.

        `jobs` caps the workers of each stage; `pools` replaces the pools (tests run everything in line).
        Raises: EnvironmentFault: the disk, the library or a root fails; what was acknowledged is kept.
        """
        from librarian_cli.pipeline.coordinator import Coordinator
        from librarian_cli.pipeline.leases import Owner
        from librarian_cli.pipeline.memory import share_arenas
        from librarian_cli.pipeline.pools import Pools
        from librarian_cli.pipeline.shutdown import Shutdown

        started = time.monotonic()
        shutdown = shutdown or Shutdown()
        share_arenas()
        database = self._writable(create=True)
        owner = Owner(self._folder / "owners")
        owner.sweep()
        job = database.write_now(partial(tasks.open_job, command="ingest", owner=owner.name))
        pools = pools or Pools(self.config, jobs)
        coordinator = Coordinator(
            database, self.config, self.bus, folder=self._folder, pools=pools, approve=request.approve
        )
        try:
            self._run(coordinator, job, owner=owner, shutdown=shutdown, request=request)
            database.write_now(partial(_close_job, job=job))
        finally:
            coordinator.close()
            owner.close()
        reader = database.reader()
        return IngestResult(
            job,
            time.monotonic() - started,
            files.reason_counts(reader, job),
            *books.totals(reader),
            interrupted=shutdown.level > 0,
        )

    def search(self, query: Query) -> list[Hit]:
        """Find passages, best first. Raises: UsageError: an unusable query or an unknown book."""
        return search(self._readable(), query, self._folder / "basis", self.config.search.vector_weight)

    def books(self, order: str = "title") -> Iterator[BookDetails]:
        """All books, in one of the orders of `store.books.ORDERS`."""
        reader = self._readable()
        return (self._details(reader, book) for book in books.every(reader, order))

    def show(self, prefix: str) -> BookDetails:
        """One book, by its id or the beginning of it. Raises: UsageError: unknown or ambiguous."""
        reader = self._readable()
        return self._details(reader, books.find(reader, prefix))

    def text(self, prefix: str, *, chapter: int | None = None, page: str | None = None) -> str:
        """A book's text, or that of one chapter (from 1) or page (its label, or number from 1).

        `prefix` may name a passage, `BOOK:start-end`. Raises: UsageError: there is no such thing.
        """
        reader = self._readable()
        name, _, span = prefix.partition(":")
        details = self._details(reader, books.find(reader, name))
        if details.book.first_chunk is None:
            raise UsageError(f"{name}: this book holds no text ({details.book.status}:{details.book.reason})")
        whole = content.text(reader, details.book.row)
        start, end = _span(details, span, chapter, page)
        return whole[start:end]

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
        """Forget books: their text goes, their hashes are remembered as ignored until `ingest --force`."""
        database = self._writable()
        reader = database.reader()
        chosen = [books.find(reader, prefix) for prefix in prefixes]
        for book in chosen:
            database.write_now(partial(_remove, row=book.row))
        return chosen

    def status(self) -> Status:
        """What waits and what runs, in every process that works on this library."""
        from librarian_cli.pipeline.claims import caps
        from librarian_cli.pipeline.pools import worker_counts
        from librarian_cli.stages import QUEUES, STAGE_BY_NAME

        reader = self._readable()
        queues, active = dict.fromkeys(QUEUES, 0), dict.fromkeys(QUEUES.values(), 0)
        for stage, state, count in tasks.state_counts(reader):
            if stage in STAGE_BY_NAME:
                queue = STAGE_BY_NAME[stage].queue
                queues[queue] += count if state == "ready" else 0
                active[QUEUES[queue]] += count if state == "leased" else 0
        return Status(
            "running" if sum(active.values()) else "idle",
            queues,
            active,
            sum(active.values()),
            caps(self.config, worker_counts(self.config, None)).total,
            _totals(files.reason_counts(reader)),
            *books.totals(reader),
        )

    def check(self, *, read_data: bool = False) -> CheckResult:
        """Verify the library: the file, its full-text index, its vectors, and with `read_data` every text's hash."""
        database = self._writable()
        reader = database.reader()
        steps: list[tuple[str, Callable[[], list[str]]]] = [
            ("database", lambda: verify(reader)),
            ("full-text index", lambda: _check_index(database)),
            ("vectors", lambda: _check_vectors(reader)),
        ]
        if read_data:
            steps.append(("texts", lambda: _check_texts(reader)))
        problems: list[str] = []
        for name, step in steps:
            try:
                problems += step()
            except (sqlite3.Error, EnvironmentFault) as exc:
                problems.append(f"{name}: it cannot be read through ({exc})")
        return CheckResult(tuple(name for name, _ in steps), tuple(problems))

    def _run(
        self, coordinator: "Coordinator", job: int, *, owner: "Owner", shutdown: "Shutdown", request: "Request"
    ) -> None:
        """Scan and work side by side; files that changed meanwhile are taken up again, a few times at most."""
        from librarian_cli.pipeline.intake import Intake

        intake = Intake(self._writable(), self.config, self.bus, job=job, wake=coordinator.wake)
        with ThreadPoolExecutor(1, thread_name_prefix="librarian-scan") as scanner:
            scan: Future[None] = scanner.submit(
                intake.run, request, coordinator.slots["schema"], lambda: shutdown.level > 0
            )
            coordinator.run(job, owner, shutdown, scan)
            for _ in range(_RESCANS):
                if not coordinator.changed or shutdown.level:
                    return
                changed, coordinator.changed = coordinator.changed, []
                coordinator.run(job, owner, shutdown, scanner.submit(intake.rescan, changed))

    def _writable(self, *, create: bool = False) -> Database:
        if self._open is None:
            wait = self.config.limits.lock_wait_seconds
            self._open = Database(self._folder, lock_wait_seconds=wait, create=create)
        return self._open

    def _readable(self) -> sqlite3.Connection:
        if self._open is None:
            self._open = Database(self._folder, read_only=True)
        return self._open.reader()

    def _details(self, reader: sqlite3.Connection, book: Book) -> BookDetails:
        return BookDetails(
            book,
            tuple(files.paths_of(reader, book.row)),
            content.chapters(reader, book.row),
            content.pages(reader, book.row),
            books.proposal(reader, book.row),
            books.audit(reader, book.row),
        )


def _totals(reasons: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {word: sum(reasons.get(word, {}).values()) for word in OUTCOMES}


def _close_job(connection: sqlite3.Connection, *, job: int) -> None:
    """End a job: books whose every file now holds something else have no place any more."""
    for row in books.orphans(connection):
        content.delete_all(connection, row)
        books.delete(connection, row)
    tasks.close_job(connection, job)


def _remove(connection: sqlite3.Connection, *, row: int) -> None:
    content.delete_all(connection, row)
    tasks.forget(connection, row)
    books.set_status(connection, row, "removed", None)


def _span(details: BookDetails, span: str, chapter: int | None, page: str | None) -> tuple[int, int]:
    book = details.book
    if span:
        start, dash, end = span.partition("-")
        if not (dash and start.isdigit() and end.isdigit() and int(start) < int(end) <= book.chars):
            raise UsageError(f"{span!r} is no passage of this book; write BOOK:start-end, up to {book.chars}")
        return int(start), int(end)
    if chapter is not None:
        if not 1 <= chapter <= len(details.chapters):
            raise UsageError(f"chapter {chapter}: this book has {len(details.chapters)} chapters, see `librarian show`")
        found = details.chapters[chapter - 1]
        return found.start_char, found.end_char
    if page is not None:
        return _page_span(details, page)
    return 0, book.chars


def _page_span(details: BookDetails, page: str) -> tuple[int, int]:
    ends = [item.start_char for item in details.pages[1:]] + [details.book.chars]
    labelled = [(item, end) for item, end in zip(details.pages, ends, strict=False) if item.label == page]
    numbered = [(item, end) for item, end in zip(details.pages, ends, strict=False) if str(item.number) == page]
    for item, end in (*labelled, *numbered):
        return item.start_char, end
    raise UsageError(f"page {page}: this book has {len(details.pages)} pages, see `librarian show`")


def _check_index(database: Database) -> list[str]:
    try:
        database.write_now(content.check_index)
    except (sqlite3.DatabaseError, EnvironmentFault) as exc:
        return [f"the full-text index differs from the chunks ({exc}); `ingest --force` on your books renews it"]
    return []


def _check_vectors(reader: sqlite3.Connection) -> list[str]:
    active = vectors.active_basis(reader)
    if active is None:
        return []
    sizes = {item.book_row: len(item.codes) for item in vectors.stored(reader, active[0])}
    return [
        f"{book.id[:12]}: its vectors do not match its {book.chunks} chunks; run `librarian ingest` to renew them"
        for book in books.every(reader)
        if book.row in sizes and book.chunks and sizes[book.row] % book.chunks
    ]


def _check_texts(reader: sqlite3.Connection) -> list[str]:
    problems = []
    for book in list(books.every(reader)):
        if book.first_chunk is None:
            continue
        try:
            data = content.text(reader, book.row).encode("utf-8")
        except sqlite3.Error as exc:
            problems.append(f"{book.id[:12]}: its text cannot be read ({exc})")
            continue
        if hashlib.sha256(data).hexdigest() != book.text_sha256:
            problems.append(
                f"{book.id[:12]}: its text is not what was stored; `ingest --force` on its folder renews it"
            )
    return problems
