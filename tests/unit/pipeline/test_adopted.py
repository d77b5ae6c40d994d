"""A job that adopts a book while another process works on it hears of the outcome as its own."""

import sqlite3

import pytest

from librarian_cli.models import Cost, Task
from librarian_cli.pipeline import settle
from librarian_cli.pipeline.retry import Decision
from librarian_cli.stages import NEEDS
from librarian_cli.store import files, jobs
from tests.support import filed
from tests.support.stored import ROOT

PRINTS = {(stage, "txt"): "print" for stage in NEEDS}
FAILED = Decision("fail", "corrupt", "")


def adopt(connection: sqlite3.Connection) -> int:
    """Begin a job that looks at everything, and has it wait for what is unfinished."""
    job = jobs.start(connection, "ingest", "another")
    files.mark_seen(connection, [row[0] for row in connection.execute("SELECT id FROM files")], job)
    jobs.set_scope(connection, job, [ROOT])
    jobs.adopt(connection, job)
    return job


def outcome(connection: sqlite3.Connection, job: int) -> str:
    (found,) = files.outcomes(connection, job=job)
    return found.text


@pytest.fixture
def task(connection: sqlite3.Connection) -> Task:
    filed.file_book(connection, "a.txt")
    (claimed,) = filed.claim(connection, "schema")
    return claimed


def test_a_failure_is_new_to_the_job_that_adopted_the_book(connection: sqlite3.Connection, task: Task) -> None:
    later = adopt(connection)
    settle.give_up(connection, task, FAILED, settle.Fingerprints(PRINTS, PRINTS), Cost())
    assert outcome(connection, task.job) == "failed:corrupt"
    assert outcome(connection, later) == "failed:corrupt"


def test_what_had_failed_before_is_unchanged_to_a_later_job(connection: sqlite3.Connection, task: Task) -> None:
    settle.give_up(connection, task, FAILED, settle.Fingerprints(PRINTS, PRINTS), Cost())
    assert outcome(connection, adopt(connection)) == "unchanged:corrupt"
