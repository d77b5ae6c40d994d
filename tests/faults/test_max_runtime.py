"""`--max-runtime`: when the time is up nothing more is claimed; what runs may end, and the rest goes on next time."""

import os
from pathlib import Path

import pytest

from librarian_cli.events import Bus, Event, StageEnded
from librarian_cli.pipeline.intake import Request
from librarian_cli.pipeline.shutdown import Shutdown
from tests.faults.conftest import Start
from tests.support import trees
from tests.support.digest import digest
from tests.support.ingests import open_librarian
from tests.support.inline import InlinePools
from tests.support.program import Ran, librarian

GRACE_ENV = {"LIBRARIAN_LIMITS_GRACE_SECONDS": "0.5", "LIBRARIAN_STAGES_EXTRACT_SILENCE_SECONDS": "60"}


def stuck_tree(folder: Path, healthy: int = 5) -> Path:
    """Small texts, and one that would take its reader for ever."""
    for number in range(healthy):
        trees.write_text(folder / f"healthy{number:02}.txt", number)
    trees.write_text(folder / "a.txt", "hang", head="FAULT:hang\n", paragraphs=200)
    return folder


def jobs_of(library: Path) -> list[tuple[int, bool]]:
    """Every job with whether it is finished, the oldest first."""
    found = librarian("jobs", "--json", library=library).document["jobs"]
    return sorted((job["id"], job["finished_at"] is not None) for job in found)


def test_a_run_out_of_time_ends_with_0_and_the_next_one_does_the_rest(
    tmp_path: Path, library: Path, start: Start
) -> None:
    tree = stuck_tree(tmp_path / "tree")
    running = start("ingest", tree, "--max-runtime", "3s", "--json", env=GRACE_ENV)
    ran = running.wait(20)
    running.wait_for_none(1.0)
    assert ran.code == 0, ran.err
    assert "the time is up" in ran.err
    assert "Out of time; 1 of the files seen wait. The same command goes on from here" in ran.err
    assert ran.document["ended"] == "out-of-time"
    outcomes = {os.path.basename(item["path"]): (item["outcome"], item["reason"]) for item in ran.document["files"]}
    assert outcomes.pop("a.txt") == ("waiting", "queued")
    assert set(outcomes.values()) == {("ok", "")}
    assert jobs_of(library) == [(1, False)]
    assert librarian("ingest", library=library) == Ran(0, "", "")  # by a reader without faults
    assert jobs_of(library) == [(1, True), (2, True)]
    assert librarian("ingest", tree, library=tmp_path / "other").code == 0
    assert digest(library) == digest(tmp_path / "other")


@pytest.mark.slow
def test_a_quiet_run_out_of_time_says_nothing(tmp_path: Path, start: Start) -> None:
    running = start("-q", "ingest", stuck_tree(tmp_path / "tree"), "--max-runtime", "2s", env=GRACE_ENV)
    assert running.wait(20) == Ran(0, "", "")


def test_time_that_suffices_changes_nothing(tmp_path: Path, library: Path) -> None:
    trees.write_text(tmp_path / "tree" / "one.txt", 1)
    ran = librarian("ingest", tmp_path / "tree", "--max-runtime", "1h", "--json", library=library)
    assert (ran.code, ran.err, ran.document["ended"]) == (0, "", "done")
    assert jobs_of(library) == [(1, True)]


def test_time_that_is_up_at_once_is_no_failure_and_loses_nothing(tmp_path: Path, library: Path) -> None:
    for number in range(20):
        trees.write_text(tmp_path / "tree" / f"{number}.txt", number)
    ran = librarian("ingest", tmp_path / "tree", "--max-runtime", "0.001s", "--json", library=library)
    assert (ran.code, ran.document["ended"]) == (0, "out-of-time")
    assert librarian("ingest", tmp_path / "tree", "--json", library=library).document["books"] == 20


def test_nothing_is_claimed_once_the_time_is_up(tmp_path: Path, library: Path) -> None:
    for number in range(40):
        trees.write_text(tmp_path / "tree" / f"{number}.txt", number)
    shutdown, bus = Shutdown(), Bus()

    def expire_at_the_first_end(event: Event) -> None:
        if isinstance(event, StageEnded):
            shutdown.expire()

    bus.subscribe(expire_at_the_first_end)
    with open_librarian(library, bus) as opened:
        pools = InlinePools(opened.config)
        result = opened.ingest(Request((os.fsencode(tmp_path / "tree"),)), shutdown=shutdown, pools=pools)
    assert (result.interrupted, result.out_of_time, result.ending) == (False, True, "out-of-time")
    assert result.outcomes["ok"] < 40
    assert result.reasons["waiting"]["queued"] > 0


def test_a_signal_in_the_same_run_is_what_ended_it(tmp_path: Path, library: Path) -> None:
    trees.write_text(tmp_path / "tree" / "one.txt", 1)
    shutdown = Shutdown()
    shutdown.expire()
    shutdown.request(15)
    with open_librarian(library) as opened:
        pools = InlinePools(opened.config)
        result = opened.ingest(Request((os.fsencode(tmp_path / "tree"),)), shutdown=shutdown, pools=pools)
    assert (result.interrupted, result.out_of_time, shutdown.exit_code) == (True, False, 143)


@pytest.mark.parametrize(
    "words", [("--max-runtime", "2"), ("--max-runtime", "soon"), ("--max-runtime", "1h", "--no-wait")]
)
def test_a_time_that_is_none_or_ends_nothing_is_refused(tmp_path: Path, library: Path, words: tuple[str, ...]) -> None:
    ran = librarian("ingest", tmp_path, *words, library=library)
    assert (ran.code, ran.out) == (2, "")
    assert "--max-runtime" in ran.err
    assert not library.exists()
