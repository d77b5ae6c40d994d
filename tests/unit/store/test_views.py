"""The views under which other programs read a library, and two statements that they are promised to answer."""

import json
import re
import sqlite3

import pytest

from librarian_cli.models import AuditReport, Cost
from librarian_cli.store import activity, agents, books
from tests.support.stored import add_book, sha256_of

AGENTS_AT_WORK = """
SELECT agent_id, agent_type, status, current_task, tasks_completed FROM memory_sub_agents WHERE agent_type IN ('schema_scout', 'ingestion_runner', 'trust_auditor') ORDER BY last_active_at DESC;
"""  # noqa: E501  # to the letter
LATEST_DECISIONS = """
SELECT action_type, target_path, details, timestamp FROM memory_librarian_log WHERE action_type IN ('schema_proposal', 'ingestion_launch', 'trust_update') ORDER BY timestamp DESC LIMIT 100;
"""  # noqa: E501  # likewise
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def book(connection: sqlite3.Connection) -> int:
    return add_book(connection, "a.txt")


VIEWS = {
    "memory_documents": "book_id path title author language kind format collection pages chunks status reason"
    " trust_score created_at updated_at",
    "memory_sub_agents": "agent_id agent_type status current_task tasks_completed tasks_failed success_rate"
    " trust_score last_active_at",
    "memory_librarian_log": "action_type target_path details timestamp",
}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_the_columns_that_were_promised(connection: sqlite3.Connection, view: str) -> None:
    columns = [item[0] for item in connection.execute(f"SELECT * FROM {view}").description]
    assert " ".join(columns) == VIEWS[view]


def test_the_statement_on_agents_gives_the_latest_first(connection: sqlite3.Connection, book: int) -> None:
    rows = {}
    for number, name in enumerate(("schema_scout", "ingestion_runner", "trust_auditor", "someone_else")):
        rows[name], _ = agents.begin(connection, name, book=book, job=1, owner="me", stage="schema")
        connection.execute("UPDATE agents SET last_active_at = ? WHERE id = ?", (100 + number, rows[name]))
    agents.end_task(connection, rows["schema_scout"], "terminated", Cost(), completed=1)
    found = connection.execute(AGENTS_AT_WORK).fetchall()
    assert [row[1:] for row in found] == [
        ("schema_scout", "terminated", None, 1),
        ("trust_auditor", "active", "schema", 0),
        ("ingestion_runner", "active", "schema", 0),
    ]
    ids = {agent.type: agent.id for agent in agents.every(connection)}
    assert [row[0] for row in found] == [ids[row[1]] for row in found]


def test_the_statement_on_the_log_gives_paths_and_details(connection: sqlite3.Connection, book: int) -> None:
    logged = ("schema.proposed", "schema.approved", "ingestion.started", "ingestion.completed", "trust.updated")
    for number, action in enumerate(logged):
        activity.record(connection, action, book=book, number=number)
        connection.execute("UPDATE activity SET at = ? WHERE id = ?", (1000.25 + number, number + 1))
    found = connection.execute(LATEST_DECISIONS).fetchall()
    assert [(action, path, json.loads(details)) for action, path, details, _ in found] == [
        ("trust_update", "/books/a.txt", {"number": 4}),
        ("ingestion_launch", "/books/a.txt", {"number": 2}),
        ("schema_proposal", "/books/a.txt", {"number": 0}),
    ]
    assert found[-1][3] == "1970-01-01T00:16:40.250Z"


def test_the_log_shows_at_most_100_and_other_actions_by_their_own_names(
    connection: sqlite3.Connection, book: int
) -> None:
    for _ in range(101):
        activity.record(connection, "trust.updated", book=book)
    activity.record(connection, "queue.paused", target="ingestion")
    assert len(connection.execute(LATEST_DECISIONS).fetchall()) == 100
    last = connection.execute("SELECT action_type, target_path FROM memory_librarian_log").fetchall()[-1]
    assert last == ("queue.paused", "ingestion")


def test_an_agent_shows_its_share_of_success_and_the_trust_of_its_book(
    connection: sqlite3.Connection, book: int
) -> None:
    row, _ = agents.begin(connection, "trust_auditor", book=book, job=1, owner="me", stage="audit")
    query = "SELECT success_rate, trust_score, last_active_at FROM memory_sub_agents"
    assert connection.execute(query).fetchone()[:2] == (None, None)
    agents.end_task(connection, row, "idle", Cost(), completed=3)
    agents.end_task(connection, row, "error", Cost(), failed=1)
    books.save_audit(connection, book, AuditReport(0.5, {}, ()))
    rate, trust, at = connection.execute(query).fetchone()
    assert (rate, trust) == (0.75, 0.5)
    assert TIME.fullmatch(at)


def test_documents_are_the_books_that_were_not_removed(connection: sqlite3.Connection, book: int) -> None:
    add_book(connection, "b.txt", status="removed")
    add_book(connection, "c.txt", status="failed")
    query = "SELECT book_id, path, title, status, created_at FROM memory_documents ORDER BY title"
    found = connection.execute(query).fetchall()
    assert [row[:4] for row in found] == [
        (sha256_of("a.txt"), "/books/a.txt", "a.txt", "pending"),
        (sha256_of("c.txt"), "/books/c.txt", "c.txt", "failed"),
    ]
    assert all(TIME.fullmatch(row[4]) for row in found)
