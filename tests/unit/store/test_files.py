"""One row per real path, and one outcome with its reason for each file of each job."""

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from librarian_cli.models import Candidate, FileOutcome
from librarian_cli.store import books, files, jobs
from tests.support.stored import ROOT, add_book, candidate, sha256_of

HUGE = (1 << 64) - 3
"""An inode of 64 bits, as some file systems have."""


@pytest.fixture
def job(connection: sqlite3.Connection) -> int:
    return jobs.start(connection, "test", "owner")


def found(connection: sqlite3.Connection, job: int | None = None) -> dict[bytes, tuple[str, str]]:
    return {item.path: (item.outcome, item.reason) for item in files.outcomes(connection, job=job)}


def skip(connection: sqlite3.Connection, job: int, path: bytes, *, root: bytes = b"/books") -> int:
    outcome = FileOutcome(path, "skipped", "unsupported", "a picture", None, 0.0)
    return files.record(connection, candidate(path, root=root), job, book_row=None, outcome=outcome)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((b"/books", b"sea/tides.txt"), (b"/books/sea", b"tides.txt")),  # the outer root was scanned first
        ((b"/books/sea", b"tides.txt"), (b"/books", b"sea/tides.txt")),  # the inner one
        ((b"/", b"books/tides.txt"), (b"/books", b"tides.txt")),  # the root of everything ends with its slash
    ],
)
def test_nested_roots_share_the_row_of_a_file(
    connection: sqlite3.Connection, job: int, first: tuple[bytes, bytes], second: tuple[bytes, bytes]
) -> None:
    assert skip(connection, job, first[1], root=first[0]) == skip(connection, job, second[1], root=second[0])
    assert len(found(connection)) == 1


def test_a_root_whose_name_only_begins_alike_has_rows_of_its_own(connection: sqlite3.Connection, job: int) -> None:
    assert skip(connection, job, b"a.txt", root=b"/books") != skip(connection, job, b"2/a.txt", root=b"/books2")
    assert set(found(connection)) == {b"/books/a.txt", b"/books2/2/a.txt"}


@pytest.mark.parametrize("name", [b"caf\xe9.txt", b"two\nlines.txt", b"\xff\xfe", b"tab\t;'\"--.txt"])
def test_a_name_comes_back_byte_for_byte(connection: sqlite3.Connection, job: int, name: bytes) -> None:
    row = add_book(connection, "a", job=job)
    files.record(connection, candidate(name), job, book_row=row, outcome=None)
    assert files.paths_of(connection, row) == [b"/books/a", b"/books/" + name]
    assert files.candidates_of(connection, row)[1] == candidate(name)


def test_inodes_and_devices_of_64_bits_survive(connection: sqlite3.Connection, job: int) -> None:
    row = add_book(connection, "a", job=job)
    seen = replace(candidate(b"b", inode=HUGE), device=HUGE + 1)
    files.record(connection, seen, job, book_row=row, outcome=None)
    assert files.candidates_of(connection, row)[1] == seen
    (known,) = files.known(connection, [seen])
    assert known is not None
    assert known.same


@pytest.mark.parametrize(
    ("later", "same"),
    [
        (candidate(b"a"), True),
        (candidate(b"a", size=101), False),
        (candidate(b"a", mtime_ns=8), False),
        (candidate(b"a", inode=2), False),  # replaced by another file with the same size and time
    ],
)
def test_a_file_is_the_same_while_size_time_and_inode_are(
    connection: sqlite3.Connection, later: Candidate, *, same: bool
) -> None:
    add_book(connection, "a")
    (known,) = files.known(connection, [later])
    assert known is not None
    assert known.same is same


def test_known_answers_in_the_order_of_the_question(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "b")
    answers = files.known(connection, [candidate(b"new"), candidate(b"b")])
    assert [answer and answer.book_row for answer in answers] == [None, row]


def test_a_file_whose_fate_is_undecided_is_looked_at_again(connection: sqlite3.Connection, job: int) -> None:
    files.record(connection, candidate(b"a"), job, book_row=None, outcome=None)
    (known,) = files.known(connection, [candidate(b"a")])
    assert known is not None
    assert not known.same


def test_forgotten_content_is_read_again(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a", status="ok")
    files.forget_content(connection, candidate(b"a"), "failed", "changed")
    (known,) = files.known(connection, [candidate(b"a")])
    assert known is not None
    assert (known.same, known.book_row) == (False, None)
    assert files.candidates_of(connection, row) == []
    assert found(connection) == {b"/books/a": ("failed", "changed")}


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        ("ok", "", ("ok", "")),
        ("ok-with-warning", "needs-ocr", ("ok-with-warning", "needs-ocr")),
        ("failed", "corrupt", ("failed", "corrupt")),
        ("waiting", "", ("waiting", "approval")),  # for a person
        ("pending", "", ("waiting", "queued")),  # for a worker
        ("removed", "", ("skipped", "removed")),  # a person forgot it
    ],
)
def test_a_file_shares_the_fate_of_its_book(
    connection: sqlite3.Connection, job: int, status: str, reason: str, outcome: tuple[str, str]
) -> None:
    row = add_book(connection, "a", job=job)
    books.set_status(connection, row, status, job, reason=reason)
    assert found(connection) == {b"/books/a": outcome}
    assert found(connection, job) == {b"/books/a": outcome}


def test_further_paths_of_a_book_are_duplicates_that_name_it(connection: sqlite3.Connection, job: int) -> None:
    row = add_book(connection, "a", status="ok", job=job)
    files.record(connection, candidate(b"copy"), job, book_row=row, outcome=None)
    assert found(connection, job) == {b"/books/a": ("ok", ""), b"/books/copy": ("duplicate", sha256_of("a")[:12])}
    assert files.reason_counts(connection, job) == {"ok": {"": 1}, "duplicate": {"": 1}}


def test_when_the_first_path_is_gone_the_copy_bears_the_outcome(connection: sqlite3.Connection, job: int) -> None:
    row = add_book(connection, "a", status="ok", job=job)
    later = jobs.start(connection, "test", "owner")
    files.record(connection, candidate(b"copy"), later, book_row=row, outcome=None)
    assert len(files.mark_absent(connection, b"/books", later)) == 1
    assert found(connection) == {b"/books/copy": ("ok", "")}
    assert files.paths_of(connection, row) == [b"/books/copy"]


def later_job(connection: sqlite3.Connection) -> int:
    job = jobs.start(connection, "test", "owner")
    jobs.set_scope(connection, job, [ROOT])
    return job


def test_what_an_earlier_job_decided_is_unchanged_with_its_reason(connection: sqlite3.Connection, job: int) -> None:
    books.set_status(connection, add_book(connection, "bad", job=job), "failed", job, reason="corrupt")
    skipped = skip(connection, job, b"picture")
    bad = files.known(connection, [candidate(b"bad")])[0]
    later = later_job(connection)
    assert bad is not None
    files.mark_seen(connection, [bad.id, skipped], later)
    assert found(connection, later) == {
        b"/books/bad": ("unchanged", "corrupt"),
        b"/books/picture": ("unchanged", "unsupported"),
    }
    assert found(connection) == {b"/books/bad": ("failed", "corrupt"), b"/books/picture": ("skipped", "unsupported")}
    assert found(connection, job) == found(connection), "a job goes on seeing what later ones saw in its scope"


def test_a_book_that_ran_again_in_this_job_is_no_longer_unchanged(connection: sqlite3.Connection, job: int) -> None:
    row = add_book(connection, "a", status="failed", job=job)
    later = later_job(connection)
    known = files.known(connection, [candidate(b"a")])[0]
    assert known is not None
    files.mark_seen(connection, [known.id], later)
    books.set_status(connection, row, "ok", later)
    assert found(connection, later) == {b"/books/a": ("ok", "")}


def test_only_files_below_the_listed_root_that_were_not_seen_are_absent(
    connection: sqlite3.Connection, job: int
) -> None:
    inside, outside = skip(connection, job, b"a"), skip(connection, job, b"a", root=b"/books2")
    later = jobs.start(connection, "test", "owner")
    seen = skip(connection, later, b"b")
    assert len({inside, outside, seen}) == 3
    assert len(files.mark_absent(connection, b"/books", later)) == 1
    assert set(found(connection)) == {b"/books/b", b"/books2/a"}


def test_a_file_that_comes_back_is_there_again(connection: sqlite3.Connection, job: int) -> None:
    row = skip(connection, job, b"a")
    later = jobs.start(connection, "test", "owner")
    files.mark_absent(connection, b"/books", later)
    assert found(connection) == {}
    files.mark_seen(connection, [row], later)
    assert found(connection) == {b"/books/a": ("skipped", "unsupported")}


def test_outcomes_are_ordered_by_path_and_can_be_chosen(connection: sqlite3.Connection, job: int) -> None:
    add_book(connection, "b", status="ok", job=job)
    skip(connection, job, b"c")
    skip(connection, job, b"a")
    assert [item.path for item in files.outcomes(connection)] == [b"/books/a", b"/books/b", b"/books/c"]
    assert [item.path for item in files.outcomes(connection, outcome="ok")] == [b"/books/b"]


def test_a_long_detail_is_cut(connection: sqlite3.Connection, job: int) -> None:
    outcome = FileOutcome(b"a", "failed", "corrupt", "x" * 5000, None, 0.0)
    files.record(connection, candidate(b"a"), job, book_row=None, outcome=outcome)
    (item,) = files.outcomes(connection)
    assert len(item.detail) == 2000


def test_what_is_gone_is_marked_at_once_for_many_paths_and_all_below_a_folder(
    connection: sqlite3.Connection, job: int
) -> None:
    for path in (b"a", b"ab", b"shelf/b", b"shelf/in/c", b"shelf2/d"):
        skip(connection, job, path, root=b"/")
    gone = files.mark_gone(connection, [b"/a", b"/shelf", b"/never seen"])
    assert sorted(gone) == [b"/a", b"/shelf/b", b"/shelf/in/c"]
    assert set(found(connection)) == {b"/ab", b"/shelf2/d"}
    assert files.mark_gone(connection, [b"/shelf"]) == [], "once only"


def test_what_is_there_is_not_gone_whoever_says_so(connection: sqlite3.Connection, job: int, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    skip(connection, job, b"a", root=os.fsencode(tmp_path))
    assert files.mark_gone(connection, [os.fsencode(tmp_path)]) == []
