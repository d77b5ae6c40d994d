"""What enrichment found in books: packed, a book at a time, and names to be looked up in all books."""

import sqlite3
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from librarian_cli.store.packed import pack, unpack
from librarian_cli.text.enriching import spans
from librarian_cli.text.enriching.findings import (
    ENTITY_TYPES,
    ChapterFindings,
    Entity,
    Findings,
    Keyphrase,
    Relation,
    key_of,
)

_TABLES = ("findings", "chapter_findings", "entities")


@dataclass(frozen=True, slots=True)
class Place:
    """An entity of one book: the book's row, and its number there."""

    book_row: int
    number: int


def save(connection: sqlite3.Connection, book_row: int, found: Findings) -> None:
    """Replace what is known of a book."""
    delete(connection, book_row)
    relations = [[r.first, r.second, r.together, r.weight, spans.unpack(r.passages)] for r in found.relations]
    connection.execute(
        "INSERT INTO findings (book, words, summary, passages, terms, keyphrases, relations) VALUES (?,?,?,?,?,?,?)",
        (
            book_row,
            found.words,
            spans.pack(found.summary),
            spans.pack(found.passages),
            _packed_phrases(found.terms),
            _packed_phrases(found.keyphrases),
            pack(relations),
        ),
    )
    connection.executemany(
        "INSERT INTO chapter_findings (book, chapter, summary, keyphrases) VALUES (?,?,?,?)",
        ((book_row, c.number, spans.pack(c.summary), _packed_phrases(c.keyphrases)) for c in found.chapters),
    )
    connection.executemany(
        "INSERT INTO entities (book, number, name, key, type, count, mentions) VALUES (?,?,?,?,?,?,?)",
        (
            (book_row, number, item.name, item.key, ENTITY_TYPES.index(item.type), item.count, item.mentions)
            for number, item in enumerate(found.entities)
        ),
    )


def delete(connection: sqlite3.Connection, book_row: int) -> None:
    """Forget what was found in a book."""
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table} WHERE book = ?", (book_row,))


def of_book(connection: sqlite3.Connection, book_row: int) -> Findings | None:
    """What was found in a book; None before anything was."""
    row = connection.execute(
        "SELECT words, summary, passages, terms, keyphrases, relations FROM findings WHERE book = ?", (book_row,)
    ).fetchone()
    if row is None:
        return None
    chapters = connection.execute(
        "SELECT chapter, summary, keyphrases FROM chapter_findings WHERE book = ? ORDER BY chapter", (book_row,)
    )
    return Findings(
        words=row[0],
        summary=spans.unpack(row[1]),
        passages=spans.unpack(row[2]),
        terms=_phrases(row[3]),
        keyphrases=_phrases(row[4]),
        chapters=tuple(
            ChapterFindings(number, spans.unpack(data), _phrases(packed)) for number, data, packed in chapters
        ),
        entities=entities_of(connection, book_row),
        relations=_relations(row[5]),
    )


def entities_of(connection: sqlite3.Connection, book_row: int) -> tuple[Entity, ...]:
    """The entities of a book, by their numbers."""
    rows = connection.execute(
        "SELECT name, key, type, count, mentions FROM entities WHERE book = ? ORDER BY number", (book_row,)
    )
    return tuple(Entity(name, key, ENTITY_TYPES[kind], count, data) for name, key, kind, count, data in rows)


def relations_of(connection: sqlite3.Connection, book_row: int) -> tuple[Relation, ...]:
    """The relations of a book."""
    row = connection.execute("SELECT relations FROM findings WHERE book = ?", (book_row,)).fetchone()
    return _relations(row[0]) if row else ()


def places_of(connection: sqlite3.Connection, key: str) -> list[Place]:
    """Where an entity of this key is known, most mentions first."""
    rows = connection.execute("SELECT book, number FROM entities WHERE key = ? ORDER BY count DESC, book", (key,))
    return [Place(*row) for row in rows]


def keys_like(connection: sqlite3.Connection, words: str, limit: int) -> list[str]:
    """Keys that hold some words, most mentions first."""
    rows = connection.execute(
        "SELECT key FROM entities WHERE ' ' || key || ' ' LIKE '% ' || ? || ' %' ESCAPE '\\'"
        " GROUP BY key ORDER BY sum(count) DESC, key LIMIT ?",
        (words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_"), limit),
    )
    return [row[0] for row in rows]


def names_from(connection: sqlite3.Connection, beginning: str, limit: int) -> list[tuple[str, int]]:
    """Names that begin so, with their mentions in all books, most first."""
    start = key_of(beginning)
    rows = connection.execute(
        "SELECT name, sum(count), max(count) FROM entities"  # the name of the row that has the most
        " WHERE key >= ? AND key < ? GROUP BY key ORDER BY 2 DESC, key LIMIT ?",
        (start, start + chr(sys.maxunicode), limit),
    )
    return [(row[0], row[1]) for row in rows]


def _packed_phrases(phrases: Iterable[Keyphrase]) -> bytes:
    return pack([[item.text, item.count] for item in phrases])


def _phrases(data: bytes | str) -> tuple[Keyphrase, ...]:
    return tuple(Keyphrase(*item) for item in unpack(data))


def _relations(data: bytes | str) -> tuple[Relation, ...]:
    return tuple(
        Relation(first, second, together, weight, spans.pack(passages))
        for first, second, together, weight, passages in unpack(data)
    )
