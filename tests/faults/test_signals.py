"""SIGINT and SIGTERM: once lets books under way end, twice ends at once; the library is whole and the rest goes on."""

import signal
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Start
from tests.support import trees
from tests.support.digest import digest
from tests.support.program import librarian
from tests.support.running import Running, wait_until

GRACE = 3
GRACE_ENV = {"LIBRARIAN_LIMITS_GRACE_SECONDS": str(GRACE)}
AT_ONCE_SECONDS = 2.0
MARGIN_SECONDS = 2.0

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


def write_tree(folder: Path, kind: str, healthy: int = 30) -> Path:
    for number in range(healthy):
        trees.write_text(folder / f"healthy{number:02}.txt", number)
    trees.write_text(folder / "a.txt", kind, head=f"FAULT:{kind}\n", paragraphs=200)  # the largest is read first
    return folder


def wait_until_read(running: Running, log: Path) -> None:
    wait_until(lambda: log.exists() and "begin a.txt" in log.read_text(), 30.0, lambda: running.err)


def assert_sound(library: Path) -> None:
    checked = librarian("check", "--read-data", library=library)
    assert checked.code == 0, checked.err


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_lets_the_reading_under_way_end(
    tmp_path: Path, library: Path, start: Start, signum: int, code: int
) -> None:
    running = start("ingest", write_tree(tmp_path / "tree", "slow"), env=GRACE_ENV)
    wait_until_read(running, tmp_path / "readings")
    running.signal(signum)
    assert running.wait(GRACE + MARGIN_SECONDS).code == code
    running.wait_for_none(1.0)
    books = librarian("books", "--json", library=library).document["books"]
    (slow,) = (book for book in books if book["paths"][0].endswith("/a.txt"))
    assert slow["chunks"] > 0
    assert_sound(library)


@pytest.mark.slow
def test_one_signal_waits_for_a_hung_book_no_longer_than_the_grace(tmp_path: Path, library: Path, start: Start) -> None:
    running = start("ingest", write_tree(tmp_path / "tree", "hang"), env=GRACE_ENV)
    wait_until_read(running, tmp_path / "readings")
    began = time.monotonic()
    running.signal(signal.SIGINT)
    assert running.wait(GRACE + MARGIN_SECONDS).code == 130
    assert time.monotonic() - began > GRACE - 0.5
    running.wait_for_none(1.0)
    assert_sound(library)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, library: Path, start: Start, signum: int, code: int) -> None:
    running = start("ingest", write_tree(tmp_path / "tree", "hang"))
    wait_until_read(running, tmp_path / "readings")
    running.signal(signum)
    wait_until(lambda: "stopping" in running.err, 5.0, lambda: running.err)
    running.signal(signum)
    assert running.wait(AT_ONCE_SECONDS).code == code
    running.wait_for_none(1.0)
    assert_sound(library)


def test_what_a_signal_left_undone_is_done_by_the_next_run_uncharged(
    tmp_path: Path, library: Path, start: Start
) -> None:
    tree = write_tree(tmp_path / "tree", "hang")
    running = start("ingest", tree)
    wait_until_read(running, tmp_path / "readings")
    running.signal(signal.SIGINT)
    wait_until(lambda: "stopping" in running.err, 5.0, lambda: running.err)
    running.signal(signal.SIGINT)
    assert running.wait().code == 130
    assert librarian("ingest", tree, library=library).code == 0  # by readers without faults
    assert librarian("ingest", tree, library=tmp_path / "other").code == 0
    assert digest(library) == digest(tmp_path / "other")


def test_a_signal_while_the_tree_is_scanned_ends_the_scan(tmp_path: Path, library: Path, start: Start) -> None:
    tree = tmp_path / "tree"
    for number in range(3000):
        trees.write_text(tree / f"{number:04}.txt", number, paragraphs=1)
    running = start("ingest", tree, env={"LIBRARIAN_STAGES_SCHEMA_WORKERS": "1"})
    wait_until(lambda: (library / "library.db").exists(), 30.0, lambda: running.err)
    running.signal(signal.SIGTERM)
    assert running.wait(GRACE + MARGIN_SECONDS).code == 143
    running.wait_for_none(1.0)
    assert_sound(library)
