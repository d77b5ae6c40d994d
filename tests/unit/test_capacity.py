"""How much may be under way: workers from cores and settings, caps from workers, a profile, or one by one."""

import os

import pytest

from librarian_cli import config
from librarian_cli.capacity import POOLS, book_caps, worker_counts

GENTLE = {"schema": 2, "ingestion": 3, "trust_audit": 2, "total": 5}
WORKERS = dict.fromkeys(POOLS, 4)


def caps(**limits: object) -> dict[str, int]:
    return book_caps(config.load({f"limits.{name}": value for name, value in limits.items()}), WORKERS)


@pytest.mark.parametrize(
    ("setting", "jobs", "expected"),
    [
        ("auto", None, len(os.sched_getaffinity(0))),
        ("auto", 1, 1),
        (7, None, 7),
        (7, 3, 3),  # --jobs lowers
        (2, 9, 2),  # and never raises
    ],
)
def test_a_pool_gets_the_workers_that_are_set_and_no_more_than_jobs(
    setting: object, jobs: int | None, expected: int
) -> None:
    counts = worker_counts(config.load({"stages.extract.workers": setting}), jobs)
    assert counts["extract"] == expected
    assert set(counts) == set(POOLS)


def test_by_default_caps_follow_the_workers_and_total_is_their_sum() -> None:
    found = caps()
    assert found == {"schema": 32, "ingestion": 128, "trust_audit": 32, "total": 192}
    fewer = book_caps(config.load(), dict.fromkeys(POOLS, 1))
    assert all(fewer[name] * 4 == found[name] for name in found)


def test_the_gentle_profile_is_small_whatever_the_workers() -> None:
    assert caps(profile="gentle") == GENTLE


@pytest.mark.parametrize("profile", ["auto", "gentle"])
@pytest.mark.parametrize("name", GENTLE)
def test_a_single_cap_overrides_its_profile_and_no_other(profile: str, name: str) -> None:
    assert caps(profile=profile, **{name: 77}) == caps(profile=profile) | {name: 77}
