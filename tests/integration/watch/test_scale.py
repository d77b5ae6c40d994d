"""Many files at once, more than the system can tell of: each ends in the library or has a reason, in flat memory."""

import os
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from tests.support.filed import rows
from tests.support.program import librarian
from tests.support.watched import Watched

FILES = int(os.environ.get("LIBRARIAN_WATCH_FILES", "3000"))
FOLDER_FILES = 1000
ROUNDS = 20 if FILES < 100_000 else 100
SECONDS_PER_FILE = 0.1
GROWTH_BYTES = 64 << 20
"""What the second wave may add to the memory of the process; leaks of one path a file would add more."""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measures by /proc")]


def create(tree: Path, wave: str) -> None:
    """Write small distinct files as fast as one process can."""
    for number in range(FILES):
        folder = tree / f"{wave}{number // FOLDER_FILES}"
        if number % FOLDER_FILES == 0:
            folder.mkdir()
        (folder / f"{number}.txt").write_text(
            f"The {number}th letter of the {wave} bundle lies in the harbour office.\n"
        )


def resident_bytes(watched: Watched) -> int:
    assert watched.running is not None
    status = Path(f"/proc/{watched.running.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) << 10


def has_ended(watched: Watched, expected: int) -> bool:
    """Whether so many files have an outcome. Asked seldom, because it counts all of them."""
    threading.Event().wait(0.5)
    return ended(watched) == expected


def ended(watched: Watched) -> int:
    found = "SELECT count(*) FROM files LEFT JOIN books ON books.id = files.book WHERE outcome <> '' OR status IN"
    return int(rows(watched.library, f"{found} ('ok', 'ok-with-warning', 'failed')")[0][0])


def test_no_file_of_a_flood_is_lost_and_memory_stays_flat(watched: Watched) -> None:
    watched.begin()
    resident = []
    for wave, expected in (("first", FILES), ("second", 2 * FILES)):
        began = time.monotonic()
        create(watched.tree, wave)
        created = time.monotonic() - began
        watched.wait(partial(has_ended, watched, expected), 60 + FILES * SECONDS_PER_FILE)
        resident.append(resident_bytes(watched))
        print(f"{wave}: {created:.1f} s to create, {time.monotonic() - began:.1f} s to end, {resident[-1] >> 20} MiB")  # noqa: T201  # figures
    assert resident[1] - resident[0] < GROWTH_BYTES
    outcomes = watched.outcomes()
    assert len(outcomes) == 2 * FILES
    assert {text.split(":")[0] for text in outcomes.values()} <= {"ok", "ok-with-warning"}
    assert librarian("check", library=watched.library).code == 0


def test_memory_stays_flat_over_events_of_the_same_files(watched: Watched) -> None:
    """Nothing that a watch keeps may grow with what happened, rather than with what there is."""
    watched.begin()
    resident = []
    for number in range(ROUNDS):
        for name in range(FILES // ROUNDS):
            (watched.tree / f"{name}.txt").write_text(f"The {name}th letter is written again and again.\n")
        watched.wait(partial(is_seen, watched), 60 + FILES * SECONDS_PER_FILE)
        resident.append(resident_bytes(watched))
        if number % (ROUNDS // 5) == 0:
            print(f"round {number}: {resident[-1] >> 20} MiB")  # noqa: T201  # figures
    assert resident[-1] - resident[ROUNDS // 5] < GROWTH_BYTES // 4


def is_seen(watched: Watched) -> bool:
    """Whether the library knows every file as it is now."""
    threading.Event().wait(0.05)
    there = {path.stat().st_mtime_ns for path in watched.tree.iterdir()}
    return {row[0] for row in rows(watched.library, "SELECT mtime_ns FROM files")} == there
