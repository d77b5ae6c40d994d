"""Live control on rows alone: what a person may name, what it changes, and what it leaves as it was."""

import sqlite3

import pytest

from librarian_cli import control
from librarian_cli.errors import UsageError
from librarian_cli.models import PRIORITIES, Cost
from librarian_cli.settings import Config
from librarian_cli.stages import STAGES, dependents
from librarian_cli.store import activity, agents, books, content, jobs, pauses, tasks
from librarian_cli.store.database import Database
from tests.support import filed, stored
from tests.support.stored import sha256_of

TEXT = "The tide rises. " * 20


def logged(database: Database) -> list[str]:
    return [entry.action for entry in activity.since(database.reader())]


def fail_at(connection: sqlite3.Connection, name: str, stage: str) -> int:
    """A book that failed in a stage."""
    row = filed.file_book(connection, name)
    for earlier in STAGES:
        if earlier.name == stage:
            break
        filed.pass_stage(connection, earlier.name)
    (task,) = filed.claim(connection, stage)
    filed.fail(connection, task)
    books.set_status(connection, row, "failed", task.job, reason="corrupt")
    return row


def renewing(connection: sqlite3.Connection, name: str) -> int:
    """A book that was complete, and is to be extracted again."""
    row = filed.file_book(connection, name)
    for stage in STAGES:
        filed.pass_stage(connection, stage.name)
    stored.save_text(connection, row, TEXT)
    books.set_status(connection, row, "ok", 1)
    assert tasks.rerun(connection, row, "extract", dependents("extract"), 1)
    return row


@pytest.mark.parametrize("name", ["ingestion", "extract", "index", "trust_audit", "schema"])
def test_a_queue_or_a_stage_is_paused_until_it_is_resumed(database: Database, name: str) -> None:
    assert control.pause(database, [name]) == {name}
    assert control.resume(database, [name]) == [name]
    assert pauses.current(database.reader()) == frozenset()
    assert logged(database) == ["queue.paused", "queue.resumed"]


def test_without_names_everything_is_paused_and_resumed(database: Database) -> None:
    control.pause(database, ["audit"])
    assert control.pause(database, []) == {"audit", pauses.ALL}
    assert control.resume(database, []) == [pauses.ALL, "audit"]
    assert control.resume(database, []) == []
    assert logged(database).count("queue.resumed") == 1, "where nothing was paused, nothing happened"


@pytest.mark.parametrize("act", [control.pause, control.resume])
@pytest.mark.parametrize("name", ["ingest", "all", "", "EXTRACT"])
def test_an_unknown_name_is_refused_with_those_that_there_are(database: Database, act: object, name: str) -> None:
    with pytest.raises(UsageError, match="there are schema, extract, chunk, enrich, audit, index, schema, ingestion"):
        act(database, ["extract", name])  # type: ignore[operator]  # pause or resume
    assert pauses.current(database.reader()) == frozenset(), "not even what is known"


def test_books_are_named_by_the_beginning_of_their_id_and_by_their_job(
    database: Database, connection: sqlite3.Connection
) -> None:
    job = jobs.start(connection, "ingest", "me")
    for name in ("a", "b"):
        filed.file_book(connection, name, job)
    filed.file_book(connection, "c")
    found = control.prioritise(database, [sha256_of("a")[:12], str(job), sha256_of("b")], "high")
    assert [book.title for book in found] == ["a", "b"], "each once, and only the job's"
    chosen = connection.execute("SELECT DISTINCT book, priority FROM tasks ORDER BY book").fetchall()
    assert chosen == [(1, PRIORITIES["high"]), (2, PRIORITIES["high"]), (3, PRIORITIES["medium"])]
    assert logged(database) == ["task.prioritised"] * 2


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("99", "no job 99"),
        ("0", "no job 0"),
        ("12345678", "no book '12345678'"),  # long enough for an id
        ("abc", "'abc' is no book id"),
        ("²", "'²' is no book id"),  # a digit to Unicode, and no number
    ],
)
def test_an_unknown_target_is_named_and_nothing_is_changed(
    database: Database, connection: sqlite3.Connection, target: str, complaint: str
) -> None:
    filed.file_book(connection, "a")
    with pytest.raises(UsageError, match=complaint):
        control.cancel(database, [sha256_of("a"), target])
    assert set(filed.states(connection, 1).values()) == {"ready", "waiting"}


def test_a_book_that_was_never_complete_keeps_nothing(database: Database, connection: sqlite3.Connection) -> None:
    row = filed.file_book(connection, "a")
    filed.pass_stage(connection, "schema")
    (task,) = filed.claim(connection, "extract")
    agent, _ = agents.begin(connection, "ingestion_runner", book=row, job=1, owner="me", stage="extract")
    stored.save_text(connection, row, TEXT)
    filed.finish(connection, task)
    (cancelled,) = control.cancel(database, [sha256_of("a")])
    assert cancelled.id == sha256_of("a")
    book = books.get(connection, row)
    assert (book.status, book.chunks) == ("cancelled", 0)
    assert content.text(connection, row) == ""
    assert connection.execute("SELECT count(*) FROM chunks").fetchone() == (0,)
    assert [item.status for item in agents.every(connection) if item.row == agent] == ["terminated"]
    assert logged(database) == ["task.cancelled"]


def test_a_book_that_is_being_renewed_keeps_its_old_version(database: Database, connection: sqlite3.Connection) -> None:
    row = renewing(connection, "a")
    filed.claim(connection, "extract")
    before = books.get(connection, row)
    assert len(control.cancel(database, [sha256_of("a")])) == 1
    assert books.get(connection, row) == before
    assert (before.status, content.text(connection, row)) == ("ok", TEXT)
    assert filed.states(connection, row)["extract"] == "cancelled"


@pytest.mark.parametrize("status", ["ok", "failed", "cancelled"])
def test_there_is_nothing_to_cancel_where_nothing_is_left(
    database: Database, connection: sqlite3.Connection, status: str
) -> None:
    row = filed.file_book(connection, "a")
    tasks.cancel(connection, row)
    books.set_status(connection, row, status, 1)
    assert control.cancel(database, [sha256_of("a")]) == []
    assert control.prioritise(database, [sha256_of("a")], "high") == []
    assert books.get(connection, row).status == status
    assert logged(database) == []


def test_cancelling_the_head_of_a_group_lets_the_next_one_begin(
    database: Database, connection: sqlite3.Connection
) -> None:
    first, second = (filed.file_book(connection, name, group="series") for name in "ab")
    filed.pass_stage(connection, "schema")
    assert filed.states(connection, second)["extract"] == "waiting"
    control.cancel(database, [books.get(connection, first).id])
    assert filed.states(connection, second)["extract"] == "ready"


@pytest.mark.parametrize("stage", [stage.name for stage in STAGES])
def test_a_failed_book_is_tried_again_from_the_stage_on_that_it_did_not_pass(
    database: Database, connection: sqlite3.Connection, stage: str
) -> None:
    row = fail_at(connection, "a", stage)
    job, (book,) = control.retry(database, [sha256_of("a")])
    assert (book.row, book.status, book.reason) == (row, "pending", "")
    states = filed.states(connection, row)
    names = [item.name for item in STAGES]
    passed = names.index(stage)
    assert [states[name] for name in names] == [
        "done" if place < passed else "ready" if name == stage or stage == "enrich" else "waiting"
        for place, name in enumerate(names)
    ]
    assert jobs.rows_of(connection, job) == [row]
    (entry,) = activity.since(connection, action="task.retried")
    assert (entry.book, entry.job, entry.details) == (book.id, job, {"stage": stage})


def test_a_cancelled_renewal_goes_on_with_its_old_version_in_place(
    database: Database, connection: sqlite3.Connection
) -> None:
    row = renewing(connection, "a")
    control.cancel(database, [sha256_of("a")])
    _, (book,) = control.retry(database, [sha256_of("a")])
    assert (book.status, filed.states(connection, row)["extract"]) == ("ok", "ready")


def test_every_failed_book_is_tried_again_and_no_other(database: Database, connection: sqlite3.Connection) -> None:
    failed = [fail_at(connection, name, "extract") for name in "ab"]
    cancelled = filed.file_book(connection, "c")
    control.cancel(database, [sha256_of("c")])
    job, chosen = control.retry(database, [], all_failed=True)
    assert [book.row for book in chosen] == failed
    assert jobs.rows_of(connection, job) == failed
    assert set(filed.states(connection, cancelled).values()) == {"cancelled"}


def test_books_that_did_not_fail_are_not_tried_again(database: Database, connection: sqlite3.Connection) -> None:
    row = filed.file_book(connection, "a")
    before = filed.states(connection, row)
    _, chosen = control.retry(database, [sha256_of("a")])
    assert chosen == []
    assert filed.states(connection, row) == before


def test_a_retry_of_nothing_leaves_no_open_job(database: Database, connection: sqlite3.Connection) -> None:
    job, chosen = control.retry(database, [], all_failed=True)
    assert chosen == []
    assert jobs.get(connection, job).percent == 100.0


def test_a_retried_book_takes_its_turn_in_its_group(database: Database, connection: sqlite3.Connection) -> None:
    first, second = (filed.file_book(connection, name, group="series") for name in "ab")
    filed.pass_stage(connection, "schema")
    control.cancel(database, [books.get(connection, first).id])
    filed.claim(connection, "extract")
    control.retry(database, [books.get(connection, first).id])
    assert filed.states(connection, first)["extract"] == "waiting", f"{second} is at work"
    assert Config().ingest.order_groups == "none"


def test_an_agents_cost_is_kept_when_its_book_is_cancelled(database: Database, connection: sqlite3.Connection) -> None:
    row = filed.file_book(connection, "a")
    agent, _ = agents.begin(connection, "ingestion_runner", book=row, job=1, owner="me", stage="extract")
    agents.end_task(connection, agent, "idle", Cost(cpu_seconds=1.5), completed=1)
    control.cancel(database, [sha256_of("a")])
    (found,) = agents.every(connection)
    assert (found.status, found.cpu_seconds, found.tasks_completed) == ("terminated", 1.5, 1)
