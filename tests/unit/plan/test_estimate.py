"""Estimates share out the time that earlier runs took, and fall back on defaults."""

import pytest

from librarian_cli.plan.estimate import DEFAULTS, Estimator
from librarian_cli.store.timings import Timing

STAGES = ("schema", "extract", "chunk", "enrich", "audit")


def timing(number: int, *, stage: str = "extract", size: int = 1000, seconds: float = 1.0) -> Timing:
    """The number-th of stages that ran one after the other."""
    return Timing(stage, "txt", size, float(number), number + seconds)


def estimator(measured: list[Timing], *, workers: int = 2, usual: int = 2) -> Estimator:
    return Estimator(measured, workers=workers, usual_workers=usual)


def test_tasks_that_were_under_way_together_share_the_time() -> None:
    together = [Timing("extract", "txt", 1000, 0.0, 8.0) for _ in range(8)]
    assert estimator(together).seconds(("extract",), "txt", 1000) == pytest.approx(1.0)


def test_the_estimates_of_what_was_measured_add_up_to_the_time_that_it_took() -> None:
    sizes = [1000 + 317 * number % 5000 for number in range(20)]
    measured = [Timing("extract", "txt", size, n * 0.5, n * 0.5 + 1 + size / 1000) for n, size in enumerate(sizes)]
    found = estimator(measured)
    took = max(item.finished_at for item in measured)
    assert sum(found.seconds(("extract",), "txt", size) for size in sizes) == pytest.approx(took)


def test_time_in_which_nothing_was_under_way_is_not_counted() -> None:
    assert estimator([timing(1000 * n) for n in range(6)]).seconds(("extract",), "txt", 1000) == pytest.approx(1.0)


def test_larger_books_take_longer_beyond_what_every_book_takes() -> None:
    measured = [timing(100 * n, size=1000 * n, seconds=2.0 + n) for n in range(1, 8)]
    found = estimator(measured)
    assert found.seconds(("extract",), "txt", 0) == pytest.approx(2.0)
    assert found.seconds(("extract",), "txt", 20_000) == pytest.approx(22.0)


def test_an_estimate_is_never_below_zero() -> None:
    shrinking = estimator([timing(100 * n, size=1000 * n, seconds=9.0 - n) for n in range(1, 8)])
    steep = estimator([timing(100 * n, size=1000 * n, seconds=n * n / 2) for n in range(1, 8)])
    for found in (shrinking, steep):
        assert found.seconds(("extract",), "txt", 0) >= 0
        assert found.seconds(("extract",), "txt", 100_000) > 0


def test_fewer_workers_take_longer_in_proportion() -> None:
    measured = [timing(n) for n in range(6)]
    assert estimator(measured, workers=1, usual=4).seconds(("extract",), "txt", 1000) == pytest.approx(4.0)


def test_before_anything_is_measured_defaults_are_divided_by_the_workers() -> None:
    alone = estimator([], workers=1).seconds(("extract",), "pdf", 1 << 20)
    assert alone == DEFAULTS["extract", "pdf"].seconds(1 << 20)
    assert estimator([], workers=4).seconds(("extract",), "pdf", 1 << 20) == pytest.approx(alone / 4)
    assert estimator([]).seconds(STAGES, "a format of the future", 1000) > 0


def test_a_few_measured_books_do_not_count() -> None:
    assert estimator([timing(n, seconds=50) for n in range(4)]).seconds(("extract",), "txt", 1000) < 1


def test_chunks_that_come_along_with_extracting_cost_nothing_more_but_do_alone() -> None:
    found = estimator([timing(n) for n in range(6)])
    assert found.seconds(("extract", "chunk"), "txt", 1000) == found.seconds(("extract",), "txt", 1000)
    assert found.seconds(("chunk",), "txt", 1000) > 0
