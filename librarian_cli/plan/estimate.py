"""How long books will take: from what this library's own took, or from defaults while there are too few.

A task's time runs from its claim to its commit, and in that time others are under way: waiting for a worker, in a
worker, waiting for the writer. So each gets its share of the clock: a second in which four are under way is a quarter
of a second for each. The shares of all tasks add up to the time that the run took. They hold for as many workers as
are set; with fewer (`--jobs`) it takes longer in proportion.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from librarian_cli.store import timings
from librarian_cli.store.timings import Timing

_LATEST = 20_000
_LEAST = 5
"""Books of a format that a stage must have done before their times count."""

Key = tuple[str, str]
"""(stage, format)."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of one stage for a book of some format: so many, and so many for each byte."""

    fixed: float
    per_byte: float

    def seconds(self, size: int) -> float:
        """What a book of `size` bytes takes."""
        return self.fixed + self.per_byte * size


DEFAULTS: Mapping[Key, Pace] = {
    ("schema", "pdf"): Pace(0.05, 4e-8),
    ("schema", "epub"): Pace(0.04, 8e-8),
    ("schema", "html"): Pace(0.005, 4e-7),
    ("schema", "md"): Pace(0.005, 1e-7),
    ("schema", "txt"): Pace(0.005, 1e-7),
    ("extract", "pdf"): Pace(0.05, 1.4e-7),
    ("extract", "epub"): Pace(0.03, 1e-7),
    ("extract", "html"): Pace(0.015, 3e-7),
    ("extract", "md"): Pace(0.015, 1e-7),
    ("extract", "txt"): Pace(0.005, 1e-7),
    ("enrich", "pdf"): Pace(0.02, 1e-8),
    ("enrich", "epub"): Pace(0.02, 4e-8),
    ("enrich", "html"): Pace(0.02, 6e-8),
    ("enrich", "md"): Pace(0.02, 1.3e-7),
    ("enrich", "txt"): Pace(0.02, 1.3e-7),
    ("audit", "pdf"): Pace(0.01, 2e-9),
    ("audit", "html"): Pace(0.005, 2e-7),
}
"""Seconds of one worker, measured on a small machine. Chunks that are cut along with extracting are in `extract`."""
_OTHER = Pace(0.01, 3e-8)


class Estimator:
    """Tells how long stages of a book will take, by the paces of one library and the workers of one run."""

    def __init__(self, measured: Sequence[Timing], *, workers: int, usual_workers: int) -> None:
        """`usual_workers` is how many there were when it was measured, `workers` how many there will be."""
        self._measured = _paces(measured)
        self._scale = usual_workers / workers
        self._workers = workers
        self._apart = _share_apart(measured)

    @classmethod
    def of_library(cls, reader: sqlite3.Connection | None, *, workers: int, usual_workers: int) -> "Estimator":
        """By what a library has measured; None is one that is not there yet."""
        found = timings.latest(reader, _LATEST) if reader else []
        return cls(found, workers=workers, usual_workers=usual_workers)

    def seconds(self, stages: Iterable[str], book_format: str, size: int) -> float:
        """What these stages of a book add to a run's time."""
        chosen = tuple(stages)
        total = 0.0
        for stage in chosen:
            share = self._apart.get(book_format, 0.0) if stage == "chunk" and "extract" in chosen else 1.0
            total += share * self._one(stage, book_format, size)
        return total

    def _one(self, stage: str, book_format: str, size: int) -> float:
        key = (stage, book_format)
        if key in self._measured:
            return self._measured[key].seconds(size) * self._scale
        return DEFAULTS.get(key, _OTHER).seconds(size) / self._workers


def _paces(measured: Sequence[Timing]) -> dict[Key, Pace]:
    points: dict[Key, list[tuple[int, float]]] = {}
    for item, seconds in zip(measured, _shares(measured), strict=True):
        points.setdefault((item.stage, item.format), []).append((item.size, seconds))
    return {key: _fit(found) for key, found in points.items() if len(found) >= _LEAST}


def _shares(measured: Sequence[Timing]) -> list[float]:
    """Each task's share of the clock: the integral, over its time, of one over the tasks that are under way."""
    ends = sorted([(item.started_at, 1) for item in measured] + [(item.finished_at, -1) for item in measured])
    passed: dict[float, float] = {}
    clock, under_way = 0.0, 0
    for (moment, change), (following, _) in pairwise([*ends, (ends[-1][0], 0)] if ends else []):
        passed.setdefault(moment, clock)
        under_way += change
        clock += (following - moment) / under_way if under_way else 0.0
        passed[following] = clock
    return [passed[item.finished_at] - passed[item.started_at] for item in measured]


def _fit(points: Sequence[tuple[int, float]]) -> Pace:
    """The straight line with the least squares, with neither part below zero. Its sum over the points is theirs."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    if slope <= 0:
        return Pace(mean_y, 0.0)
    if mean_y < slope * mean_x:
        return Pace(0.0, mean_y / mean_x)
    return Pace(mean_y - slope * mean_x, slope)


def _share_apart(measured: Sequence[Timing]) -> dict[str, float]:
    """By format, the share of books whose chunks are not cut along with extracting."""
    counts: dict[Key, int] = {}
    for item in measured:
        key = (item.stage, item.format)
        counts[key] = counts.get(key, 0) + 1
    return {
        book_format: min(1.0, counts.get(("chunk", book_format), 0) / count)
        for (stage, book_format), count in counts.items()
        if stage == "extract"
    }
