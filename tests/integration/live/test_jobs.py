"""Jobs filed for later and jobs side by side: each waits for its books, and every book is done once."""

from pathlib import Path
from typing import Any

from tests.faults.conftest import Start
from tests.support.filed import rows
from tests.support.live import write_texts
from tests.support.program import librarian

NAMES = [f"{number:02}.txt" for number in range(20)]


def job(library: Path, number: int) -> dict[str, Any]:
    found: dict[str, Any] = librarian("jobs", str(number), "--json", library=library).document
    return found


def test_work_that_is_filed_waits_until_an_ingest_without_paths_does_it(tmp_path: Path, library: Path) -> None:
    tree = write_texts(tmp_path / "tree", NAMES[:3])
    filed = librarian("ingest", "--no-wait", tree, library=library)
    assert (filed.code, filed.out, filed.err) == (0, "1\n", "")
    status = librarian("status", "--json", library=library).document
    assert (status["status"], status["queue_depth"], status["queues"]["schema"]) == ("down", 3, 3)
    waiting = job(library, 1)
    assert (waiting["percent"], waiting["books"], waiting["finished_at"]) == (0.0, 3, None)
    assert {book["status"] for book in waiting["book_list"]} == {"pending"}
    done = librarian("ingest", "--json", library=library)
    assert (done.code, done.document["job"]) == (0, 2)
    assert [(Path(item["path"]).name, item["outcome"]) for item in done.document["files"]] == [
        (name, "ok") for name in NAMES[:3]
    ]
    ended = job(library, 1)
    assert (ended["percent"], ended["outcomes"]) == (100.0, {"ok": 3})
    assert ended["finished_at"] >= ended["started_at"]
    assert {state for book in ended["book_list"] for state in book["stages"].values()} == {"done"}
    again = librarian("ingest", "--json", library=library).document
    assert again["files"] == [], "nothing waits any more"


def test_filing_the_same_tree_twice_makes_no_second_work(tmp_path: Path, library: Path) -> None:
    tree = write_texts(tmp_path / "tree", NAMES[:2])
    for number in (1, 2):
        ran = librarian("ingest", "--no-wait", "--json", tree, library=library)
        assert ran.document == {"version": 1, "job": number}
    assert rows(library, "SELECT count(*) FROM tasks") == [(10,)]
    assert librarian("ingest", library=library).code == 0
    assert [job(library, number)["percent"] for number in (1, 2)] == [100.0, 100.0]


def test_filing_without_a_path_is_wrong_usage(library: Path) -> None:
    ran = librarian("ingest", "--no-wait", library=library)
    assert ran.code == 2
    assert "name at least one path" in ran.err
    assert not library.exists()


def test_two_ingests_of_one_tree_do_each_book_once_and_both_list_all_files(
    tmp_path: Path, library: Path, start: Start
) -> None:
    tree = write_texts(tmp_path / "tree", NAMES)
    both = [start("ingest", "--json", tree) for _ in range(2)]
    ended = [running.wait() for running in both]
    assert [(ran.code, ran.err) for ran in ended] == [(0, ""), (0, "")]
    for ran in ended:
        listed = {Path(item["path"]).name: item["outcome"] for item in ran.document["files"]}
        assert sorted(listed) == NAMES
        assert set(listed.values()) <= {"ok", "unchanged"}
        assert ran.document["books"] == len(NAMES)
    assert {ran.document["job"] for ran in ended} == {1, 2}
    completed = "SELECT count(*), count(DISTINCT book) FROM activity WHERE action = 'ingestion.completed'"
    assert rows(library, completed) == [(len(NAMES), len(NAMES))]
    runners = "SELECT sum(tasks_completed), count(DISTINCT book) FROM agents WHERE type = 'ingestion_runner'"
    assert rows(library, runners) == [(3 * len(NAMES), len(NAMES))]
    assert rows(library, "SELECT count(*) FROM agents WHERE ended_at IS NULL") == [(0,)]
    assert librarian("check", "--read-data", library=library).code == 0


def test_two_ingests_of_different_trees_list_their_own_files_only(tmp_path: Path, library: Path, start: Start) -> None:
    trees = [write_texts(tmp_path / name, NAMES[:8]) for name in ("one", "one more")]
    ended = [running.wait() for running in [start("ingest", "--json", tree) for tree in trees]]
    for tree, ran in zip(trees, ended, strict=True):
        assert ran.code == 0
        assert [item["path"] for item in ran.document["files"]] == [str(tree / name) for name in NAMES[:8]]
        assert {item["outcome"] for item in ran.document["files"]} == {"ok"}
    assert rows(library, "SELECT count(*) FROM books WHERE status = 'ok'") == [(16,)]


def test_a_job_lists_books_at_work(tmp_path: Path, library: Path) -> None:
    tree = write_texts(tmp_path / "tree", NAMES[:3])
    assert librarian("ingest", tree, library=library).code == 0
    shown = librarian("jobs", "1", library=library)
    assert shown.out.splitlines()[0] == "job 1: ingest, 100 % of 3 books"
    listed = librarian("jobs", library=library).out.splitlines()
    assert "100 %" in listed[1]
    assert listed[1].endswith("3 ok")
    unknown = librarian("jobs", "9", library=library)
    assert (unknown.code, "no job 9" in unknown.err) == (2, True)
