"""Agents: one per queue, book and owner; what they did is counted for good, and their rows are bounded."""

import sqlite3

import pytest

from librarian_cli.models import Cost
from librarian_cli.store import agents
from librarian_cli.store.agents import MAX_OUTPUT_CHARS, Agent, Totals
from tests.support.stored import add_book, sha256_of

TYPE = "ingestion_runner"


@pytest.fixture
def book(connection: sqlite3.Connection) -> int:
    return add_book(connection, "a.txt")


def begin(connection: sqlite3.Connection, book: int, *, agent_type: str = TYPE, owner: str = "me") -> tuple[int, bool]:
    return agents.begin(connection, agent_type, book=book, job=1, owner=owner, stage="extract")


def begin_new(connection: sqlite3.Connection, book: int, owner: str = "me") -> int:
    row, is_new = begin(connection, book, owner=owner)
    assert is_new
    return row


def get(connection: sqlite3.Connection, row: int) -> Agent:
    return next(agent for agent in agents.every(connection) if agent.row == row)


def totals(connection: sqlite3.Connection) -> Totals:
    return agents.totals(connection, [TYPE])[TYPE]


def test_a_new_agent_is_active_and_names_its_book_and_task(connection: sqlite3.Connection, book: int) -> None:
    agent = get(connection, begin_new(connection, book))
    assert (agent.type, agent.status, agent.current_task) == (TYPE, "active", "extract")
    assert (agent.book, agent.title, agent.owner) == (sha256_of("a.txt"), "a.txt", "me")
    assert (agent.tasks_completed, agent.tasks_failed, agent.ended_at) == (0, 0, None)
    assert agent.id == f"{TYPE}_{int(agent.started_at)}_{agent.row}"


def test_the_agent_at_work_on_a_book_takes_up_its_next_stage(connection: sqlite3.Connection, book: int) -> None:
    row = begin_new(connection, book)
    agents.end_task(connection, row, "idle", Cost(), completed=1)
    assert agents.begin(connection, TYPE, book=book, job=1, owner="me", stage="chunk") == (row, False)
    agent = get(connection, row)
    assert (agent.status, agent.current_task) == ("active", "chunk")
    assert totals(connection).spawned == 1


@pytest.mark.parametrize("other", [{"agent_type": "schema_scout"}, {"owner": "another"}])
def test_another_queue_or_owner_sends_an_agent_of_its_own(
    connection: sqlite3.Connection, book: int, other: dict[str, str]
) -> None:
    row = begin_new(connection, book)
    assert begin(connection, book, **other) == (row + 1, True)


def test_another_book_has_another_agent(connection: sqlite3.Connection, book: int) -> None:
    row = begin_new(connection, book)
    assert begin_new(connection, add_book(connection, "b.txt")) != row


@pytest.mark.parametrize("status", ["error", "terminated"])
def test_an_agent_that_ended_is_not_sent_again(connection: sqlite3.Connection, book: int, status: str) -> None:
    row = begin_new(connection, book)
    agents.end_task(connection, row, status, Cost())
    assert begin_new(connection, book) != row


def test_only_an_active_agent_begins_to_run(connection: sqlite3.Connection, book: int) -> None:
    row, idle = begin_new(connection, book), begin_new(connection, add_book(connection, "b.txt"))
    agents.end_task(connection, idle, "idle", Cost())
    agents.set_running(connection, [row, idle])
    assert get(connection, row).status == "running"
    assert get(connection, idle).status == "idle"


@pytest.mark.parametrize(
    ("status", "ends", "counted"),
    [
        ("idle", False, (0, 0)),  # it goes on with the next stage
        ("error", True, (0, 1)),
        ("terminated", True, (1, 0)),
    ],
)
def test_the_end_of_a_task_says_whether_the_agent_ends(
    connection: sqlite3.Connection, book: int, status: str, ends: bool, counted: tuple[int, int]
) -> None:
    row = begin_new(connection, book)
    agents.end_task(connection, row, status, Cost(1.0, 0.5, 100, "out"), completed=1)
    agent = get(connection, row)
    assert (agent.status, agent.current_task, agent.ended_at is not None) == (status, "", ends)
    assert totals(connection) == Totals(1, 0 if ends else 1, *counted)


def test_costs_add_up_and_the_peak_is_the_highest(connection: sqlite3.Connection, book: int) -> None:
    row = begin_new(connection, book)
    agents.end_task(connection, row, "idle", Cost(9.0, 0.5, 300, "one "), completed=1)
    agents.end_task(connection, row, "error", Cost(9.0, 0.25, 200, "two"), failed=1)
    agent = get(connection, row)
    assert (agent.cpu_seconds, agent.peak_bytes, agent.output) == (0.75, 300, "one two")
    assert (agent.tasks_completed, agent.tasks_failed) == (1, 1)


def test_the_end_of_the_output_is_kept(connection: sqlite3.Connection, book: int) -> None:
    row = begin_new(connection, book)
    for _ in range(3):
        agents.end_task(connection, row, "idle", Cost(output="x" * MAX_OUTPUT_CHARS + "end"))
    output = get(connection, row).output
    assert len(output) == MAX_OUTPUT_CHARS
    assert output.endswith("xend")


def test_what_comes_after_an_agents_end_changes_nothing(connection: sqlite3.Connection, book: int) -> None:
    row = begin_new(connection, book)
    agents.end_task(connection, row, "terminated", Cost())
    before = get(connection, row)
    agents.end_task(connection, row, "error", Cost(1.0, 1.0, 1, "late"), failed=1)
    assert get(connection, row) == before
    assert totals(connection) == Totals(1, 0, 1, 0)


@pytest.mark.parametrize("whose", ["owner", "book"])
def test_agents_that_lost_their_work_end_and_count_as_neither(
    connection: sqlite3.Connection, book: int, whose: str
) -> None:
    row = begin_new(connection, book)
    bystander = begin_new(connection, add_book(connection, "b.txt"), owner="another")
    if whose == "owner":
        agents.terminate(connection, owner="me")
    else:
        agents.terminate(connection, book=book)
    agent = get(connection, row)
    assert (agent.status, agent.current_task, agent.ended_at is not None) == ("terminated", "", True)
    assert get(connection, bystander).status == "active"
    assert totals(connection) == Totals(2, 1, 0, 0)
    assert totals(connection).success_rate is None


def test_totals_outlive_the_rows(connection: sqlite3.Connection, book: int) -> None:
    for status in ("terminated", "terminated", "terminated", "error"):
        agents.end_task(connection, begin_new(connection, book), status, Cost())
    connection.execute("DELETE FROM agents")
    assert totals(connection) == Totals(4, 0, 3, 1)
    assert totals(connection).success_rate == 0.75


def test_a_type_that_never_worked_has_totals_of_zero(connection: sqlite3.Connection) -> None:
    assert agents.totals(connection, ["schema_scout", TYPE]) == {"schema_scout": Totals(), TYPE: Totals()}


def test_the_latest_agents_come_first_and_statuses_choose(connection: sqlite3.Connection, book: int) -> None:
    first, second, third = (begin_new(connection, add_book(connection, name)) for name in "bcd")
    agents.end_task(connection, first, "error", Cost())
    agents.end_task(connection, second, "terminated", Cost())
    assert [agent.row for agent in agents.every(connection)] == [third, second, first]
    assert [agent.row for agent in agents.every(connection, limit=2)] == [third, second]
    assert [agent.row for agent in agents.every(connection, statuses=["error", "active"])] == [third, first]


def test_an_agent_outlives_its_book(connection: sqlite3.Connection, book: int) -> None:
    row = begin_new(connection, book)
    connection.execute("DELETE FROM files")
    connection.execute("DELETE FROM books")
    agent = get(connection, row)
    assert (agent.book, agent.title) == (None, "")
