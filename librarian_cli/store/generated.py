"""What a language model said of books: kept apart from what was found in them, with the model and the task."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from librarian_cli.models import Book


@dataclass(frozen=True, slots=True)
class Said:
    """What one model said of one book. Entities are (name, type), relations (name, relation, name)."""

    model: str
    task: str
    summary: str
    entities: tuple[tuple[str, str], ...]
    relations: tuple[tuple[str, str, str], ...]
    created_at: float


def save(
    connection: sqlite3.Connection,
    book: Book,
    *,
    model: str,
    task: str,
    summary: str,
    entities: Sequence[Sequence[str]],
    relations: Sequence[Sequence[str]],
) -> None:
    """Replace what was said of a book, unless its text has changed meanwhile."""
    connection.execute("INSERT OR IGNORE INTO generated_tasks (id, text) VALUES (?,?)", (_id_of(task), task))
    connection.execute(
        "INSERT OR REPLACE INTO generated"
        " (book, text_sha256, model, task, summary, entities, relations, created_at)"
        " SELECT id, text_sha256, ?, ?, ?, ?, ?, ? FROM books WHERE id = ? AND text_sha256 = ?",
        (
            model,
            _id_of(task),
            summary,
            json.dumps(entities),
            json.dumps(relations),
            time.time(),
            book.row,
            book.text_sha256,
        ),
    )


def of_book(connection: sqlite3.Connection, book_row: int) -> Said | None:
    """What was said of the text that a book has now."""
    row = connection.execute(
        "SELECT generated.model, generated_tasks.text, generated.summary, generated.entities, generated.relations,"
        " generated.created_at FROM generated JOIN generated_tasks ON generated_tasks.id = generated.task"
        " JOIN books ON books.id = generated.book AND books.text_sha256 = generated.text_sha256"
        " WHERE generated.book = ?",
        (book_row,),
    ).fetchone()
    if row is None:
        return None
    model, task, summary, entities, relations, created_at = row
    return Said(
        model,
        task,
        summary,
        tuple((name, kind) for name, kind in json.loads(entities)),
        tuple((first, relation, second) for first, relation, second in json.loads(relations)),
        created_at,
    )


def books_without(connection: sqlite3.Connection, model: str, task: str) -> list[int]:
    """Rows of books of whose text this model has not been asked with this task."""
    rows = connection.execute(
        "SELECT books.id FROM books WHERE first_chunk IS NOT NULL AND chunks > 0 AND status <> 'removed'"
        " AND NOT EXISTS (SELECT 1 FROM generated WHERE generated.book = books.id"
        " AND generated.text_sha256 = books.text_sha256 AND generated.model = ? AND generated.task = ?)"
        " ORDER BY books.id",
        (model, _id_of(task)),
    )
    return [row[0] for row in rows]


def _id_of(task: str) -> str:
    return hashlib.sha256(task.encode()).hexdigest()[:16]
