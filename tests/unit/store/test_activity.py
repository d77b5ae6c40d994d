"""The log of what happened: in order, found by action and time, counted for the rate, and bounded."""

import sqlite3
import time

import pytest

from librarian_cli.models import Cost
from librarian_cli.store import activity, agents, jobs
from tests.support.filed import file_book
from tests.support.stored import add_book, sha256_of


def actions(connection: sqlite3.Connection, **chosen: object) -> list[str]:
    return [entry.action for entry in activity.since(connection, **chosen)]  # type: ignore[arg-type]  # its own names


def log(connection: sqlite3.Connection, *names: str) -> None:
    for name in names:
        activity.record(connection, name)


def age(connection: sqlite3.Connection, table: str, column: str, days: float) -> None:
    connection.execute(f"UPDATE {table} SET {column} = {column} - ?", (days * 86_400,))


def count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_an_entry_tells_what_happened_to_which_book_in_which_job_by_whom(connection: sqlite3.Connection) -> None:
    before = time.time()
    book = add_book(connection, "a.txt")
    agent, _ = agents.begin(connection, "schema_scout", book=book, job=3, owner="me", stage="schema")
    activity.record(connection, "ingestion.failed", book=book, job=3, agent=agent, stage="schema", reason="corrupt")
    (entry,) = activity.since(connection)
    assert before <= entry.at <= time.time()
    assert (entry.action, entry.book, entry.job) == ("ingestion.failed", sha256_of("a.txt"), 3)
    assert entry.target == "/books/a.txt"
    assert entry.agent == next(agents.every(connection)).id
    assert entry.details == {"stage": "schema", "reason": "corrupt"}


def test_what_is_no_book_has_a_target_of_its_own(connection: sqlite3.Connection) -> None:
    activity.record(connection, "queue.paused", target="ingestion")
    (entry,) = activity.since(connection)
    assert (entry.book, entry.target, entry.job, entry.agent, entry.details) == (None, "ingestion", None, None, {})


def test_an_entry_outlives_its_book_and_agent(connection: sqlite3.Connection) -> None:
    activity.record(connection, "ingestion.queued", book=77, agent=88)
    (entry,) = activity.since(connection)
    assert (entry.book, entry.target, entry.agent) == (None, "", None)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("", ["agent.completed", "agent.failed", "agentless.x", "job.started"]),
        ("agent", ["agent.completed", "agent.failed"]),  # a subject; no other that begins like it
        ("agent.failed", ["agent.failed"]),
        ("agent.fail", []),  # half a word is none
        ("job", ["job.started"]),
        ("nothing", []),
    ],
)
def test_an_action_is_one_or_the_subject_of_several(
    connection: sqlite3.Connection, action: str, expected: list[str]
) -> None:
    log(connection, "agent.completed", "agent.failed", "agentless.x", "job.started")
    assert actions(connection, action=action) == expected


def test_entries_come_oldest_first_and_a_limit_keeps_the_latest(connection: sqlite3.Connection) -> None:
    log(connection, "a.1", "a.2", "b.3", "a.4")
    assert actions(connection) == ["a.1", "a.2", "b.3", "a.4"]
    assert actions(connection, limit=2) == ["b.3", "a.4"]
    assert actions(connection, limit=2, action="a") == ["a.2", "a.4"]
    assert actions(connection, limit=0) == []


def test_entries_after_a_row_and_from_a_time_on(connection: sqlite3.Connection) -> None:
    log(connection, "a.1", "a.2", "a.3")
    second = list(activity.since(connection))[1]
    assert actions(connection, row=second.row) == ["a.3"]
    connection.execute("UPDATE activity SET at = id")
    assert actions(connection, at=2.0) == ["a.2", "a.3"]
    assert actions(connection, at=2.5) == ["a.3"]


def test_the_latest_row_is_that_of_the_last_entry(connection: sqlite3.Connection) -> None:
    assert activity.latest(connection) == 0
    log(connection, "a.1", "a.2")
    assert activity.latest(connection) == list(activity.since(connection))[-1].row


def test_the_rate_counts_books_that_were_audited_lately_and_their_bytes(connection: sqlite3.Connection) -> None:
    first, second = add_book(connection, "a"), add_book(connection, "b")
    activity.record(connection, "trust.updated", book=first)
    age(connection, "activity", "at", 1.0)
    assert activity.rate(connection, 60.0) == (0, 0)
    activity.record(connection, "trust.updated", book=second)
    activity.record(connection, "ingestion.completed", book=first)
    assert activity.rate(connection, 60.0) == (1, 100)
    assert activity.rate(connection, 2 * 86_400.0) == (2, 200)


def test_pruning_keeps_the_latest_rows(connection: sqlite3.Connection) -> None:
    log(connection, *(f"a.{number}" for number in range(10)))
    assert activity.prune(connection, max_rows=3, max_days=1.0) == 7
    assert actions(connection) == ["a.7", "a.8", "a.9"]
    assert activity.prune(connection, max_rows=3, max_days=1.0) == 0


def test_pruning_drops_what_is_too_old(connection: sqlite3.Connection) -> None:
    log(connection, "a.old")
    age(connection, "activity", "at", 2.0)
    log(connection, "a.new")
    assert activity.prune(connection, max_rows=1000, max_days=1.0) == 1
    assert actions(connection) == ["a.new"]


def test_pruning_goes_batch_by_batch(connection: sqlite3.Connection) -> None:
    log(connection, *["a.b"] * 2500)
    batches = []
    while removed := activity.prune(connection, max_rows=100, max_days=1.0):
        batches.append(removed)
    assert batches == [1000, 1000, 400]


def test_agents_at_work_are_kept_however_old(connection: sqlite3.Connection) -> None:
    ended, _ = agents.begin(connection, "x", book=1, job=1, owner="me", stage="schema")
    agents.end_task(connection, ended, "terminated", Cost())
    at_work, _ = agents.begin(connection, "x", book=2, job=1, owner="me", stage="schema")
    for column in ("started_at", "ended_at"):
        age(connection, "agents", column, 100.0)
    assert activity.prune(connection, max_rows=1000, max_days=1.0) == 1
    assert [agent.row for agent in agents.every(connection)] == [at_work]


def test_open_jobs_and_those_with_tasks_are_kept(connection: sqlite3.Connection) -> None:
    with_tasks = jobs.start(connection, "ingest", "me")
    file_book(connection, "a", with_tasks)
    ended, is_open = (jobs.start(connection, "ingest", "me") for _ in range(2))
    for job in (with_tasks, ended):
        jobs.close(connection, job, {})
    age(connection, "jobs", "finished_at", 100.0)
    assert activity.prune(connection, max_rows=1, max_days=1.0) == 1
    assert [job.id for job in jobs.every(connection, 10)] == [is_open, with_tasks]


def test_jobs_that_are_kept_do_not_stand_in_the_way_of_others(connection: sqlite3.Connection) -> None:
    """A library may hold more jobs with tasks than one batch takes."""
    connection.execute("BEGIN")
    for number in range(1001):
        job = jobs.start(connection, "ingest", "me")
        file_book(connection, str(number), job)
        jobs.close(connection, job, {})
    ended = jobs.start(connection, "ingest", "me")
    jobs.close(connection, ended, {})
    age(connection, "jobs", "finished_at", 100.0)
    connection.execute("COMMIT")
    assert activity.prune(connection, max_rows=10_000, max_days=1.0) == 1
    assert count(connection, "jobs") == 1001


def test_nothing_is_pruned_that_is_within_both_bounds(connection: sqlite3.Connection) -> None:
    log(connection, "a.b")
    assert activity.prune(connection, max_rows=1, max_days=1.0) == 0
    assert count(connection, "activity") == 1
