"""What becomes of a failed task follows from its record and its error alone."""

import random
import sqlite3
from dataclasses import replace

import pytest

from librarian_cli import errors
from librarian_cli.models import Task
from librarian_cli.pipeline import retry
from librarian_cli.settings import StageSettings

FRESH = Task(1, 1, "extract", 1, 1, attempts=0, deliveries=1, memory_faults=0, alone=False, cost=1.0)


def decide(error: BaseException, *, attempts: int = 0, most: int = 2) -> retry.Decision:
    return retry.decide(replace(FRESH, attempts=attempts), error, StageSettings(max_attempts=most), random.Random(1))


@pytest.mark.parametrize(
    ("error", "attempts", "action", "reason", "alone"),
    [
        (errors.ReadError("corrupt"), 0, "fail", "corrupt", False),  # what a reader refuses it refuses again
        (errors.BookError("empty"), 0, "fail", "empty", False),
        (errors.WorkerCrashed("crash"), 0, "retry", "crash", True),  # once more, with nothing beside it
        (errors.WorkerCrashed("crash"), 1, "fail", "crash", False),
        (errors.WorkerTimeout("timeout"), 0, "retry", "timeout", True),
        (errors.WorkerTimeout("timeout"), 1, "fail", "timeout", False),
        (errors.WorkerCrashed("memory"), 0, "retry", "memory", True),
        (errors.FileChanged(), 0, "changed", "changed", False),
        (errors.FileChanged(), 9, "changed", "changed", False),  # never charged, so never spent
        (errors.LibraryLocked("busy"), 0, "retry", "internal", False),  # no worker died: it may have company
        (ValueError("ours"), 0, "fail", "internal", False),
        (MemoryError(), 0, "fail", "internal", False),
        (sqlite3.OperationalError("odd"), 0, "fail", "internal", False),
        (KeyboardInterrupt(), 0, "fail", "internal", False),
    ],
)
def test_a_failed_tasks_fate(error: BaseException, attempts: int, action: str, reason: str, *, alone: bool) -> None:
    decision = decide(error, attempts=attempts)
    assert (decision.action, decision.reason, decision.alone) == (action, reason, alone)


def test_a_fault_of_ours_is_described_by_its_type_and_words() -> None:
    assert decide(ValueError("no such page")).detail == "ValueError: no such page"
    assert decide(errors.ReadError("corrupt", "no trailer")).detail == "no trailer"


def test_the_wait_doubles_with_each_attempt_up_to_a_minute() -> None:
    crash = errors.WorkerCrashed("crash")
    waits = [decide(crash, attempts=attempts, most=100).delay_seconds for attempts in range(30)]
    for attempts, wait in enumerate(waits):
        full = min(60.0, 0.2 * 2**attempts)
        assert full / 2 <= wait <= full


def test_waits_of_equal_tasks_differ_so_that_they_do_not_meet_again() -> None:
    jitter = random.Random(1)
    waits = {
        retry.decide(FRESH, errors.WorkerCrashed("crash"), StageSettings(), jitter).delay_seconds for _ in range(10)
    }
    assert len(waits) == 10


@pytest.mark.parametrize(("most", "tries"), [(1, 1), (2, 2), (5, 5)])
def test_a_task_is_tried_as_often_as_is_set(most: int, tries: int) -> None:
    crash = errors.WorkerCrashed("crash")
    actions = [decide(crash, attempts=attempts, most=most).action for attempts in range(tries)]
    assert actions == ["retry"] * (tries - 1) + ["fail"]
