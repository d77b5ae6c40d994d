"""What users of such programs complain about most: none of it happens here. One test for each, from end to end."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.faults.conftest import Start
from tests.integration.watch.conftest import library, start, watched
from tests.support.filed import rows
from tests.support.live import counts, entries, stays, write_faulty, write_texts
from tests.support.program import Ran, librarian
from tests.support.running import Running, wait_until
from tests.support.trees import write_text
from tests.support.watched import SETTLE_SECONDS, Watched, limit

__all__ = ["library", "start", "watched"]

NAMES = [f"{number:02}.txt" for number in range(12)]
SHORT_SECONDS = SETTLE_SECONDS / 2
GROWTH_BYTES = 16 << 20

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks for processes in /proc"),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder for books."""
    (tmp_path / "tree").mkdir(exist_ok=True)
    return tmp_path / "tree"


def ingest(tree: Path, library: Path) -> Ran:
    return librarian("ingest", tree, library=library)


def outcomes(library: Path) -> dict[str, str]:
    """The outcome of each file by its name."""
    found = librarian("files", "--json", library=library).document["files"]
    return {Path(item["path"]).name: f"{item['outcome']}:{item['reason']}".rstrip(":") for item in found}


def found_by(library: Path, query: str) -> set[str]:
    """Names of the files in which a search finds something."""
    hits = librarian("search", "--mode", "text", query, "--json", library=library).document["hits"]
    return {Path(hit["path"]).name for hit in hits}


def read_times(log: Path, name: str) -> int:
    return log.read_text().count(f"begin {name} ") if log.exists() else 0


def kill(running: Running) -> None:
    """As the kernel does when memory runs out, and a power cut nearly does."""
    running.signal(signal.SIGKILL)
    running.wait()
    running.wait_for_none(5.0)


def interrupt_twice(running: Running) -> Ran:
    running.signal(signal.SIGINT)
    wait_until(lambda: "stopping" in running.err, 5.0, lambda: running.err)
    running.signal(signal.SIGINT)
    return running.wait(2.0)


def append_for(path: Path, seconds: float) -> str:
    """Add to a file again and again, never resting for as long as it takes to settle. Returns: what is in it then."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < end:
        with path.open("a") as stream:
            stream.write("The tide turns at noon, and the harbour empties within the hour.\n")
        pause.wait(0.05)
    return path.read_text()


def test_half_written_files_are_not_consumed(watched: Watched) -> None:
    watched.begin(settle=SETTLE_SECONDS)
    text = append_for(watched.tree / "a.txt", 4 * SETTLE_SECONDS)
    watched.wait_for_all({"a.txt": "ok"})
    ((sha256,),) = rows(watched.library, "SELECT sha256 FROM books")
    assert librarian("text", sha256, library=watched.library).out == text


def test_one_file_is_not_queued_many_times(watched: Watched) -> None:
    """A hundred events, a link, a copy and several looks at everything make one piece of work."""
    watched.begin(settle=SETTLE_SECONDS, LIBRARIAN_WATCH_RESCAN_SECONDS="0.3")
    append_for(watched.tree / "a.txt", 3 * SETTLE_SECONDS)
    os.link(watched.tree / "a.txt", watched.tree / "b.txt")
    (watched.tree / "c.txt").write_bytes((watched.tree / "a.txt").read_bytes())
    watched.wait(lambda: len(watched.outcomes()) == 3 and "ok" in watched.outcomes().values())
    stays(lambda: counts(watched.library, "ingestion.queued") == 1, 3 * SHORT_SECONDS)
    assert watched.readings.read_text().count("begin") == 1


def test_a_busy_file_is_not_skipped_for_ever(watched: Watched) -> None:
    watched.begin(settle=SETTLE_SECONDS)
    with (watched.tree / "a.txt").open("a") as held:  # it stays open, as by a program that hangs on to it
        append_for(watched.tree / "a.txt", 3 * SETTLE_SECONDS)
        watched.wait_for_all({"a.txt": "ok"})
        held.write("And then one more line.\n")
    watched.wait(lambda: ("file.changed", "a.txt") in watched.actions("file"))
    watched.wait_for_all({"a.txt": "ok"})


def test_files_that_are_there_at_the_start_are_seen(watched: Watched) -> None:
    for name in ("old.txt", "in/a/folder.txt", "young.txt"):
        watched.write(name)
    os.utime(watched.tree / "old.txt", (1e9, 1e9))
    watched.begin()
    watched.wait_for_all({"old.txt": "ok", "in/a/folder.txt": "ok", "young.txt": "ok"})


def test_no_folder_is_left_unwatched_in_silence(watched: Watched) -> None:
    with limit("max_user_watches", 3):
        running = watched.begin(events=False, LIBRARIAN_WATCH_POLL_SECONDS="0.3")
        names = [f"{name}/{name}/x.txt" for name in "abcde"]
        for name in names:
            watched.write(name)
            watched.wait(lambda name=name: watched.outcomes().get(name) == "ok")  # type: ignore[misc]  # bound at once
        watched.wait(lambda: "looked at every 0.3 s, because" in running.err)


def test_no_lock_is_stale_after_a_crash(tree: Path, library: Path, start: Start) -> None:
    write_faulty(write_texts(tree, NAMES), "slow.txt", "slow")
    running = start("ingest", tree)
    wait_until(lambda: counts(library, "ingestion.started") > 0, 20.0, lambda: running.err)
    kill(running)
    began = time.monotonic()
    assert librarian("search", "harbour", library=library).code == 0
    ran = librarian("ingest", "--lock-wait", "0", tree, library=library)
    assert ran.code == 0, ran.err
    assert time.monotonic() - began < 10.0


def test_no_database_is_locked(tree: Path, library: Path, start: Start) -> None:
    """Three commands write and one reads, all at the same time."""
    write_texts(tree, NAMES)
    writers = [start("ingest", tree) for _ in range(3)]
    wait_until(lambda: (library / "library.db").exists(), 20.0)
    while any(running.process.poll() is None for running in writers):
        status = librarian("status", "--json", library=library)
        assert "locked" not in status.err
    for running in writers:
        ran = running.wait()
        assert (ran.code, ran.err) == (0, "")


def test_duplicates_are_no_error_at_any_start(tree: Path, library: Path) -> None:
    text = write_text(tree / "a.txt", 1)
    (tree / "b.txt").write_text(text)
    for _ in range(3):
        ran = ingest(tree, library)
        assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert sorted(text.split(":")[0] for text in outcomes(library).values()) == ["duplicate", "ok"]


def test_files_of_one_name_in_different_folders_are_not_mixed_up(tree: Path, library: Path) -> None:
    texts = {folder: write_text(tree / folder / "notes.txt", folder) for folder in ("one", "two", "three")}
    assert ingest(tree, library).code == 0
    for book in librarian("books", "--json", library=library).document["books"]:
        folder = Path(book["paths"][0]).parent.name
        assert librarian("text", book["id"], library=library).out == texts.pop(folder)
    assert texts == {}


def test_renaming_a_folder_indexes_nothing_again(tree: Path, library: Path) -> None:
    write_texts(tree / "shelf", NAMES)
    assert ingest(tree, library).code == 0
    before = rows(library, "SELECT count(*) FROM agents")
    (tree / "shelf").rename(tree / "case")
    assert ingest(tree, library).code == 0
    assert rows(library, "SELECT count(*) FROM agents") == before
    assert {Path(path).parent.name for (path,) in rows(library, "SELECT path FROM memory_documents")} == {"case"}


def test_edited_files_are_not_left_stale(tree: Path, library: Path) -> None:
    (tree / "a.txt").write_text("The cormorant dries its wings.\n" * 20)
    assert ingest(tree, library).code == 0
    (tree / "a.txt").write_text("The kingfisher waits above the weir.\n" * 20)
    assert ingest(tree, library).code == 0
    assert (found_by(library, "kingfisher"), found_by(library, "cormorant")) == ({"a.txt"}, set())


def test_a_failed_file_is_neither_silent_nor_lost(tree: Path, library: Path, start: Start) -> None:
    write_faulty(tree, "a.txt", "error")
    ran = start("ingest", tree).wait()
    assert ran.code == 3
    assert "a.txt" in ran.err
    assert ingest(tree, library).code == 0, "told once, and not tried in vain"
    assert librarian("ingest", "--strict", tree, library=library).code == 3
    assert librarian("retry", "--failed", library=library).code == 0
    assert librarian("ingest", library=library).code == 0
    assert outcomes(library) == {"a.txt": "ok"}


@pytest.mark.parametrize(
    "kind",
    ["segfault", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("killed", "memory", "unpicklable"))],
)
def test_one_bad_file_neither_aborts_the_run_nor_breaks_the_pool(
    tree: Path, library: Path, start: Start, kind: str
) -> None:
    write_faulty(write_texts(tree, NAMES), "bad.txt", kind)
    assert start("ingest", tree).wait().code == 3
    found = outcomes(library)
    assert found.pop("bad.txt").startswith("failed:")
    assert found == dict.fromkeys(NAMES, "ok")


def test_one_bad_passage_does_not_fail_the_book(tree: Path, library: Path) -> None:
    sound = "The cormorant dries its wings above the harbour, and the keeper counts the boats.\n\n" * 30
    bad = b"\0\x01\x02\xff\xfe" * 200 + b"x" * 50_000 + b"\n\n"
    (tree / "a.txt").write_bytes(sound.encode() + bad + sound.replace("cormorant", "kingfisher").encode())
    ran = ingest(tree, library)
    assert ran.code == 0, ran.err
    assert found_by(library, "cormorant") == found_by(library, "kingfisher") == {"a.txt"}


def test_nothing_is_stuck_after_a_restart(tree: Path, library: Path, start: Start) -> None:
    write_faulty(write_texts(tree, NAMES), "hang.txt", "hang")
    running = start("ingest", tree)
    wait_until(lambda: read_times(tree.parent / "readings", "hang.txt") > 0, 20.0, lambda: running.err)
    kill(running)
    assert ingest(tree, library).code == 0  # by readers without faults
    assert outcomes(library) == dict.fromkeys([*NAMES, "hang.txt"], "ok")
    status = librarian("status", "--json", library=library).document
    assert (status["queue_depth"], sum(status["active_agents"].values())) == (0, 0)


def test_an_abort_loses_no_progress(tree: Path, library: Path, start: Start) -> None:
    write_faulty(write_texts(tree, NAMES), "hang.txt", "hang")
    running = start("ingest", tree)
    wait_until(lambda: counts(library, "ingestion.completed") >= 5, 20.0, lambda: running.err)
    interrupt_twice(running)
    done = {Path(path).name for (path,) in rows(library, "SELECT path FROM memory_documents WHERE chunks > 0")}
    assert len(done) >= 5
    log = tree.parent / "readings"
    (tree / "hang.txt").unlink()
    assert start("ingest", tree).wait().code == 0
    assert [read_times(log, name) for name in done] == len(done) * [1]


def test_after_a_crash_it_is_known_how_far_it_got(tree: Path, library: Path, start: Start) -> None:
    write_faulty(write_texts(tree, NAMES), "hang.txt", "hang")
    running = start("ingest", tree)
    wait_until(lambda: counts(library, "trust.updated") >= 5, 20.0, lambda: running.err)
    kill(running)
    (job,) = librarian("jobs", "--json", library=library).document["jobs"]
    assert 0 < job["percent"] < 100
    assert job["finished_at"] is None
    done = [name for name, outcome in outcomes(library).items() if outcome == "ok"]
    assert 5 <= len(done) <= len(NAMES)
    assert outcomes(library)["hang.txt"] == "waiting:queued"
    begun = [Path(entry["target"]).name for entry in entries(library, "--action", "ingestion.started")]
    assert "hang.txt" in begun
    assert len(begun) > len(done)


def test_ctrl_c_ends_a_hang(tree: Path, library: Path, start: Start) -> None:
    write_faulty(tree, "hang.txt", "hang")
    running = start("ingest", tree)
    wait_until(lambda: read_times(tree.parent / "readings", "hang.txt") > 0, 20.0, lambda: running.err)
    assert interrupt_twice(running).code == 130
    running.wait_for_none(1.0)


@pytest.mark.parametrize("command", ["watch", pytest.param("ingest", marks=pytest.mark.slow)])
def test_ctrl_c_does_not_exit_with_0(tree: Path, library: Path, start: Start, command: str) -> None:
    write_faulty(tree, "slow.txt", "slow")
    running = start(command, tree, env={"LIBRARIAN_WATCH_SETTLE_SECONDS": "0"})
    wait_until(lambda: read_times(tree.parent / "readings", "slow.txt") > 0, 20.0, lambda: running.err)
    running.signal(signal.SIGINT)
    assert running.wait(5.0).code == 130


def test_parallel_workers_lose_no_writes(tree: Path, library: Path, start: Start) -> None:
    names = [f"{number:03}.txt" for number in range(60)]
    texts = {name: write_text(tree / name, name) for name in names}
    for running in [start("ingest", "-j", "4", tree) for _ in range(2)]:
        assert running.wait().code == 0
    assert outcomes(library) == dict.fromkeys(names, "ok")
    assert librarian("check", "--read-data", library=library).code == 0
    stored = "SELECT path, (SELECT group_concat(text, '') FROM (SELECT text FROM chunks WHERE book = books.id ORDER BY"
    found = rows(library, f"{stored} start_char)) FROM books JOIN book_paths ON book_paths.book = books.id")
    assert {Path(path).name: text for path, text in found} == texts


@pytest.mark.slow
def test_memory_is_given_back(watched: Watched) -> None:
    """Of the watch, which lives on, and of its workers, of which one that grew too much is replaced."""
    running = watched.begin()

    def resident() -> int:
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in running.members()) * 4096

    def wave(number: int) -> int:
        names = [f"{number}/{name}" for name in NAMES]
        for name in names:
            write_text(watched.tree / name, name, paragraphs=1000)  # 350 kB
        watched.wait(lambda: all(watched.outcomes().get(name, "").startswith("ok") for name in names))
        watched.wait(lambda: rows(watched.library, "SELECT count(*) FROM tasks WHERE state <> 'done'") == [(0,)])
        stays(lambda: running.process.poll() is None, SHORT_SECONDS)
        return resident()

    wave(0)
    wave(1)
    before = wave(2)
    assert wave(3) - before < GROWTH_BYTES


def test_timeouts_come_and_come_in_time(tree: Path, library: Path, start: Start) -> None:
    silence, tries, margin = 1.0, 2, 3.0
    write_faulty(write_texts(tree, NAMES), "hang.txt", "hang")
    began = time.monotonic()
    ran = start("ingest", tree, env={"LIBRARIAN_STAGES_EXTRACT_SILENCE_SECONDS": str(silence)}).wait()
    assert ran.code == 3
    assert tries * silence <= time.monotonic() - began < tries * silence + margin
    found = outcomes(library)
    assert found.pop("hang.txt") == "failed:timeout"
    assert found == dict.fromkeys(NAMES, "ok")
