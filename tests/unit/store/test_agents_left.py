"""An agent whose book another took up, or whose process left, does not stay idle for ever."""

import sqlite3
from pathlib import Path

from librarian_cli.models import Cost
from librarian_cli.pipeline.leases import Heartbeat, Owner
from librarian_cli.store import agents
from librarian_cli.store.database import Database


def give_back(connection: sqlite3.Connection, owner: str) -> int:
    """Have an owner's agent take a book up, and give it back."""
    row, _ = agents.begin(connection, "ingestion_runner", book=1, job=1, owner=owner, stage="extract")
    agents.end_task(connection, row, "idle", Cost())
    return row


def at_work(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    return connection.execute("SELECT id, owner FROM agents WHERE ended_at IS NULL").fetchall()


def test_an_agent_goes_on_with_the_book_that_it_gave_back(connection: sqlite3.Connection) -> None:
    row = give_back(connection, "me")
    again = agents.begin(connection, "ingestion_runner", book=1, job=1, owner="me", stage="extract")
    assert again == (row, False)


def test_an_agent_that_gave_its_book_back_ends_when_another_takes_it_up(connection: sqlite3.Connection) -> None:
    give_back(connection, "other")
    row, is_new = agents.begin(connection, "ingestion_runner", book=1, job=1, owner="me", stage="extract")
    assert is_new
    assert at_work(connection) == [(row, "me")]


def test_agents_that_wait_end_with_their_process(tmp_path: Path) -> None:
    database, owner = Database(tmp_path / "library", create=True), Owner(tmp_path / "library" / "owners")
    heart = Heartbeat(database, owner, command="ingest", lease_seconds=60.0, workers=list)
    database.write_now(lambda connection: give_back(connection, owner.name))
    heart.close()
    assert at_work(database.reader()) == []
    owner.close()
    database.close()
