"""Folders that come, go, move and are mounted while they are watched; and what the system cannot tell of."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Start
from tests.support.filed import rows
from tests.support.live import stays
from tests.support.program import librarian
from tests.support.trees import write_text
from tests.support.watched import SETTLE_SECONDS, Watched, limit

LATER_SECONDS = 3 * SETTLE_SECONDS


def mount(folder: Path, *options: str) -> None:
    """Mount an empty disk; skip where that is not allowed."""
    ran = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if ran.returncode:
        pytest.skip(f"nothing can be mounted here: {ran.stderr.strip()}")


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def disk(watched: Watched) -> Iterator[Path]:
    """A disk that is mounted over the watched folder; unmounted, and mounted again, with the same content by `move`."""
    store = watched.tree.parent / "disk"
    store.mkdir()
    mount(store)
    yield store
    for folder in (watched.tree, store):
        subprocess.run(["umount", "--lazy", folder], capture_output=True, check=False)


def insert(disk: Path, tree: Path) -> None:
    """Show the disk's content at the watched folder."""
    subprocess.run(["mount", "--bind", disk, tree], check=True)


def test_new_folders_at_any_depth_are_watched_with_what_is_in_them_at_once(watched: Watched) -> None:
    watched.begin()
    names = [f"{'/'.join('abcdefgh'[:depth])}/{depth}.txt" for depth in range(1, 9)]
    for name in names:
        watched.write(name)
    watched.wait_for_all(dict.fromkeys(names, "ok"))
    watched.write("a/b/c/later.txt")
    watched.wait_for_all(dict.fromkeys([*names, "a/b/c/later.txt"], "ok"))


def test_a_renamed_folder_is_not_read_again(watched: Watched) -> None:
    names = [f"shelf/{part}{number}.txt" for number in range(6) for part in ("", "deep/")]
    for name in names:
        watched.write(name)
    watched.begin()
    watched.wait_for_all(dict.fromkeys(names, "ok"))
    before = watched.agents()
    (watched.tree / "shelf").rename(watched.tree / "case")
    moved = [name.replace("shelf", "case") for name in names]
    watched.wait_for_all(dict.fromkeys(moved, "ok"))
    assert sorted(watched.actions("file")) == sorted(("file.moved", name) for name in moved)
    assert watched.agents() == before
    watched.write("case/deep/later.txt")
    watched.wait_for_all(dict.fromkeys([*moved, "case/deep/later.txt"], "ok"))


def test_a_folder_that_is_moved_in_is_taken_and_one_moved_out_is_gone(watched: Watched, tmp_path: Path) -> None:
    watched.write("stays.txt")
    watched.begin()
    for number in range(3):
        write_text(tmp_path / f"box/in/{number}.txt", number)
    (tmp_path / "box").rename(watched.tree / "box")
    inside = {f"box/in/{number}.txt": "ok" for number in range(3)}
    watched.wait_for_all({"stays.txt": "ok"} | inside)
    (watched.tree / "box").rename(tmp_path / "box")
    watched.wait_for_all({"stays.txt": "ok"})
    assert rows(watched.library, "SELECT count(*) FROM books") == [(4,)], "they are kept for some time"


@pytest.mark.slow
def test_a_folder_that_is_removed_takes_its_files_along(watched: Watched) -> None:
    names = [f"shelf/{number}.txt" for number in range(5)]
    for name in ("stays.txt", *names):
        watched.write(name)
    watched.begin()
    watched.wait_for_all(dict.fromkeys(["stays.txt", *names], "ok"))
    for name in names:
        (watched.tree / name).unlink()
    (watched.tree / "shelf").rmdir()
    watched.wait_for_all({"stays.txt": "ok"})
    assert sorted(watched.actions("file")) == [("file.gone", name) for name in names]


@pytest.mark.slow
def test_an_emptied_root_deletes_nothing(watched: Watched) -> None:
    watched.write("a.txt")
    watched.begin(LIBRARIAN_WATCH_RESCAN_SECONDS="0.5")
    watched.wait_for_all({"a.txt": "ok"})
    (watched.tree / "a.txt").unlink()
    stays(lambda: watched.outcomes() == {"a.txt": "ok"}, LATER_SECONDS)


@pytest.mark.slow
def test_a_disk_that_is_unmounted_deletes_nothing_and_is_watched_once_it_is_back(watched: Watched, disk: Path) -> None:
    write_text(disk / "a.txt", 1)
    insert(disk, watched.tree)
    watched.begin(LIBRARIAN_WATCH_RESCAN_SECONDS="1")
    watched.wait_for_all({"a.txt": "ok"})
    before = watched.agents()
    unmount(watched.tree)
    stays(lambda: watched.outcomes() == {"a.txt": "ok"}, LATER_SECONDS)
    insert(disk, watched.tree)
    stays(lambda: watched.outcomes() == {"a.txt": "ok"}, LATER_SECONDS)
    assert (watched.actions("file"), watched.agents()) == ([], before)


def test_a_disk_that_is_mounted_while_its_folder_is_watched_is_watched(watched: Watched, disk: Path) -> None:
    """Events come from the folder that was there before, which is hidden now; no look at everything comes for long."""
    write_text(disk / "there.txt", 1)
    watched.begin()
    insert(disk, watched.tree)
    watched.wait_for_all({"there.txt": "ok"})
    watched.write("new.txt")
    watched.wait_for_all({"there.txt": "ok", "new.txt": "ok"})


def test_a_root_that_is_removed_is_waited_for(watched: Watched, tmp_path: Path) -> None:
    watched.write("a.txt")
    running = watched.begin()
    watched.wait_for_all({"a.txt": "ok"})
    watched.tree.rename(tmp_path / "away")
    watched.wait(lambda: f"{watched.tree}: is not there any more" in running.err)
    (tmp_path / "away").rename(watched.tree)
    watched.write("b.txt")
    watched.wait_for_all({"a.txt": "ok", "b.txt": "ok"})
    (watched.tree / "a.txt").unlink()
    (watched.tree / "b.txt").unlink()
    watched.tree.rmdir()
    watched.wait(lambda: running.err.count("is not there any more") == 2)
    watched.write("c.txt")  # in a new folder of that name
    watched.wait_for_all({"c.txt": "ok"})


def test_polling_finds_what_comes_changes_and_goes(watched: Watched) -> None:
    watched.begin("--poll", events=False, LIBRARIAN_WATCH_POLL_SECONDS="0.3")
    watched.write("stays.txt")
    watched.write("a/b.txt", "old")
    watched.wait_for_all({"stays.txt": "ok", "a/b.txt": "ok"})
    assert watched.subscriptions() == 0
    watched.write("a/b.txt", "new")
    watched.wait(lambda: ("file.changed", "a/b.txt") in watched.actions("file"))
    (watched.tree / "a/b.txt").unlink()
    watched.wait_for_all({"stays.txt": "ok"})


@pytest.mark.slow
def test_a_file_from_the_future_is_not_waited_for_for_ever_while_polling(watched: Watched) -> None:
    """Each look meets it before it has settled."""
    watched.write("ahead.txt")
    os.utime(watched.tree / "ahead.txt", (4e9, 4e9))
    watched.begin("--poll", events=False, LIBRARIAN_WATCH_POLL_SECONDS="0.1")
    watched.wait_for_all({"ahead.txt": "ok"})


@pytest.mark.parametrize(
    "grown", [pytest.param(False, id="at the start", marks=pytest.mark.slow), pytest.param(True, id="later")]
)
def test_folders_that_the_system_refuses_to_watch_are_polled_which_is_said_once(
    watched: Watched, *, grown: bool
) -> None:
    folders = [watched.tree / f"{number:02}" for number in range(40)]
    for folder in () if grown else folders:
        folder.mkdir()
    if grown:
        running = watched.begin(LIBRARIAN_WATCH_POLL_SECONDS="0.5")
    with limit("max_user_watches", 20):
        if not grown:
            running = watched.begin(events=False, LIBRARIAN_WATCH_POLL_SECONDS="0.5")
        for folder in folders:
            watched.write(f"{folder.name}/a.txt")
        watched.wait_for_all({f"{folder.name}/a.txt": "ok" for folder in folders})
        watched.write("39/b.txt")
        watched.wait(lambda: "39/b.txt" in watched.outcomes())
    assert len(re.findall(r"tree: looked at every 0.5 s, because .*--doctor", running.err)) == 1


def test_events_that_overflow_lose_no_file(watched: Watched) -> None:
    with limit("max_queued_events", 16):
        running = watched.begin()
        names = [f"{number:03}.txt" for number in range(300)]
        running.signal(signal.SIGSTOP)  # it reads no event meanwhile
        for name in names:
            (watched.tree / name).write_text(f"The letter of {name} lies in the harbour office.\n")
        running.signal(signal.SIGCONT)
        watched.wait(lambda: set(watched.outcomes()) == set(names))
        watched.wait(lambda: "lost events" in running.err)


def test_a_library_in_the_watched_folder_does_not_keep_its_own_watch_busy(tmp_path: Path, start: Start) -> None:
    """What it writes to itself is no reason to look; else it would never rest."""
    watched = Watched(tmp_path, start)
    watched.library = watched.tree / "library"
    watched.write("a.txt")
    watched.running = start("--library", watched.library, "watch", "--settle", "0.1", watched.tree)
    watched.wait_for_all({"a.txt": "ok"})
    watched.wait(lambda: rows(watched.library, "SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL") == [(1,)])
    logged = "SELECT seq FROM sqlite_sequence WHERE name = 'activity'"  # counts what was taken back as well
    indexed = "SELECT count(*) FROM activity WHERE action = 'stage.completed' AND target = 'library'"
    watched.wait(lambda: rows(watched.library, indexed) == [(1,)])
    before = rows(watched.library, logged)
    stays(lambda: rows(watched.library, logged) == before, LATER_SECONDS)


def test_an_ingest_beside_a_watch_shares_the_tree(watched: Watched) -> None:
    names = [f"{number:02}.txt" for number in range(30)]
    watched.begin()
    for name in names:
        watched.write(name)
    ran = librarian("ingest", watched.tree, library=watched.library)
    assert ran.code == 0, ran.err
    watched.wait_for_all(dict.fromkeys(names, "ok"))
    assert rows(watched.library, "SELECT count(*) FROM books") == [(30,)]
    assert watched.agents() == 3 * len(names), "nothing was read twice"
