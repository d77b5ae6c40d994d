"""The vectors' basis follows from the set of books, whatever the order in which they came."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from librarian_cli.embedders import codes, lsa
from librarian_cli.settings import EmbedderSettings, IndexSettings
from librarian_cli.stages import embed, index
from librarian_cli.store import content, vectors
from librarian_cli.store.database import Database
from tests.support.stored import add_book, save_text

SETTINGS = IndexSettings(dimensions=8, max_fit_chunks=60)
WORDS = "tide harbour clock bread oven crust star comet lens bell tower rope hive queen honey gear chain wheel".split()  # noqa: SIM905
NAMES = tuple("abcdefghijkl")
never = threading.Event()


def text_of(name: str) -> str:
    at = NAMES.index(name)
    return "".join(
        f"{WORDS[(at * 3 + n) % 18]} {WORDS[(at * 5 + n * n) % 18]} and the {name} of {n}. " for n in range(40)
    )


def put(connection: sqlite3.Connection, *, name: str) -> None:
    save_text(connection, add_book(connection, name, status="ok"), text_of(name))


def replace_by_itself(connection: sqlite3.Connection) -> None:
    """Remove a book's text and store it again, at the end of the library."""
    (row,) = connection.execute("SELECT id FROM books WHERE title = 'c'").fetchone()
    content.delete_all(connection, row)
    save_text(connection, row, text_of("c"))


class Shelf:
    """A library with books, whose index is fitted in line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "basis"
        self.database = Database(folder, create=True)
        self.calls: list[str] = []

    def add(self, *names: str) -> None:
        for name in names:
            self.database.write_now(partial(put, name=name))

    def submit(self, function: Callable[..., object], *arguments: object) -> "Future[object]":
        self.calls.append(function.__name__)
        future: Future[object] = Future()
        future.set_result(function(*arguments))
        return future

    def update(self, *, stop: threading.Event = never) -> int:
        return index.bring_up_to_date(
            self.database, self.folder, SETTINGS, submit=self.submit, write=self.database.write_now, stop=stop
        )

    @property
    def reader(self) -> sqlite3.Connection:
        return self.database.reader()

    @property
    def basis(self) -> str:
        active = vectors.active_basis(self.reader)
        assert active is not None
        return active[0]

    def codes(self) -> dict[str, bytes]:
        titles = dict(self.reader.execute("SELECT id, title FROM books").fetchall())
        return {titles[item.book_row]: item.codes for item in vectors.stored(self.reader, self.basis)}


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[], Shelf]]:
    made: list[Shelf] = []
    numbers = count()

    def new() -> Shelf:
        made.append(Shelf(tmp_path / str(next(numbers))))
        return made[-1]

    yield new
    for shelf in made:
        shelf.database.close()


def test_the_order_of_ingestion_changes_neither_choice_nor_basis_nor_vectors(make: Callable[[], Shelf]) -> None:
    one, other = make(), make()
    one.add(*NAMES)
    other.add(*reversed(NAMES))
    chosen = [
        [content.chunk_by_row(shelf.reader, row).text for row in index.choose_chunks(shelf.reader, 60)]
        for shelf in (one, other)
    ]
    assert chosen[0] == chosen[1]
    assert (one.update(), other.update()) == (len(NAMES), len(NAMES))
    assert one.basis == other.basis
    assert one.codes() == other.codes()


def test_a_book_that_was_removed_and_added_again_leaves_no_trace_in_the_index(make: Callable[[], Shelf]) -> None:
    one, other = make(), make()
    for shelf in (one, other):
        shelf.add(*NAMES)
    other.database.write_now(replace_by_itself)
    for shelf in (one, other):
        shelf.update()
    assert one.basis == other.basis
    assert one.codes() == other.codes()


def test_an_empty_library_needs_no_index(make: Callable[[], Shelf]) -> None:
    shelf = make()
    assert shelf.update() == 0
    assert shelf.calls == []
    assert not embed.needed(shelf.reader, EmbedderSettings())


def test_a_second_run_has_nothing_to_do(make: Callable[[], Shelf]) -> None:
    shelf = make()
    shelf.add(*NAMES[:8])
    assert embed.needed(shelf.reader, EmbedderSettings())
    shelf.update()
    assert not embed.needed(shelf.reader, EmbedderSettings())
    shelf.calls.clear()
    assert shelf.update() == 0
    assert shelf.calls == []


def test_a_little_growth_is_folded_in_and_much_is_fitted_anew(make: Callable[[], Shelf]) -> None:
    shelf = make()
    shelf.add(*NAMES[:8])
    shelf.update()
    first = shelf.basis
    shelf.add(NAMES[8])
    assert shelf.update() == 1
    assert shelf.basis == first
    shelf.add(*NAMES[9:])
    assert shelf.update() == len(NAMES), "a new basis gives every book new vectors"
    assert shelf.basis != first
    assert [path.name for path in shelf.folder.iterdir()] == [vectors.basis_file(shelf.folder, shelf.basis).name]


def test_every_chunk_has_one_vector_under_the_basis_in_force(make: Callable[[], Shelf]) -> None:
    shelf = make()
    shelf.add(*NAMES[:4])
    shelf.update()
    for item in vectors.stored(shelf.reader, shelf.basis):
        assert len(codes.Vectors.from_bytes(item.codes, dimensions=8).codes) == item.chunks


def test_a_lost_basis_is_fitted_again(make: Callable[[], Shelf]) -> None:
    shelf = make()
    shelf.add(*NAMES[:4])
    shelf.update()
    before = shelf.basis
    vectors.basis_file(shelf.folder, before).unlink()
    shelf.update()
    assert shelf.basis == before
    assert vectors.basis_file(shelf.folder, before).exists()


def test_a_run_that_is_stopped_leaves_the_old_index_in_force(make: Callable[[], Shelf]) -> None:
    shelf = make()
    shelf.add(*NAMES[:4])
    shelf.update()
    before, kept = shelf.basis, shelf.codes()
    shelf.add(*NAMES[4:])
    stop = threading.Event()
    stop.set()
    shelf.update(stop=stop)
    assert (shelf.basis, shelf.codes()) == (before, kept)
    assert vectors.basis_file(shelf.folder, before).exists()
    shelf.update()
    assert len(shelf.codes()) == len(NAMES)


def test_similar_words_are_near_in_the_stored_vectors(make: Callable[[], Shelf]) -> None:
    shelf = make()
    shelf.add(*NAMES)
    shelf.update()
    basis = lsa.Basis.load(vectors.basis_file(shelf.folder, shelf.basis))
    (first, *_) = vectors.stored(shelf.reader, shelf.basis)
    own = content.chunk_by_row(shelf.reader, first.first_chunk).text
    cosines = codes.similarities(codes.Vectors.from_bytes(first.codes, dimensions=8), lsa.query_vector(basis, own))
    assert float(np.max(cosines)) > 0.9
