"""Books are tagged by the names that all of live control takes, while others write to the library."""

import sqlite3
import threading
from pathlib import Path

import pytest

from librarian_cli import tagging
from librarian_cli.errors import UsageError
from librarian_cli.store import books, jobs, tags
from librarian_cli.store.database import Database
from tests.support import filed
from tests.support.stored import sha256_of


def test_books_are_named_by_the_beginning_of_their_id_and_by_their_job(
    database: Database, connection: sqlite3.Connection
) -> None:
    job = jobs.start(connection, "ingest", "me")
    for name in ("a", "b"):
        filed.file_book(connection, name, job)
    filed.file_book(connection, "c")
    found = tagging.add(database, "sea", [sha256_of("b")[:12], str(job), sha256_of("c")])
    assert [book.title for book in found] == ["b", "a", "c"], "each once"
    assert tagging.add(database, "Sea", [str(job)]) == []
    assert [book.title for book in tagging.remove(database, "SEA", [str(job)])] == ["a", "b"]
    assert tags.counts(database.reader()) == [("sea", 1)]


def test_an_unknown_book_is_named_and_none_is_tagged(database: Database, connection: sqlite3.Connection) -> None:
    filed.file_book(connection, "a")
    with pytest.raises(UsageError, match="no book '12345678'"):
        tagging.add(database, "sea", [sha256_of("a"), "12345678"])
    assert tags.counts(connection) == []


def test_a_tag_that_no_book_has_cannot_be_taken(database: Database, connection: sqlite3.Connection) -> None:
    filed.file_book(connection, "a")
    with pytest.raises(UsageError, match="no book has the tag 'see'; `librarian tag list` shows"):
        tagging.remove(database, "see", [sha256_of("a")])


def test_a_tag_that_a_book_lacks_is_no_fault(database: Database, connection: sqlite3.Connection) -> None:
    for name in ("a", "b"):
        filed.file_book(connection, name)
    tagging.add(database, "sea", [sha256_of("a")])
    assert tagging.remove(database, "sea", [sha256_of("b")]) == []


def test_a_removed_book_that_a_job_names_is_left_out(database: Database, connection: sqlite3.Connection) -> None:
    job = jobs.start(connection, "ingest", "me")
    gone, _ = (filed.file_book(connection, name, job) for name in ("a", "b"))
    books.set_status(connection, gone, "removed", None)
    assert [book.title for book in tagging.add(database, "sea", [str(job)])] == ["b"]


def test_several_writers_at_once_lose_nothing_and_agree_on_the_spelling(
    tmp_path: Path, connection: sqlite3.Connection
) -> None:
    names = [f"book {number}" for number in range(20)]
    for name in names:
        filed.file_book(connection, name)
    failures: list[BaseException] = []

    def write(spelling: str) -> None:
        opened = Database(tmp_path)
        try:
            for name in names:
                tagging.add(opened, spelling, [sha256_of(name)])
        except BaseException as exc:  # noqa: BLE001  # whatever it is, the test fails of it
            failures.append(exc)
        finally:
            opened.close()

    writers = [threading.Thread(target=write, args=(spelling,)) for spelling in ("Sea", "SEA", "sea")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    ((name, count),) = tags.counts(connection)
    assert (name.lower(), count) == ("sea", len(names))
    assert connection.execute("SELECT count(DISTINCT name) FROM tags").fetchone() == (1,)
