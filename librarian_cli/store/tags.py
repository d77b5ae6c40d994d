"""Tags: labels that people give to books. A book has any number of them, and a tag is there while a book has it.

Names are compared without regard to case, and shown as they were first written. What becomes of them when a file is
edited is told in `migrations/m007_tags.py`.
"""

import sqlite3
import unicodedata
from collections.abc import Iterable, Sequence

from librarian_cli.errors import UsageError
from librarian_cli.store import activity

MAX_CHARS = 100
_JOINERS = "\u200c\u200d"
"""Invisible, but some scripts and emoji cannot be written without them."""


def name_of(text: str) -> str:
    """A tag as it is stored: NFC, each run of spaces one, none around it.

    Raises: UsageError: nothing to be seen, too long, or with commas, control, format or direction characters.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if "," in name or any(_is_unfit(char) for char in name):
        raise UsageError(f"{text[:MAX_CHARS]!r} is no tag: write it without commas and control characters")
    name = " ".join(name.split())
    if not any(unicodedata.category(char)[0] not in "ZM" and char not in _JOINERS for char in name):
        raise UsageError(f"{text[:MAX_CHARS]!r} is no tag: give it a letter, a digit or a sign")
    if len(name) > MAX_CHARS:
        raise UsageError(f"a tag of {len(name)} characters is too long: shorten it to {MAX_CHARS}")
    return name


def add(connection: sqlite3.Connection, tag: str, rows: Iterable[int]) -> list[int]:
    """Give books a tag. Returns: those that did not have it. Raises: UsageError: as `name_of`."""
    name = name_of(tag)
    key, name = _key_of(name), as_shown(connection, name) or name
    insert = (
        "INSERT OR IGNORE INTO tags (key, book, name) SELECT ?, id, ? FROM books WHERE id = ? AND status <> 'removed'"
    )
    added = [row for row in rows if connection.execute(insert, (key, name, row)).rowcount]
    for row in added:
        activity.record(connection, "tag.added", book=row, tag=name)
    return added


def remove(connection: sqlite3.Connection, tag: str, rows: Iterable[int]) -> list[int]:
    """Take a tag from books. Returns: those that had it. Raises: UsageError: as `name_of`."""
    key, name = _key_of(name_of(tag)), as_shown(connection, tag)
    delete = "DELETE FROM tags WHERE key = ? AND book = ?"
    removed = [row for row in rows if connection.execute(delete, (key, row)).rowcount]
    for row in removed:
        activity.record(connection, "tag.removed", book=row, tag=name)
    return removed


def clear(connection: sqlite3.Connection, book_row: int) -> None:
    """Take every tag from a book."""
    connection.execute("DELETE FROM tags WHERE book = ?", (book_row,))


def as_shown(connection: sqlite3.Connection, tag: str) -> str | None:
    """A tag as it was first written; None where no book has it. Raises: UsageError: as `name_of`."""
    key = _key_of(name_of(tag))
    found = connection.execute("SELECT name FROM tags WHERE key = ? LIMIT 1", (key,)).fetchone()
    return str(found[0]) if found else None


def of_book(connection: sqlite3.Connection, book_row: int) -> tuple[str, ...]:
    """The tags of a book, in alphabetical order."""
    rows = connection.execute("SELECT name FROM tags WHERE book = ? ORDER BY key", (book_row,))
    return tuple(row[0] for row in rows)


def members(connection: sqlite3.Connection, tags: Sequence[str]) -> frozenset[int]:
    """The rows of the books that have all of these tags, of which there is at least one. Raises: as `name_of`."""
    keys = [_key_of(name_of(tag)) for tag in tags]
    found = [connection.execute("SELECT book FROM tags WHERE key = ?", (key,)).fetchall() for key in keys]
    return frozenset.intersection(*(frozenset(row[0] for row in rows) for rows in found))


def counts(connection: sqlite3.Connection, beginning: str = "") -> list[tuple[str, int]]:
    """(tag, books) of all tags that begin so, in alphabetical order."""
    start = _key_of(beginning)
    rows = connection.execute("SELECT key, min(name), count(*) FROM tags GROUP BY key ORDER BY key")
    return [(name, count) for key, name, count in rows if key.startswith(start)]


def keep(connection: sqlite3.Connection, file_id: int, book_row: int | None) -> None:
    """Remember the tags of the book that a file ceases to hold."""
    connection.execute(
        "INSERT OR IGNORE INTO kept_tags (file, key, name) SELECT ?, key, name FROM tags WHERE book = ?",
        (file_id, book_row),
    )


def hand_on(connection: sqlite3.Connection, file_id: int, book_row: int, *, is_new: bool) -> None:
    """Give what a file kept to the book that it holds now if that is a new one; an older one has tags of its own."""
    if is_new:
        connection.execute(
            "INSERT OR IGNORE INTO tags (key, book, name)"
            " SELECT key, ?, coalesce((SELECT name FROM tags WHERE tags.key = kept_tags.key LIMIT 1), name)"
            " FROM kept_tags WHERE file = ?",
            (book_row, file_id),
        )
    connection.execute("DELETE FROM kept_tags WHERE file = ?", (file_id,))


def _key_of(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def _is_unfit(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char not in _JOINERS
