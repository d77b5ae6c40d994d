"""The vector index keeps one blob a book and basis, and one basis in force."""

import sqlite3

from librarian_cli.store import vectors
from tests.support.stored import add_book, save_text


def add(connection: sqlite3.Connection, name: str, text: str = "tide " * 20) -> int:
    row = add_book(connection, name)
    save_text(connection, row, text)
    return row


def test_no_basis_is_in_force_at_first(connection: sqlite3.Connection) -> None:
    assert vectors.active_basis(connection) is None
    assert list(vectors.stored(connection, "b1")) == []


def test_vectors_come_back_with_the_chunks_they_stand_for(connection: sqlite3.Connection) -> None:
    first, second = add(connection, "a"), add(connection, "b")
    vectors.save(connection, "b1", [(second, 4, b"\x00\xff"), (first, 1, b"\x01")])
    assert list(vectors.stored(connection, "b1")) == [
        vectors.BookVectors(first, 1, 3, b"\x01"),
        vectors.BookVectors(second, 4, 3, b"\x00\xff"),
    ]


def test_saving_again_replaces_a_books_vectors(connection: sqlite3.Connection) -> None:
    row = add(connection, "a")
    for codes in (b"old", b"new"):
        vectors.save(connection, "b1", [(row, 1, codes)])
    assert [item.codes for item in vectors.stored(connection, "b1")] == [b"new"]


def test_putting_a_basis_in_force_drops_the_vectors_of_others(connection: sqlite3.Connection) -> None:
    row = add(connection, "a")
    vectors.save(connection, "b1", [(row, 1, b"1")])
    vectors.activate(connection, "b1", 3)
    vectors.save(connection, "b2", [(row, 1, b"2")])
    assert vectors.active_basis(connection) == ("b1", 3), "the old basis serves until the new one is complete"
    vectors.activate(connection, "b2", 6)
    assert vectors.active_basis(connection) == ("b2", 6)
    assert list(vectors.stored(connection, "b1")) == []
    assert [item.codes for item in vectors.stored(connection, "b2")] == [b"2"]


def test_books_without_vectors_are_those_with_chunks_in_the_order_of_their_ids(connection: sqlite3.Connection) -> None:
    rows = {name: add(connection, name) for name in "abc"}
    add_book(connection, "no text yet")
    add(connection, "an empty one", "")
    vectors.save(connection, "b1", [(rows["b"], 4, b"1")])
    missing = [row for row, _ in vectors.books_without(connection, "b1")]
    assert sorted(missing) == [rows["a"], rows["c"]]
    in_order = [row for row, _ in vectors.books_without(connection, "b2")]
    by_id = connection.execute("SELECT id FROM books WHERE chunks > 0 ORDER BY sha256").fetchall()
    assert in_order == [row for (row,) in by_id]


def test_a_book_whose_text_was_replaced_needs_new_vectors(connection: sqlite3.Connection) -> None:
    row = add(connection, "a")
    vectors.save(connection, "b1", [(row, 1, b"1")])
    vectors.activate(connection, "b1", 3)
    save_text(connection, row, "other words " * 20)
    assert [found for found, _ in vectors.books_without(connection, "b1")] == [row]
    assert list(vectors.stored(connection, "b1")) == []


def test_vectors_of_a_text_that_was_replaced_meanwhile_are_not_saved(connection: sqlite3.Connection) -> None:
    row = add(connection, "a")
    add(connection, "b")
    save_text(connection, row, "other words " * 20)
    vectors.save(connection, "b1", [(row, 1, b"of the old text")])
    assert list(vectors.stored(connection, "b1")) == []
