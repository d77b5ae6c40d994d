"""Names over all books, and what they occur with."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from librarian_cli.errors import UsageError
from librarian_cli.graph import Graph, graph
from librarian_cli.store import enrichment
from librarian_cli.text.enriching import spans
from librarian_cli.text.enriching.findings import Entity, Findings, Relation, key_of
from tests.support.stored import add_book, make_library, sha256_of

Pair = tuple[str, str, int, float]


@pytest.fixture
def connection(tmp_path: Path) -> sqlite3.Connection:
    return make_library(tmp_path / "library.db")


def tell(connection: sqlite3.Connection, title: str, names: dict[str, tuple[str, int]], pairs: Sequence[Pair]) -> None:
    """Store a book in which these names (with type and mentions) meet in these pairs (with count and weight)."""
    entities = tuple(
        Entity(name, key_of(name), kind, count, spans.pack([(place * 10, place * 10 + 5)]))
        for place, (name, (kind, count)) in enumerate(names.items())
    )
    places = list(names)
    relations = tuple(
        Relation(places.index(one), places.index(other), together, weight, spans.pack([(0, 50)]))
        for one, other, together, weight in pairs
    )
    enrichment.save(connection, add_book(connection, title), Findings(99, entities=entities, relations=relations))


@pytest.fixture
def library(connection: sqlite3.Connection) -> sqlite3.Connection:
    tell(
        connection,
        "Skerrin",
        {"Ewan": ("PERSON", 9), "Callum Baine": ("PERSON", 5), "Skerrin": ("PLACE", 4), "Fair Isle": ("PLACE", 2)},
        [("Ewan", "Callum Baine", 4, 8.0), ("Skerrin", "Callum Baine", 3, 5.5), ("Skerrin", "Fair Isle", 2, 4.0)],
    )
    tell(
        connection,
        "Letters",
        {"SKERRIN": ("UNKNOWN", 12), "Ewan": ("UNKNOWN", 1), "Oslo": ("PLACE", 3)},
        [("SKERRIN", "Ewan", 2, 9.0), ("Ewan", "Oslo", 1, 0.0)],
    )
    return connection


def names(found: Graph) -> list[str]:
    return [item.name for item in found.related]


def test_a_name_is_one_over_all_books(library: sqlite3.Connection) -> None:
    found = graph(library, "skerrin", depth=1, limit=10)
    assert (found.name, found.type, found.count) == ("SKERRIN", "PLACE", 16)
    assert [(item.book, item.title, item.count) for item in found.books] == [
        (sha256_of("Letters"), "Letters", 12),
        (sha256_of("Skerrin"), "Skerrin", 4),
    ]


def test_what_it_occurs_with_comes_strongest_first_with_passages(library: sqlite3.Connection) -> None:
    found = graph(library, "Ewan", depth=1, limit=10)
    assert [(item.name, item.together, item.weight) for item in found.related] == [
        ("SKERRIN", 2, 9.0),
        ("Callum Baine", 4, 8.0),
        ("Oslo", 1, 0.0),
    ]
    passage = found.related[1].passages[0]
    assert (passage.book, passage.start_char, passage.end_char) == (sha256_of("Skerrin"), 0, 50)
    assert names(graph(library, "Ewan", depth=1, limit=1)) == ["SKERRIN"]


def test_a_name_stands_once_and_as_near_as_it_can(library: sqlite3.Connection) -> None:
    found = graph(library, "Ewan", depth=3, limit=10)
    assert [item.name for item in found.related[0].related] == ["Fair Isle"], "Callum Baine stands nearer"
    assert [item.related for item in found.related[1:]] == [(), ()]
    assert [item.related for item in graph(library, "Ewan", depth=1, limit=10).related] == [(), (), ()]


@pytest.mark.parametrize(
    ("asked", "name"), [("baine", "Callum Baine"), ("FAIR  ISLE!", "Fair Isle"), ("isle", "Fair Isle")]
)
def test_a_name_need_not_be_written_as_it_stands(library: sqlite3.Connection, asked: str, name: str) -> None:
    assert graph(library, asked, depth=1, limit=10).name == name


@pytest.mark.parametrize("asked", ["Nobody", "", "%", "…"])
def test_a_name_of_no_book_is_a_mistake(library: sqlite3.Connection, asked: str) -> None:
    with pytest.raises(UsageError, match="no book has such a name"):
        graph(library, asked, depth=1, limit=10)


def test_completion_offers_the_commonest_first(library: sqlite3.Connection) -> None:
    assert [name for name, _ in enrichment.names_from(library, "", 9)][:2] == ["SKERRIN", "Ewan"]
    assert enrichment.names_from(library, "fa", 9) == [("Fair Isle", 2)]
