"""What is claimed: the preferred queue first, no more than slots take, nothing that is paused, each for an agent."""

import sqlite3
from types import SimpleNamespace
from typing import Any

import pytest

from librarian_cli import config
from librarian_cli.models import Cost, Task
from librarian_cli.pipeline import claims
from librarian_cli.stages import STAGE_BY_NAME
from librarian_cli.store import activity, agents, pauses, tasks
from librarian_cli.store.claiming import Caps, Want
from tests.support import filed

SLOTS = {"schema": 2, "extract": 2, "chunk": 2, "enrich": 2, "audit": 2, "index": 1}
NO_CAPS = Caps({}, 1000)


def execution(stage: str, *, calls_left: int = 1, seconds_left: float = 0.0) -> Any:
    """Stands in for a task under way: what `wants` looks at."""
    return SimpleNamespace(stage=STAGE_BY_NAME[stage], calls_left=calls_left, seconds_left=seconds_left)


def wanted(*executions: Any, prefer: str = "begun") -> list[Want]:
    return claims.wants(executions, SLOTS, prefer)


def claim(
    connection: sqlite3.Connection, *stages: str, within: Caps = NO_CAPS, alone: bool = False, owner: str = "me"
) -> list[Task]:
    wants = [Want(stage, STAGE_BY_NAME[stage].queue, 100) for stage in stages]
    return claims.claim(connection, owner=owner, wanted=wants, within=within, alone=alone)


@pytest.mark.parametrize(
    ("prefer", "order"),
    [
        ("begun", ["audit", "enrich", "chunk", "extract", "schema"]),  # what is begun ends
        ("trust_audit", ["audit", "enrich", "chunk", "extract", "schema"]),
        ("ingestion", ["enrich", "chunk", "extract", "audit", "schema"]),
        ("schema", ["schema", "audit", "enrich", "chunk", "extract"]),
    ],
)
def test_the_preferred_queue_goes_first_then_later_stages(prefer: str, order: list[str]) -> None:
    found = wanted(prefer=prefer)
    assert [want.stage for want in found] == order
    assert [want.queue for want in found] == [STAGE_BY_NAME[stage].queue for stage in order]


def test_what_is_wanted_shrinks_by_what_waits_for_the_slots_of_its_own_stage() -> None:
    by_stage = {want.stage: want for want in wanted()}
    less = {want.stage: want for want in wanted(execution("extract", calls_left=3, seconds_left=1.5))}
    assert less["extract"].count == by_stage["extract"].count - 3
    assert less["extract"].seconds == by_stage["extract"].seconds - 1.5
    others = ("schema", "chunk", "audit")
    assert [less[name] for name in others] == [by_stage[name] for name in others]


@pytest.mark.parametrize("stage", ["schema", "extract", "chunk"])
def test_none_is_enriched_while_more_waits_to_be_read_than_there_are_slots_for(stage: str) -> None:
    for calls, is_wanted in ((SLOTS["extract"], True), (SLOTS["extract"] + 1, False)):
        found = {want.stage for want in wanted(execution(stage, calls_left=calls))}
        assert ("enrich" in found) == is_wanted
    assert "enrich" in {want.stage for want in wanted(execution("audit", calls_left=9))}


@pytest.mark.parametrize(
    "busy",
    [
        {"calls_left": 1000},  # enough calls
        {"seconds_left": 1000.0},  # enough seconds
    ],
)
def test_a_stage_with_enough_to_do_wants_nothing(busy: dict[str, Any]) -> None:
    assert "extract" not in [want.stage for want in wanted(execution("extract", **busy))]


def test_what_has_no_calls_left_waits_for_the_writer_only() -> None:
    assert wanted(execution("extract", calls_left=0, seconds_left=1000.0)) == wanted()


def test_caps_are_those_of_the_settings() -> None:
    settings = config.load({"limits.profile": "gentle", "limits.schema": 9})
    assert claims.caps(settings, SLOTS) == Caps({"schema": 9, "ingestion": 3, "trust_audit": 2}, 5, {})


@pytest.mark.parametrize(
    ("paused", "expected"),
    [
        ([], {"schema", "audit"}),
        (["schema"], {"audit"}),
        (["trust_audit"], {"schema"}),  # a queue
        (["audit"], {"schema"}),  # a stage
        (["ingestion", "extract", "index"], {"schema", "audit"}),  # what is not wanted
        ([pauses.ALL], set()),
    ],
)
def test_what_is_paused_is_not_claimed(connection: sqlite3.Connection, paused: list[str], expected: set[str]) -> None:
    filed.file_book(connection, "old")
    for stage in ("schema", "extract", "chunk"):
        filed.pass_stage(connection, stage)
    filed.file_book(connection, "new")
    pauses.add(connection, paused)
    assert {task.stage for task in claim(connection, "audit", "schema")} == expected
    pauses.clear(connection)
    assert {task.stage for task in claim(connection, "audit", "schema")} == {"schema", "audit"} - expected


def test_a_task_that_must_run_alone_is_claimed_when_nothing_else_is_ready_and_not_while_paused(
    connection: sqlite3.Connection,
) -> None:
    filed.file_book(connection, "bad")
    (bad,) = filed.claim(connection, "schema")
    tasks.retry_later(connection, bad, 0.0, alone=True, reason="crash", detail="")
    filed.file_book(connection, "good")
    first = claim(connection, "schema", alone=True)
    assert [task.alone for task in first] == [False]
    assert claim(connection, "schema") == []
    pauses.add(connection, ["schema"])
    assert claim(connection, "schema", alone=True) == []
    pauses.clear(connection)
    assert [task.alone for task in claim(connection, "audit", "schema", alone=True)] == [True]


def test_each_claimed_task_has_an_agent_of_its_queue(connection: sqlite3.Connection) -> None:
    for name in "ab":
        filed.file_book(connection, name)
    found = claim(connection, "schema")
    assert len({task.agent for task in found}) == 2
    by_row = {agent.row: agent for agent in agents.every(connection)}
    assert {by_row[task.agent].type for task in found} == {"schema_scout"}
    assert {by_row[task.agent].owner for task in found} == {"me"}
    assert list(activity.since(connection, action="ingestion")) == []


def test_an_ingestion_is_logged_once_when_its_agent_is_sent(connection: sqlite3.Connection) -> None:
    filed.file_book(connection, "a")
    filed.pass_stage(connection, "schema")
    (extracting,) = claim(connection, "extract")
    filed.finish(connection, extracting)
    (chunking,) = claim(connection, "chunk")
    assert chunking.agent == extracting.agent
    assert [entry.action for entry in activity.since(connection)] == ["ingestion.started"]


def test_the_librarys_own_task_has_no_agent(connection: sqlite3.Connection) -> None:
    filed.file_book(connection, "a")
    tasks.add_library_task(connection, "index", 1)
    (task,) = claims.claim(connection, owner="me", wanted=[Want("index", "", 1)], within=NO_CAPS, alone=False)
    assert (task.book_row, task.agent) == (None, 0)
    assert list(agents.every(connection)) == []


def one_of_two_extracted(connection: sqlite3.Connection) -> tuple[Caps, Task]:
    """Two books, of which one may be under way, and has been extracted. Returns: those caps, and its task."""
    for name in "ab":
        filed.file_book(connection, name)
    filed.pass_stage(connection, "schema")
    within = Caps({"ingestion": 1}, 1)
    (extracting,) = claim(connection, "extract", within=within)
    filed.finish(connection, extracting)
    agents.end_task(connection, extracting.agent, "idle", Cost())
    return within, extracting


def test_a_book_between_two_stages_keeps_its_room_and_needs_no_other(connection: sqlite3.Connection) -> None:
    within, extracting = one_of_two_extracted(connection)
    assert claim(connection, "extract", within=within) == [], "the other book would be a second one under way"
    (chunking,) = claim(connection, "extract", "chunk", within=within)
    assert (chunking.book_row, chunking.stage, chunking.agent) == (extracting.book_row, "chunk", extracting.agent)


def test_books_that_wait_to_be_enriched_leave_their_room_to_others(connection: sqlite3.Connection) -> None:
    within, first = one_of_two_extracted(connection)
    (first,) = claim(connection, "chunk", within=within)
    filed.finish(connection, first)
    agents.end_task(connection, first.agent, "idle", Cost())
    (second,) = claim(connection, "extract", within=within)
    assert second.book_row != first.book_row
    filed.finish(connection, second)
    enriching = claim(connection, "enrich", within=within)
    assert [(task.book_row, task.agent) for task in enriching] == [(first.book_row, first.agent)]


def test_a_book_that_is_paused_between_two_stages_makes_room(connection: sqlite3.Connection) -> None:
    within, extracting = one_of_two_extracted(connection)
    pauses.add(connection, ["chunk"])
    (other,) = claim(connection, "extract", "chunk", within=within)
    assert (other.book_row != extracting.book_row, other.stage) == (True, "extract")
