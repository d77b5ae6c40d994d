"""Stages that can be switched off and on: which books lack one, and forgetting what is not wanted any more."""

import json
import sqlite3
from collections.abc import Sequence


def lacking(connection: sqlite3.Connection, stage: str, needs: Sequence[str]) -> set[int]:
    """Rows of books without a task of a stage whose needs they have passed, or will pass."""
    rows = connection.execute(
        "SELECT book FROM tasks WHERE state NOT IN ('failed', 'cancelled')"
        " AND stage IN (SELECT value FROM json_each(?))"
        " AND book NOT IN (SELECT book FROM tasks WHERE stage = ? AND book IS NOT NULL) GROUP BY book",
        (json.dumps(needs), stage),
    )
    return {row[0] for row in rows}


def drop(connection: sqlite3.Connection, stage: str) -> list[int]:
    """Forget what of a stage is not done and not under way. Returns: rows of the books that had such."""
    rows = connection.execute(
        "DELETE FROM tasks WHERE stage = ? AND state NOT IN ('done', 'leased') RETURNING book", (stage,)
    )
    return [row[0] for row in rows.fetchall()]
