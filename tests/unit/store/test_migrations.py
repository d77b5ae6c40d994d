"""Migrations are applied once, in order, each with its record, and never over a newer library."""

import sqlite3
from pathlib import Path

import pytest

from librarian_cli.errors import EnvironmentFault
from librarian_cli.store import fulltext, migrations
from tests.support.stored import add_book

SECOND = ("m002_shelves", "CREATE TABLE shelves (name TEXT);")
THIRD = ("m003_rows", "ALTER TABLE shelves ADD COLUMN height INTEGER; INSERT INTO shelves VALUES ('top', 30);")
KNOWN = migrations.MIGRATIONS
NOW = len(KNOWN)


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def records(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    return connection.execute("SELECT number, name FROM migrations ORDER BY number").fetchall()


def test_a_new_library_has_every_migration_and_no_backup(connection: sqlite3.Connection, tmp_path: Path) -> None:
    assert version(connection) == NOW
    assert records(connection) == [(number, name) for number, (name, _) in enumerate(KNOWN, 1)]
    assert connection.execute("PRAGMA application_id").fetchone() == (migrations.APPLICATION_ID,)
    assert not (tmp_path / "tmp").exists()


def test_an_older_library_is_backed_up_and_then_migrated(connection: sqlite3.Connection, tmp_path: Path) -> None:
    connection.execute("INSERT INTO facts VALUES ('shelf', 'oak')")
    migrations.apply(connection, tmp_path / "backups", (*KNOWN, SECOND, THIRD))
    assert version(connection) == NOW + 2
    assert records(connection)[NOW:] == [(NOW + 1, SECOND[0]), (NOW + 2, THIRD[0])]
    assert connection.execute("SELECT * FROM shelves").fetchall() == [("top", 30)]
    (backup,) = (tmp_path / "backups").iterdir()
    saved = sqlite3.connect(backup)
    assert version(saved) == NOW
    assert saved.execute("SELECT value FROM facts").fetchall() == [("oak",)]
    saved.close()


def test_migrating_again_changes_nothing(connection: sqlite3.Connection, tmp_path: Path) -> None:
    before = records(connection)
    migrations.apply(connection, tmp_path / "backups")
    assert records(connection) == before
    assert not (tmp_path / "backups").exists()


def test_a_migration_that_fails_leaves_the_library_as_it_was(connection: sqlite3.Connection, tmp_path: Path) -> None:
    broken = ("m002_broken", "CREATE TABLE half (name TEXT); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrations.apply(connection, tmp_path / "backups", (*KNOWN, broken))
    connection.close()
    again = sqlite3.connect(tmp_path / "library.db")
    assert version(again) == NOW
    assert not again.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'").fetchall()
    again.close()


def test_a_library_from_a_newer_version_is_refused_by_name(connection: sqlite3.Connection, tmp_path: Path) -> None:
    connection.execute(f"PRAGMA user_version = {NOW + 1}")
    with pytest.raises(EnvironmentFault, match=r"library\.db: .*newer.*upgrade"):
        migrations.apply(connection, tmp_path / "backups")
    assert not (tmp_path / "backups").exists()


def test_some_other_database_is_refused_even_when_its_version_fits(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.execute("PRAGMA user_version = 1")
    with pytest.raises(EnvironmentFault, match="not a Librarian library"):
        migrations.apply(other, tmp_path / "backups")
    other.close()


def test_the_index_of_an_older_library_is_made_anew_from_its_chunks(tmp_path: Path) -> None:
    older = sqlite3.connect(tmp_path / "older.db", isolation_level=None)
    migrations.apply(older, tmp_path / "backups", KNOWN[:1])
    row = add_book(older, "a")
    older.execute(
        "INSERT INTO chunks (id, book, start_char, end_char, text) VALUES (1, ?, 0, 15, 'The tide rises.')", (row,)
    )
    older.execute("INSERT INTO chunks_fts (rowid, heading, text) SELECT id, heading, text FROM chunk_texts")
    older.execute("UPDATE books SET first_chunk = 1, chunks = 1 WHERE id = ?", (row,))
    migrations.apply(older, tmp_path / "backups")
    fulltext.check(older)
    (chunks,) = older.execute("SELECT count(*) FROM chunks").fetchone()
    assert older.execute("SELECT count(*) FROM chunks_fts WHERE chunks_fts MATCH 'tide'").fetchone() == (chunks,)
    older.close()


def test_names_of_migrations_number_them(connection: sqlite3.Connection) -> None:
    assert [name.split("_")[0] for name, _ in KNOWN] == [f"m{number:03}" for number in range(1, NOW + 1)]
