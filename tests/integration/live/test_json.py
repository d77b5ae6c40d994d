"""The JSON of live control and its records says what is true, in the shape of its schemas."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from librarian_cli.store.activity import ACTIONS
from tests.support import schemas
from tests.support.live import book_id, entries, write_texts
from tests.support.program import librarian

STAGES = ("schema", "extract", "chunk", "enrich", "audit")


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with a finished job, a failure, and a job that waits. To be read only."""
    folder = tmp_path_factory.mktemp("worked")
    tree = write_texts(folder / "tree", ["1.txt", "2.txt"])
    (tree / "bad.pdf").write_text("%PDF-1.4\nnothing more")
    library = folder / "library"
    assert librarian("ingest", tree, library=library).code == 3
    filed = write_texts(folder / "filed", ["3.txt"])
    assert librarian("ingest", "--no-wait", "--priority", "low", filed, library=library).code == 0
    return library


def document(library: Path, *arguments: str) -> dict[str, Any]:
    ran = librarian(*arguments, "--json", library=library)
    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)
    return ran.document


def test_jobs_json(worked: Path) -> None:
    found = document(worked, "jobs")
    schemas.require("jobs", found)
    waiting, ended = found["jobs"]
    assert (waiting["id"], waiting["priority"], waiting["percent"], waiting["finished_at"]) == (2, "low", 0.0, None)
    assert (ended["command"], ended["priority"], ended["percent"], ended["books"]) == ("ingest", "medium", 100.0, 3)
    assert (ended["outcomes"]["ok"], ended["outcomes"]["failed"]) == (2, 1)
    assert [job["id"] for job in document(worked, "jobs", "-n", "1")["jobs"]] == [2]


def test_job_json(worked: Path) -> None:
    found = document(worked, "jobs", "1")
    schemas.require("job", found)
    assert len(found["book_list"]) == found["books"] == 3
    by_status = {book["status"]: book["stages"] for book in found["book_list"]}
    assert by_status["ok"] == dict.fromkeys(STAGES, "done")
    assert by_status["failed"] == dict.fromkeys(STAGES, "cancelled") | {"schema": "failed"}


def test_agents_json(worked: Path) -> None:
    found = document(worked, "agents")
    schemas.require("agents", found)
    assert len(found["agents"]) == 7
    assert all(re.fullmatch(rf"{agent['type']}_\d+_\d+", agent["id"]) for agent in found["agents"])
    assert [agent["status"] for agent in document(worked, "agents", "--status", "error")["agents"]] == ["error"]
    assert document(worked, "agents", "--status", "running")["agents"] == []


def test_agents_stats_json(worked: Path) -> None:
    found = document(worked, "agents", "--stats")
    schemas.require("agents-stats", found)
    assert (found["total_spawned"], found["total_completed"], found["total_failed"]) == (7, 6, 1)
    assert found["success_rate"] == pytest.approx(6 / 7)
    for name in ("total_spawned", "currently_active", "total_completed", "total_failed"):
        assert found[name] == sum(part[name] for part in found["by_type"].values())


def test_activity_json(worked: Path) -> None:
    found = entries(worked)
    for entry in found:
        schemas.require("activity", entry)
    assert {entry["action"] for entry in found} <= set(ACTIONS)
    (failed,) = entries(worked, "--action", "ingestion.failed")
    assert failed["target"].endswith("/tree/bad.pdf")
    assert (failed["details"]["stage"], failed["details"]["reason"]) == ("schema", "corrupt")
    assert failed["agent"].startswith("schema_scout_")


def test_pause_and_resume_json(worked: Path) -> None:
    assert document(worked, "pause", "ingestion") == {"version": 1, "paused": ["ingestion"]}
    assert document(worked, "pause", "audit") == {"version": 1, "paused": ["audit", "ingestion"]}
    assert document(worked, "status")["paused"] == ["audit", "ingestion"]
    assert document(worked, "resume", "audit") == {"version": 1, "resumed": ["audit"]}
    assert document(worked, "resume") == {"version": 1, "resumed": ["ingestion"]}
    assert document(worked, "resume") == {"version": 1, "resumed": []}


def test_control_json(tmp_path: Path) -> None:
    tree = write_texts(tmp_path / "tree", ["1.txt"])
    library = tmp_path / "library"
    assert librarian("ingest", "--no-wait", tree, library=library).code == 0
    book = book_id(library, "1.txt")
    assert document(library, "prioritise", book, "high") == {"version": 1, "prioritised": [book]}
    assert document(library, "jobs")["jobs"][0]["priority"] == "medium", "the job's own stays"
    assert document(library, "cancel", "1") == {"version": 1, "cancelled": [book]}
    assert document(library, "cancel", "1") == {"version": 1, "cancelled": []}
    assert document(library, "prioritise", book, "low") == {"version": 1, "prioritised": []}
    assert document(library, "retry", book[:8]) == {"version": 1, "job": 2, "retried": [book]}
    assert document(library, "retry", "--failed") == {"version": 1, "job": 3, "retried": []}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pause", "ingest"), "no stage or queue 'ingest'"),
        (("resume", "everything"), "no stage or queue 'everything'"),
        (("cancel", "99"), "no job 99"),
        (("retry", "abcdefab"), "no book 'abcdefab'"),
        (("retry",), "name books or jobs, or say --failed"),
        (("retry", "--failed", "1"), "name books or jobs, or say --failed"),
        (("prioritise", "1", "urgent"), "urgent"),
        (("cancel",), "Missing argument"),
        (("jobs", "0"), "0"),
        (("agents", "--status", "busy"), "busy"),
    ],
)
def test_wrong_usage_ends_with_2_and_prints_no_document(worked: Path, arguments: tuple[str, ...], words: str) -> None:
    ran = librarian(*arguments, "--json", library=worked)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert "Traceback" not in ran.err


def test_an_empty_librarys_lists_are_arrays_too(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    library = tmp_path / "library"
    assert librarian("ingest", tmp_path / "none", library=library).code == 0
    assert document(library, "agents")["agents"] == []
    stats = document(library, "agents", "--stats")
    assert (stats["total_spawned"], stats["success_rate"]) == (0, None)
    assert [
        json.loads(line)["action"] for line in librarian("activity", "--json", library=library).out.splitlines()
    ] == [
        "job.started",
        "job.finished",
    ]
