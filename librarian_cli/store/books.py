"""One row a book: what it is taken to be, its proposal, its status and totals."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields

from librarian_cli.errors import UsageError
from librarian_cli.models import AuditReport, Book, Confidence, SchemaProposal
from librarian_cli.store import files
from librarian_cli.store.packed import pack, unpack

MIN_PREFIX = 8

_COLUMNS = ", ".join(
    {"row": "books.id", "id": "books.sha256"}.get(item.name, f"books.{item.name}") for item in fields(Book)
)


def get(connection: sqlite3.Connection, row: int) -> Book:
    """Return a book by its row."""
    return Book(*connection.execute(f"SELECT {_COLUMNS} FROM books WHERE id = ?", (row,)).fetchone())


def find(connection: sqlite3.Connection, prefix: str) -> Book:
    """Return the book whose id begins with `prefix` (at least 8 hex digits, unique).

    Raises: UsageError: too short, unknown or ambiguous; it says which.
    """
    text = prefix.strip().lower()
    if len(text) < MIN_PREFIX or text.strip("0123456789abcdef"):
        raise UsageError(
            f"{prefix!r} is no book id: give at least {MIN_PREFIX} of its hex digits, see `librarian books`"
        )
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM books WHERE sha256 >= ? AND sha256 < ? AND status <> 'removed' LIMIT 2",
        (text, text + "g"),
    ).fetchall()
    if not rows:
        raise UsageError(f"no book {prefix!r} in this library; `librarian books` lists all")
    if len(rows) > 1:
        raise UsageError(f"more than one book begins with {prefix!r}; give more digits")
    return Book(*rows[0])


def beginning(connection: sqlite3.Connection, prefix: str, limit: int) -> Iterator[Book]:
    """Books whose id begins with `prefix`, however short, in the order of their ids."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM books WHERE sha256 >= ? AND sha256 < ? AND status <> 'removed'"
        " ORDER BY sha256 LIMIT ?",
        (prefix.lower(), prefix.lower() + "g", limit),
    )
    return (Book(*row) for row in rows)


def find_row(connection: sqlite3.Connection, sha256: str) -> int | None:
    """Return the row of the book with this hash, if there is one."""
    found = connection.execute("SELECT id FROM books WHERE sha256 = ?", (sha256,)).fetchone()
    return int(found[0]) if found else None


def every(connection: sqlite3.Connection, order: str = "title") -> Iterator[Book]:
    """All books that were not removed, in one of the orders of `ORDERS`."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM books WHERE status <> 'removed' ORDER BY {ORDERS[order]}, sha256"
    )
    return (Book(*row) for row in rows)


ORDERS = {
    "title": "title COLLATE NOCASE",
    "author": "author COLLATE NOCASE, title COLLATE NOCASE",
    "trust": "trust_score",
    "size": "text_bytes DESC",
    "added": "created_at DESC",
}


def add(connection: sqlite3.Connection, sha256: str, size: int, book_format: str, *, title: str = "") -> int:
    """Make a book's row, under a title that serves until there is a better one. Returns: the row."""
    now = time.time()
    cursor = connection.execute(
        "INSERT INTO books (sha256, size, format, title, status, created_at, updated_at)"
        " VALUES (?,?,?,?,'pending',?,?)",
        (sha256, size, book_format, title, now, now),
    )
    return int(cursor.lastrowid or 0)


def set_status(
    connection: sqlite3.Connection, row: int, status: str, job: int | None, *, reason: str = "", detail: str = ""
) -> None:
    """Set a book's status; `job` is the one in which it was decided (None leaves it)."""
    connection.execute(
        "UPDATE books SET status=?, reason=?, detail=?, outcome_job=coalesce(?, outcome_job), updated_at=?,"
        " verdict=coalesce(?, verdict) WHERE id=?",
        (status, reason, detail[:2000], job, time.time(), _VERDICTS.get(status), row),
    )


_VERDICTS = {"ok": "ok", "ok-with-warning": "ok", "failed": "failed", "removed": ""}


def outcome_job(connection: sqlite3.Connection, row: int) -> int | None:
    """The job in which a book came to its outcome."""
    found = connection.execute("SELECT outcome_job FROM books WHERE id = ?", (row,)).fetchone()[0]
    return None if found is None else int(found)


def verdict(connection: sqlite3.Connection, row: int) -> str:
    """How a book ended when it last did: ok, failed, or "" for never. What it is under way to does not count."""
    return str(connection.execute("SELECT verdict FROM books WHERE id = ?", (row,)).fetchone()[0])


def seen_in(connection: sqlite3.Connection, job: int, *, removed: bool = False) -> list[int]:
    """Rows of books with a file that was seen in a job: those in the library, or those `removed` from it."""
    rows = connection.execute(
        "SELECT DISTINCT books.id FROM files JOIN books ON books.id = files.book"
        f" WHERE {files.IN_JOB} AND (books.status = 'removed') = :removed",
        {"job": job, "removed": removed},
    )
    return [row[0] for row in rows]


def failed_for(connection: sqlite3.Connection, job: int, reason: str, detail: str) -> list[int]:
    """Rows of books seen in a job that failed for just this."""
    rows = connection.execute(
        "SELECT DISTINCT books.id FROM files JOIN books ON books.id = files.book"
        f" WHERE {files.IN_JOB} AND books.status = 'failed' AND books.reason = :reason AND books.detail = :detail",
        {"job": job, "reason": reason, "detail": detail},
    )
    return [row[0] for row in rows]


def rows_with_status(connection: sqlite3.Connection, status: str) -> list[int]:
    """Rows of all books with a status."""
    return [row[0] for row in connection.execute("SELECT id FROM books WHERE status = ? ORDER BY id", (status,))]


def is_waiting(connection: sqlite3.Connection, row: int) -> bool:
    """Whether a book's proposal waits for a person."""
    found = connection.execute("SELECT state FROM proposals WHERE book = ?", (row,)).fetchone()
    return bool(found == ("waiting",))


def set_warnings(connection: sqlite3.Connection, row: int, warnings: Sequence[str]) -> None:
    """Note what is wrong with a book that is still under way."""
    connection.execute("UPDATE books SET reason=? WHERE id=?", (",".join(dict.fromkeys(warnings)), row))


def orphans(connection: sqlite3.Connection) -> list[int]:
    """Rows of books whose every file now holds other content (they were edited)."""
    rows = connection.execute(
        "SELECT id FROM books WHERE status <> 'removed' AND id NOT IN (SELECT book FROM files WHERE book IS NOT NULL)"
    )
    return [row[0] for row in rows]


def delete(connection: sqlite3.Connection, row: int) -> None:
    """Drop a book's row, with all that hangs on it; its content must be gone already."""
    connection.execute("DELETE FROM books WHERE id = ?", (row,))


def add_seconds(connection: sqlite3.Connection, row: int, seconds: float) -> None:
    """Add to the time that a book has cost."""
    connection.execute("UPDATE books SET seconds = seconds + ? WHERE id = ?", (seconds, row))


def save_proposal(connection: sqlite3.Connection, row: int, proposal: SchemaProposal, state: str) -> None:
    """Store what a book is taken to be, and show it by that."""
    connection.execute(
        "INSERT OR REPLACE INTO proposals (book, state, decided_by, proposal, created_at) VALUES (?,?,?,?,?)",
        (row, state, "" if state == "waiting" else "confidence", _packed_proposal(proposal), time.time()),
    )
    connection.execute(
        "UPDATE books SET format=?, title=?, author=?, language=?, kind=?, collection=?, page_count=? WHERE id=?",
        (
            proposal.format,
            proposal.title,
            proposal.author,
            proposal.language,
            proposal.kind,
            proposal.collection,
            proposal.page_count,
            row,
        ),
    )


def _packed_proposal(proposal: SchemaProposal) -> bytes:
    """(`asdict` would copy deeply, which takes a tenth of all that is written of a small book.)"""
    values = {item.name: getattr(proposal, item.name) for item in fields(proposal)}
    confidence = {name: {"value": c.value, "reasons": c.reasons} for name, c in proposal.confidence.items()}
    return pack({**values, "confidence": confidence})


def proposal(connection: sqlite3.Connection, row: int) -> tuple[str, SchemaProposal] | None:
    """Return a book's proposal with its state, if it has one."""
    found = connection.execute("SELECT state, proposal FROM proposals WHERE book = ?", (row,)).fetchone()
    if not found:
        return None
    values = unpack(found[1])
    confidence = {
        name: Confidence(item["value"], tuple(item["reasons"])) for name, item in values.pop("confidence").items()
    }
    return found[0], SchemaProposal(**values, confidence=confidence)


def decided_by(connection: sqlite3.Connection, row: int) -> str:
    """Who or what approved a book's proposal; empty while nobody has."""
    found = connection.execute("SELECT decided_by FROM proposals WHERE book = ?", (row,)).fetchone()
    return str(found[0]) if found else ""


def approve_waiting(connection: sqlite3.Connection, rows: Sequence[int], decided_by: str) -> None:
    """Approve the proposals of these books."""
    connection.executemany(
        "UPDATE proposals SET state='approved', decided_by=? WHERE book=?", ((decided_by, row) for row in rows)
    )


def save_audit(connection: sqlite3.Connection, row: int, report: AuditReport) -> None:
    """Store the evidence on a book and its trust score."""
    body = pack({"gates": dict(report.gates), "reasons": list(report.reasons)})
    connection.execute(
        "INSERT OR REPLACE INTO audits (book, trust_score, report, created_at) VALUES (?,?,?,?)",
        (row, report.trust_score, body, time.time()),
    )
    connection.execute("UPDATE books SET trust_score=? WHERE id=?", (report.trust_score, row))


def audit(connection: sqlite3.Connection, row: int) -> AuditReport | None:
    """Return the last evidence on a book."""
    found = connection.execute("SELECT trust_score, report FROM audits WHERE book = ?", (row,)).fetchone()
    if not found:
        return None
    body = unpack(found[1])
    return AuditReport(found[0], body["gates"], tuple(body["reasons"]))


def chunk_counts(connection: sqlite3.Connection) -> list[tuple[str, int, int]]:
    """(id, first chunk's row, chunks) of every book that has text."""
    rows = connection.execute("SELECT sha256, first_chunk, chunks FROM books WHERE first_chunk IS NOT NULL")
    return rows.fetchall()


def totals(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Books, chunks and bytes of text in the library."""
    row = connection.execute(
        "SELECT count(*), coalesce(sum(chunks), 0), coalesce(sum(text_bytes), 0) FROM books"
        " WHERE first_chunk IS NOT NULL"
    ).fetchone()
    return int(row[0]), int(row[1]), int(row[2])
