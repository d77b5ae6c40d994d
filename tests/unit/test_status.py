"""The status is read from rows: what waits, who works, how the workers are, which groups are behind."""

import sqlite3

import pytest

from librarian_cli import config, status
from librarian_cli.settings import Config
from librarian_cli.stages import QUEUES
from librarian_cli.status import Group, Status
from librarian_cli.store import activity, books, owners, pauses
from librarian_cli.store.owners import Worker
from tests.support import filed


def read(connection: sqlite3.Connection, *dead: str, settings: Config | None = None) -> Status:
    return status.read(connection, settings or Config(), lambda name: name not in dead)


def register(connection: sqlite3.Connection, name: str, *health: str) -> None:
    owners.register(connection, name, 1, "ingest", boot_id="", beat=0.0)
    owners.beat(connection, name, 0.0, [Worker("extract", 1, word, 0, 0, 0) for word in health])


@pytest.mark.parametrize(
    ("health", "paused", "expected"),
    [
        (["healthy", "busy", "starting", "restarting"], [], "up"),
        ([], [], "up"),  # it has begun, and needs no worker yet
        (["healthy", "unhealthy"], [], "degraded"),
        (["healthy"], ["audit"], "degraded"),
    ],
)
def test_the_status_tells_of_workers_and_pauses(
    connection: sqlite3.Connection, health: list[str], paused: list[str], expected: str
) -> None:
    register(connection, "me", *health)
    pauses.add(connection, paused)
    found = read(connection)
    assert (found.status, found.paused) == (expected, tuple(paused))
    assert [worker.health for worker in found.workers] == health


def test_a_library_without_a_living_process_is_down_even_when_paused(connection: sqlite3.Connection) -> None:
    assert read(connection).status == "down"
    register(connection, "killed", "unhealthy")
    pauses.add(connection, ["ingestion"])
    found = read(connection, "killed")
    assert (found.status, found.owners, found.workers) == ("down", (), ())


def test_workers_of_all_living_processes_are_listed(connection: sqlite3.Connection) -> None:
    register(connection, "one", "busy")
    register(connection, "dead", "unhealthy")
    register(connection, "two", "healthy", "busy")
    found = read(connection, "dead")
    assert [owner.name for owner in found.owners] == ["one", "two"]
    assert [worker.health for worker in found.workers] == ["busy", "healthy", "busy"]
    assert found.status == "up"


def test_queues_count_what_is_ready_and_agents_what_is_under_way(connection: sqlite3.Connection) -> None:
    for name in "abc":
        filed.file_book(connection, name)
    filed.claim(connection, "schema", count=1)
    found = read(connection)
    assert dict(found.queues) == {"schema": 2, "ingestion": 0, "trust_audit": 0}
    assert dict(found.active_agents) == {"schema_scout": 1, "ingestion_runner": 0, "trust_auditor": 0}
    assert found.running == 1
    filed.pass_stage(connection, "schema")
    filed.claim(connection, "extract", count=1)
    found = read(connection)
    assert dict(found.queues) == {"schema": 0, "ingestion": 1, "trust_audit": 0}
    assert found.running == 2


def test_every_queue_and_agent_is_named_in_an_empty_library(connection: sqlite3.Connection) -> None:
    found = read(connection)
    assert dict(found.queues) == dict.fromkeys(QUEUES, 0)
    assert dict(found.active_agents) == dict.fromkeys(QUEUES.values(), 0)
    assert (found.books, found.chunks, found.text_bytes, found.running) == (0, 0, 0, 0)


def test_the_cap_is_that_of_the_settings(connection: sqlite3.Connection) -> None:
    assert read(connection, settings=config.load({"limits.profile": "gentle"})).cap == 5
    assert read(connection, settings=config.load({"limits.total": 17})).cap == 17


def test_a_group_is_failing_once_one_of_its_books_failed(connection: sqlite3.Connection) -> None:
    rows = [filed.file_book(connection, name, group="series") for name in "abc"]
    filed.file_book(connection, "x", group="quiet")
    filed.pass_stage(connection, "schema")
    assert read(connection).groups == (Group("quiet", 1, 0, 0), Group("series", 3, 0, 0))
    task = next(task for task in filed.claim(connection, "extract") if task.book_row == rows[0])
    filed.fail(connection, task)
    books.set_status(connection, rows[0], "failed", 1)
    quiet, series = read(connection).groups
    assert (series, series.health) == (Group("series", 2, 0, 1), "failing")
    assert (quiet, quiet.health) == (Group("quiet", 0, 1, 0), "ok")


def test_the_rate_is_that_of_the_last_minute(connection: sqlite3.Connection) -> None:
    for name in "ab":
        row = filed.file_book(connection, name)
        connection.execute("UPDATE books SET size = 3000000 WHERE id = ?", (row,))
        activity.record(connection, "trust.updated", book=row)
    found = read(connection)
    assert (found.books_per_minute, found.megabytes_per_second) == (2.0, 0.1)
    connection.execute("UPDATE activity SET at = at - 61")
    found = read(connection)
    assert (found.books_per_minute, found.megabytes_per_second) == (0.0, 0.0)
