"""How much is claimed at once: what free slots can take, within the caps that all processes share."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from librarian_cli.config import Config
from librarian_cli.models import Task
from librarian_cli.pipeline.execution import Execution
from librarian_cli.stages import STAGES
from librarian_cli.store import tasks

_AHEAD_SECONDS = 2.0
_AHEAD_CALLS = 16
"""What is claimed for each slot beforehand, at most: longer than a commit of much text takes."""


def wants(executions: Collection[Execution], slots: Mapping[str, int]) -> list[tasks.Want]:
    """What the slots can take, later stages first: what is begun ends before more begins."""
    found = []
    for stage in reversed(STAGES):
        waiting = [item for item in executions if item.calls_left and item.stage is stage]
        seconds = _AHEAD_SECONDS * slots[stage.pool] - sum(item.seconds_left for item in waiting)
        room = _AHEAD_CALLS * slots[stage.pool] - sum(item.calls_left for item in waiting)
        if room > 0 and seconds > 0:
            found.append(tasks.Want(stage.name, stage.queue, room, seconds))
    return found


def caps(config: Config, slots: Mapping[str, int]) -> tasks.Caps:
    """How many books may be under way in each queue, and in all."""
    if config.limits.profile == "gentle":
        return tasks.Caps({"schema": 2, "ingestion": 3, "trust_audit": 2}, total=5)
    # Books whose text waits for the writer count too; what bounds memory are the bytes in flight.
    queues = {"schema": 8 * slots["extract"], "ingestion": 32 * slots["extract"], "trust_audit": 8 * slots["audit"]}
    return tasks.Caps(queues, total=sum(queues.values()))


def claim(
    connection: sqlite3.Connection, *, owner: str, wanted: Sequence[tasks.Want], within: tasks.Caps, alone: bool
) -> list[Task]:
    """Claim what is wanted; where nothing runs (`alone`) and nothing else is ready, one task that must run alone."""
    found = tasks.claim(connection, owner, wanted, within)
    if found or not alone:
        return found
    for want in wanted:
        found = tasks.claim(connection, owner, [replace(want, count=1)], within, alone=True)
        if found:
            return found
    return []
