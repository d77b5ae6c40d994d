"""What goes first: a level counts as time, so that what waits long moves up; cancelled work is over at once."""

import sqlite3

import pytest

from librarian_cli.models import PRIORITIES
from librarian_cli.store import jobs, tasks
from librarian_cli.store.tasks import PRIORITY_BONUS_SECONDS, LeaseLost
from tests.support.filed import claim, file_book, finish, pass_stage, states

HOUR = 3600.0


def file_at(connection: sqlite3.Connection, name: str, level: str, hours_ago: float = 0.0) -> int:
    """File a book under a priority, as a job of some hours ago did."""
    job = jobs.start(connection, "ingest", "me", priority=PRIORITIES[level])
    connection.execute("UPDATE jobs SET created_at = 1e9 - ? WHERE id = ?", (hours_ago * HOUR, job))
    return file_book(connection, name, job)


def order(connection: sqlite3.Connection) -> list[int | None]:
    return [task.book_row for task in claim(connection, "schema")]


def test_every_level_has_its_bonus_and_a_higher_one_more() -> None:
    assert set(PRIORITY_BONUS_SECONDS) == set(PRIORITIES)
    by_number = [PRIORITY_BONUS_SECONDS[name] for name, _ in sorted(PRIORITIES.items(), key=lambda item: item[1])]
    assert by_number == sorted(set(by_number))


def test_books_filed_together_go_by_their_level(connection: sqlite3.Connection) -> None:
    rows = {level: file_at(connection, level, level) for level in ("low", "critical", "medium", "high")}
    assert order(connection) == [rows[level] for level in ("critical", "high", "medium", "low")]


@pytest.mark.parametrize(
    ("hours", "old_first"),
    [(7.0, True), (5.0, False)],  # `high` counts as filed six hours earlier
)
def test_low_priority_that_waited_long_goes_before_fresh_high(
    connection: sqlite3.Connection, hours: float, old_first: bool
) -> None:
    old = file_at(connection, "old", "low", hours)
    fresh = file_at(connection, "fresh", "high")
    assert order(connection) == ([old, fresh] if old_first else [fresh, old])


@pytest.mark.parametrize("level", PRIORITIES)
def test_another_priority_moves_a_book_to_its_place_under_it(connection: sqlite3.Connection, level: str) -> None:
    moved = file_at(connection, "moved", "medium", 1.0)
    filed = file_at(connection, "filed", level, 1.0)
    assert tasks.set_priority(connection, moved, PRIORITIES[level]) == 5
    keys = [
        connection.execute("SELECT DISTINCT priority, order_key FROM tasks WHERE book = ?", (row,)).fetchall()
        for row in (moved, filed)
    ]
    assert keys[0] == keys[1]


def test_a_raised_book_goes_first_and_a_lowered_one_last(connection: sqlite3.Connection) -> None:
    first, second, third = (file_at(connection, name, "medium") for name in "abc")
    tasks.set_priority(connection, third, PRIORITIES["high"])
    tasks.set_priority(connection, first, PRIORITIES["low"])
    assert order(connection) == [third, second, first]


def test_what_is_finished_has_no_priority_to_change(connection: sqlite3.Connection) -> None:
    row = file_at(connection, "a", "medium")
    pass_stage(connection, "schema")
    assert tasks.set_priority(connection, row, PRIORITIES["high"]) == 4
    for stage in ("extract", "chunk", "enrich", "audit"):
        pass_stage(connection, stage)
    assert tasks.set_priority(connection, row, PRIORITIES["low"]) == 0


def test_cancelling_ends_all_that_is_not_finished(connection: sqlite3.Connection) -> None:
    row = file_book(connection, "a")
    pass_stage(connection, "schema")
    assert tasks.cancel(connection, row)
    assert states(connection, row) == {
        "schema": "done",
        "extract": "cancelled",
        "chunk": "cancelled",
        "enrich": "cancelled",
        "audit": "cancelled",
    }
    assert tasks.unfinished(connection, 1) == 0
    assert not tasks.cancel(connection, row), "there is nothing left"


def test_whoever_runs_what_was_cancelled_has_lost_its_lease(connection: sqlite3.Connection) -> None:
    row = file_book(connection, "a")
    (task,) = claim(connection, "schema")
    assert tasks.held(connection, "me") == {task.id: task.token}
    assert tasks.cancel(connection, row)
    assert tasks.held(connection, "me") == {}
    with pytest.raises(LeaseLost):
        finish(connection, task)


def test_a_book_that_was_cancelled_and_tried_again_is_not_ended_by_its_first_worker(
    connection: sqlite3.Connection,
) -> None:
    row = file_book(connection, "a")
    (stale,) = claim(connection, "schema")
    tasks.cancel(connection, row)
    assert tasks.rerun(connection, row, "schema", ("extract", "chunk", "enrich", "audit"), 1)
    (fresh,) = claim(connection, "schema")
    assert tasks.held(connection, "me") == {fresh.id: fresh.token}
    with pytest.raises(LeaseLost):
        finish(connection, stale)
    finish(connection, fresh)
