"""The state machine is its table; claims keep order and caps; tokens fence what comes too late."""

import sqlite3
import time
from collections.abc import Callable
from itertools import product

import pytest

from librarian_cli.models import Task
from librarian_cli.store import books, claiming, files, jobs, tasks
from librarian_cli.store.claiming import Caps, Want
from librarian_cli.store.tasks import TRANSITIONS, LeaseLost
from tests.support.stored import ROOT, add_book, candidate

NEEDS = {"schema": (), "extract": ("schema",), "chunk": ("extract",), "audit": ("chunk",)}
QUEUES = {"schema": "schema", "extract": "ingestion", "chunk": "ingestion", "audit": "trust_audit"}
BELOW = {"schema": ("extract", "chunk", "audit"), "extract": ("chunk", "audit"), "chunk": ("audit",), "audit": ()}
NO_CAPS = Caps({}, total=1000)
STATES = tuple(TRANSITIONS)


@pytest.fixture
def job(connection: sqlite3.Connection) -> int:
    return jobs.start(connection, "ingest", "me")


def add(connection: sqlite3.Connection, name: str, job: int, cost: float = 1.0) -> int:
    row = add_book(connection, name, job=job)
    tasks.add(connection, row, NEEDS, job, cost)
    return row


def claim(
    connection: sqlite3.Connection, *stages: str, count: int = 100, caps: Caps = NO_CAPS, owner: str = "me"
) -> list[Task]:
    return claiming.claim(connection, owner, [Want(stage, QUEUES[stage], count) for stage in stages], caps)


def claim_one(connection: sqlite3.Connection, stage: str) -> Task:
    (task,) = claim(connection, stage, count=1)
    return task


def finish(connection: sqlite3.Connection, task: Task, fingerprint: str = "f1") -> None:
    tasks.finish(connection, task, fingerprint, seconds=0.5, cpu_seconds=0.25)
    if task.book_row is not None:
        tasks.promote(connection, task.book_row, NEEDS)


def run_all(connection: sqlite3.Connection) -> None:
    for stage in NEEDS:
        for task in claim(connection, stage):
            finish(connection, task)


def states(connection: sqlite3.Connection, row: int) -> dict[str, str]:
    return dict(connection.execute("SELECT stage, state FROM tasks WHERE book = ? ORDER BY id", (row,)).fetchall())


def column(connection: sqlite3.Connection, task: Task, name: str) -> object:
    return connection.execute(f"SELECT {name} FROM tasks WHERE id = ?", (task.id,)).fetchone()[0]


def test_the_table_knows_every_state_and_leads_nowhere_else(connection: sqlite3.Connection) -> None:
    assert set(STATES) == {"waiting", "ready", "leased", "done", "failed", "cancelled"}
    assert {after for allowed in TRANSITIONS.values() for after in allowed} <= set(STATES)


Act = Callable[[sqlite3.Connection, Task], object]
ACTS: dict[str, tuple[Act, str]] = {
    "finish": (lambda c, t: tasks.finish(c, t, "f", seconds=0, cpu_seconds=0), "done"),
    "fail": (lambda c, t: tasks.fail(c, t, (), fingerprint="f", reason="r", detail=""), "failed"),
    "retry_later": (lambda c, t: tasks.retry_later(c, t, 0.0, alone=False, reason="r", detail=""), "ready"),
    "give_back": (lambda c, t: tasks.give_back(c, [t]), "ready"),
    "take_over": (lambda c, t: tasks.take_over(c, "me"), "ready"),
    "claim": (lambda c, t: claim(c, t.stage), "leased"),
    "promote": (lambda c, t: tasks.promote(c, t.book_row or 0, {t.stage: ()}), "ready"),
    "finish_fused": (lambda c, t: tasks.finish_fused(c, t.book_row or 0, t.stage, "f"), "done"),
    "rerun": (lambda c, t: tasks.rerun(c, t.book_row or 0, t.stage, (), 1), "ready"),
    "rerun_above": (lambda c, t: tasks.rerun(c, t.book_row or 0, "none", (t.stage,), 1), "waiting"),
}


@pytest.mark.parametrize(("state", "act"), list(product(STATES, ACTS)))
def test_no_operation_makes_a_move_that_the_table_does_not_hold(
    connection: sqlite3.Connection, job: int, state: str, act: str
) -> None:
    row = add(connection, "a", job)
    task = claim_one(connection, "schema")
    owner = "me" if state == "leased" else None
    connection.execute("UPDATE tasks SET state = ?, owner = ? WHERE id = ?", (state, owner, task.id))
    operation, target = ACTS[act]
    try:
        operation(connection, task)
    except LeaseLost:
        assert state != "leased"
    after = states(connection, row)["schema"]
    assert after in (state, target)
    assert after == state or after in TRANSITIONS[state]


@pytest.mark.parametrize(("before", "after"), [(b, a) for b, a in product(STATES, STATES) if a not in TRANSITIONS[b]])
def test_every_move_outside_the_table_is_refused(
    connection: sqlite3.Connection, job: int, before: str, after: str
) -> None:
    row = add(connection, "a", job)
    (task_id,) = connection.execute("SELECT id FROM tasks WHERE stage = 'schema'").fetchone()
    connection.execute("UPDATE tasks SET state = ? WHERE id = ?", (before, task_id))
    with pytest.raises(AssertionError, match=f"from {before} to {after}"):
        tasks.move(connection, [task_id], before, after)
    assert states(connection, row)["schema"] == before


def test_a_new_book_is_ready_for_its_first_stage_and_waits_for_the_others(
    connection: sqlite3.Connection, job: int
) -> None:
    row = add(connection, "a", job)
    assert states(connection, row) == {
        "schema": "ready",
        "extract": "waiting",
        "chunk": "waiting",
        "audit": "waiting",
    }
    assert claim(connection, "extract", "chunk", "audit") == []
    assert tasks.unfinished(connection, job) == 1


def test_a_book_passes_stage_after_stage_until_all_is_done(connection: sqlite3.Connection, job: int) -> None:
    row = add(connection, "a", job)
    for stage in NEEDS:
        assert not tasks.all_done(connection, row)
        finish(connection, claim_one(connection, stage))
    assert tasks.all_done(connection, row)
    assert tasks.unfinished(connection, job) == 0


def test_a_claim_tells_the_owner_all_it_needs(connection: sqlite3.Connection, job: int) -> None:
    row = add(connection, "a", job, cost=2.5)
    task = claim_one(connection, "schema")
    assert (task.book_row, task.stage, task.job, task.token, task.cost) == (row, "schema", job, 1, 2.5)
    assert (task.attempts, task.deliveries, task.memory_faults, task.alone) == (0, 1, 0, False)
    assert tasks.owners(connection) == ["me"]
    assert tasks.state_counts(connection) == [("schema", "leased", 1)]


def test_what_is_claimed_is_not_claimed_again(connection: sqlite3.Connection, job: int) -> None:
    add(connection, "a", job)
    claim_one(connection, "schema")
    assert claim(connection, "schema") == []


def test_higher_priority_goes_first_and_then_the_dearest(connection: sqlite3.Connection, job: int) -> None:
    for name, cost in (("cheap", 1.0), ("dear", 9.0), ("urgent", 0.5), ("middle", 3.0)):
        add(connection, name, job, cost)
    bonus = tasks.PRIORITY_BONUS_SECONDS
    connection.execute(
        "UPDATE tasks SET order_key = order_key - ? WHERE cost = 0.5", (bonus["high"] - bonus["medium"],)
    )
    titles = [books.get(connection, task.book_row or 0).title for task in claim(connection, "schema")]
    assert titles == ["urgent", "dear", "middle", "cheap"]


def test_an_older_job_goes_before_a_newer_one_whatever_the_cost(connection: sqlite3.Connection, job: int) -> None:
    newer = jobs.start(connection, "ingest", "me")
    connection.execute("UPDATE jobs SET created_at = created_at + 60 WHERE id = ?", (newer,))
    add(connection, "dear", newer, 9.0)
    old = add(connection, "cheap", job, 1.0)
    assert claim_one(connection, "schema").book_row == old


def test_a_task_is_not_claimed_before_its_time(connection: sqlite3.Connection, job: int) -> None:
    add(connection, "a", job)
    later = time.time() + 1000
    tasks.retry_later(connection, claim_one(connection, "schema"), later, alone=False, reason="timeout", detail="")
    assert claim(connection, "schema") == []
    assert connection.execute("SELECT min(run_at) FROM tasks WHERE state = 'ready'").fetchone() == (later,)
    assert tasks.unfinished(connection, job) == 1


def test_a_task_that_must_run_alone_is_claimed_only_alone(connection: sqlite3.Connection, job: int) -> None:
    add(connection, "a", job)
    tasks.retry_later(connection, claim_one(connection, "schema"), 0.0, alone=True, reason="crash", detail="")
    assert claim(connection, "schema") == []
    (task,) = claiming.claim(connection, "me", [Want("schema", "schema", 1)], NO_CAPS, alone=True)
    assert task.alone


def test_a_want_is_not_exceeded(connection: sqlite3.Connection, job: int) -> None:
    for name in "abc":
        add(connection, name, job)
    assert len(claim(connection, "schema", count=2)) == 2


def test_a_queue_is_capped_over_all_owners(connection: sqlite3.Connection, job: int) -> None:
    for name in "abcde":
        add(connection, name, job)
    caps = Caps({"schema": 3}, total=100)
    assert len(claim(connection, "schema", count=2, caps=caps)) == 2
    assert len(claim(connection, "schema", caps=caps, owner="another")) == 1
    assert claim(connection, "schema", caps=caps, owner="a third") == []


def to_stage(connection: sqlite3.Connection, stage: str) -> None:
    for earlier in NEEDS:
        if earlier == stage:
            return
        for task in claim(connection, earlier):
            finish(connection, task)


def test_a_claim_takes_no_more_work_where_thousands_of_books_are_done(connection: sqlite3.Connection, job: int) -> None:
    def steps_of_a_claim() -> int:
        steps: list[None] = []
        connection.set_progress_handler(lambda: steps.append(None), 10)
        assert claim(connection, "schema", "extract", "audit") == []
        connection.set_progress_handler(None, 0)
        return len(steps)

    row = add(connection, "a book", job)
    claim_one(connection, "schema")
    before = steps_of_a_claim()
    connection.executemany(
        "INSERT INTO books (id, sha256, size, format, title, status, created_at, updated_at)"
        " VALUES (?,?,1,'txt','','ok',0,0)",
        ((number, str(number)) for number in range(row + 1, row + 2001)),
    )
    connection.executemany(
        "INSERT INTO tasks (book, stage, job, state, priority, order_key, created_at)"
        " VALUES (?,'schema',?,'done',0,0,0)",
        ((number, job) for number in range(row + 1, row + 2001)),
    )
    assert steps_of_a_claim() <= 2 * before


def test_the_total_caps_all_queues_together(connection: sqlite3.Connection, job: int) -> None:
    add(connection, "old", job)
    to_stage(connection, "audit")
    for name in "abc":
        add(connection, name, job)
    claimed = claim(connection, "audit", "schema", caps=Caps({}, total=2))
    assert [task.stage for task in claimed] == ["audit", "schema"]


def test_a_cap_counts_books_in_stages_that_are_not_wanted_now(connection: sqlite3.Connection, job: int) -> None:
    """The slots of one stage may be full while another of the same queue has room."""
    caps = Caps({"ingestion": 1}, total=100)
    add(connection, "first", job)
    to_stage(connection, "chunk")
    add(connection, "second", job)
    for task in claim(connection, "schema"):
        finish(connection, task)
    assert len(claim(connection, "extract", caps=caps)) == 1
    assert claim(connection, "chunk", caps=caps) == []


def test_a_finish_with_an_old_token_is_void(connection: sqlite3.Connection, job: int) -> None:
    row = add(connection, "a", job)
    stale = claim_one(connection, "schema")
    assert tasks.take_over(connection, "me") == 1
    with pytest.raises(LeaseLost, match="taken over"):
        finish(connection, stale)
    fresh = claim_one(connection, "schema")
    assert fresh.token > stale.token
    late: tuple[Act, ...] = tuple(ACTS[name][0] for name in ("finish", "fail", "retry_later"))
    for operation in late:
        with pytest.raises(LeaseLost):
            operation(connection, stale)
    tasks.give_back(connection, [stale])
    assert states(connection, row)["schema"] == "leased", "a stale give-back leaves the new lease alone"
    finish(connection, fresh)


def test_a_finish_is_accepted_once(connection: sqlite3.Connection, job: int) -> None:
    add(connection, "a", job)
    task = claim_one(connection, "schema")
    finish(connection, task)
    with pytest.raises(LeaseLost):
        finish(connection, task)


def test_a_forgotten_books_worker_has_lost_its_lease(connection: sqlite3.Connection, job: int) -> None:
    row = add(connection, "a", job)
    task = claim_one(connection, "schema")
    tasks.forget(connection, row)
    with pytest.raises(LeaseLost):
        finish(connection, task)


def test_only_the_dead_owners_tasks_are_taken_over_and_nothing_is_charged(
    connection: sqlite3.Connection, job: int
) -> None:
    for name in "abc":
        add(connection, name, job)
    claim(connection, "schema", count=2, owner="dead")
    (alive,) = claim(connection, "schema", owner="alive")
    assert sorted(tasks.owners(connection)) == ["alive", "dead"]
    assert tasks.take_over(connection, "dead") == 2
    assert tasks.owners(connection) == ["alive"]
    again = claim(connection, "schema", owner="alive")
    assert [(task.attempts, task.deliveries) for task in again] == [(0, 2), (0, 2)]
    tasks.require_lease(connection, alive)


def test_attempts_deliveries_and_memory_faults_are_counted_apart(connection: sqlite3.Connection, job: int) -> None:
    add(connection, "a", job)
    tasks.give_back(connection, [claim_one(connection, "schema")])
    for reason in ("timeout", "memory"):
        tasks.retry_later(connection, claim_one(connection, "schema"), 0.0, alone=False, reason=reason, detail="")
    task = claim_one(connection, "schema")
    assert (task.attempts, task.deliveries, task.memory_faults) == (2, 4, 1)


def test_a_failure_keeps_its_reason_and_cancels_what_needs_it(connection: sqlite3.Connection, job: int) -> None:
    row, other = add(connection, "a", job), add(connection, "b", job)
    for task in claim(connection, "schema"):
        finish(connection, task)
    task = next(task for task in claim(connection, "extract") if task.book_row == row)
    tasks.fail(connection, task, BELOW["extract"], fingerprint="f1", reason="corrupt", detail="d" * 5000)
    assert states(connection, row) == {
        "schema": "done",
        "extract": "failed",
        "chunk": "cancelled",
        "audit": "cancelled",
    }
    assert states(connection, other)["chunk"] == "waiting"
    assert [column(connection, task, name) for name in ("reason", "fingerprint", "attempts")] == ["corrupt", "f1", 1]
    assert column(connection, task, "length(detail)") == 2000


def test_nothing_is_promoted_before_all_it_needs_is_done(connection: sqlite3.Connection, job: int) -> None:
    row = add_book(connection, "a", job=job)
    needs: dict[str, tuple[str, ...]] = {"left": (), "right": (), "both": ("left", "right")}
    tasks.add(connection, row, needs, job, 1.0)
    for stage in ("left", "right"):
        tasks.promote(connection, row, needs)
        assert states(connection, row)["both"] == "waiting"
        (task,) = claiming.claim(connection, "me", [Want(stage, "q", 1)], NO_CAPS)
        tasks.finish(connection, task, "", seconds=0, cpu_seconds=0)
    tasks.promote(connection, row, needs)
    assert states(connection, row)["both"] == "ready"


def test_a_fused_stage_is_done_with_the_one_before_it(connection: sqlite3.Connection, job: int) -> None:
    row = add(connection, "a", job)
    to_stage(connection, "extract")
    task = claim_one(connection, "extract")
    tasks.finish(connection, task, "f1", seconds=1, cpu_seconds=1)
    tasks.finish_fused(connection, row, "chunk", "f2")
    tasks.promote(connection, row, NEEDS)
    assert states(connection, row) == {"schema": "done", "extract": "done", "chunk": "done", "audit": "ready"}
    found = connection.execute("SELECT fingerprint FROM tasks WHERE stage = 'chunk'").fetchone()
    assert found == ("f2",)


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("schema", {"schema": "ready", "extract": "waiting", "chunk": "waiting", "audit": "waiting"}),
        ("chunk", {"schema": "done", "extract": "done", "chunk": "ready", "audit": "waiting"}),
        ("audit", {"schema": "done", "extract": "done", "chunk": "done", "audit": "ready"}),
    ],
)
def test_a_rerun_begins_at_its_stage_and_belongs_to_the_new_job(
    connection: sqlite3.Connection, job: int, stage: str, expected: dict[str, str]
) -> None:
    row = add(connection, "a", job)
    run_all(connection)
    later = jobs.start(connection, "ingest", "me")
    assert tasks.rerun(connection, row, stage, BELOW[stage], later)
    assert states(connection, row) == expected
    assert tasks.unfinished(connection, later) == 1


def test_a_rerun_after_a_failure_starts_with_a_clean_record(connection: sqlite3.Connection, job: int) -> None:
    row = add(connection, "a", job)
    tasks.retry_later(connection, claim_one(connection, "schema"), 0.0, alone=False, reason="memory", detail="")
    task = claim_one(connection, "schema")
    tasks.fail(connection, task, BELOW["schema"], fingerprint="", reason="crash", detail="signal 11")
    assert tasks.rerun(connection, row, "schema", BELOW["schema"], job)
    again = claim_one(connection, "schema")
    assert (again.attempts, again.memory_faults, column(connection, again, "reason")) == (0, 0, "")
    assert again.token > task.token


def test_a_rerun_pulls_back_later_stages_that_were_ready(connection: sqlite3.Connection, job: int) -> None:
    row = add(connection, "a", job)
    to_stage(connection, "chunk")
    assert states(connection, row)["chunk"] == "ready"
    tasks.rerun(connection, row, "extract", BELOW["extract"], job)
    assert states(connection, row)["chunk"] == "waiting"


def test_a_book_that_is_under_way_is_not_run_again_beside_itself(connection: sqlite3.Connection, job: int) -> None:
    row = add(connection, "a", job)
    to_stage(connection, "extract")
    claim_one(connection, "extract")
    before = states(connection, row)
    assert not tasks.rerun(connection, row, "schema", BELOW["schema"], job)
    assert states(connection, row) == before


def test_stages_that_ran_with_other_settings_are_outdated_the_first_of_each_book(
    connection: sqlite3.Connection, job: int
) -> None:
    row = add(connection, "a", job)
    run_all(connection)
    same = {(stage, "txt"): "f1" for stage in NEEDS}
    assert tasks.outdated(connection, job, done=same, failed={}) == []
    changed = same | {("chunk", "txt"): "f2", ("audit", "txt"): "f2"}
    assert tasks.outdated(connection, job, done=changed, failed={}) == [(row, "chunk")]
    assert tasks.outdated(connection, job, done={}, failed=changed) == [], "none of them failed"
    assert tasks.outdated(connection, job, done=same | {("chunk", "pdf"): "f2"}, failed={}) == [], "another format's"
    assert tasks.outdated(connection, job + 1, done=changed, failed={}) == [], "not seen in that job"


def test_a_failure_is_outdated_by_fingerprints_of_its_own_but_a_removed_book_is_not(
    connection: sqlite3.Connection, job: int
) -> None:
    row = add(connection, "a", job)
    task = claim_one(connection, "schema")
    tasks.fail(connection, task, BELOW["schema"], fingerprint="f1", reason="corrupt", detail="")
    newer = {("schema", "txt"): "f2"}
    assert tasks.outdated(connection, job, done=newer, failed={("schema", "txt"): "f1"}) == []
    assert tasks.outdated(connection, job, done={}, failed=newer) == [(row, "schema")]
    books.set_status(connection, row, "removed", job)
    assert tasks.outdated(connection, job, done={}, failed=newer) == []


def test_a_job_adopts_unfinished_tasks_of_the_books_it_has_seen(connection: sqlite3.Connection, job: int) -> None:
    add(connection, "a", job)
    add(connection, "b", job)
    later = jobs.start(connection, "ingest", "me")
    known = files.known(connection, [candidate(b"a")])[0]
    assert known is not None
    files.mark_seen(connection, [known.id], later)
    jobs.set_scope(connection, later, [ROOT])
    jobs.adopt(connection, later)
    assert (tasks.unfinished(connection, job), tasks.unfinished(connection, later)) == (2, 1)


def test_the_librarys_own_task_is_filed_once_and_made_ready_again(connection: sqlite3.Connection, job: int) -> None:
    wants = [Want("index", "", 1)]
    for _ in range(2):
        tasks.add_library_task(connection, "index", job)
        tasks.add_library_task(connection, "index", job)
        (task,) = claiming.claim(connection, "me", wants, NO_CAPS)
        assert task.book_row is None
        tasks.add_library_task(connection, "index", job)
        tasks.require_lease(connection, task)
        finish(connection, task)
    assert connection.execute("SELECT count(*) FROM tasks").fetchone() == (1,)


def test_a_closed_job_has_an_end(connection: sqlite3.Connection, job: int) -> None:
    jobs.close(connection, job, {"ok": 3})
    found = jobs.get(connection, job)
    assert found.finished_at is not None
    assert found.finished_at >= found.created_at
    assert (found.outcomes, found.percent) == ({"ok": 3}, 100.0)
