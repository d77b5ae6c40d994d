"""A name of the library and what it occurs with: the entities of all books, merged by how their names compare.

name --key--> its places in books --relations of each--> other keys, with weight and passages summed --> a tree
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from librarian_cli.errors import UsageError
from librarian_cli.store import books, enrichment
from librarian_cli.text.enriching import spans
from librarian_cli.text.enriching.findings import Entity, Span, key_of

_SUGGESTIONS = 5
_PASSAGES = 3


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a book's text, [start_char, end_char), in which two names occur with each other."""

    book: str
    start_char: int
    end_char: int


@dataclass(frozen=True, slots=True)
class InBook:
    """A name in one book: how often, and where first."""

    book: str
    title: str
    count: int
    mentions: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Related:
    """A name that occurs with the one above it in the tree, and what that one in turn occurs with.

    `together` counts passages that hold both, `weight` sums the log-likelihood ratios of all books.
    """

    name: str
    type: str
    count: int
    together: int
    weight: float
    passages: tuple[Passage, ...]
    related: "tuple[Related, ...]"


@dataclass(frozen=True, slots=True)
class Graph:
    """A name with all its books, most mentions first, and what it occurs with, strongest first."""

    name: str
    type: str
    count: int
    books: tuple[InBook, ...]
    related: tuple[Related, ...]


@dataclass(slots=True)
class _Edge:
    together: int
    weight: float
    passages: list[Passage]


def graph(reader: sqlite3.Connection, name: str, *, depth: int, limit: int) -> Graph:
    """What a name occurs with, `depth` steps far, at most `limit` names a step. A name stands once in the tree.

    Raises: UsageError: no book has such a name.
    """
    library = _Library(reader)
    key = library.key(name)
    places = library.places(key)
    related = library.related({key}, [key], depth=depth, limit=limit)[key]
    return Graph(
        *_told([entity for _, entity in places]),
        tuple(
            InBook(library.book_id(row), books.get(reader, row).title, entity.count, spans.unpack(entity.mentions))
            for row, entity in places
        ),
        related,
    )


class _Library:
    """The names of all books, each book read once."""

    def __init__(self, reader: sqlite3.Connection) -> None:
        self._reader = reader
        self._entities: dict[int, tuple[Entity, ...]] = {}
        self._ids: dict[int, str] = {}

    def key(self, name: str) -> str:
        """The key of a name as a person writes it: the whole name, else the commonest that holds its words."""
        key = key_of(name)
        if key and enrichment.places_of(self._reader, key):
            return key
        like = enrichment.keys_like(self._reader, key, _SUGGESTIONS) if key else []
        if not like:
            raise UsageError(f"{name!r}: no book has such a name; `librarian show --full BOOK` lists those of a book")
        return like[0]

    def places(self, key: str) -> list[tuple[int, Entity]]:
        """Where a name stands: the row of each book, and what it is there; most mentions first."""
        rows = ((place.book_row, place.number) for place in enrichment.places_of(self._reader, key))
        found = [(row, self._of_book(row)[number]) for row, number in rows]
        return sorted(found, key=lambda item: (-item[1].count, self.book_id(item[0])))

    def book_id(self, row: int) -> str:
        if row not in self._ids:
            self._ids[row] = books.get(self._reader, row).id
        return self._ids[row]

    def related(self, seen: set[str], keys: Iterable[str], *, depth: int, limit: int) -> dict[str, tuple[Related, ...]]:
        """What each name occurs with, step by step, so that a name stands as near to the first as it can."""
        chosen = {}
        for key in keys:
            ranked = sorted(self._edges(key).items(), key=lambda item: (-item[1].weight, -item[1].together, item[0]))
            chosen[key] = [item for item in ranked if item[0] not in seen][:limit]
            seen.update(other for other, _ in chosen[key])
        inner: dict[str, tuple[Related, ...]] = {}
        if depth > 1 and any(chosen.values()):
            below = [other for some in chosen.values() for other, _ in some]
            inner = self.related(seen, below, depth=depth - 1, limit=limit)
        return {
            key: tuple(self._shown(other, edge, inner.get(other, ())) for other, edge in some)
            for key, some in chosen.items()
        }

    def _shown(self, key: str, edge: _Edge, inner: tuple[Related, ...]) -> Related:
        told = _told([entity for _, entity in self.places(key)])
        return Related(*told, edge.together, round(edge.weight, 1), tuple(edge.passages[:_PASSAGES]), inner)

    def _of_book(self, row: int) -> tuple[Entity, ...]:
        if row not in self._entities:
            self._entities[row] = enrichment.entities_of(self._reader, row)
        return self._entities[row]

    def _edges(self, key: str) -> dict[str, _Edge]:
        found: dict[str, _Edge] = {}
        for row, _ in self.places(key):
            named = self._of_book(row)
            for item in enrichment.relations_of(self._reader, row):
                ends = (named[item.first].key, named[item.second].key)
                if key not in ends or ends[0] == ends[1]:
                    continue
                edge = found.setdefault(ends[1] if ends[0] == key else ends[0], _Edge(0, 0.0, []))
                edge.together += item.together
                edge.weight += item.weight
                edge.passages += (Passage(self.book_id(row), *span) for span in spans.unpack(item.passages))
        return found


def _told(entities: Iterable[Entity]) -> tuple[str, str, int]:
    """Name, type and mentions of what several books call the same: the commonest name, and the type most sure."""
    names: Counter[str] = Counter()
    types: Counter[str] = Counter()
    for entity in entities:
        names[entity.name] += entity.count
        types[entity.type] += entity.count if entity.type != "UNKNOWN" else 0
    name = min(names, key=lambda item: (-names[item], item))
    kind = min(types, key=lambda item: (-types[item], item))
    return name, kind, names.total()
