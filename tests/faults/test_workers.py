"""A file that breaks its reader costs itself only: its neighbours are stored, and its reason is exact."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import Start
from tests.support import trees
from tests.support.running import wait_until

HEALTHY = 60
BOUND_SECONDS = 40.0
SHORT = {f"LIBRARIAN_STAGES_{stage}_SILENCE_SECONDS": "1" for stage in ("SCHEMA", "EXTRACT")}

# kind -> (outcome, attempts): a worker's death or silence is tried once more, what a reader says is final.
FATES = {
    "segfault": ("failed:crash", 2),
    "abort": ("failed:crash", 2),
    "killed": ("failed:crash", 2),
    "exit": ("failed:crash", 2),
    "grandchild": ("failed:crash", 2),
    "hang": ("failed:timeout", 2),
    "stop": ("failed:timeout", 2),
    "memory": ("failed:memory", 2),
    "error": ("failed:internal", 1),
    "unpicklable": ("failed:internal", 1),
    "peek-segfault": ("failed:crash", 2),
    "peek-hang": ("failed:timeout", 2),
}

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


def write_tree(folder: Path, kinds: tuple[str, ...], healthy: int = HEALTHY) -> Path:
    for number in range(healthy):
        trees.write_text(folder / f"healthy{number:02}.txt", number)
    for kind in kinds:
        trees.write_text(folder / f"{kind}.txt", kind, head=f"FAULT:{kind}\n")
    return folder


def attempts(library: Path) -> dict[str, int]:
    """Return how often a task of each book failed, by the name of its file, where it did."""
    with closing(sqlite3.connect(f"file:{library / 'library.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT files.path, max(tasks.attempts) FROM files JOIN tasks ON tasks.book = files.book"
            " GROUP BY files.path HAVING max(tasks.attempts) > 0"
        )
        return {os.fsdecode(path).removesuffix(".txt"): count for path, count in rows}


def readings(log: Path) -> list[tuple[str, str, float]]:
    """Return (word, name, seconds) of every reading, in order."""
    lines = (line.split() for line in log.read_text().splitlines())
    return sorted(((word, name, float(at)) for word, name, at in lines), key=lambda item: item[2])


@pytest.mark.slow
def test_only_files_that_break_their_reader_fail_each_with_its_reason(
    tmp_path: Path, library: Path, start: Start
) -> None:
    tree = write_tree(tmp_path / "tree", tuple(FATES))
    running = start("ingest", tree, "--json", env=SHORT)
    ran = running.wait(BOUND_SECONDS)
    outcomes = {
        Path(item["path"]).stem: f"{item['outcome']}:{item['reason']}".rstrip(":") for item in ran.document["files"]
    }
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "ok"} == {
        kind: outcome for kind, (outcome, _) in FATES.items()
    }
    assert len(outcomes) == HEALTHY + len(FATES)
    assert attempts(library) == {kind: count for kind, (_, count) in FATES.items()}
    assert ran.code == 3
    running.wait_for_none(5.0)


@pytest.mark.slow
def test_a_file_that_broke_its_worker_is_tried_again_with_nothing_beside_it(tmp_path: Path, start: Start) -> None:
    tree = write_tree(tmp_path / "tree", ("hang",))
    start("ingest", tree, env=SHORT).wait(BOUND_SECONDS)
    found = readings(tmp_path / "readings")
    first, second = (at for word, name, at in found if (word, name) == ("begin", "hang.txt"))
    beside = [name for word, name, at in found if first < at < first + 1.0]
    assert beside, "the first attempt must have had company, or this test says nothing"
    assert [name for word, name, at in found if second < at < second + 1.0] == []
    open_before = {name for word, name, at in found if word == "begin" and at < second}
    ended_after = {name for word, name, at in found if word == "end" and at > second}
    assert not open_before & ended_after


def test_a_worker_that_is_killed_from_outside_costs_no_book(tmp_path: Path, library: Path, start: Start) -> None:
    tree = write_tree(tmp_path / "tree", ("slow",), healthy=3)
    running = start("ingest", tree)
    log = tmp_path / "readings"
    wait_until(lambda: log.exists() and "begin slow.txt" in log.read_text(), 30.0, lambda: running.err)
    for pid in set(running.members()) - {running.process.pid, nursery_of(running.process.pid)}:
        os.kill(pid, signal.SIGKILL)
    assert running.wait().code == 0
    charged = attempts(library)  # a neighbour may have been read at that moment too
    assert charged["slow"] == 1
    assert set(charged.values()) == {1}


def test_a_killed_nursery_costs_no_book(tmp_path: Path, library: Path, start: Start) -> None:
    tree = write_tree(tmp_path / "tree", ("slow",), healthy=3)
    running = start("ingest", tree)
    log = tmp_path / "readings"
    wait_until(lambda: log.exists() and "begin slow.txt" in log.read_text(), 30.0, lambda: running.err)
    os.kill(nursery_of(running.process.pid), signal.SIGKILL)
    assert running.wait().code == 0


def test_no_parser_is_loaded_in_the_coordinator(tmp_path: Path, start: Start) -> None:
    tree = trees.copy_samples(tmp_path / "tree")
    write_tree(tree, ("slow",), healthy=0)
    running = start("ingest", tree)
    log = tmp_path / "readings"
    wait_until(lambda: log.exists() and "begin slow.txt" in log.read_text(), 30.0, lambda: running.err)
    maps = Path(f"/proc/{running.process.pid}/maps").read_text()
    assert not [name for name in ("pdfium", "lxml", "selectolax", "lexbor") if name in maps]
    assert running.wait().code == 3  # one of the samples is damaged on purpose


def nursery_of(pid: int) -> int:
    """Return the process from which a coordinator's workers are forked: its only child."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() or _children(pid)
    return int(child)


def _children(pid: int) -> list[str]:
    """The nursery may be the child of another thread than the main one."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [child for task in tasks for child in (task / "children").read_text().split()]
