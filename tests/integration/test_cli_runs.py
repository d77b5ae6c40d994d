"""The ledger of runs says when, how long, how each ended, and what it brought."""

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import FAULTS
from tests.support import running, trees
from tests.support.cli import TEXT, books_of, make, said
from tests.support.program import librarian
from tests.support.running import Running, wait_until
from tests.support.trees import SAMPLES

COUNTS = ("new", "recovered", "failed", "unchanged")


def runs_of(library: Path) -> list[dict[str, Any]]:
    """The runs as JSON shows them, the oldest first."""
    found: list[dict[str, Any]] = librarian("runs", "--json", library=library).document["runs"]
    return found[::-1]


def brought(run: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(run[name] for name in COUNTS)


def last_brought(library: Path) -> tuple[int | None, ...]:
    return brought(runs_of(library)[-1])


def test_a_run_that_is_done_tells_what_appeared_and_a_second_one_that_nothing_did(own: Path) -> None:
    assert librarian("ingest", SAMPLES, library=own).code == 0
    first, second = runs_of(own)
    assert (first["job"], first["command"], first["ended"], first["exit_code"]) == (1, "ingest", "done", 3)
    assert brought(first) == (12, 0, 1, 0)
    assert (second["job"], second["ended"], second["exit_code"]) == (2, "done", 0)
    assert brought(second) == (0, 0, 0, 14)
    assert first["started_at"] < first["ended_at"] < second["started_at"]
    assert 0 < first["seconds"] < 120


def test_the_list_for_people_has_a_line_a_run_and_can_be_cut(own: Path) -> None:
    assert librarian("ingest", SAMPLES, library=own).code == 0
    lines = librarian("runs", library=own).out.splitlines()
    assert " ".join(lines[0].split()) == "JOB COMMAND STARTED TOOK ENDED EXIT NEW RECOVERED FAILED UNCHANGED"
    assert [line.split()[0] for line in lines[1:]] == ["2", "1"]
    assert [line.split()[0] for line in librarian("runs", "-n", "1", library=own).out.splitlines()[1:]] == ["2"]


def test_a_book_is_new_once(tmp_path: Path) -> None:
    tree, library = make(tmp_path / "books", a_txt=TEXT), tmp_path / "library"
    librarian("ingest", tree, library=library)
    librarian("ingest", "--force", tree, library=library)
    make(tree, b_txt=TEXT * 2)
    librarian("ingest", tree, library=library)
    assert [brought(run) for run in runs_of(library)] == [(1, 0, 0, 0), (0, 0, 0, 0), (1, 0, 0, 1)]
    librarian("remove", books_of(library)["a.txt"]["id"], library=library)
    librarian("ingest", "--force", tree / "a.txt", library=library)
    assert last_brought(library)[0] == 1, "what was forgotten is new again"


def test_a_book_that_a_setting_lets_in_has_recovered(tmp_path: Path) -> None:
    tree, library = make(tmp_path / "books", a_txt=TEXT, b_txt=TEXT * 2), tmp_path / "library"
    small = {"LIBRARIAN_READ_MAX_BOOK_CHARS": "2500"}
    assert librarian("ingest", tree, library=library, env=small).code == 3
    assert librarian("ingest", tree, library=library).code == 0
    assert [brought(run) for run in runs_of(library)] == [(1, 0, 1, 0), (0, 1, 0, 0)], "both were read again"
    librarian("ingest", tree, library=library)
    assert last_brought(library) == (0, 0, 0, 2), "it recovers once"


def test_a_fresh_copy_of_a_broken_file_is_a_recovery(tmp_path: Path) -> None:
    tree, library = make(tmp_path / "books", a_pdf="%PDF-1.4\nnothing more"), tmp_path / "library"
    assert librarian("ingest", tree, library=library).code == 3
    shutil.copy(SAMPLES / "manuals" / "bicycle.pdf", tree / "a.pdf")
    assert librarian("ingest", tree, library=library).code == 0
    assert [brought(run) for run in runs_of(library)] == [(0, 0, 1, 0), (0, 1, 0, 0)]


def test_a_file_that_may_be_read_at_last_is_a_recovery(tmp_path: Path) -> None:
    tree, library = make(tmp_path / "books", a_txt=TEXT), tmp_path / "library"
    (tree / "a.txt").chmod(0)
    assert librarian("ingest", tree, library=library, privileged=False).code == 3
    (tree / "a.txt").chmod(0o600)
    assert librarian("ingest", tree, library=library).code == 0
    assert [brought(run) for run in runs_of(library)] == [(0, 0, 1, 0), (0, 1, 0, 0)]


def test_a_run_out_of_time_says_so_and_its_work_counts_where_it_is_done(tmp_path: Path) -> None:
    tree, library = make(tmp_path / "books", a_txt=TEXT), tmp_path / "library"
    librarian("-q", "ingest", tree, "--max-runtime", "0.001s", library=library)
    librarian("ingest", tree, library=library)
    first, second = runs_of(library)
    assert (first["ended"], first["exit_code"]) == ("out-of-time", 0)
    assert second["ended"] == "done"
    assert first["new"] + second["new"] == 1


def test_what_is_only_filed_is_a_job_and_no_run(tmp_path: Path) -> None:
    library = tmp_path / "library"
    librarian("ingest", "--no-wait", make(tmp_path / "books", a_txt=TEXT), library=library)
    assert runs_of(library) == []
    assert "No runs yet" in librarian("runs", library=library).err
    assert len(librarian("jobs", "--json", library=library).document["jobs"]) == 1


def test_a_run_that_a_fault_ends_died_with_its_exit_code(tmp_path: Path) -> None:
    tree, library = make(tmp_path / "books", a_txt=TEXT), tmp_path / "library"
    tree.chmod(0)
    ran = librarian("ingest", tree, library=library, privileged=False)
    tree.chmod(0o700)
    said(ran, 4, str(tree))
    (run,) = runs_of(library)
    assert (run["ended"], run["exit_code"], run["failed"]) == ("died", 4, None)


def start_hung(tmp_path: Path, *words: str) -> Running:
    """Start a run that reads one text for ever."""
    trees.write_text(tmp_path / "tree" / "a.txt", 1, head="FAULT:hang\n")
    log = tmp_path / "readings"
    env = {"PYTHONPATH": str(FAULTS), "FAULT_LOG": str(log)}
    env |= dict.fromkeys(("LIBRARIAN_LIMITS_GRACE_SECONDS", "LIBRARIAN_WATCH_GRACE_SECONDS"), "0.2")
    found = running.start(tmp_path / "run", *words, tmp_path / "tree", library=tmp_path / "library", env=env)
    wait_until(lambda: log.exists() and "begin a.txt" in log.read_text(), 30.0, lambda: found.err)
    return found


@pytest.mark.parametrize(
    ("signum", "ended", "code"), [(signal.SIGKILL, "died", None), (signal.SIGTERM, "interrupted", 143)]
)
def test_a_run_is_running_until_a_signal_ends_it(tmp_path: Path, signum: int, ended: str, code: int | None) -> None:
    library, hung = tmp_path / "library", start_hung(tmp_path, "ingest")
    try:
        (run,) = runs_of(library)
        assert (run["ended"], run["ended_at"], run["seconds"], run["exit_code"]) == ("running", None, None, None)
        hung.signal(signum)
        hung.wait(20)
    finally:
        hung.end()
    (run,) = runs_of(library)
    assert (run["ended"], run["exit_code"]) == (ended, code)
    assert (run["ended_at"] is None) == (signum == signal.SIGKILL)
    assert librarian("ingest", tmp_path / "tree", library=library).code == 0
    assert [item["ended"] for item in runs_of(library)] == [ended, "done"]
    assert runs_of(library)[1]["new"] == 1


def test_batches_of_a_watch_are_runs_too(tmp_path: Path) -> None:
    library, hung = tmp_path / "library", start_hung(tmp_path, "watch", "--settle", "0")
    try:
        assert [(run["command"], run["ended"]) for run in runs_of(library)] == [("watch", "running")]
        hung.signal(signal.SIGTERM)
        hung.wait(20)
    finally:
        hung.end()
    assert librarian("watch", "--once", "--settle", "0", tmp_path / "tree", library=library).code == 0
    first, second = runs_of(library)
    assert (first["ended"], first["exit_code"], first["new"]) == ("interrupted", None, 0)
    assert (second["command"], second["ended"], second["new"]) == ("watch", "done", 1)
