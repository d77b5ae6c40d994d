"""Owners on record, their signs of life, and what is paused."""

import sqlite3

import pytest

from librarian_cli.store import owners, pauses
from librarian_cli.store.owners import Worker

BOOT = "this boot"
WORKER = Worker("extract", 4711, "busy", 3, 1, 59_600_000)


def register(connection: sqlite3.Connection, name: str, *, boot_id: str = BOOT, beat: float = 100.0) -> None:
    owners.register(connection, name, 42, "ingest", boot_id=boot_id, beat=beat)


def test_an_owner_is_on_record_until_it_is_forgotten(connection: sqlite3.Connection) -> None:
    register(connection, "me")
    register(connection, "another")
    (owner, _) = owners.every(connection)
    assert (owner.name, owner.pid, owner.command, owner.workers) == ("me", 42, "ingest", ())
    assert owner.started_at == owner.seen_at
    owners.forget(connection, "me")
    assert [owner.name for owner in owners.every(connection)] == ["another"]


def test_a_name_is_taken_once(connection: sqlite3.Connection) -> None:
    register(connection, "me")
    with pytest.raises(sqlite3.IntegrityError):
        register(connection, "me")


def test_a_beat_tells_how_the_workers_are(connection: sqlite3.Connection) -> None:
    register(connection, "me")
    register(connection, "another")
    owners.beat(connection, "me", 101.0, [WORKER, WORKER])
    me, another = owners.every(connection)
    assert me.workers == (WORKER, WORKER)
    assert me.seen_at >= me.started_at
    assert another.workers == ()


@pytest.mark.parametrize(
    ("boot_id", "beat", "is_silent"),
    [
        (BOOT, 99.9, True),
        (BOOT, 100.0, False),  # just in time
        (BOOT, 500.0, False),
        ("an earlier boot", 1.0, False),  # its clock says nothing here; its lock tells that it is dead
    ],
)
def test_an_owner_of_this_boot_without_a_sign_of_life_is_silent(
    connection: sqlite3.Connection, boot_id: str, beat: float, is_silent: bool
) -> None:
    register(connection, "me", boot_id=boot_id, beat=beat)
    assert owners.silent(connection, BOOT, 100.0) == (["me"] if is_silent else [])


def test_a_beat_ends_the_silence(connection: sqlite3.Connection) -> None:
    register(connection, "me", beat=1.0)
    owners.beat(connection, "me", 100.0, [])
    assert owners.silent(connection, BOOT, 100.0) == []


def test_what_is_paused_stays_so_until_it_is_cleared(connection: sqlite3.Connection) -> None:
    assert pauses.current(connection) == frozenset()
    pauses.add(connection, ["ingestion", "audit"])
    pauses.add(connection, ["ingestion"])
    assert pauses.current(connection) == {"ingestion", "audit"}
    assert pauses.clear(connection, ["ingestion", "schema"]) == ["ingestion"]
    assert pauses.current(connection) == {"audit"}
    assert pauses.clear(connection, ["ingestion"]) == []


def test_clearing_without_names_clears_everything(connection: sqlite3.Connection) -> None:
    pauses.add(connection, ["ingestion", pauses.ALL, "audit"])
    assert pauses.clear(connection) == [pauses.ALL, "audit", "ingestion"]
    assert pauses.current(connection) == frozenset()
