"""A library is read without a trace, and once more where somebody changed it meanwhile."""

import sqlite3
from pathlib import Path

import pytest

from librarian_cli.errors import EnvironmentFault
from librarian_cli.store import jobs, untouched
from librarian_cli.store.database import Database


def job_count(connection: sqlite3.Connection | None) -> int:
    return -1 if connection is None else int(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])


def add_job(database: Database) -> None:
    database.write_now(lambda connection: jobs.start(connection, "test", "me"))


def test_reading_leaves_no_file_behind(tmp_path: Path) -> None:
    database = Database(tmp_path, create=True)
    add_job(database)
    database.close()
    before = sorted(path.name for path in tmp_path.iterdir())
    assert untouched.ask(tmp_path, job_count) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_what_waits_in_the_log_of_a_process_at_work_is_seen(tmp_path: Path) -> None:
    database = Database(tmp_path, create=True)
    add_job(database)
    assert untouched.ask(tmp_path, job_count) == 1
    database.close()


def test_a_library_that_changes_under_the_question_is_asked_again(tmp_path: Path) -> None:
    Database(tmp_path, create=True).close()
    answers: list[int] = []

    def question(connection: sqlite3.Connection | None) -> int:
        answers.append(job_count(connection))
        if len(answers) == 1:
            database = Database(tmp_path)
            add_job(database)
            database.close()
            raise sqlite3.DatabaseError("database disk image is malformed")
        return answers[-1]

    assert untouched.ask(tmp_path, question) == 1
    assert answers == [0, 1]


def test_a_folder_without_a_library_is_none_and_damage_is_told(tmp_path: Path) -> None:
    assert untouched.ask(tmp_path / "nowhere", job_count) == -1
    (tmp_path / "library.db").write_bytes(b"")
    assert untouched.ask(tmp_path, job_count) == -1
    (tmp_path / "library.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(EnvironmentFault):
        untouched.ask(tmp_path, job_count)
