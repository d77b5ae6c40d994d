"""Cancel, retry, prioritise and SIGUSR1, from a second terminal while an `ingest` runs."""

import re
import signal
from pathlib import Path

from tests.faults.conftest import Start
from tests.support.digest import digest
from tests.support.filed import rows
from tests.support.ingests import open_librarian
from tests.support.live import book_id, counts, entries, write_faulty, write_texts
from tests.support.program import librarian
from tests.support.running import Running, wait_until
from tests.support.trees import write_text

ONE = {"LIBRARIAN_STAGES_EXTRACT_WORKERS": "1"}
DAMAGED = "%PDF-1.4\nnothing more"
KILL_SECONDS = 5.0


def wait_until_read(running: Running, folder: Path, name: str, times: int = 1) -> None:
    log = folder / "readings"
    wait_until(lambda: log.exists() and log.read_text().count(f"begin {name} ") >= times, 20.0, lambda: running.err)


def outcomes(library: Path) -> dict[str, str]:
    found = librarian("files", "--json", library=library).document["files"]
    return {Path(item["path"]).name: f"{item['outcome']}:{item['reason']}".rstrip(":") for item in found}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def reading_pids(library: Path) -> list[int]:
    workers = librarian("status", "--json", library=library).document["workers"]
    return [worker["pid"] for worker in workers if (worker["pool"], worker["health"]) == ("extract", "busy")]


def test_a_running_book_that_is_cancelled_loses_its_worker_and_can_be_retried(
    tmp_path: Path, library: Path, start: Start
) -> None:
    tree = write_faulty(write_texts(tmp_path / "tree", ["good.txt"]), "bad.txt", "hang")
    running = start("ingest", "--json", tree, env=ONE)
    wait_until_read(running, tmp_path, "bad.txt")
    wait_until(lambda: len(reading_pids(library)) == 1, 10.0)
    (worker,) = reading_pids(library)
    bad = book_id(library, "bad.txt")
    assert librarian("cancel", bad[:12], "--json", library=library).document["cancelled"] == [bad]
    wait_until(lambda: not alive(worker), KILL_SECONDS)
    ran = running.wait(10.0)
    assert (ran.code, ran.document["outcomes"]["ok"], ran.document["outcomes"]["skipped"]) == (0, 1, 1)
    assert outcomes(library) == {"bad.txt": "skipped:cancelled", "good.txt": "ok"}
    assert librarian("text", bad, library=library).code == 2
    assert counts(library, "task.cancelled") == 1
    assert librarian("ingest", tree, library=library).code == 0
    assert outcomes(library)["bad.txt"] == "skipped:cancelled", "it stays cancelled"
    assert librarian("retry", bad, "--json", library=library).document["retried"] == [bad]
    assert librarian("ingest", library=library).code == 0  # by a reader without faults
    assert outcomes(library) == {"bad.txt": "ok", "good.txt": "ok"}
    assert librarian("ingest", tree, library=tmp_path / "other").code == 0
    assert digest(library) == digest(tmp_path / "other")


def test_a_book_cancelled_and_retried_at_once_is_not_read_twice_side_by_side(
    tmp_path: Path, library: Path, start: Start
) -> None:
    """Both within the half second between two looks, while the ends of other books let this process claim anew."""
    tree = write_texts(tmp_path / "tree", [f"{number:03}.txt" for number in range(160)])
    write_text(tree / "bad.txt", "bad", head="FAULT:hang\n", paragraphs=100)  # the largest is read first
    running = start("ingest", tree, env={"LIBRARIAN_STAGES_EXTRACT_WORKERS": "2"})
    wait_until_read(running, tmp_path, "bad.txt")
    bad = book_id(library, "bad.txt")
    with open_librarian(library) as beside:
        beside.cancel([bad])
        beside.retry([bad])
    wait_until_read(running, tmp_path, "bad.txt", times=2)
    wait_until(lambda: counts(library, "trust.updated") == 160, 20.0)
    wait_until(lambda: len(reading_pids(library)) == 1, 5.0, lambda: str(reading_pids(library)))
    librarian("cancel", bad, library=library)
    assert running.wait(10.0).code == 0


def test_cancelling_a_job_leaves_the_books_of_others_alone(tmp_path: Path, library: Path) -> None:
    first, second = (write_texts(tmp_path / name, ["a.txt", "b.txt"]) for name in ("first", "second"))
    for tree in (first, second):
        assert librarian("ingest", "--no-wait", tree, library=library).code == 0
    assert len(librarian("cancel", "1", "--json", library=library).document["cancelled"]) == 2
    assert librarian("ingest", library=library).code == 0
    ended = rows(library, "SELECT path, status FROM memory_documents ORDER BY path")
    assert [status for _, status in ended] == ["cancelled", "cancelled", "ok", "ok"]
    assert librarian("jobs", "1", "--json", library=library).document["percent"] == 100.0


def test_a_book_that_is_being_renewed_keeps_its_old_version_when_it_is_cancelled(
    tmp_path: Path, library: Path, start: Start
) -> None:
    tree = write_faulty(tmp_path / "tree", "bad.txt", "hang")
    assert librarian("ingest", tree, library=library).code == 0
    before = digest(library)
    running = start("ingest", "--force", "extract", tree)
    wait_until_read(running, tmp_path, "bad.txt")
    librarian("cancel", book_id(library, "bad.txt"), library=library)
    assert running.wait(10.0).code == 0
    assert outcomes(library) == {"bad.txt": "ok"}
    assert digest(library) == before
    assert librarian("check", "--read-data", library=library).code == 0


def test_every_failed_book_is_tried_again_by_a_run_without_paths(tmp_path: Path, library: Path, start: Start) -> None:
    tree = write_faulty(write_texts(tmp_path / "tree", ["good.txt"]), "bad.txt", "error")
    (tree / "broken.pdf").write_text(DAMAGED)
    assert start("ingest", tree).wait().code == 3
    assert outcomes(library) == {"bad.txt": "failed:internal", "broken.pdf": "failed:corrupt", "good.txt": "ok"}
    retried = librarian("retry", "--failed", "--json", library=library).document
    assert len(retried["retried"]) == 2
    ran = librarian("ingest", "--json", library=library)
    assert ran.code == 3, "one is damaged still"
    assert outcomes(library) == {"bad.txt": "ok", "broken.pdf": "failed:corrupt", "good.txt": "ok"}
    job = librarian("jobs", str(retried["job"]), "--json", library=library).document
    assert (job["command"], job["percent"], job["books"]) == ("retry", 100.0, 2)
    assert [entry["details"]["stage"] for entry in entries(library, "--action", "task.retried")] == [
        "extract",
        "schema",
    ]


def test_a_running_ingest_takes_up_what_is_retried(tmp_path: Path, library: Path, start: Start) -> None:
    tree = write_faulty(write_texts(tmp_path / "tree", ["other.txt"]), "bad.txt", "hang")
    assert librarian("ingest", "--no-wait", tree, library=library).code == 0
    other = book_id(library, "other.txt")
    librarian("cancel", other, library=library)
    running = start("ingest")
    wait_until_read(running, tmp_path, "bad.txt")
    librarian("retry", other, library=library)
    wait_until(lambda: outcomes(library)["other.txt"] == "ok", 10.0, lambda: running.err)
    librarian("cancel", book_id(library, "bad.txt"), library=library)
    assert running.wait(10.0).code == 0


def test_a_book_of_higher_priority_is_read_first(tmp_path: Path, library: Path, start: Start) -> None:
    names = [f"{number}.txt" for number in range(5)]
    write_texts(tmp_path / "tree", names)
    librarian("ingest", "--no-wait", "--priority", "low", tmp_path / "tree", library=library)
    last, first = book_id(library, "1.txt"), book_id(library, "3.txt")
    assert librarian("prioritise", first, "critical", "--json", library=library).document["prioritised"] == [first]
    assert librarian("prioritise", "1", "high", "--json", library=library).code == 0
    librarian("prioritise", first, "critical", library=library)
    librarian("prioritise", last, "low", library=library)
    assert start("ingest", env=ONE | {"LIBRARIAN_LIMITS_TOTAL": "1"}).wait().code == 0
    read = [line.split()[1] for line in (tmp_path / "readings").read_text().splitlines() if line.startswith("begin")]
    assert (read[0], read[-1]) == ("3.txt", "1.txt")
    assert sorted(read) == names


def test_sigusr1_prints_how_it_goes_and_changes_nothing(tmp_path: Path, library: Path, start: Start) -> None:
    tree = write_faulty(write_texts(tmp_path / "tree", ["good.txt"]), "bad.txt", "slow")
    running = start("ingest", "--json", tree)
    wait_until_read(running, tmp_path, "bad.txt")
    running.signal(signal.SIGUSR1)
    wait_until(lambda: "tasks: " in running.err, 10.0, lambda: running.err)
    ran = running.wait()
    assert (ran.code, ran.document["outcomes"]["ok"]) == (0, 2)
    lines = ran.err.splitlines()
    assert re.fullmatch(r"tasks: (\w+ \d+ (ready|leased)(, )?)+", lines[0])
    assert any(line.startswith("running: extract of ") and line.endswith("bad.txt") for line in lines)
    assert any(line.startswith("worker: extract busy, pid ") for line in lines)
    assert librarian("ingest", tree, library=tmp_path / "other").code == 0
    assert digest(library) == digest(tmp_path / "other")
