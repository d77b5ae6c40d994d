"""What the end of a task means, as write operations: each is one transaction that first checks the lease.

Only here do effects, the task's end, the next tasks, the agent, the log and the book's status meet, so they stand or
fall together.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from librarian_cli.models import Candidate, Cost, Task
from librarian_cli.pipeline import groups
from librarian_cli.pipeline.retry import Decision
from librarian_cli.settings import Config
from librarian_cli.stages import NEEDS, OPTIONAL, QUEUE_STAGES, STAGE_BY_NAME, Saved, dependents
from librarian_cli.store import activity, agents, books, embedders, files, order_groups, owners, runs, tasks, vectors


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Those in force, by (stage, format): of a stage that is done, and of one that failed."""

    done: Mapping[tuple[str, str], str]
    failed: Mapping[tuple[str, str], str]


def complete(
    connection: sqlite3.Connection,
    task: Task,
    outputs: tuple[Any, ...],
    *,
    config: Config,
    fingerprints: Fingerprints,
    cost: Cost,
    approve: bool,
) -> Saved:
    """Store what a stage made, end its task, and let the next ones begin; `approve` speaks for a person.

    Raises: LeaseLost: nothing was stored.
    """
    assert task.book_row is not None
    tasks.require_lease(connection, task)
    book = books.get(connection, task.book_row)
    saved = STAGE_BY_NAME[task.stage].save(connection, book, outputs, config)
    books.add_seconds(connection, book.row, cost.seconds)
    if saved.failure:
        _bury(connection, task, fingerprints.failed[task.stage, book.format], *saved.failure, cost=cost)
        return saved
    fingerprint = fingerprints.done[task.stage, book.format]
    tasks.finish(connection, task, fingerprint, seconds=cost.seconds, cpu_seconds=cost.cpu_seconds)
    for stage in saved.fused:
        tasks.finish_fused(connection, book.row, stage, fingerprints.done[stage, book.format])
    if not saved.promote and approve:
        books.approve_waiting(connection, [book.row], "ingest --yes")
        saved = replace(saved, promote=True)
    _log_stage(connection, task, saved, cost)
    if task.stage == "schema":
        groups.place_by_author(connection, books.get(connection, book.row), config)
    if saved.promote:
        tasks.promote(connection, book.row, NEEDS)
        close_if_done(connection, task.book_row)
    else:
        books.set_status(connection, book.row, "waiting", tasks.latest_job(connection, book.row))
    _end_agent(connection, task, saved, cost)
    tasks.advance_group(connection, order_groups.of(connection, book.row), NEEDS)
    return saved


def close_if_done(connection: sqlite3.Connection, book_row: int) -> None:
    """Give a book its status once it has passed every stage that it needs; what optional ones find may come later."""
    if not tasks.all_done(connection, book_row, OPTIONAL):
        return
    book = books.get(connection, book_row)
    status = "ok-with-warning" if book.reason else "ok"
    job = tasks.latest_job(connection, book_row)
    is_news = book.status not in ("ok", "ok-with-warning") or books.outcome_job(connection, book_row) != job
    if is_news:
        runs.count_book(connection, job, books.verdict(connection, book_row))
    if is_news or book.status != status:
        books.set_status(connection, book_row, status, job, reason=book.reason)


def give_up(
    connection: sqlite3.Connection, task: Task, decision: Decision, fingerprints: Fingerprints, cost: Cost
) -> None:
    """Bury a task for good, with its reason. Raises: LeaseLost."""
    assert task.book_row is not None
    book = books.get(connection, task.book_row)
    fingerprint = fingerprints.failed[task.stage, book.format]
    _bury(connection, task, fingerprint, decision.reason, decision.detail, cost=cost)


def retry_later(connection: sqlite3.Connection, task: Task, decision: Decision, cost: Cost) -> None:
    """Charge an attempt and try again after the decision's delay. Raises: LeaseLost."""
    run_at = time.time() + decision.delay_seconds
    tasks.retry_later(connection, task, run_at, alone=decision.alone, reason=decision.reason, detail=decision.detail)
    agents.end_task(connection, task.agent, "idle", cost)
    activity.record(
        connection,
        "stage.retried",
        book=task.book_row,
        job=task.job,
        agent=task.agent,
        stage=task.stage,
        reason=decision.reason,
        after_seconds=round(decision.delay_seconds, 3),
    )


def complete_index(connection: sqlite3.Connection, task: Task, *, waits: bool) -> None:
    """End the library's index task; where books `wait` for a model from outside, warn of those that lack vectors.

    Raises: LeaseLost.
    """
    tasks.finish(connection, task, "", seconds=0.0, cpu_seconds=0.0)
    _mark_pending(connection, waits=waits)
    activity.record(connection, "stage.completed", job=task.job, target="library", stages=[task.stage])


def give_up_index(connection: sqlite3.Connection, task: Task, decision: Decision, *, waits: bool) -> None:
    """Bury the library's index task with its reason; the next ingest files it anew. Raises: LeaseLost."""
    tasks.fail(connection, task, (), fingerprint="", reason=decision.reason, detail=decision.detail)
    _mark_pending(connection, waits=waits)


def forget_changed(
    connection: sqlite3.Connection, task: Task, candidate: Candidate | None, *, vanished: bool, cost: Cost
) -> None:
    """End a task whose file is no longer what was hashed; the file's next scan makes it a book of its own."""
    assert task.book_row is not None
    tasks.require_lease(connection, task)
    if candidate:
        words = ("skipped", "vanished") if vanished else ("failed", "changed")
        files.forget_content(connection, candidate, *words)
    if files.candidates_of(connection, task.book_row):
        give_back(connection, [task])  # another path holds the same content
        return
    _bury(connection, task, "", "changed", "the file changed or vanished while it was being read", cost=cost)


def give_back(connection: sqlite3.Connection, given: Iterable[Task]) -> None:
    """Make leased tasks ready again, uncharged; their agents wait for another."""
    for task in given:
        tasks.give_back(connection, [task])
        agents.end_task(connection, task.agent, "idle", Cost())


def take_over(connection: sqlite3.Connection, owner: str, *, dead: bool) -> int:
    """Make everything ready that an owner had leased, and end its agents. Returns: how many tasks."""
    agents.terminate(connection, owner=owner)
    if dead:
        owners.forget(connection, owner)
    return tasks.take_over(connection, owner)


def _mark_pending(connection: sqlite3.Connection, *, waits: bool) -> None:
    active = vectors.active_basis(connection)
    embedders.mark_pending(connection, active[0] if active else "", waits=waits)


def _bury(
    connection: sqlite3.Connection, task: Task, fingerprint: str, reason: str, detail: str, *, cost: Cost
) -> None:
    assert task.book_row is not None
    below = dependents(task.stage)
    tasks.fail(connection, task, below, fingerprint=fingerprint, reason=reason, detail=detail)
    if task.stage in OPTIONAL:
        _warn(connection, task, reason, detail, cost=cost)
        return
    job = tasks.latest_job(connection, task.book_row)  # one that adopted it since the claim must hear of it
    books.set_status(connection, task.book_row, "failed", job, reason=reason, detail=detail)
    agents.end_task(connection, task.agent, "error", cost, failed=1)
    facts = {"stage": task.stage, "reason": reason, "detail": detail[:200]}
    for action in ("agent.failed", "ingestion.failed"):
        activity.record(connection, action, book=task.book_row, job=task.job, agent=task.agent, **facts)
    group = order_groups.of(connection, task.book_row)
    if tasks.advance_group(connection, group, NEEDS) is not None:
        activity.record(connection, "group.advanced", job=task.job, target=group, after=reason)


def _warn(connection: sqlite3.Connection, task: Task, reason: str, detail: str, *, cost: Cost) -> None:
    """Let a book go on that failed at a stage which it can do without."""
    assert task.book_row is not None
    warnings = [word for word in books.get(connection, task.book_row).reason.split(",") if word]
    books.set_warnings(connection, task.book_row, [*warnings, f"no_{task.stage}"])
    agents.end_task(connection, task.agent, "error", cost, failed=1)
    log = partial(activity.record, connection, book=task.book_row, job=task.job, agent=task.agent)
    log("agent.failed", stage=task.stage, reason=reason, detail=detail[:200])
    log("ingestion.completed", chunks=books.get(connection, task.book_row).chunks)
    close_if_done(connection, task.book_row)
    tasks.advance_group(connection, order_groups.of(connection, task.book_row), NEEDS)


def _log_stage(connection: sqlite3.Connection, task: Task, saved: Saved, cost: Cost) -> None:
    """Log what a stage came to, under the name of its effect."""
    assert task.book_row is not None
    log = partial(activity.record, connection, book=task.book_row, job=task.job, agent=task.agent)
    if task.stage == "schema":
        found = books.proposal(connection, task.book_row)
        assert found is not None
        log("schema.proposed", kind=found[1].kind, title=found[1].title[:100], state=found[0])
        if saved.promote:
            log("schema.approved", by=books.decided_by(connection, task.book_row))
    elif task.stage == "audit":
        report = books.audit(connection, task.book_row)
        log("trust.updated", trust_score=report and report.trust_score)
    else:
        log("stage.completed", stages=[task.stage, *saved.fused], seconds=round(cost.seconds, 3))


def _end_agent(connection: sqlite3.Connection, task: Task, saved: Saved, cost: Cost) -> None:
    """An agent goes on with the next stage of its queue, or ends with the last."""
    assert task.book_row is not None
    queue = STAGE_BY_NAME[task.stage].queue
    filed = tasks.states(connection, task.book_row)
    last = [stage for stage in QUEUE_STAGES[queue] if stage in filed][-1]
    ends = last in (task.stage, *saved.fused)
    agents.end_task(connection, task.agent, "terminated" if ends else "idle", cost, completed=1 + len(saved.fused))
    if not ends:
        return
    log = partial(activity.record, connection, book=task.book_row, job=task.job, agent=task.agent)
    if queue == "ingestion":
        log("ingestion.completed", chunks=books.get(connection, task.book_row).chunks)
    log("agent.completed")
