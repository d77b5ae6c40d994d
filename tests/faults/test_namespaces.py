"""Signals to an ingest that is process 1 of a container or leads its session; three of them end it at once."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import FAULTS, Start
from tests.support import trees
from tests.support.digest import digest
from tests.support.program import LIBRARIAN, librarian
from tests.support.running import Running, wait_until

UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc")
END_SECONDS = 15.0
AT_ONCE_SECONDS = 1.0
APART_SECONDS = 0.2

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Books to read, the largest of them, which is read first, slowly."""
    for number in range(20):
        trees.write_text(tmp_path / f"tree/{number:02}.txt", number)
    trees.write_text(tmp_path / "tree/a.txt", "slow", head="FAULT:slow\n", paragraphs=200)
    return tmp_path / "tree"


@pytest.fixture
def contained(tmp_path: Path, library: Path, tree: Path) -> Iterator[Running]:
    """An ingest that is process 1 of its own process namespace."""
    if not shutil.which("unshare") or subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a process namespace takes `unshare`, and the right to make one")
    env = {"PYTHONPATH": str(FAULTS), "FAULT_LOG": str(tmp_path / "readings")}
    running = Running(tmp_path / "contained", (*UNSHARE, LIBRARIAN, "--library", library, "ingest", tree), env)
    yield running
    running.end()


def wait_until_read(running: Running, log: Path) -> None:
    wait_until(lambda: log.exists() and "begin a.txt" in log.read_text(), 30.0, lambda: running.err)


def assert_clean_and_resumable(tmp_path: Path, library: Path, tree: Path) -> None:
    wal = library / "library.db-wal"
    assert not wal.exists() or wal.stat().st_size == 0
    assert list((library / "owners").iterdir()) == []
    assert librarian("check", "--read-data", library=library).code == 0
    assert librarian("ingest", tree, library=library).code == 0
    assert librarian("ingest", tree, library=tmp_path / "other").code == 0
    assert digest(library) == digest(tmp_path / "other")


def first_process_of(running: Running) -> int:
    """Return the pid, as seen from here, of process 1 in the namespace that `unshare` made."""
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
    return int(children[0])


def test_sigterm_ends_an_ingest_that_is_process_1_of_its_namespace(
    tmp_path: Path, library: Path, tree: Path, contained: Running
) -> None:
    wait_until_read(contained, tmp_path / "readings")
    os.kill(first_process_of(contained), signal.SIGTERM)
    assert contained.wait(END_SECONDS).code == 143
    contained.wait_for_none(1.0)
    assert_clean_and_resumable(tmp_path, library, tree)


def test_sigterm_ends_an_ingest_that_leads_its_session(tmp_path: Path, library: Path, tree: Path, start: Start) -> None:
    running = start("ingest", tree)
    wait_until_read(running, tmp_path / "readings")
    assert os.getsid(running.process.pid) == running.process.pid
    running.signal(signal.SIGTERM)
    assert running.wait(END_SECONDS).code == 143
    running.wait_for_none(1.0)
    assert_clean_and_resumable(tmp_path, library, tree)


@pytest.mark.parametrize("locked", [False, True])  # with the library locked nothing can be given back
def test_three_signals_end_it_at_once_whatever_it_waits_for(
    tmp_path: Path, library: Path, tree: Path, start: Start, *, locked: bool
) -> None:
    trees.write_text(tree / "a.txt", "hang", head="FAULT:hang\n", paragraphs=200)
    running = start("ingest", tree)
    wait_until_read(running, tmp_path / "readings")
    with (library / "writer.lock").open("rb") as lock:
        if locked:
            fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        for _ in range(3):
            running.signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):  # signals that come too fast count as one
                running.process.wait(APART_SECONDS)
        assert running.wait(AT_ONCE_SECONDS).code == 130
        assert time.monotonic() - began < AT_ONCE_SECONDS
    running.wait_for_none(5.0)
    assert librarian("check", "--read-data", library=library).code == 0
    assert librarian("ingest", tree, library=library).code == 0  # by readers without faults
