"""What an ingest would do with a book that is in the library already, and why: the rules of the intake, as questions.

The first rule that speaks gives the action and the reason; the stages of all that apply run.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from librarian_cli import readers
from librarian_cli.models import Book
from librarian_cli.settings import Config
from librarian_cli.stages import NEEDS, OPTIONAL, STAGES, dependents, fingerprints, ingredients, planned, schema
from librarian_cli.store import books, files, tasks
from librarian_cli.store import fingerprints as stored

_ORDER = tuple(stage.name for stage in STAGES)
UNKNOWN_CAUSE = "settings or reader version changed"
_CHANGED = "it changed while it was being read"
_UNFINISHED = ("waiting", "ready", "leased")
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Decision:
    """What would happen with a book, why, and the stages that would run."""

    action: str
    why: str
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What of a request bears on books that are there. Without `scoped` it only goes on with what waits."""

    force: str | None
    approve: bool
    scoped: bool


class Rules:
    """Decides by the settings in force and the state of each book."""

    def __init__(self, reader: sqlite3.Connection, config: Config, wish: Wish) -> None:
        self._reader = reader
        self._config = config
        self._wish = wish
        self._prints = {"done": fingerprints(config), "failed": fingerprints(config, failed=True)}
        self._ingredients = ingredients(config)
        self._plan = planned(config)

    def decide(self, row: int) -> tuple[Book, Decision]:
        """Decide on the book of a row, with a file that was seen."""
        book = books.get(self._reader, row)
        marks = tasks.marks(self._reader, row)
        found = list(self._decisions(book, marks))
        # A decision about nothing but what was switched off is none.
        found = [item for item in found if set(item.stages) & set(self._plan)] or [_as_it_stands(book)]
        wanted = {stage for decision in found for stage in decision.stages}
        first = found[0]
        return book, Decision(
            first.action, first.why, tuple(stage for stage in _ORDER if stage in wanted and stage in self._plan)
        )

    def _decisions(self, book: Book, marks: Sequence[tuple[str, str, str]]) -> Iterator[Decision]:
        states = {stage: state for stage, state, _ in marks}
        if book.status == "removed":
            if self._wish.force:
                yield Decision("rerun", "--force takes back what was removed", _ORDER)
            return
        forced = _forced(states, self._wish.force) if self._wish.force else ()
        if forced:
            yield Decision("rerun", f"--force {self._wish.force}", forced)
        if self._wish.scoped:
            yield from self._outdated(book, [mark for mark in marks if mark[0] not in forced], states)
            yield from self._has_password(book)
        yield from self._unfinished(book, states)
        if self._wish.scoped and book.status != "waiting":
            yield from self._lacking(states)

    def _outdated(
        self, book: Book, marks: Sequence[tuple[str, str, str]], states: Mapping[str, str]
    ) -> Iterator[Decision]:
        """The first stage that was done, or failed, with other settings."""
        for stage, state, mark in marks:
            current = self._prints.get(state, {}).get((stage, book.format), mark)
            if current == mark:
                continue
            if not _under_way(states, stage):
                action, why = self._cause(book, stage, state, mark, current)
                yield Decision(action, why, (stage, *dependents(stage)))
            return

    def _cause(self, book: Book, stage: str, state: str, mark: str, current: str) -> tuple[str, str]:
        if state == "failed" and book.reason == "changed":
            return "retry", _CHANGED
        changes = _changes(stored.ingredients(self._reader, mark), self._ingredients[current])
        if state == "done":
            return "rerun", f"{stage}: {changes}"
        return "retry", f"failed before: {book.reason}; {changes}"

    def _has_password(self, book: Book) -> Iterator[Decision]:
        if (book.status, book.reason, book.detail) != ("failed", "encrypted", readers.NEEDS_PASSWORD):
            return
        found = files.candidates_of(self._reader, book.row)
        if any(schema.with_password(candidate, self._config.passwords).password for candidate in found):
            yield Decision("retry", "failed before: encrypted; its password is set now", _ORDER)

    def _lacking(self, states: Mapping[str, str]) -> Iterator[Decision]:
        for stage in OPTIONAL:
            needs = [states.get(name) for name in NEEDS[stage]]
            if stage in self._plan and stage not in states and not {"failed", "cancelled", None} & set(needs):
                yield Decision("rerun", f"{stage}: not done yet", (stage,))

    def _unfinished(self, book: Book, states: Mapping[str, str]) -> Iterator[Decision]:
        left = tuple(stage for stage, state in states.items() if state in _UNFINISHED)
        if not left:
            return
        if book.status != "waiting":
            yield Decision("queued", "filed before and not done", left)
        elif self._wish.approve and self._wish.scoped:
            yield Decision("approve", "waits for approval, and --yes gives it", left)


def _forced(states: Mapping[str, str], stage: str) -> tuple[str, ...]:
    """What --force runs again of a book: what is over, if the book has come so far and is not under way."""
    if _under_way(states, stage) or any(states.get(name) != "done" for name in NEEDS[stage]):
        return ()
    return tuple(name for name in (stage, *dependents(stage)) if states.get(name) not in _UNFINISHED)


def _under_way(states: Mapping[str, str], stage: str) -> bool:
    return any(states.get(name) == "leased" for name in (stage, *dependents(stage)))


def _as_it_stands(book: Book) -> Decision:
    if book.status == "failed":
        return Decision("failed", f"failed before: {book.reason}, unchanged")
    if book.status == "waiting":
        return Decision("waiting", "waiting for approval")
    if book.status == "removed":
        return Decision("skipped", "removed; --force takes it back")
    if book.status == "cancelled":
        return Decision("skipped", "cancelled; `librarian retry` takes it up")
    return Decision("unchanged", "as it was")


def _changes(before: Mapping[str, object] | None, now: Mapping[str, object]) -> str:
    """Name what differs, with both values; where that is not known, say so much."""
    names = [name for name in now if before is not None and before.get(name) != now[name]]
    if before is None or not names:
        return UNKNOWN_CAUSE
    shown = [f"{name} changed from {before.get(name)} to {now[name]}" for name in names[:_NAMED]]
    return ", ".join(shown) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
