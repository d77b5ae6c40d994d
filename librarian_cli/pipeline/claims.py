"""How much is claimed at once: what free slots can take, within the caps that all processes share."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from librarian_cli import capacity
from librarian_cli.models import Task
from librarian_cli.pipeline.execution import Execution
from librarian_cli.settings import Config
from librarian_cli.stages import OPTIONAL, QUEUE_STAGES, QUEUES, STAGE_BY_NAME, STAGES
from librarian_cli.store import activity, agents, claiming, pauses

_AHEAD_SECONDS = 2.0
_AHEAD_CALLS = 16
"""What is claimed for each slot beforehand, at most: longer than a commit of much text takes."""
TO_SEARCHABLE = ("schema", "extract", "chunk")
"""Stages that a book passes before it can be searched."""


def wants(executions: Collection[Execution], slots: Mapping[str, int], prefer: str) -> list[claiming.Want]:
    """What the slots can take: the preferred queue first, then later stages, so that what is begun ends.

    While more waits to be read than there are slots for, nothing that books can do without is begun with. One that
    hangs holds up nothing.
    """
    found = []
    to_read = sum(item.calls_left for item in executions if item.stage.name in TO_SEARCHABLE)
    later_first = STAGES[::-1]
    for stage in sorted(later_first, key=lambda stage: stage.queue != prefer):
        if stage.name in OPTIONAL and to_read > slots["extract"]:
            continue
        waiting = [item for item in executions if item.calls_left and item.stage is stage]
        seconds = _AHEAD_SECONDS * slots[stage.pool] - sum(item.seconds_left for item in waiting)
        room = _AHEAD_CALLS * slots[stage.pool] - sum(item.calls_left for item in waiting)
        if room > 0 and seconds > 0:
            found.append(claiming.Want(stage.name, stage.queue, room, seconds))
    return found


def caps(config: Config, slots: Mapping[str, int]) -> claiming.Caps:
    """How many books may be under way."""
    queues = capacity.book_caps(config, slots)
    total = queues.pop("total")
    return claiming.Caps(queues, total, config.concurrency_limits)


def claim(
    connection: sqlite3.Connection, *, owner: str, wanted: Sequence[claiming.Want], within: claiming.Caps, alone: bool
) -> list[Task]:
    """Claim what is wanted and not paused, each for an agent.

    Where nothing runs (`alone`) and nothing else is ready, one task that must run alone.
    """
    paused = pauses.current(connection)
    wanted = [want for want in wanted if not paused & {pauses.ALL, want.stage, want.queue}]
    found = claiming.claim(connection, owner, wanted, within, between=_between(connection, paused))
    for want in wanted if alone and not found else ():
        found = claiming.claim(connection, owner, [replace(want, count=1)], within, alone=True)
        if found:
            break
    return [_give_to_agent(connection, task, owner) for task in found]


def _between(connection: sqlite3.Connection, paused: frozenset[str]) -> dict[str, set[int]]:
    """Books, by queue, that are between two of its stages. They count as under way, unless they are paused.

    Those that wait for what they can do without are not: thousands may, until nothing is left to be read.
    """
    found: dict[str, set[int]] = {}
    for queue, stages in QUEUE_STAGES.items():
        for stage in stages[1:]:
            if stage not in OPTIONAL and not paused & {pauses.ALL, queue, stage}:
                found.setdefault(queue, set()).update(agents.between_stages(connection, stage, QUEUES[queue]))
    return found


def _give_to_agent(connection: sqlite3.Connection, task: Task, owner: str) -> Task:
    if task.book_row is None:
        return task
    queue = STAGE_BY_NAME[task.stage].queue
    row, is_new = agents.begin(
        connection, QUEUES[queue], book=task.book_row, job=task.job, owner=owner, stage=task.stage
    )
    if is_new and queue == "ingestion":
        activity.record(connection, "ingestion.started", book=task.book_row, job=task.job, agent=row)
    return replace(task, agent=row)
