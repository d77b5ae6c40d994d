"""Books of an order group pass `extract` one after the other; a failed one, or one that waits, holds nobody up."""

import sqlite3

import pytest

from librarian_cli.stages import NEEDS, QUEUE_STAGES, dependents
from librarian_cli.store import books, order_groups, tasks
from librarian_cli.store.claiming import Caps
from tests.support.filed import claim, fail, file_book, finish, pass_stage, states


@pytest.fixture
def series(connection: sqlite3.Connection) -> list[int]:
    """Three books of one group, and one of none, all past `schema`."""
    rows = [file_book(connection, name, group="series") for name in "abc"] + [file_book(connection, "free")]
    pass_stage(connection, "schema")
    return rows


def ready(connection: sqlite3.Connection) -> list[int]:
    """Books whose text may be extracted now."""
    return [row[0] for row in connection.execute("SELECT book FROM tasks WHERE stage='extract' AND state='ready'")]


def test_only_the_first_book_of_a_group_is_ready(connection: sqlite3.Connection, series: list[int]) -> None:
    assert ready(connection) == [series[0], series[3]]


def test_the_next_book_follows_when_the_one_before_it_has_passed_its_queue(
    connection: sqlite3.Connection, series: list[int]
) -> None:
    first, second, third, _ = series
    pass_stage(connection, "extract")
    assert states(connection, first)["chunk"] == "ready"
    assert ready(connection) == [], "the group is at work in `chunk`"
    pass_stage(connection, "chunk")
    assert ready(connection) == [], "and in `enrich`"
    pass_stage(connection, "enrich")
    assert ready(connection) == [second]
    for stage in ("extract", "chunk", "enrich"):
        pass_stage(connection, stage)
    assert ready(connection) == [third]


def test_a_later_book_waits_even_if_it_passes_schema_first(connection: sqlite3.Connection) -> None:
    first, second = (file_book(connection, name, group="series") for name in "ab")
    slow, quick = claim(connection, "schema")
    assert (slow.book_row, quick.book_row) == (first, second)
    finish(connection, quick)
    assert ready(connection) == []
    finish(connection, slow)
    assert ready(connection) == [first]


def test_groups_do_not_wait_for_each_other(connection: sqlite3.Connection) -> None:
    rows = [file_book(connection, f"{group}{number}", group=group) for number in range(2) for group in "xy"]
    pass_stage(connection, "schema")
    assert ready(connection) == rows[:2]


def test_a_failed_book_lets_its_group_go_on(connection: sqlite3.Connection, series: list[int]) -> None:
    task = next(task for task in claim(connection, "extract") if task.book_row == series[0])
    fail(connection, task)
    assert ready(connection) == []
    assert tasks.advance_group(connection, "series", NEEDS) == series[1]
    assert ready(connection) == [series[1]]


def test_a_book_that_waits_for_a_person_lets_its_group_go_on(connection: sqlite3.Connection, series: list[int]) -> None:
    books.set_status(connection, series[1], "waiting", 1)
    for stage in ("extract", "chunk", "enrich"):
        pass_stage(connection, stage)
    assert ready(connection) == [series[2]]


def test_a_cancelled_book_lets_its_group_go_on(connection: sqlite3.Connection, series: list[int]) -> None:
    tasks.cancel(connection, series[0])
    tasks.advance_groups(connection, NEEDS)
    assert series[1] in ready(connection)


def test_a_group_at_work_and_no_group_do_not_advance(connection: sqlite3.Connection, series: list[int]) -> None:
    claim(connection, "extract")
    assert tasks.advance_group(connection, "series", NEEDS) is None
    assert tasks.advance_group(connection, "", NEEDS) is None
    assert tasks.advance_group(connection, "unheard of", NEEDS) is None
    assert ready(connection) == []


def test_a_rerun_of_extract_takes_its_turn(connection: sqlite3.Connection, series: list[int]) -> None:
    first, second, _, free = series
    for stage in ("extract", "chunk", "enrich"):
        pass_stage(connection, stage)
    claim(connection, "extract")
    for row in (first, free):
        assert tasks.rerun(connection, row, "extract", dependents("extract"), 1)
    assert states(connection, first)["extract"] == "waiting"
    assert states(connection, free)["extract"] == "ready", "it has no group"
    tasks.advance_groups(connection, NEEDS)
    assert states(connection, first)["extract"] == "waiting", f"{second} is at work"


def test_whether_any_book_waits_in_a_group(connection: sqlite3.Connection) -> None:
    file_book(connection, "free")
    assert not order_groups.any_waiting(connection)
    file_book(connection, "a", group="series")
    assert order_groups.any_waiting(connection)


def test_a_books_group_is_that_of_its_ingestion(connection: sqlite3.Connection, series: list[int]) -> None:
    assert [order_groups.of(connection, row) for row in series] == ["series", "series", "series", ""]
    found = connection.execute("SELECT DISTINCT stage FROM tasks WHERE order_group <> '' ORDER BY stage").fetchall()
    assert sorted(row[0] for row in found) == sorted(QUEUE_STAGES["ingestion"])


def test_groups_count_their_books_where_they_are_furthest(connection: sqlite3.Connection, series: list[int]) -> None:
    assert order_groups.counts(connection) == [("series", "waiting", 3)]
    task = next(task for task in claim(connection, "extract") if task.book_row == series[0])
    assert order_groups.counts(connection) == [("series", "leased", 1), ("series", "waiting", 2)]
    fail(connection, task)
    books.set_status(connection, series[0], "failed", 1)
    tasks.cancel(connection, series[1])
    counted = {state: count for _, state, count in order_groups.counts(connection)}
    assert counted == {"failed": 1, "cancelled": 1, "waiting": 1}
    tasks.advance_group(connection, "series", NEEDS)
    for stage in ("extract", "chunk", "enrich"):
        pass_stage(connection, stage)
    assert ("series", "waiting", 1) not in order_groups.counts(connection), "what is done is not counted"


@pytest.fixture
def shelf(connection: sqlite3.Connection) -> list[int]:
    """Four books of four order groups that share the concurrency group `nas`, and one of none."""
    rows = [file_book(connection, name) for name in "abcd"]
    for row in rows:
        order_groups.place(connection, row, QUEUE_STAGES["ingestion"], f"folder {row}", "nas")
    rows.append(file_book(connection, "free"))
    pass_stage(connection, "schema")
    return rows


@pytest.mark.parametrize(("limits", "expected"), [({}, 1), ({"nas": 2}, 2), ({"other": 9}, 1), ({"nas": 9}, 4)])
def test_a_concurrency_group_is_bounded_within_one_claim(
    connection: sqlite3.Connection, shelf: list[int], limits: dict[str, int], expected: int
) -> None:
    claimed = [task.book_row for task in claim(connection, "extract", caps=Caps({}, 100, limits))]
    assert len(set(claimed) - {shelf[4]}) == expected
    assert shelf[4] in claimed, "a full group keeps nobody else from work"


def test_a_concurrency_group_is_bounded_over_claims_owners_and_stages(
    connection: sqlite3.Connection, shelf: list[int]
) -> None:
    caps = Caps({}, 100, {"nas": 2})
    mine = claim(connection, "extract", caps=caps)
    assert claim(connection, "extract", caps=caps, owner="another") == []
    (ended, *_) = (task for task in mine if task.book_row != shelf[4])
    finish(connection, ended)
    (chunking,) = claim(connection, "chunk", caps=caps)
    assert chunking.book_row == ended.book_row
    assert claim(connection, "extract", caps=caps, owner="another") == [], "the one in `chunk` counts"
    finish(connection, chunking)
    assert len(claim(connection, "extract", caps=caps, owner="another")) == 1


def test_a_full_group_at_the_head_of_the_queue_does_not_hide_the_others(
    connection: sqlite3.Connection, shelf: list[int]
) -> None:
    """Even where one task is wanted, and all that stand before it belong to the full group."""
    tasks.set_priority(connection, shelf[4], 1)
    claimed = [task.book_row for _ in range(3) for task in claim(connection, "extract", count=1)]
    assert claimed == [shelf[0], shelf[4]]


def test_a_book_of_a_concurrency_group_counts_once_for_all_that_is_claimed_of_it(
    connection: sqlite3.Connection, shelf: list[int]
) -> None:
    caps = Caps({}, 100, {"nas": 2})
    for book in shelf[2:]:
        tasks.cancel(connection, book)
    (first,) = claim(connection, "extract", count=1, caps=caps)
    finish(connection, first)
    finish(connection, *claim(connection, "chunk", caps=caps))
    claimed = claim(connection, "audit", "enrich", "extract", caps=caps)
    assert [task.book_row for task in claimed] == [first.book_row, first.book_row, shelf[1]]
