"""Who works on what, over whole runs: one agent a queue and book, within caps that hold at every claim."""

import sqlite3
from pathlib import Path

import pytest

from tests.faults.conftest import Start
from tests.integration.live.conftest import HEALTHY_BOOKS
from tests.support import trees
from tests.support.filed import rows
from tests.support.live import most_at_once, under_way
from tests.support.program import librarian

AGENTS = ("schema_scout", "ingestion_runner", "trust_auditor")
CAPS = {"schema": 2, "ingestion": 3, "trust_audit": 2}
TOTAL = 5


def run(library: Path, tree: Path, **env: str) -> None:
    ran = librarian("ingest", tree, library=library, env=env)
    assert (ran.code, ran.err) == (0, "")


@pytest.fixture(scope="module")
def gentle(healthy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of the 14 books, made under the gentle profile. To be read only."""
    library = tmp_path_factory.mktemp("gentle") / "library"
    run(library, healthy, LIBRARIAN_LIMITS_PROFILE="gentle", LIBRARIAN_STAGES_EXTRACT_WORKERS="4")
    return library


def test_14_books_under_the_gentle_profile_make_42_agents_within_its_caps(gentle: Path) -> None:
    """A task's row tells when the transaction that claimed it was, and when the one that ended it."""
    found = librarian("agents", "--json", library=gentle).document["agents"]
    assert len(found) == 3 * HEALTHY_BOOKS == 42
    assert {agent["status"] for agent in found} == {"terminated"}
    for name in AGENTS:
        mine = [agent for agent in found if agent["type"] == name]
        assert len(mine) == len({agent["book"] for agent in mine}) == HEALTHY_BOOKS
    for queue, cap in CAPS.items():
        assert len(under_way(gentle, queue)) >= HEALTHY_BOOKS
        assert most_at_once(under_way(gentle, queue)) <= cap
    assert most_at_once(under_way(gentle)) <= TOTAL
    stats = librarian("agents", "--stats", "--json", library=gentle).document
    assert (stats["total_spawned"], stats["total_completed"], stats["currently_active"]) == (42, 42, 0)
    assert stats["success_rate"] == 1.0


def test_without_the_profile_more_books_are_under_way(healthy: Path, library: Path) -> None:
    """Else the bounds above would hold by themselves."""
    run(library, healthy, LIBRARIAN_STAGES_EXTRACT_WORKERS="4")
    assert most_at_once(under_way(library)) > TOTAL


@pytest.mark.parametrize("total", [1, 2])
def test_a_total_of_few_books_is_never_exceeded(tmp_path: Path, library: Path, total: int) -> None:
    for number in range(6):
        trees.write_text(tmp_path / "tree" / f"{number}.txt", number)
    run(library, tmp_path / "tree", LIBRARIAN_LIMITS_TOTAL=str(total))
    assert 1 <= most_at_once(under_way(library)) <= total
    assert len(under_way(library)) == 6 * 4


def test_agents_tell_what_a_book_took(gentle: Path) -> None:
    runners = [
        agent
        for agent in librarian("agents", "--json", library=gentle).document["agents"]
        if agent["type"] == "ingestion_runner"
    ]
    for agent in runners:
        assert agent["tasks_completed"] == 3, "extract, chunk and enrich"
        assert (agent["tasks_failed"], agent["current_task"]) == (0, None)
        assert agent["runtime_seconds"] > 0
        assert agent["peak_memory_bytes"] > 1 << 20
    assert sum(agent["cpu_seconds"] for agent in runners) > 0


def test_a_failed_book_ends_its_agent_in_error(tmp_path: Path, library: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/bad.pdf").write_bytes((trees.SAMPLES / "manuals/the-grey-of-the-page.pdf").read_bytes())
    assert librarian("ingest", tmp_path / "tree", library=library).code == 3
    (agent,) = librarian("agents", "--status", "error", "--json", library=library).document["agents"]
    assert (agent["type"], agent["tasks_failed"]) == ("schema_scout", 1)
    stats = librarian("agents", "--stats", "--json", library=library).document
    assert (stats["total_spawned"], stats["total_failed"], stats["success_rate"]) == (1, 1, 0.0)


def test_other_programs_read_agents_and_decisions_by_the_views(gentle: Path, healthy: Path) -> None:
    by_type = dict(rows(gentle, "SELECT agent_type, count(*) FROM memory_sub_agents GROUP BY agent_type"))
    assert by_type == dict.fromkeys(AGENTS, HEALTHY_BOOKS)
    log = dict(rows(gentle, "SELECT action_type, count(*) FROM memory_librarian_log GROUP BY action_type"))
    for action in ("schema_proposal", "schema_approval", "ingestion_launch", "ingestion_complete", "trust_update"):
        assert log[action] == HEALTHY_BOOKS
    paths = {
        row[0]
        for row in rows(gentle, "SELECT target_path FROM memory_librarian_log WHERE action_type = 'trust_update'")
    }
    assert paths == {str(path) for path in healthy.rglob("*.*") if path.is_file() and not path.name.startswith(".")}


def test_the_views_cannot_be_written(gentle: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        rows(gentle, "DELETE FROM activity")


def test_what_a_worker_prints_is_kept_by_its_agent_and_reaches_nobody_else(
    tmp_path: Path, library: Path, start: Start
) -> None:
    trees.write_text(tmp_path / "tree" / "a.txt", 1, head="FAULT:print\n")
    ran = start("ingest", tmp_path / "tree").wait()
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    (output,) = rows(library, "SELECT output FROM agents WHERE type = 'ingestion_runner'")
    assert output == ("printed by Python\nprinted by C\n",)
