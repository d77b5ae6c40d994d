"""Paths settle once they stand still: no event, and the same size and time, for long enough."""

import os
from pathlib import Path

import pytest

from librarian_cli.settling import Settling

SECONDS = 5.0
WALL = 1_000_000.0


class Clock:
    """A monotonic clock and a wall clock that go on together, by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return WALL + self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settling(clock: Clock) -> Settling:
    return Settling(SECONDS, now=clock.now, wall=clock.wall)


def make(folder: Path, name: str, *, age: float = 100.0, content: str = "text") -> bytes:
    """Write a file that was last changed so many seconds before the clock began."""
    path = folder / name
    path.write_text(content)
    os.utime(path, (WALL - age,) * 2)
    return os.fsencode(path)


def test_a_path_settles_after_its_seconds_and_once_only(tmp_path: Path, settling: Settling, clock: Clock) -> None:
    path = make(tmp_path, "a")
    settling.touch(path)
    clock.seconds = SECONDS - 0.1
    assert settling.settled() == []
    assert path in settling
    clock.seconds = SECONDS
    assert settling.settled() == [path]
    assert (settling.settled(), len(settling), path in settling) == ([], 0, False)


def test_a_path_that_is_touched_again_begins_anew(tmp_path: Path, settling: Settling, clock: Clock) -> None:
    path = make(tmp_path, "a")
    settling.touch(path)
    for clock.seconds in (3.0, 6.0, 9.0):
        assert settling.settled() == []
        settling.touch(path)
    clock.seconds = 13.9
    assert settling.settled() == []
    clock.seconds = 14.0
    assert settling.settled() == [path]


def test_paths_settle_in_the_order_in_which_they_fell_silent(tmp_path: Path, settling: Settling, clock: Clock) -> None:
    first, second = make(tmp_path, "a"), make(tmp_path, "b")
    settling.touch(first)
    clock.seconds = 1.0
    settling.touch(second)
    clock.seconds = 2.0
    settling.touch(first)
    clock.seconds = 6.5
    assert settling.settled() == [second]
    clock.seconds = 7.0
    assert settling.settled() == [first]


def test_ten_thousand_touches_of_a_path_take_one_place(tmp_path: Path, settling: Settling, clock: Clock) -> None:
    path = make(tmp_path, "a")
    for _ in range(10_000):
        settling.touch(path)
    assert len(settling) == 1
    clock.seconds = SECONDS
    assert settling.settled() == [path]


def test_a_file_that_grows_without_an_event_has_not_settled(tmp_path: Path, settling: Settling, clock: Clock) -> None:
    """As on file systems that tell nothing while a file is written."""
    path = make(tmp_path, "a", age=0)
    settling.touch(path)
    for clock.seconds in (5.0, 10.0, 15.0):
        make(tmp_path, "a", age=-clock.seconds, content="x" * int(clock.seconds))
        assert settling.settled() == []
    clock.seconds = 20.0
    assert settling.settled() == [path]


@pytest.mark.parametrize(
    ("age", "young"),
    [
        (4.9, True),
        (5.0, False),
        (0.0, True),
        (-3600.0, True),  # from the future
    ],
)
def test_a_file_is_young_for_as_long_as_it_takes_to_settle(settling: Settling, age: float, *, young: bool) -> None:
    assert settling.is_young(int((WALL - age) * 1e9)) is young


def test_a_file_from_the_future_settles_once_it_was_seen_to_stand_still(
    tmp_path: Path, settling: Settling, clock: Clock
) -> None:
    path = make(tmp_path, "a", age=-1e6)
    settling.touch(path)
    clock.seconds = 5.0
    assert settling.settled() == []
    clock.seconds = 10.0
    assert settling.settled() == [path]


def test_a_file_from_the_future_that_changes_between_two_looks_has_not_settled(
    tmp_path: Path, settling: Settling, clock: Clock
) -> None:
    path = make(tmp_path, "a", age=-1e6)
    settling.touch(path)
    clock.seconds = 5.0
    assert settling.settled() == []
    make(tmp_path, "a", age=-1e6, content="more text")
    clock.seconds = 10.0
    assert settling.settled() == []
    clock.seconds = 15.0
    assert settling.settled() == [path]


def test_what_is_gone_and_folders_need_not_stand_still(tmp_path: Path, settling: Settling, clock: Clock) -> None:
    (tmp_path / "folder").mkdir()
    os.utime(tmp_path / "folder", (WALL + 1e6,) * 2)
    paths = [os.fsencode(tmp_path / "folder"), os.fsencode(tmp_path / "gone")]
    for path in paths:
        settling.touch(path)
    clock.seconds = SECONDS
    assert settling.settled() == paths


def test_no_time_to_settle_means_at_once(tmp_path: Path, clock: Clock) -> None:
    settling = Settling(0, now=clock.now, wall=clock.wall)
    path = make(tmp_path, "a", age=0)
    settling.touch(path)
    assert settling.settled() == [path]
