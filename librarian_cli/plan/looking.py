"""Finds the files that an ingest would take up, and what they hold: looked up where nothing changed, else hashed."""

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from librarian_cli.identify import Hashed, identify
from librarian_cli.models import Candidate
from librarian_cli.settings import Config
from librarian_cli.store import books, files, tasks
from librarian_cli.store.files import Known

_LOOKUP = 256
_AHEAD = 64


@dataclass(frozen=True, slots=True)
class Seen:
    """A file with its row, if it has one, and what it holds. `hashed` is None where the last look still counts."""

    candidate: Candidate
    known: Known | None
    hashed: Hashed | None
    book_row: int | None
    """The book in the library that it holds."""

    @property
    def sha256(self) -> str:
        """The hash of what it holds, empty where it was not hashed."""
        return self.hashed.sha256 if self.hashed else ""

    @property
    def is_known(self) -> bool:
        """Whether it held the same book at the last look."""
        return self.known is not None and self.book_row is not None and self.known.book_row == self.book_row


def look(
    reader: sqlite3.Connection | None, candidates: Iterable[Candidate], config: Config, *, threads: int, again: bool
) -> Iterator[Seen]:
    """Look at candidates, in their order; `again` hashes even those that were skipped for what they are."""
    iterator = iter(candidates)
    pending: deque[tuple[Candidate, Known | None, Future[Hashed] | None]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="librarian-hash") as pool:
        while batch := list(islice(iterator, _LOOKUP)):
            found = files.known(reader, batch) if reader else [None] * len(batch)
            for candidate, known in zip(batch, found, strict=True):
                fresh = known is None or not known.same or (again and known.book_row is None)
                future = pool.submit(identify, candidate, config) if fresh else None
                pending.append((candidate, known, future))
                yield from _take(reader, pending, keep=_AHEAD)
        yield from _take(reader, pending, keep=0)


def unfinished(reader: sqlite3.Connection) -> Iterator[Seen]:
    """The files of every book that waits in the library."""
    for row in tasks.unfinished_books(reader):
        candidates = files.candidates_of(reader, row)
        for candidate, known in zip(candidates, files.known(reader, candidates), strict=True):
            yield Seen(candidate, known, None, row)


def other_places(reader: sqlite3.Connection, book_row: int, seen: Sequence[Seen]) -> list[bytes]:
    """Paths at which a book lay and where these files, which hold it now, are not."""
    here = {item.candidate.absolute for item in seen}
    return [path for path in files.paths_of(reader, book_row) if path not in here]


def _take(
    reader: sqlite3.Connection | None,
    pending: "deque[tuple[Candidate, Known | None, Future[Hashed] | None]]",
    *,
    keep: int,
) -> Iterator[Seen]:
    while len(pending) > keep:
        candidate, known, future = pending.popleft()
        if future is None:
            yield Seen(candidate, known, None, known.book_row if known else None)
            continue
        hashed = future.result()
        row = books.find_row(reader, hashed.sha256) if reader and hashed.sha256 else None
        yield Seen(candidate, known, hashed, row)
