"""A watcher hands on everything, then what settles; and everything again when it may have missed something."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from librarian_cli import watch
from librarian_cli.models import Candidate
from librarian_cli.settings import WatchSettings
from librarian_cli.watch import Batch, Watcher
from tests.support.running import wait_until

SETTINGS = WatchSettings(settle_seconds=0.1, rescan_seconds=300.0, poll_seconds=0.1)
PATIENCE_SECONDS = 10.0
EVERYTHING = Batch(None)


@dataclass
class Watch:
    """A watcher whose batches are collected by a thread."""

    watcher: Watcher
    batches: list[Batch] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()

    def paths(self) -> set[bytes]:
        return {path for batch in self.batches for path in batch.paths or ()}

    def wait(self, condition: Callable[[], bool]) -> None:
        wait_until(condition, PATIENCE_SECONDS, lambda: str(self.batches))

    def close(self) -> None:
        self.stopped.set()
        self._thread.join()
        self.watcher.close()

    def _collect(self) -> None:
        for batch in self.watcher.batches(self.stopped):
            self.batches.append(batch)


Begin = Callable[..., Watch]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Watch a folder."""
    begun: list[Watch] = []

    def begin_watch(
        settings: WatchSettings = SETTINGS, notice: Callable[[str], None] = print, **options: Callable[[bytes], bool]
    ) -> Watch:
        watcher = Watcher((os.fsencode(tmp_path / "tree"),), settings, notice, **options)
        begun.append(Watch(watcher))
        return begun[-1]

    (tmp_path / "tree").mkdir()
    yield begin_watch
    for item in begun:
        item.close()


def test_everything_comes_first_and_then_what_changed_once_it_settled(begin: Begin, tmp_path: Path) -> None:
    found = begin()
    (tmp_path / "tree/a.txt").write_text("text")
    found.wait(lambda: len(found.batches) > 1)
    assert found.batches == [EVERYTHING, Batch((os.fsencode(tmp_path / "tree/a.txt"),))]
    (tmp_path / "tree/a.txt").rename(tmp_path / "tree/b.txt")
    found.wait(lambda: os.fsencode(tmp_path / "tree/b.txt") in found.paths())
    assert EVERYTHING not in found.batches[1:]


def test_paths_of_no_interest_are_no_reason_to_look(begin: Begin, tmp_path: Path) -> None:
    found = begin(wants=lambda path: not path.endswith(b".tmp"))
    (tmp_path / "tree/a.tmp").write_text("text")
    (tmp_path / "tree/b.txt").write_text("text")
    found.wait(lambda: bool(found.paths()))
    assert found.paths() == {os.fsencode(tmp_path / "tree/b.txt")}


def test_an_overflow_leads_to_a_look_at_everything_even_where_warnings_are_not_shown(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "level", logging.ERROR)
    found = begin()
    logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed; filesystem events were lost")
    found.wait(lambda: found.batches == [EVERYTHING, EVERYTHING])


def test_everything_is_looked_at_again_after_a_time(begin: Begin) -> None:
    found = begin(WatchSettings(settle_seconds=0.1, rescan_seconds=0.1))
    found.wait(lambda: found.batches[:3] == 3 * [EVERYTHING])
    assert not found.watcher.is_polling


def test_polling_needs_no_events(begin: Begin, tmp_path: Path) -> None:
    found = begin(WatchSettings(settle_seconds=0.1, poll=True, poll_seconds=0.1))
    (tmp_path / "tree/a.txt").write_text("text")
    found.wait(lambda: len(found.batches) > 2)
    assert found.watcher.is_polling
    assert found.paths() == set()


@pytest.mark.parametrize(
    ("name", "replacement", "why"),
    [
        ("filesystem_type", lambda path: "nfs4", "changes that others make are not told on nfs4"),
        ("is_exhausted", lambda path: True, "no more folders may be watched"),
    ],
)
def test_a_folder_that_tells_nothing_is_polled_which_is_said_once(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, name: str, replacement: Callable[[bytes], object], why: str
) -> None:
    monkeypatch.setattr(watch, name, replacement)
    said: list[str] = []
    found = begin(notice=said.append)
    found.wait(lambda: len(found.batches) > 3)
    assert found.watcher.is_polling
    assert len(said) == 1
    assert f"looked at every 0.1 s, because {why}" in said[0]
    assert "--doctor" in said[0]


def test_with_an_end_it_stops_once_nothing_is_left_to_settle(tmp_path: Path) -> None:
    watcher = Watcher((os.fsencode(tmp_path),), SETTINGS, print)
    watcher.touch(os.fsencode(tmp_path / "a.txt"))
    busy = iter([True, True, False, False])  # a book under way that may yet be found changed
    batches = list(watcher.batches(threading.Event(), ended=lambda: not next(busy)))
    watcher.close()
    assert batches == [EVERYTHING, Batch((os.fsencode(tmp_path / "a.txt"),))]


def test_a_young_file_that_a_look_meets_is_deferred_and_then_handed_on(tmp_path: Path) -> None:
    watcher = Watcher((os.fsencode(tmp_path),), SETTINGS, print)
    (tmp_path / "a.txt").write_text("text")
    status = (tmp_path / "a.txt").stat()
    candidate = Candidate(os.fsencode(tmp_path), b"a.txt", 4, status.st_mtime_ns, status.st_dev, status.st_ino)
    batches = watcher.batches(threading.Event())
    assert next(batches) == EVERYTHING
    assert watcher.defer(candidate)
    assert next(batches) == Batch((candidate.absolute,))
    assert not watcher.defer(candidate), "it has settled"
    watcher.close()


def test_a_file_that_is_waited_for_does_not_begin_anew_with_every_look(tmp_path: Path) -> None:
    """Its time is in the future, so every look finds it young."""
    watcher = Watcher((os.fsencode(tmp_path),), WatchSettings(settle_seconds=0.4, poll=True, poll_seconds=0.1), print)
    (tmp_path / "a.txt").write_text("text")
    candidate = Candidate(os.fsencode(tmp_path), b"a.txt", 4, 1 << 62, 1, 1)
    os.utime(tmp_path / "a.txt", ns=(1 << 62, 1 << 62))
    for looks, batch in enumerate(watcher.batches(threading.Event())):
        if batch.paths:
            break
        assert watcher.defer(candidate)
        assert looks < 50
    watcher.close()


def test_a_root_that_is_back_at_once_is_looked_at_anew(begin: Begin, tmp_path: Path) -> None:
    """What was written meanwhile gave no event."""
    tree, away = tmp_path / "tree", tmp_path / "away"
    found = begin(notice=lambda _: away.rename(tree))  # told between the look that missed it and the new watch
    found.wait(lambda: found.batches == [EVERYTHING])
    tree.rename(away)
    found.wait(lambda: found.batches.count(EVERYTHING) == 2)


def test_a_folder_made_anew_in_the_place_of_a_root_is_watched(begin: Begin, tmp_path: Path) -> None:
    said: list[str] = []
    found = begin(notice=said.append)
    found.wait(lambda: found.batches == [EVERYTHING])
    (tmp_path / "tree").rename(tmp_path / "away")
    found.wait(lambda: bool(said))
    assert found.watcher.present() == ()
    (tmp_path / "tree").mkdir()
    found.wait(lambda: found.batches.count(EVERYTHING) == 2)
    (tmp_path / "tree/a.txt").write_text("text")
    found.wait(lambda: os.fsencode(tmp_path / "tree/a.txt") in found.paths())
    assert len(said) == 1
