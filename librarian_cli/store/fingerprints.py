"""What the fingerprints of tasks are made of, so that a change can be named. Each is one row of `facts`."""

import sqlite3
from collections.abc import Mapping

from librarian_cli.store.packed import pack, unpack

_PREFIX = "fingerprint "


def record(connection: sqlite3.Connection, ingredients: Mapping[str, Mapping[str, object]]) -> None:
    """Remember fingerprints with their ingredients. When there are new ones, those that no task bears are dropped."""
    rows = [(_PREFIX + name, pack(values)) for name, values in ingredients.items()]
    stored = {row[0] for row in connection.execute("SELECT name FROM facts WHERE name GLOB ?", (_PREFIX + "*",))}
    fresh = [row for row in rows if row[0] not in stored]
    if not fresh:
        return
    in_use = {_PREFIX + row[0] for row in connection.execute("SELECT DISTINCT fingerprint FROM tasks")}
    kept = in_use | {name for name, _ in rows}
    connection.executemany("DELETE FROM facts WHERE name = ?", ((name,) for name in stored - kept))
    connection.executemany("INSERT INTO facts (name, value) VALUES (?,?)", fresh)


def ingredients(connection: sqlite3.Connection, fingerprint: str) -> dict[str, object] | None:
    """What a fingerprint was made of; None where that was not remembered."""
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (_PREFIX + fingerprint,)).fetchone()
    found: dict[str, object] | None = unpack(row[0]) if row else None
    return found
