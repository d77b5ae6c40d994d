"""What fingerprints are made of is remembered for as long as a task bears them."""

import sqlite3

from librarian_cli.store import fingerprints
from tests.support import stored

FIRST: dict[str, dict[str, object]] = {
    "aa": {"read.max_pages": 100, "reader version": "txt-1"},
    "bb": {"stage version": 1},
}


def test_ingredients_come_back_as_they_were(connection: sqlite3.Connection) -> None:
    fingerprints.record(connection, FIRST)
    fingerprints.record(connection, FIRST)
    assert {name: fingerprints.ingredients(connection, name) for name in FIRST} == FIRST
    assert fingerprints.ingredients(connection, "cc") is None


def test_those_that_no_task_bears_go_when_new_ones_come(connection: sqlite3.Connection) -> None:
    row = stored.add_book(connection, "tale")
    connection.execute(
        "INSERT INTO tasks (book, stage, job, state, priority, order_key, fingerprint, created_at)"
        " VALUES (?, 'schema', 1, 'done', 5, 0, 'aa', 0)",
        (row,),
    )
    fingerprints.record(connection, FIRST)
    fingerprints.record(connection, {"cc": {}})
    known = [name for name in ("aa", "bb", "cc") if fingerprints.ingredients(connection, name) is not None]
    assert known == ["aa", "cc"]
