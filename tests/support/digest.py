"""What a library holds, by content keys alone: two libraries with equal digests say the same of the same books."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from librarian_cli.store import books, content, enrichment, vectors
from librarian_cli.store.connections import open_read_only

Digest = dict[str, dict[str, object]]


def digest(library: Path) -> Digest:
    """Describe every book of a library by its SHA-256, without row ids and times."""
    with closing(open_read_only(library / "library.db")) as connection:
        codes = _codes(connection)
        return {book.id: _describe(connection, book.id, codes) for book in books.every(connection)}


def without_vectors(found: Digest) -> Digest:
    """Leave out the vectors: their basis depends on which books were there when it was fitted."""
    return {book: {key: value for key, value in facts.items() if key != "vectors"} for book, facts in found.items()}


def _describe(connection: sqlite3.Connection, sha256: str, codes: dict[int, tuple[str, str]]) -> dict[str, object]:
    book = books.find(connection, sha256)
    chunks = [(chunk.start_char, chunk.end_char, chunk.text) for chunk in content.chunks(connection, book.row)]
    audit = books.audit(connection, book.row)
    return {
        "status": book.status,
        "reason": book.reason,
        "title": book.title,
        "author": book.author,
        "text_sha256": book.text_sha256,
        "chapters": content.chapters(connection, book.row),
        "chunks": (len(chunks), hashlib.sha256(repr(chunks).encode()).hexdigest()),
        "pages": content.pages(connection, book.row),
        "audit": audit and (audit.trust_score, dict(audit.gates)),
        "findings": enrichment.of_book(connection, book.row),
        "vectors": codes.get(book.row),
    }


def _codes(connection: sqlite3.Connection) -> dict[int, tuple[str, str]]:
    active = vectors.active_basis(connection)
    if active is None:
        return {}
    stored = vectors.stored(connection, active[0])
    return {item.book_row: (active[0], hashlib.sha256(item.codes).hexdigest()) for item in stored}
