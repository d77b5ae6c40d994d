"""Is the library whole: the file, its full-text index, its vectors, and every text against its hash."""

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from librarian_cli.errors import EnvironmentFault
from librarian_cli.store import books, content, fulltext, vectors
from librarian_cli.store.connections import verify
from librarian_cli.store.database import Database


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check of the library found; no problems means that it is sound."""

    checked: tuple[str, ...]
    problems: tuple[str, ...]


def check(database: Database, *, read_data: bool) -> CheckResult:
    """Verify the library, with `read_data` every text too."""
    reader = database.reader()
    steps: list[tuple[str, Callable[[], list[str]]]] = [
        ("database", lambda: verify(reader)),
        ("full-text index", lambda: _check_index(database)),
        ("vectors", lambda: _check_vectors(reader)),
    ]
    if read_data:
        steps.append(("texts", lambda: _check_texts(reader)))
    problems: list[str] = []
    for name, step in steps:
        try:
            problems += step()
        except (sqlite3.Error, EnvironmentFault) as exc:
            problems.append(f"{name}: it cannot be read through ({exc})")
    return CheckResult(tuple(name for name, _ in steps), tuple(problems))


def _check_index(database: Database) -> list[str]:
    if not fulltext.is_known(database.reader()):
        return ["the full-text index was made by another version; `librarian ingest` renews it"]
    try:
        database.write_now(fulltext.check)
    except (sqlite3.DatabaseError, EnvironmentFault) as exc:
        return [f"the full-text index differs from the chunks ({exc}); `ingest --force` on your books renews it"]
    return []


def _check_vectors(reader: sqlite3.Connection) -> list[str]:
    active = vectors.active_basis(reader)
    if active is None:
        return []
    sizes = {item.book_row: len(item.codes) for item in vectors.stored(reader, active[0])}
    return [
        f"{book.id[:12]}: its vectors do not match its {book.chunks} chunks; run `librarian ingest` to renew them"
        for book in books.every(reader)
        if book.row in sizes and book.chunks and sizes[book.row] % book.chunks
    ]


def _check_texts(reader: sqlite3.Connection) -> list[str]:
    problems = []
    for book in list(books.every(reader)):
        if book.first_chunk is None:
            continue
        try:
            data = content.text(reader, book.row).encode("utf-8")
        except sqlite3.Error as exc:
            problems.append(f"{book.id[:12]}: its text cannot be read ({exc})")
            continue
        if hashlib.sha256(data).hexdigest() != book.text_sha256:
            problems.append(
                f"{book.id[:12]}: its text is not what was stored; `ingest --force` on its folder renews it"
            )
    return problems
