"""Whose work another process may take over, and when: at once from a dead one, after a lease from a stopped one."""

import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

from librarian_cli.store.connections import open_read_only
from tests.faults.conftest import Start
from tests.support import trees
from tests.support.digest import digest
from tests.support.effects import done_twice, left_over
from tests.support.program import librarian
from tests.support.running import Running, wait_until

LEASE_SECONDS = 3.0
NOT_BEFORE_SECONDS = LEASE_SECONDS / 2
NOT_AFTER_SECONDS = 2 * LEASE_SECONDS
DEAD_SECONDS = 2.0
LEASE = {"LIBRARIAN_LIMITS_LEASE_SECONDS": str(LEASE_SECONDS)}
WELL = LEASE | {"PYTHONPATH": ""}  # with readers that obey no FAULT lines

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


def begin_reading(tmp_path: Path, library: Path, start: Start, kind: str) -> Running:
    """Start an ingest whose worker reads a book that keeps it busy; another ingest of the tree waits for that."""
    tree = tmp_path / "tree"
    trees.write_text(tree / "a.txt", kind, head=f"FAULT:{kind}\n")
    log = tmp_path / "readings"
    owner = start("ingest", tree, env=LEASE | {"FAULT_GATE": str(tmp_path / "gate")})
    wait_until(lambda: log.exists() and "begin a.txt" in log.read_text(), 30.0, lambda: owner.err)
    other = start("ingest", tree, env=WELL)
    wait_until(lambda: len(rows(library, "SELECT name FROM owners")) == 2, 30.0, lambda: other.err)
    wait_until(lambda: rows(library, "SELECT count(*) FROM job_scopes") == [(2,)], 30.0, lambda: other.err)
    return owner


def rows(library: Path, query: str) -> list[tuple[object, ...]]:
    with closing(open_read_only(library / "library.db")) as connection:
        return connection.execute(query).fetchall()


def was_taken_over(library: Path) -> bool:
    return rows(library, "SELECT deliveries FROM tasks WHERE stage = 'extract'") == [(2,)]


def is_done(library: Path) -> bool:
    return rows(library, "SELECT status FROM books") == [("ok",)]


def work_of(library: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return all that is known of the book and of the work on it."""
    tables = ("books", "tasks", "chunks", "audits", "agents", "agent_totals", "vectors")
    found = {table: rows(library, f"SELECT * FROM {table}") for table in tables}
    return found | {"log": rows(library, "SELECT * FROM activity WHERE book IS NOT NULL")}


@pytest.mark.slow
def test_a_stopped_process_keeps_its_work_for_a_lease_and_no_longer(
    tmp_path: Path, library: Path, start: Start
) -> None:
    owner = begin_reading(tmp_path, library, start, "hang")
    stopped_at = time.monotonic()
    owner.signal(signal.SIGSTOP)
    wait_until(lambda: was_taken_over(library), NOT_AFTER_SECONDS)
    assert time.monotonic() - stopped_at > NOT_BEFORE_SECONDS
    wait_until(lambda: is_done(library), 30.0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hang", "gate"])  # its worker still reads when it goes on, or has long ended
def test_a_stopped_process_that_goes_on_after_its_lease_changes_nothing_and_ends_well(
    tmp_path: Path, library: Path, start: Start, kind: str
) -> None:
    owner = begin_reading(tmp_path, library, start, kind)
    owner.signal(signal.SIGSTOP)
    (tmp_path / "gate").touch()
    wait_until(lambda: is_done(library), 30.0)
    wait_until(lambda: rows(library, "SELECT state FROM tasks WHERE stage = 'index'") == [("done",)], 30.0)
    before = work_of(library)
    owner.signal(signal.SIGCONT)
    ran = owner.wait(30.0)
    assert (ran.code, "Traceback" in ran.err) == (0, False), ran.err
    owner.wait_for_none(1.0)
    wait_until(lambda: left_over(library) == [], 10.0, lambda: str(left_over(library)))
    after = work_of(library)
    assert {name: set(found) ^ set(before[name]) for name, found in after.items() if found != before[name]} == {}
    with closing(open_read_only(library / "library.db")) as connection:
        assert done_twice(connection) == []
    assert librarian("ingest", tmp_path / "tree", library=tmp_path / "other").code == 0
    assert digest(library) == digest(tmp_path / "other")


@pytest.mark.slow
def test_a_process_that_gives_signs_of_life_keeps_its_work_however_long_it_takes(
    tmp_path: Path, library: Path, start: Start
) -> None:
    begin_reading(tmp_path, library, start, "hang")
    until = time.monotonic() + 1.5 * LEASE_SECONDS
    wait_until(lambda: time.monotonic() > until or was_taken_over(library), 2 * LEASE_SECONDS)
    assert not was_taken_over(library)


@pytest.mark.slow
def test_work_of_a_killed_process_is_taken_over_at_once(tmp_path: Path, library: Path, start: Start) -> None:
    owner = begin_reading(tmp_path, library, start, "hang")
    owner.signal(signal.SIGKILL)
    wait_until(lambda: was_taken_over(library), DEAD_SECONDS)
    wait_until(lambda: is_done(library), 30.0)
