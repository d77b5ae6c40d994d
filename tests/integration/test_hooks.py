"""An ingest tells the user's commands of its books, its failures and its end."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import schemas
from tests.support.program import LIBRARIAN, Ran, librarian
from tests.support.running import start, wait_until
from tests.support.trees import SAMPLES, copy_samples


def told(out: Path) -> list[dict[str, Any]]:
    """What a command was told, each of which is what its schema says."""
    events = [json.loads(line) for line in out.read_text().splitlines()]
    for event in events:
        schemas.require("hook-run" if event["event"] == "run_finished" else "hook-book", event)
    return events


def ingest(folder: Path, books: Path, **commands: str) -> tuple[Ran, list[dict[str, Any]]]:
    """Ingest with one command for all events. Returns: how it went, and what the command was told."""
    out = folder / "told"
    out.unlink(missing_ok=True)
    names = ("ON_BOOK_INGESTED", "ON_FAILURE", "ON_RUN_FINISHED")
    env = {f"LIBRARIAN_HOOKS_{name}": f"cat >> '{out}'" for name in names} | commands
    ran = librarian("ingest", "--json", books, library=folder / "library", env=env)
    return ran, told(out)


@pytest.fixture
def books(tmp_path: Path) -> Path:
    folder = copy_samples(tmp_path / "books")
    (folder / "broken.epub").write_bytes(b"this is no archive" * 10)
    return folder


def test_every_book_every_failure_and_the_end_are_told_once(tmp_path: Path, books: Path) -> None:
    ran, events = ingest(tmp_path, books)
    document = ran.document
    ingested = [item for item in events if item["event"] == "book_ingested"]
    failures = [item for item in events if item["event"] == "failure"]
    held = {item["book"] for item in document["files"] if item["outcome"].startswith("ok")}
    assert {item["book"] for item in ingested} == held
    assert len(ingested) == len(held) == 12
    for item in ingested:
        assert item["title"]
        assert Path(item["path"]).is_file()
        assert 0 < item["trust_score"] <= 1
    assert sorted((Path(item["path"]).name, item["reason"], item["book"] is None) for item in failures) == [
        ("broken.epub", "corrupt", True), ("the-grey-of-the-page.pdf", "corrupt", False)
    ]  # fmt: skip
    assert events[-1]["event"] == "run_finished"
    assert events[-1]["outcomes"] == document["outcomes"]
    assert {item["job"] for item in events} == {document["job"]}
    assert ran.err == ""


def test_a_run_with_nothing_to_do_tells_its_end_alone(tmp_path: Path, books: Path) -> None:
    ingest(tmp_path, books)
    _, events = ingest(tmp_path, books)
    assert [item["event"] for item in events] == ["run_finished"]
    assert events[0]["outcomes"]["unchanged"] == 15


def test_a_hook_may_ask_the_library(tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    shutil.copy(SAMPLES / "science/the-harbour-clock.html", books)
    env = {"LIBRARIAN_HOOKS_ON_RUN_FINISHED": f"{LIBRARIAN} books --json > '{tmp_path}/found'"}
    ran = librarian("ingest", books, library=tmp_path / "library", env=env)
    assert ran.code == 0, ran.err
    (book,) = json.loads((tmp_path / "found").read_text())["books"]
    assert book["title"].startswith("The Harbour Clock")


def test_slow_and_failing_hooks_change_no_outcome(tmp_path: Path, books: Path) -> None:
    started = time.monotonic()
    ran, events = ingest(
        tmp_path,
        books,
        LIBRARIAN_HOOKS_ON_BOOK_INGESTED="sleep 300",
        LIBRARIAN_HOOKS_ON_FAILURE="exit 9",
        LIBRARIAN_HOOKS_TIMEOUT_SECONDS="1",
    )
    assert time.monotonic() - started < 30
    assert (ran.code, ran.document["outcomes"]["ok"] + ran.document["outcomes"]["ok-with-warning"]) == (3, 12)
    assert "hook on_book_ingested was killed" in ran.err
    assert [item["event"] for item in events] == ["run_finished"]


def test_ctrl_c_ends_the_wait_for_hooks_and_leaves_no_process(tmp_path: Path, books: Path) -> None:
    mark = tmp_path / "began"
    env = {"LIBRARIAN_HOOKS_ON_RUN_FINISHED": f"touch '{mark}'; sleep 300"}
    running = start(tmp_path / "out", "ingest", books, library=tmp_path / "library", env=env)
    try:
        wait_until(mark.exists, 60)
        running.signal(2)
        assert running.wait(10).code == 3, "the run was over, and one sample is damaged on purpose"
        running.wait_for_none(5)
    finally:
        running.end()


def test_a_watch_tells_of_its_books_and_of_each_batch(tmp_path: Path, books: Path) -> None:
    out = tmp_path / "told"
    names = ("ON_BOOK_INGESTED", "ON_FAILURE", "ON_RUN_FINISHED")
    env = {f"LIBRARIAN_HOOKS_{name}": f"cat >> '{out}'" for name in names}
    env |= {"LIBRARIAN_LOG_PATH": str(tmp_path / "watch.log")}
    ran = librarian("watch", "--once", books, library=tmp_path / "library", env=env)
    assert ran.code in (0, 3), ran.err
    events = told(out)
    assert sum(item["event"] == "book_ingested" for item in events) == 12
    assert sum(item["event"] == "failure" for item in events) == 2
    assert events[-1]["event"] == "run_finished"
    assert {item["job"] for item in events if item["event"] != "run_finished"} <= {
        item["job"] for item in events if item["event"] == "run_finished"
    }
