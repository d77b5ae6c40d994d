"""One content, many paths: what it means that a known or new content lies at a path now. Nothing is read for it.

new path, another one of the content is gone   moved: that file's row gets the path
new path, the others are there                 added: a copy or a hard link
known path, other content                      changed: a new book gets the tags of what the file held before
known path that was missing                    returned
"""

import os
import sqlite3
from collections.abc import Iterable
from typing import Any

from librarian_cli.models import Candidate
from librarian_cli.store import activity, files, tags
from librarian_cli.store.files import Place


def place(connection: sqlite3.Connection, candidate: Candidate, book_row: int, job: int, *, is_new: bool) -> None:
    """Record that a file holds a book, whether the path or the book was known or not."""
    known = files.known(connection, [candidate])[0]
    before = _gone_place(connection, candidate, book_row) if known is None and not is_new else None
    if before:
        _move(connection, before, candidate, job)
        return
    file_id = files.record(connection, candidate, job, book_row=book_row, outcome=None)
    tags.hand_on(connection, file_id, book_row, is_new=is_new)
    if known is None and not is_new:
        _log(connection, "file.added", candidate.absolute, book_row, job)
    elif known and known.missing:
        _log(connection, "file.returned", candidate.absolute, book_row, job)
    elif known and known.book_row not in (None, book_row):
        _log(connection, "file.changed", candidate.absolute, book_row, job)


def log_gone(connection: sqlite3.Connection, paths: Iterable[bytes], job: int) -> None:
    """Log files that are not there any more."""
    for path in paths:
        _log(connection, "file.gone", path, None, job)


def log_returned(connection: sqlite3.Connection, candidate: Candidate, book_row: int | None, job: int) -> None:
    """Log a file that is there again as it was."""
    _log(connection, "file.returned", candidate.absolute, book_row, job)


def _move(connection: sqlite3.Connection, before: Place, candidate: Candidate, job: int) -> None:
    files.move(connection, before.id, candidate, job)
    _log(connection, "file.moved", candidate.absolute, before.book_row, job, before=_text(before.path))


def _gone_place(connection: sqlite3.Connection, candidate: Candidate, book_row: int) -> Place | None:
    places = files.places_of(connection, book_row)
    return next((item for item in places if not _is_there(item.path, candidate)), None)


def _is_there(path: bytes, candidate: Candidate) -> bool:
    """Whether a path is still there beside the candidate, which it is itself where letter case does not count."""
    if not os.path.lexists(path):
        return False
    if path.lower() != candidate.absolute.lower():
        return True
    return os.path.basename(path) in os.listdir(os.path.dirname(path))


def _log(
    connection: sqlite3.Connection, action: str, path: bytes, book_row: int | None, job: int, **details: Any
) -> None:
    activity.record(connection, action, book=book_row, job=job, target=_text(path), **details)


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
