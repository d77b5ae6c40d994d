"""The vectors of a library are loaded once, and anew when somebody has written to it."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from librarian_cli.embedders import lsa
from librarian_cli.embedders.query import QueryEmbedder
from librarian_cli.search import nearest
from librarian_cli.settings import Config
from librarian_cli.store import content, vectors
from librarian_cli.store.connections import open_read_only
from tests.support.stored import add_book, make_library, save_text

TEXTS = {
    "sea": "The tide lifts the boat. The boat leaves the harbour with the tide.",
    "shop": "The press prints a page. The page leaves the press wet with ink.",
}


BUILT_IN = QueryEmbedder(Config().embedder)


@pytest.fixture
def writer(tmp_path: Path) -> sqlite3.Connection:
    connection = make_library(tmp_path / "library.db")
    for name, text in TEXTS.items():
        save_text(connection, add_book(connection, name, status="ok"), text)
    connection.execute("PRAGMA journal_mode=WAL")
    index(connection, tmp_path)
    return connection


def index(connection: sqlite3.Connection, folder: Path) -> None:
    """Give every book vectors of a basis fitted on all of them."""
    rows = [row for row, _ in connection.execute("SELECT id, sha256 FROM books ORDER BY id")]
    chunks = {row: list(content.chunks(connection, row)) for row in rows}
    found = {row: (cut[0].row, [chunk.text for chunk in cut]) for row, cut in chunks.items()}
    basis = lsa.fit([text for _, texts in found.values() for text in texts], dimensions=4)
    basis.save(folder)
    made = [(row, first, lsa.project(basis, texts).to_bytes()) for row, (first, texts) in found.items()]
    vectors.save(connection, basis.id, made)
    vectors.activate(connection, basis.id, sum(len(texts) for _, texts in found.values()))


def test_a_shelf_keeps_the_vectors_until_the_library_changes(writer: sqlite3.Connection, tmp_path: Path) -> None:
    reader = open_read_only(tmp_path / "library.db")
    shelf = nearest.Shelf(tmp_path, BUILT_IN)
    first = shelf.space(reader)
    assert first is not None
    assert shelf.space(reader) is first
    save_text(writer, add_book(writer, "more", status="ok"), "A boat and a press, a tide and a page.")
    index(writer, tmp_path)
    second = shelf.space(reader)
    assert second is not None
    assert second is not first
    assert len(second.rows) == len(first.rows) + 1
    reader.close()


def test_chunks_of_what_is_asked_for_are_nearest(writer: sqlite3.Connection, tmp_path: Path) -> None:
    space = nearest.Shelf(tmp_path, BUILT_IN).space(writer)
    assert space is not None
    cosines = space.cosines(space.query_vector("boat and harbour"))
    owners = np.repeat(space.books, space.sizes)
    assert owners[np.argmax(cosines)] == space.books[0]
    assert space.places([*space.rows[1:].tolist(), 10_000]).tolist() == list(range(1, len(space.rows)))
    assert space.places([]).tolist() == []


def test_a_library_without_vectors_has_no_space(tmp_path: Path) -> None:
    connection = make_library(tmp_path / "library.db")
    assert nearest.Shelf(tmp_path, BUILT_IN).space(connection) is None
