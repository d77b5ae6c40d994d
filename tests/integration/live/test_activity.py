"""The activity log as people and programs follow it, and how the history is kept short."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.faults.conftest import Start
from tests.support.filed import rows
from tests.support.live import entries, write_texts
from tests.support.program import LIBRARIAN, PATIENCE_SECONDS, clean_environment, librarian
from tests.support.running import wait_until

NAMES = ["1.txt", "2.txt"]
PATH_OF_ONE_BOOK = [
    "ingestion.queued",
    "schema.proposed",
    "schema.approved",
    "ingestion.started",
    "stage.completed",
]
ENRICHED = ["stage.completed", "ingestion.completed"]
"""Audit goes on beside it."""


def parsed(out: str) -> list[dict[str, Any]]:
    """Whole lines so far."""
    return [json.loads(line) for line in out.splitlines(keepends=True) if line.endswith("\n")]


def test_a_follower_sees_what_a_later_ingest_does_until_it_is_interrupted(
    tmp_path: Path, library: Path, start: Start
) -> None:
    assert librarian("ingest", write_texts(tmp_path / "first", NAMES), library=library).code == 0
    follower = start("activity", "--follow", "--json", "-n", "1")
    wait_until(lambda: len(parsed(follower.out)) == 1, 10.0, lambda: follower.err)
    assert librarian("ingest", write_texts(tmp_path / "second", NAMES), library=library).code == 0
    wait_until(lambda: sum(entry["action"] == "job.finished" for entry in parsed(follower.out)) == 2, 10.0)
    follower.signal(signal.SIGINT)
    ran = follower.wait(10.0)
    assert (ran.code, ran.err) == (130, "")
    seen = parsed(ran.out)
    assert seen == entries(library)[-len(seen) :], "each entry once, in order, and nothing before the first"
    targets = {entry["target"] for entry in seen if entry["action"] == "ingestion.completed"}
    assert targets == {str(tmp_path / "second" / name) for name in NAMES}


def test_a_follower_of_one_action_sees_nothing_else(tmp_path: Path, library: Path, start: Start) -> None:
    assert librarian("ingest", write_texts(tmp_path / "first", NAMES), library=library).code == 0
    follower = start("activity", "-f", "--json", "-n", "0", "--action", "job")

    def has_seen_a_job() -> bool:  # the first may be over before the follower has begun
        assert librarian("ingest", tmp_path / "first", library=library).code == 0
        return "job.finished" in follower.out

    wait_until(has_seen_a_job, 20.0, lambda: follower.err)
    follower.signal(signal.SIGINT)
    assert follower.wait(10.0).code == 130
    assert {entry["action"] for entry in parsed(follower.out)} <= {"job.started", "job.finished"}


def test_a_books_way_is_logged_step_by_step(tmp_path: Path, library: Path) -> None:
    assert librarian("ingest", write_texts(tmp_path / "tree", NAMES), library=library).code == 0
    found = entries(library)
    for book in {entry["book"] for entry in found if entry["book"]}:
        way = [entry["action"] for entry in found if entry["book"] == book and entry["action"] != "agent.completed"]
        assert way[: len(PATH_OF_ONE_BOOK)] == PATH_OF_ONE_BOOK
        ends = way[len(PATH_OF_ONE_BOOK) :]
        assert [action for action in ends if action != "trust.updated"] == ENRICHED
        assert ends.count("trust.updated") == 1
        assert sum(entry["book"] == book and entry["action"] == "agent.completed" for entry in found) == 3
    assert [found[0]["action"], found[-1]["action"]] == ["job.started", "job.finished"]
    assert [entry["at"] for entry in found] == sorted(entry["at"] for entry in found)


def test_people_see_the_latest_twenty_and_all_since_a_time(tmp_path: Path, library: Path) -> None:
    assert librarian("ingest", write_texts(tmp_path / "tree", NAMES), library=library).code == 0
    assert len(librarian("activity", library=library).out.splitlines()) == 20
    everything = librarian("activity", "--since", "1h", library=library).out.splitlines()
    assert len(everything) == len(entries(library)) > 20
    assert librarian("activity", "--since", "2999-01-01", library=library).out == ""
    wrong = librarian("activity", "--since", "soon", library=library)
    assert (wrong.code, "'soon' is no time" in wrong.err) == (2, True)


def test_a_reader_who_leaves_after_a_line_is_no_fault(tmp_path: Path, library: Path) -> None:
    assert librarian("ingest", write_texts(tmp_path / "tree", NAMES), library=library).code == 0
    pipe = 'set -o pipefail; "$0" --library "$1" activity | head -1'
    with_head = ["bash", "-c", pipe, str(LIBRARIAN), str(library)]
    done = subprocess.run(
        with_head, capture_output=True, env=clean_environment(), timeout=PATIENCE_SECONDS, check=False, text=True
    )
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)


def test_a_follower_whose_reader_has_left_ends(tmp_path: Path, library: Path) -> None:
    assert librarian("ingest", write_texts(tmp_path / "tree", NAMES), library=library).code == 0
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [LIBRARIAN, "--library", library, "activity", "--follow", "--json"],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=clean_environment(),
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_history_is_pruned_to_its_rows_at_the_end_of_a_run(tmp_path: Path, library: Path) -> None:
    tree = write_texts(tmp_path / "tree", [f"{number}.txt" for number in range(6)])
    assert librarian("ingest", tree, library=library).code == 0
    assert rows(library, "SELECT count(*) FROM agents") == [(18,)]
    before = entries(library)
    short = {"LIBRARIAN_HISTORY_MAX_ROWS": "5"}
    assert librarian("ingest", tree, library=library, env=short).code == 0
    kept = entries(library)
    assert len(kept) == 5
    assert kept[-1]["action"] == "job.finished"
    assert kept[-1] not in before
    assert rows(library, "SELECT count(*) FROM agents") == [(5,)]
    totals = librarian("agents", "--stats", "--json", library=library).document
    assert totals["total_completed"] == 18, "what was done is counted for good"


def test_history_is_pruned_to_its_days_at_the_end_of_a_run(tmp_path: Path, library: Path) -> None:
    tree = write_texts(tmp_path / "tree", NAMES)
    assert librarian("ingest", tree, library=library).code == 0
    assert librarian("ingest", tree, library=library, env={"LIBRARIAN_HISTORY_MAX_DAYS": "0"}).code == 0
    assert entries(library) == []
    assert rows(library, "SELECT count(*) FROM agents") == [(0,)]
    left = [job["id"] for job in librarian("jobs", "--json", library=library).document["jobs"]]
    assert left == [1], "the books' tasks name it"
    assert librarian("check", library=library).code == 0
