"""Pause and resume, from one process to another: nothing new begins, what runs may end, and it costs nothing."""

import os
import signal
from pathlib import Path

from tests.faults.conftest import Start
from tests.support.filed import rows
from tests.support.live import counts, stays, write_faulty, write_texts
from tests.support.program import librarian
from tests.support.running import Running, wait_until

NAMES = [f"{number:02}.txt" for number in range(12)]
FEW = 4
ONE = {"LIBRARIAN_STAGES_EXTRACT_WORKERS": "1"}
REACH_SECONDS = 1.0
"""Within this a pause has reached every process."""


def control(library: Path, *arguments: str) -> None:
    ran = librarian(*arguments, library=library)
    assert ran.code == 0, ran.err


def cpu_seconds(running: Running) -> float:
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_what_is_paused_before_an_ingest_starts_nothing_until_another_process_resumes_it(
    tmp_path: Path, library: Path, start: Start
) -> None:
    tree = write_texts(tmp_path / "tree", NAMES)
    control(library, "ingest", "--no-wait", str(tree))
    control(library, "pause")
    running = start("ingest", tree)
    wait_until(lambda: "paused: all; `librarian resume` goes on" in running.err, 20.0, lambda: running.err)
    stays(lambda: rows(library, "SELECT count(*) FROM agents") == [(0,)], REACH_SECONDS)
    found = librarian("status", "--json", library=library).document
    assert (found["status"], found["paused"], found["queue_depth"]) == ("degraded", ["all"], len(NAMES))
    control(library, "resume")
    ran = running.wait()
    assert ran.code == 0
    assert len(librarian("agents", "--json", library=library).document["agents"]) == 3 * len(NAMES)


def test_a_queue_paused_during_a_run_begins_nothing_more_within_a_second(
    tmp_path: Path, library: Path, start: Start
) -> None:
    for name in NAMES[:FEW]:
        write_faulty(tmp_path / "tree", name, "slow")
    running = start("ingest", tmp_path / "tree", env=ONE)
    wait_until(lambda: counts(library, "stage.completed") >= 1, 30.0, lambda: running.err)
    control(library, "pause", "ingestion")
    ((paused_at,),) = rows(library, "SELECT at FROM activity WHERE action = 'queue.paused'")
    log = tmp_path / "readings"
    wait_until(lambda: log.read_text().count("begin") == log.read_text().count("end"), 10.0)
    begun = log.read_text().count("begin")
    assert 1 <= begun < FEW, "what ran has ended, and others are left"
    stays(lambda: log.read_text().count("begin") == begun, REACH_SECONDS + 0.5)
    late = "SELECT count(*) FROM agents WHERE type = 'ingestion_runner' AND started_at > ?"
    assert rows(library, late, paused_at + REACH_SECONDS) == [(0,)]
    assert running.process.poll() is None, "it waits"
    control(library, "resume", "ingestion")
    assert running.wait().code == 0
    assert rows(library, "SELECT count(*) FROM agents WHERE status <> 'terminated'") == [(0,)]
    assert log.read_text().count("end") == FEW
    assert counts(library, "ingestion.completed") == FEW


def test_other_queues_go_on_while_one_is_paused(tmp_path: Path, library: Path, start: Start) -> None:
    tree = write_texts(tmp_path / "tree", NAMES)
    control(library, "ingest", "--no-wait", str(tree))
    control(library, "pause", "trust_audit")
    running = start("ingest")
    wait_until(lambda: counts(library, "ingestion.completed") == len(NAMES), 30.0, lambda: running.err)
    found = librarian("status", "--json", library=library).document
    assert found["queues"] == {"schema": 0, "ingestion": 0, "trust_audit": len(NAMES)}
    assert counts(library, "trust.updated") == 0
    control(library, "resume", "trust_audit")
    assert running.wait().code == 0


def test_vectors_do_not_wait_for_what_books_can_do_without(tmp_path: Path, library: Path, start: Start) -> None:
    tree = write_texts(tmp_path / "tree", NAMES)
    control(library, "ingest", "--no-wait", str(tree))
    control(library, "pause", "enrich")
    running = start("ingest")
    indexed = "SELECT count(*) FROM activity WHERE action = 'stage.completed' AND target = 'library'"
    wait_until(lambda: rows(library, indexed) == [(1,)], 30.0, lambda: running.err)
    assert rows(library, "SELECT count(*) FROM vectors") == [(len(NAMES),)]
    assert rows(library, "SELECT DISTINCT state FROM tasks WHERE stage = 'enrich'") == [("ready",)]
    control(library, "resume")
    assert running.wait().code == 0


def test_a_run_that_waits_for_a_paused_index_is_idle(tmp_path: Path, library: Path, start: Start) -> None:
    tree = write_texts(tmp_path / "tree", NAMES[:3])
    control(library, "ingest", "--no-wait", str(tree))
    control(library, "pause", "index")
    running = start("ingest")
    filed = "SELECT count(*) FROM tasks WHERE stage = 'index'"
    wait_until(lambda: rows(library, filed) == [(1,)], 30.0, lambda: running.err)
    before = cpu_seconds(running)
    stays(lambda: running.process.poll() is None, 1.0)
    assert cpu_seconds(running) - before < 0.3
    control(library, "resume")
    assert running.wait().code == 0
    assert rows(library, "SELECT count(*) FROM vectors") == [(3,)]


def test_a_process_that_ends_while_its_work_is_paused_leaves_no_agent_behind(
    tmp_path: Path, library: Path, start: Start
) -> None:
    for name in NAMES[:FEW]:
        write_faulty(tmp_path / "tree", name, "slow")
    running = start("ingest", tmp_path / "tree", env=ONE)
    wait_until(lambda: counts(library, "ingestion.started") >= 3, 30.0, lambda: running.err)
    control(library, "pause", "ingestion")
    idle = "SELECT count(*) FROM agents WHERE status = 'idle'"
    wait_until(lambda: rows(library, idle)[0][0] > 0, 10.0)
    wait_until(lambda: rows(library, "SELECT count(*) FROM tasks WHERE state = 'leased'") == [(0,)], 10.0)
    running.signal(signal.SIGINT)
    assert running.wait().code == 130
    found = librarian("agents", "--stats", "--json", library=library).document
    assert found["currently_active"] == 0
    control(library, "resume")
    assert librarian("ingest", library=library).code == 0
    assert librarian("agents", "--stats", "--json", library=library).document["currently_active"] == 0
