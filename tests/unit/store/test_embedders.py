"""Vectors in parts, which model made them, and which books wait for it."""

import sqlite3
from dataclasses import replace

import numpy as np

from librarian_cli.embedders import codes
from librarian_cli.store import books, content, embedders, vectors
from tests.support.stored import CHUNK_CHARS, add_book, save_text

BASIS = "b" * 32
ROWS = np.random.default_rng(1).standard_normal((5, 6)).astype(np.float32)


def put(connection: sqlite3.Connection, name: str = "a", *, chunks: int = 5, status: str = "ok") -> int:
    row = add_book(connection, name, status=status)
    save_text(connection, row, "x" * (CHUNK_CHARS * chunks))
    return row


def packed(start: int, stop: int) -> bytes:
    return codes.quantise(ROWS[start:stop]).to_bytes()


def warnings(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    return {book.title: (book.status, book.reason) for book in books.every(connection)}


def test_parts_in_any_order_become_the_blob_that_one_call_would_have_made(connection: sqlite3.Connection) -> None:
    put(connection)
    (span,) = vectors.missing(connection, BASIS)
    for start, stop in ((3, 5), (0, 1), (1, 3)):
        assert vectors.stored(connection, BASIS) == []
        vectors.save_parts(connection, BASIS, [(replace(span, start=start, chunks=stop - start), packed(start, stop))])
    (whole,) = vectors.stored(connection, BASIS)
    assert whole.codes == packed(0, 5)
    assert vectors.missing(connection, BASIS) == []
    assert connection.execute("SELECT count(*) FROM vector_parts").fetchone() == (0,)


def test_what_is_missing_are_the_gaps_between_parts(connection: sqlite3.Connection) -> None:
    put(connection)
    (span,) = vectors.missing(connection, BASIS)
    vectors.save_parts(connection, BASIS, [(replace(span, start=2, chunks=1), packed(2, 3))])
    assert [(gap.start, gap.chunks) for gap in vectors.missing(connection, BASIS)] == [(0, 2), (3, 2)]


def test_parts_of_a_book_that_was_cut_anew_are_not_stored(connection: sqlite3.Connection) -> None:
    row = put(connection)
    (span,) = vectors.missing(connection, BASIS)
    content.delete_chunks(connection, row)
    save_text(connection, row, "y" * (CHUNK_CHARS * 4))  # at the same place in the library, in other pieces
    vectors.save_parts(connection, BASIS, [(span, packed(0, 5))])
    assert not vectors.any_stored(connection, BASIS)


def test_the_vectors_of_a_book_go_with_its_chunks(connection: sqlite3.Connection) -> None:
    row = put(connection)
    (span,) = vectors.missing(connection, BASIS)
    vectors.save_parts(connection, BASIS, [(replace(span, chunks=2), packed(0, 2))])
    content.delete_chunks(connection, row)
    assert not vectors.any_stored(connection, BASIS)


def test_books_wait_only_while_they_lack_vectors(connection: sqlite3.Connection) -> None:
    put(connection, "whole")
    put(connection, "lacking")
    put(connection, "failed", status="failed")
    span = vectors.missing(connection, BASIS)[0]
    vectors.save_parts(connection, BASIS, [(span, packed(0, 5))])
    assert embedders.mark_pending(connection, BASIS, waits=True) == 1
    assert warnings(connection) == {
        "whole": ("ok", ""),
        "lacking": ("ok-with-warning", embedders.PENDING),
        "failed": ("failed", ""),
    }
    assert embedders.mark_pending(connection, BASIS, waits=False) == 0
    assert warnings(connection)["lacking"] == ("ok", "")


def test_other_warnings_of_a_book_stay(connection: sqlite3.Connection) -> None:
    row = put(connection)
    books.set_status(connection, row, "ok-with-warning", None, reason="no_outline")
    for _ in range(2):
        embedders.mark_pending(connection, BASIS, waits=True)
    assert warnings(connection)["a"] == ("ok-with-warning", f"no_outline,{embedders.PENDING}")
    embedders.mark_pending(connection, BASIS, waits=False)
    assert warnings(connection)["a"] == ("ok-with-warning", "no_outline")


def test_putting_a_basis_in_force_keeps_what_the_library_is_on_its_way_to(connection: sqlite3.Connection) -> None:
    put(connection)
    embedders.add(connection, signature="new", kind="openai", model="m", dimensions=6, canary=b"c")
    target = embedders.id_of("new", b"c")
    (span,) = vectors.missing(connection, target)
    vectors.save_parts(connection, target, [(replace(span, chunks=2), packed(0, 2))])
    vectors.set_target(connection, "new")
    vectors.activate(connection, "old", 5)
    assert vectors.any_stored(connection, target)
    vectors.activate(connection, target, 0)
    assert vectors.target(connection) == ""
    vectors.activate(connection, "old", 5)
    assert not vectors.any_stored(connection, target)


def test_what_a_server_was_asked_adds_up(connection: sqlite3.Connection) -> None:
    for _ in range(2):
        embedders.add_usage(connection, "host", "m", (3, 1, 1, 100, 0.5))
    embedders.set_error(connection, "host", "m", "no answer")
    (found,) = embedders.usage(connection)
    assert (found.calls, found.failures, found.limited, found.tokens, found.seconds) == (6, 2, 2, 200, 1.0)
    assert found.last_error == "no answer"
