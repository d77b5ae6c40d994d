"""Jobs: which files belong to one, which books it waits for, how much of it is over, and when it is closed."""

import sqlite3

import pytest

from librarian_cli.errors import UsageError
from librarian_cli.models import PRIORITIES, FileOutcome
from librarian_cli.store import books, files, jobs, owners, tasks
from tests.support.filed import claim, fail, file_book, finish, pass_stage
from tests.support.stored import add_book, candidate, sha256_of

PATHS = (b"a/one", b"a/b/two", b"ab/three", b"a", b"a.txt", b"four")


@pytest.fixture
def tree(connection: sqlite3.Connection) -> None:
    """Files below /books, seen by job 1; no file system holds a file and a folder `a`, but the rows may."""
    jobs.start(connection, "ingest", "me")
    for path in PATHS:
        files.record(connection, candidate(path), 1, book_row=None, outcome=None)


def in_job(connection: sqlite3.Connection, job: int) -> set[bytes]:
    rows = connection.execute(f"SELECT path FROM files WHERE {files.IN_JOB}", {"job": job})
    return {row[0] for row in rows}


def see_all(connection: sqlite3.Connection, job: int) -> None:
    ids = [row[0] for row in connection.execute("SELECT id FROM files")]
    files.mark_seen(connection, ids, job)


def start(connection: sqlite3.Connection, priority: str = "medium", owner: str = "me") -> int:
    return jobs.start(connection, "ingest", owner, priority=PRIORITIES[priority])


def finish_book(connection: sqlite3.Connection, row: int) -> None:
    """End every stage of one book well."""
    for stage in ("schema", "extract", "chunk", "enrich", "audit"):
        for task in claim(connection, stage):
            if task.book_row == row:
                finish(connection, task)


@pytest.mark.parametrize(
    ("roots", "expected"),
    [
        ([b"/books"], set(PATHS)),  # the stored root itself
        ([b"/"], set(PATHS)),  # above it
        ([b"/books/four"], {b"four"}),  # a file
        ([b"/books/a"], {b"a", b"a/one", b"a/b/two"}),  # a folder: not ab, not a.txt, which begin with its name
        ([b"/books/a/b"], {b"a/b/two"}),
        ([b"/books/ab"], {b"ab/three"}),
        ([b"/books/a.txt", b"/books/ab"], {b"a.txt", b"ab/three"}),
        ([b"/books/a", b"/books/a/b"], {b"a", b"a/one", b"a/b/two"}),  # one inside the other
        ([b"/books/a/b", b"/"], set(PATHS)),
        ([b"/book"], set()),  # a beginning of the root's name
        ([b"/books2"], set()),
        ([], set()),
    ],
)
def test_a_jobs_files_are_those_that_lie_in_its_scope(
    connection: sqlite3.Connection, tree: None, roots: list[bytes], expected: set[bytes]
) -> None:
    job = start(connection)
    see_all(connection, job)
    jobs.set_scope(connection, job, roots)
    assert in_job(connection, job) == expected


def test_a_scope_reaches_into_every_stored_root_above_and_below_it(connection: sqlite3.Connection, tree: None) -> None:
    inner = files.root_id(connection, b"/books/a/inner")
    connection.execute(
        "INSERT INTO files (root, path, size, mtime_ns, device, inode, outcome_job, seen_job)"
        " VALUES (?, CAST('below' AS BLOB), 1, 1, 1, 1, 1, 1)",
        (inner,),
    )
    job = start(connection)
    see_all(connection, job)
    jobs.set_scope(connection, job, [b"/books/a"])
    found = connection.execute(f"SELECT count(*) FROM files WHERE {files.IN_JOB}", {"job": job}).fetchone()
    assert found == (4,), "three below the outer root, and all of the inner one"


def test_a_file_that_a_later_job_saw_belongs_to_the_earlier_one_still(
    connection: sqlite3.Connection, tree: None
) -> None:
    earlier, later = start(connection), start(connection)
    for job in (earlier, later):
        jobs.set_scope(connection, job, [b"/books"])
    see_all(connection, later)
    assert in_job(connection, earlier) == in_job(connection, later) == set(PATHS)
    assert in_job(connection, start(connection)) == set(), "it looked at nothing"


def test_adopting_raises_a_priority_and_never_lowers_one(connection: sqlite3.Connection) -> None:
    low = start(connection, "low")
    file_book(connection, "a", low)
    for level, expected in (("high", "high"), ("medium", "high"), ("critical", "critical")):
        job = start(connection, level)
        see_all(connection, job)
        jobs.set_scope(connection, job, [b"/books"])
        jobs.adopt(connection, job)
        assert tasks.unfinished(connection, job) == 1
        found = {row[0] for row in connection.execute("SELECT priority FROM tasks")}
        assert found == {PRIORITIES[expected]}


def test_adopting_leaves_finished_books_alone(connection: sqlite3.Connection) -> None:
    first = start(connection)
    file_book(connection, "a", first)
    for stage in ("schema", "extract", "chunk", "enrich", "audit"):
        pass_stage(connection, stage)
    later = start(connection, "critical")
    see_all(connection, later)
    jobs.set_scope(connection, later, [b"/books"])
    jobs.adopt(connection, later)
    assert jobs.rows_of(connection, later) == []
    assert connection.execute("SELECT DISTINCT job, priority FROM tasks").fetchall() == [(first, PRIORITIES["medium"])]


def test_taking_all_waits_for_every_unfinished_book_wherever_it_lies(connection: sqlite3.Connection) -> None:
    filed = start(connection, owner="")
    rows = [file_book(connection, name, filed) for name in "abc"]
    (task,) = claim(connection, "schema", count=1)
    fail(connection, task)
    job = start(connection)
    jobs.take_all(connection, job)
    left = [row for row in rows if row != task.book_row]
    assert jobs.rows_of(connection, job) == left
    assert tasks.unfinished(connection, job) == 2
    assert in_job(connection, job) == {b"abc"[row - 1 : row] for row in left}


def test_a_job_says_how_much_of_it_is_over(connection: sqlite3.Connection) -> None:
    job = start(connection)
    assert jobs.get(connection, job).percent == 0.0
    for name in "ab":
        file_book(connection, name, job)
    seen = [jobs.get(connection, job).percent]
    first, second = claim(connection, "schema")
    finish(connection, first)
    seen.append(jobs.get(connection, job).percent)
    fail(connection, second)  # with it, the four stages that it will not pass are over
    seen.append(jobs.get(connection, job).percent)
    for stage in ("extract", "chunk", "enrich", "audit"):
        pass_stage(connection, stage)
    found = jobs.get(connection, job)
    assert [*seen, found.percent] == [0.0, 10.0, 60.0, 100.0]
    assert (found.books, found.steps, found.steps_ended, found.finished_at) == (2, 10, 10, None)


def test_an_unknown_job_is_named(connection: sqlite3.Connection) -> None:
    with pytest.raises(UsageError, match=r"no job 7 .*`librarian jobs`"):
        jobs.get(connection, 7)


def test_the_latest_jobs_come_first(connection: sqlite3.Connection) -> None:
    first, second, third = (start(connection) for _ in range(3))
    assert [job.id for job in jobs.every(connection, 10)] == [third, second, first]
    assert [job.id for job in jobs.every(connection, 2)] == [third, second]


def test_a_jobs_books_come_with_the_state_of_each_stage(connection: sqlite3.Connection) -> None:
    job = start(connection)
    for name in "ab":
        file_book(connection, name, job)
    (task,) = claim(connection, "schema", count=1)
    found = list(jobs.books_of(connection, job))
    assert [(book.id, book.title, book.status) for book in found] == [
        (sha256_of(name), name, "pending") for name in "ab"
    ]
    others = {"extract": "waiting", "chunk": "waiting", "enrich": "waiting", "audit": "waiting"}
    for row, book in enumerate(found, 1):
        assert book.stages == {"schema": "leased" if row == task.book_row else "ready", **others}


@pytest.mark.parametrize(
    ("owner", "on_record", "left", "closed"),
    [
        ("", False, False, True),  # filed with --no-wait, and done by others
        ("dead", False, False, True),  # interrupted, and done by others
        ("alive", True, False, False),  # it closes its job itself
        ("", False, True, False),  # there is work left
    ],
)
def test_a_job_that_nobody_waits_for_is_closed_once_its_work_is_done(
    connection: sqlite3.Connection, owner: str, on_record: bool, left: bool, closed: bool
) -> None:
    if on_record:
        owners.register(connection, owner, 1, "ingest", boot_id="", beat=0.0)
    job = start(connection, owner=owner)
    row = file_book(connection, "a", job)
    if not left:
        for stage in ("schema", "extract", "chunk", "enrich", "audit"):
            pass_stage(connection, stage)
        books.set_status(connection, row, "ok", job)
    jobs.close_unattended(connection)
    found = jobs.get(connection, job)
    assert (found.finished_at is not None) == closed
    assert found.outcomes == ({"ok": 1} if closed else {})


def test_a_closed_job_is_not_closed_again(connection: sqlite3.Connection) -> None:
    job = start(connection, owner="")
    add_book(connection, "a", job=job)
    jobs.close(connection, job, {"ok": 5})
    before = jobs.get(connection, job)
    jobs.close_unattended(connection)
    assert jobs.get(connection, job) == before


NAMES = (b"a", b"a b", b"a.txt", b"a/b", b"a/b/c", b"a/b.txt", b"a/c", b"a0", b"b", b"b/a", b"c/a", b"c/b/a", b"\xff/a")


@pytest.mark.parametrize(
    "scope",
    [
        (b"/books",),
        (b"/books/a",),
        (b"/books/a", b"/books/a/b", b"/books/a/b/c"),  # nested ones: a file after the inner one is in the outer
        (b"/books/a/b", b"/books/c"),
        (b"/books/a.txt", b"/books/b", b"/books/a/c"),
        (b"/books/\xff", b"/books/a0"),
        (b"/",),
        (b"/other",),
    ],
)
def test_a_jobs_files_are_those_that_are_its_scope_or_lie_below(
    connection: sqlite3.Connection, scope: tuple[bytes, ...]
) -> None:
    job = jobs.start(connection, "test", "me")
    outcome = FileOutcome(b"", "skipped", "unsupported", "", None, 0.0)
    for name in NAMES:
        root, path = (b"/books/c", name[2:]) if name.startswith(b"c/") else (b"/books", name)
        files.record(connection, candidate(path, root=root), job, book_row=None, outcome=outcome)
    jobs.set_scope(connection, job, scope)
    inside = {
        b"/books/" + name
        for name in NAMES
        if any((b"/books/" + name + b"/").startswith(top.rstrip(b"/") + b"/") for top in scope)
    }
    assert {item.path for item in files.outcomes(connection, job=job)} == inside


def test_ten_thousand_paths_are_a_scope_that_costs_no_more_than_one(connection: sqlite3.Connection) -> None:
    """As after many changes at once: each file is looked up in it, not compared with all of it."""
    job = jobs.start(connection, "test", "me")
    outcome = FileOutcome(b"", "skipped", "unsupported", "", None, 0.0)
    names = [b"%05d" % number for number in range(10_000)]
    with connection:
        connection.execute("BEGIN")
        for name in names:
            files.record(connection, candidate(name), job, book_row=None, outcome=outcome)
        jobs.set_scope(connection, job, [b"/books/" + name for name in names])
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 10_000)
    found = connection.execute(f"SELECT count(*) FROM files WHERE {files.IN_JOB}", {"job": job}).fetchone()
    connection.set_progress_handler(None, 0)
    assert found == (10_000,)
    assert steps < 100, "a hundred instructions a file"


def test_the_first_unfinished_book_of_a_job_moves_on_as_books_are_done(connection: sqlite3.Connection) -> None:
    job, other = jobs.start(connection, "ingest", "me"), jobs.start(connection, "ingest", "me")
    before, first, second = (file_book(connection, name, of) for name, of in (("x", other), ("a", job), ("b", job)))
    assert before < first < second
    assert tasks.first_unfinished(connection, job) == first
    assert tasks.first_unfinished(connection, job, first + 1) == second
    finish_book(connection, first)
    assert tasks.first_unfinished(connection, job, first) == second
    books.set_status(connection, second, "waiting", None)
    assert tasks.first_unfinished(connection, job) is None, "it waits for a person"
    assert tasks.first_unfinished(connection, other) == before
