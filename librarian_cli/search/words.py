"""Scores of chunks by the words that they hold: BM25 over headings and texts.

terms --the most frequent go, where rarer ones remain--> FTS5 expression --> row -> score
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from librarian_cli.errors import UsageError
from librarian_cli.models import Book
from librarian_cli.search import forms, syntax
from librarian_cli.search.syntax import Parsed, Term
from librarian_cli.store import books, ranking

if TYPE_CHECKING:
    from librarian_cli.search.nearest import Mask, Space

CANDIDATES = 1000
COMMON_SHARE = 0.2
MIN_COMMON_CHUNKS = 5_000
"""What fewer chunks hold is never common: scoring them takes 5 ms, and in a small library every match may matter."""
MOST_MATCHES = 200_000
"""Scoring a match takes 2 microseconds, as much again where it was not read lately."""

_DEADLINE_STEP = 1_000_000
_DEADLINE_STEPS = 200_000_000


def scores(connection: sqlite3.Connection, parsed: Parsed, allowed: Sequence[Book] | None) -> dict[int, float]:
    """Score the best chunks of `allowed` books, or of all. Raises: UsageError: it takes too long."""
    parsed = forms.spelled(connection, parsed, allowed)
    with bounded(connection):
        optional = telling(connection, parsed)
        match = syntax.expression(optional, parsed.required, parsed.excluded)
        return ranking.rank(connection, match, CANDIDATES, allowed)


def telling(connection: sqlite3.Connection, parsed: Parsed) -> list[Term]:
    """Drop the optional terms that tell chunks apart least and cost most of the time, where rarer ones remain.

    That is, terms in more than `COMMON_SHARE` of all chunks, and then the most frequent ones that are left, until the
    rest stand in `MOST_MATCHES` chunks together. What remains keeps its order.
    """
    optional = list(parsed.optional)
    if len({*optional, *parsed.required}) < 2:
        return optional
    counts = {term: ranking.count_matching(connection, term.fts) for term in {*optional}}
    common = max(MIN_COMMON_CHUNKS, COMMON_SHARE * books.totals(connection)[1])
    rarer = [term for term in optional if counts[term] <= common]
    kept = _within_bound(counts, rarer if rarer or parsed.required else optional)
    return [term for term in optional if term in kept]


def _within_bound(counts: Mapping[Term, int], terms: Iterable[Term]) -> set[Term]:
    kept: set[Term] = set()
    matches = 0
    for term in sorted({*terms}, key=lambda item: (counts[item], item.words)):
        matches += counts[term]
        if kept and matches > MOST_MATCHES:
            break
        kept.add(term)
    return kept


def admitted(
    connection: sqlite3.Connection, parsed: Parsed, space: "Space", allowed: Sequence[Book] | None
) -> "Mask | None":
    """Which chunks of a space may answer, by their books and by phrases and exclusions; None means all."""
    import numpy as np

    mask = None if allowed is None else space.within(allowed)
    parsed = forms.spelled(connection, parsed, allowed)
    for match, holds in ((syntax.all_of(parsed.required), True), (syntax.any_of(parsed.excluded), False)):
        if match:
            with bounded(connection):
                found = np.isin(space.rows, ranking.rows_matching(connection, match), invert=not holds)
            mask = found if mask is None else mask & found
    return mask


@contextmanager
def bounded(connection: sqlite3.Connection) -> Iterator[None]:
    """Stop what SQLite does in the block after a fixed amount of work. Raises: UsageError: it was stopped."""
    connection.set_progress_handler(_Deadline(), _DEADLINE_STEP)
    try:
        yield
    except sqlite3.OperationalError as exc:
        if "interrupt" in str(exc):
            raise UsageError("the query takes too long; use fewer or rarer words") from exc
        raise
    finally:
        connection.set_progress_handler(None, 0)


class _Deadline:
    """Tells SQLite to stop after a fixed amount of work, so that the bound does not depend on a clock."""

    def __init__(self) -> None:
        self._left = _DEADLINE_STEPS

    def __call__(self) -> int:
        self._left -= _DEADLINE_STEP
        return int(self._left < 0)
