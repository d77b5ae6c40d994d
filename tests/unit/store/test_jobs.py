"""A job's scope: which files it looked at, however its roots lie in each other."""

import sqlite3

import pytest

from librarian_cli.models import FileOutcome
from librarian_cli.store import files, jobs
from tests.support.stored import ROOT, candidate


def add_file(connection: sqlite3.Connection, path: bytes, job: int) -> None:
    skipped = FileOutcome(ROOT + b"/" + path, "skipped", "unsupported", "", None, 0.0)
    files.record(connection, candidate(path), job, book_row=None, outcome=skipped)


@pytest.mark.parametrize(
    ("roots", "seen"),
    [
        ([b"/books"], {b"a", b"a.txt", b"a/b", b"a/b/c", b"a/d", b"b"}),
        ([b"/books/a"], {b"a", b"a/b", b"a/b/c", b"a/d"}),
        ([b"/books/a", b"/books/a/b"], {b"a", b"a/b", b"a/b/c", b"a/d"}),  # one inside the other
        ([b"/books/a/b", b"/books/b"], {b"a/b", b"a/b/c", b"b"}),
        ([b"/books/a.txt"], {b"a.txt"}),  # one that only begins alike is another
        ([b"/books/a/b", b"/"], {b"a", b"a.txt", b"a/b", b"a/b/c", b"a/d", b"b"}),
        ([b"/other"], set()),
    ],
)
def test_a_job_saw_what_lies_at_or_below_its_roots(
    connection: sqlite3.Connection, roots: list[bytes], seen: set[bytes]
) -> None:
    job = jobs.start(connection, "test", "owner")
    for path in (b"a", b"a.txt", b"a/b", b"a/b/c", b"a/d", b"b"):
        add_file(connection, path, job)
    jobs.set_scope(connection, job, roots)
    assert {item.path.removeprefix(ROOT + b"/") for item in files.outcomes(connection, job=job)} == seen
