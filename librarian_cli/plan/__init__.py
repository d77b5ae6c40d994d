"""What an ingest would do, file by file and why, without doing it: nothing is written anywhere.

    discover.walk -> looking: known, or hashed in threads -> rules: what becomes of its book -> FilePlan
                                                          -> estimate: how long that takes

It follows the rules of the intake. What only reading a book can show (that it is damaged, or must wait for a person)
it cannot tell.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from librarian_cli import capacity
from librarian_cli.discover import Listing, walk
from librarian_cli.models import Book
from librarian_cli.plan.estimate import Estimator
from librarian_cli.plan.looking import Seen, look, other_places, unfinished
from librarian_cli.plan.rules import Decision, Rules, Wish
from librarian_cli.settings import Config
from librarian_cli.stages import planned
from librarian_cli.store import books

if TYPE_CHECKING:
    from librarian_cli.pipeline.intake import Request

__all__ = ["ACTIONS", "FilePlan", "Plan", "make"]

ACTIONS = (
    "new",
    "changed",
    "rerun",
    "retry",
    "approve",
    "queued",
    "duplicate",
    "refused",
    "waiting",
    "failed",
    "skipped",
    "unchanged",
)
"""What may happen with a file, in the order in which people care."""
SHORT_ID = 12


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What would happen with one file. `book` is None where it has none; `seconds` is its part of the run's time."""

    path: bytes
    action: str
    why: str
    stages: tuple[str, ...]
    book: str | None
    size: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What an ingest would do with each file, by path."""

    files: tuple[FilePlan, ...]

    @property
    def totals(self) -> dict[str, int]:
        """Files by action, every action named."""
        return {action: sum(item.action == action for item in self.files) for action in ACTIONS}

    @property
    def seconds(self) -> float:
        """The estimate of the whole run."""
        return sum(item.seconds for item in self.files)


def make(
    reader: sqlite3.Connection | None,
    request: "Request",
    config: Config,
    *,
    library: tuple[int, int] | None = None,
    jobs: int | None = None,
) -> Plan:
    """Plan a request. `reader` is None where there is no library yet, `library` is its folder's (device, inode).

    Raises: EnvironmentFault: a root cannot be listed.
    """
    usual, workers = (capacity.worker_counts(config, most)["extract"] for most in (None, jobs))
    planner = _Planner(reader, request, config, Estimator.of_library(reader, workers=workers, usual_workers=usual))
    if not request.roots:
        return planner.plan(unfinished(reader) if reader else ())
    listings = [Listing() for _ in request.roots]
    threads = capacity.worker_counts(config)["schema"]
    again = request.force is not None
    seen: dict[bytes, Seen] = {}
    for root, listing in zip(request.roots, listings, strict=True):
        candidates = walk(root, request.selection, listing, library=library)
        for item in look(reader, candidates, config, threads=threads, again=again):
            seen.setdefault(item.candidate.absolute, item)
    unreadable = (found for listing in listings for found in listing.unreadable)
    return planner.plan(seen.values(), unreadable)


class _Planner:
    """Puts together what the files are and what becomes of their books."""

    def __init__(
        self, reader: sqlite3.Connection | None, request: "Request", config: Config, estimator: Estimator
    ) -> None:
        self._reader = reader
        self._estimator = estimator
        self._all = tuple(planned(config))
        wish = Wish(request.force, request.approve, scoped=bool(request.roots))
        self._rules = Rules(reader, config, wish) if reader else None

    def plan(self, seen: Iterable[Seen], unreadable: Iterable[tuple[bytes, str]] = ()) -> Plan:
        by_content: dict[int | str, list[Seen]] = {}
        found = [FilePlan(path, "skipped", f"unreadable: {why}", (), None, 0) for path, why in unreadable]
        for item in seen:
            content = item.book_row or item.sha256
            if content:
                by_content.setdefault(content, []).append(item)
            else:
                found.append(_without_book(item))
        for items in by_content.values():
            row = items[0].book_row
            found += self._new(items) if row is None else self._there(row, items)
        return Plan(tuple(sorted(found, key=lambda item: item.path)))

    def _new(self, items: Sequence[Seen]) -> Iterator[FilePlan]:
        """Files of one content that is no book yet: the first found bears it."""
        first, *copies = items
        assert first.hashed is not None
        action, why = self._why_new(first)
        size = first.hashed.candidate.size
        seconds = self._estimator.seconds(self._all, first.hashed.format, size)
        yield FilePlan(first.candidate.absolute, action, why, self._all, first.sha256, size, seconds)
        yield from (_copy(item, first.sha256) for item in copies)

    def _why_new(self, item: Seen) -> tuple[str, str]:
        known = item.known
        if known is None:
            return "new", "not seen before"
        if known.book_row is not None and self._reader:
            return "changed", f"changed content; it held {books.get(self._reader, known.book_row).id[:SHORT_ID]}"
        outcome, reason = known.outcome
        if outcome == "failed":
            return "retry", f"failed before: {reason}; it passes now"
        return "changed", f"{outcome} before: {reason}"

    def _there(self, row: int, items: Sequence[Seen]) -> Iterator[FilePlan]:
        """Files of one book that is in the library: the first known one bears what becomes of it."""
        assert self._rules is not None
        book, decision = self._rules.decide(row)
        first = min(items, key=lambda item: item.known.id if item.known and item.is_known else float("inf"))
        for item in items:
            if item is first:
                yield self._bearer(item, items, book, decision)
            elif item.is_known:
                yield _copy(item, book.id, action="unchanged")
            else:
                yield _copy(item, book.id)

    def _bearer(self, item: Seen, items: Sequence[Seen], book: Book, decision: Decision) -> FilePlan:
        action, why = decision.action, decision.why
        if not item.is_known and not decision.stages:
            action, why = self._at_new_place(items, book, decision)
        elif item.hashed and action == "unchanged":
            why = "same content, other times"
        seconds = self._estimator.seconds(decision.stages, book.format, book.size)
        return FilePlan(item.candidate.absolute, action, why, decision.stages, book.id, item.candidate.size, seconds)

    def _at_new_place(self, items: Sequence[Seen], book: Book, decision: Decision) -> tuple[str, str]:
        """A book that is there, with nothing to run, at a path where it was not: a copy, or it was moved."""
        assert self._reader is not None
        others = other_places(self._reader, book.row, items)
        if any(map(os.path.lexists, others)):
            return "duplicate", f"another path of {book.id[:SHORT_ID]}"
        moved = f"moved from {os.fsdecode(others[0])}" if others else "found again"
        return decision.action, moved if decision.action == "unchanged" else f"{moved}; {decision.why}"


def _without_book(item: Seen) -> FilePlan:
    """A file that cannot be a book: as it was, or as its first bytes show."""
    known = item.known.outcome if item.known else ("", "")
    if item.hashed is None or item.hashed.outcome is None:
        return FilePlan(item.candidate.absolute, "skipped", known[1], (), None, item.candidate.size)
    outcome = item.hashed.outcome
    if outcome.outcome == "skipped":
        action, why = "skipped", outcome.reason
    elif known == (outcome.outcome, outcome.reason):
        action, why = "failed", f"failed before: {outcome.reason}, unchanged"
    else:
        action, why = "refused", f"{outcome.reason}: {outcome.detail}"
    return FilePlan(item.candidate.absolute, action, why, (), None, item.candidate.size)


def _copy(item: Seen, book: str, *, action: str = "duplicate") -> FilePlan:
    why = f"another path of {book[:SHORT_ID]}"
    return FilePlan(item.candidate.absolute, action, why, (), book, item.candidate.size)
