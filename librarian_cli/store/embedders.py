"""Models from outside: which made the vectors, which books wait for them, and what was asked of their servers."""

import hashlib
import sqlite3
import time
from dataclasses import dataclass

PENDING = "embedding-pending"
"""The warning on a book whose vectors are missing because the model could not be asked."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that made vectors. `signature` is what settings tell of it, `canary` its codes of a fixed text."""

    id: str
    signature: str
    kind: str
    model: str
    dimensions: int
    canary: bytes


@dataclass(frozen=True, slots=True)
class EndpointUsage:
    """What was asked of one server for one model since the library was made."""

    host: str
    model: str
    calls: int
    failures: int
    limited: int
    tokens: int
    seconds: float
    last_error: str


def get(connection: sqlite3.Connection, basis: str) -> Model | None:
    """The model with this id; None where the basis is a built-in one."""
    row = connection.execute(
        "SELECT id, signature, kind, model, dimensions, canary FROM embedders WHERE id = ?", (basis,)
    ).fetchone()
    return Model(*row) if row else None


def of_signature(connection: sqlite3.Connection, signature: str) -> list[Model]:
    """Every model known under these settings, the latest first; more than one where it changed behind its name."""
    rows = connection.execute(
        "SELECT id, signature, kind, model, dimensions, canary FROM embedders WHERE signature = ?"
        " ORDER BY created_at DESC, id",
        (signature,),
    )
    return [Model(*row) for row in rows]


def add(
    connection: sqlite3.Connection, *, signature: str, kind: str, model: str, dimensions: int, canary: bytes
) -> None:
    """Note a model under `id_of` its signature and canary."""
    connection.execute(
        "INSERT OR IGNORE INTO embedders (id, signature, kind, model, dimensions, canary, created_at)"
        " VALUES (?,?,?,?,?,?,?)",
        (id_of(signature, canary), signature, kind, model, dimensions, canary, time.time()),
    )


def id_of(signature: str, canary: bytes) -> str:
    """The id of a model: a digest of what settings tell of it, and of what it made of the canary."""
    return hashlib.blake2b(signature.encode() + b"\0" + canary, digest_size=16).hexdigest()


def mark_pending(connection: sqlite3.Connection, basis: str, *, waits: bool) -> int:
    """Warn of each finished book that lacks vectors of a basis, where it `waits` for them, and of no other.

    Returns: how many wait.
    """
    rows = connection.execute(
        "SELECT id, reason, first_chunk IS NOT NULL AND chunks > 0"
        " AND id NOT IN (SELECT book FROM vectors WHERE basis = ?) AS lacks"
        " FROM books WHERE status IN ('ok', 'ok-with-warning') AND (lacks OR instr(reason, ?))",
        (basis, PENDING),
    ).fetchall()
    count = 0
    for row, reason, lacks in rows:
        words = [word for word in reason.split(",") if word and word != PENDING]
        if lacks and waits:
            words.append(PENDING)
            count += 1
        connection.execute(
            "UPDATE books SET reason = ?, status = ? WHERE id = ?",
            (",".join(words), "ok-with-warning" if words else "ok", row),
        )
    return count


def add_usage(connection: sqlite3.Connection, host: str, model: str, counts: tuple[int, int, int, int, float]) -> None:
    """Add (calls, failures, limited, tokens, seconds) to what was asked of a server."""
    connection.execute(
        "INSERT INTO endpoint_usage (host, model, calls, failures, limited, tokens, seconds, updated_at)"
        " VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (host, model) DO UPDATE SET"
        " calls = calls + excluded.calls, failures = failures + excluded.failures,"
        " limited = limited + excluded.limited, tokens = tokens + excluded.tokens,"
        " seconds = seconds + excluded.seconds, updated_at = excluded.updated_at",
        (host, model, *counts, time.time()),
    )


def usage(connection: sqlite3.Connection) -> list[EndpointUsage]:
    """What was asked of each server."""
    rows = connection.execute(
        "SELECT host, model, calls, failures, limited, tokens, seconds, last_error FROM endpoint_usage"
        " ORDER BY host, model"
    )
    return [EndpointUsage(*row) for row in rows]


def set_error(connection: sqlite3.Connection, host: str, model: str, text: str) -> None:
    """Note why a server could not be used, or that it can (empty)."""
    connection.execute(
        "INSERT INTO endpoint_usage (host, model, last_error, updated_at) VALUES (?,?,?,?)"
        " ON CONFLICT (host, model) DO UPDATE SET last_error = excluded.last_error",
        (host, model, text[:500], time.time()),
    )
