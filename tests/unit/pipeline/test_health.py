"""What a slot pool tells of its workers, with real worker processes."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from librarian_cli.pipeline import nursery, process
from librarian_cli.pipeline.slotpool import Deadline, SlotPool, WorkerEvent, WorkerLimits
from tests.unit.pipeline import pool_tasks
from tests.unit.pipeline.pool_support import PATIENCE, assert_usable, failure, wait_until, worker_failure, worker_pid


class GatedNursery(nursery.Nursery):
    """Starts workers only while its gate is open."""

    def __init__(self) -> None:
        super().__init__([pool_tasks.__name__])
        self.gate = threading.Event()

    def start_worker(self, limits: WorkerLimits) -> process.WorkerProcess:
        assert self.gate.wait(PATIENCE)
        return super().start_worker(limits)


def health(pool: SlotPool) -> str:
    return pool.status()[0].health


def test_a_slot_starts_is_busy_and_starts_another_worker_after_a_crash() -> None:
    with GatedNursery() as gated, SlotPool(1, shared_nursery=gated) as pool:
        assert health(pool) == "healthy"
        first = pool.submit(pool_tasks.echo, 1)
        wait_until(lambda: health(pool) == "starting")
        gated.gate.set()
        assert first.result(PATIENCE) == 1
        wait_until(lambda: health(pool) == "healthy")
        gated.gate.clear()
        worker_failure(pool.submit(pool_tasks.segfault))
        assert (health(pool), pool.restarts) == ("unhealthy", 0)
        second = pool.submit(pool_tasks.echo, 2)
        wait_until(lambda: health(pool) == "restarting")
        gated.gate.set()
        assert second.result(PATIENCE) == 2
        wait_until(lambda: health(pool) == "healthy")
        assert pool.restarts == 1


@pytest.mark.parametrize(
    ("call", "limits"),
    [
        (pool_tasks.leave, {}),
        (pool_tasks.hang, {}),  # to its deadline
        (pool_tasks.fill_memory_at_once, {"memory_bytes": 256 << 20}),
        (pool_tasks.pid, {"max_open_files": -2}),  # no worker can be started
    ],
)
def test_a_slot_that_lost_its_worker_is_unhealthy(
    make_pool: Callable[..., SlotPool], call: Callable[[], object], limits: dict[str, int]
) -> None:
    pool = make_pool(**limits)
    failure(pool.run(call, deadline=Deadline(silence_seconds=0.3)))
    assert health(pool) == "unhealthy"


def test_a_slot_whose_call_was_killed_on_demand_is_busy_before_and_healthy_after(
    make_pool: Callable[..., SlotPool], tmp_path: Path
) -> None:
    pool = make_pool()
    future = pool.submit(pool_tasks.hang, str(tmp_path / "started"))
    wait_until((tmp_path / "started").exists)
    assert health(pool) == "busy"
    assert pool.kill(future)
    failure(future)
    assert (health(pool), pool.status()[0].pid) == ("healthy", None)


def test_an_idle_slot_whose_worker_has_died_is_unhealthy(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool()
    assert_usable(pool)
    wait_until(lambda: health(pool) == "healthy")
    os.kill(worker_pid(pool), signal.SIGKILL)
    wait_until(lambda: health(pool) == "unhealthy")
    assert_usable(pool)
    wait_until(lambda: health(pool) == "healthy")


class Listening:
    """A pool of one slot, and what it told of its workers."""

    def __init__(self, shared: nursery.Nursery, **limits: Any) -> None:
        self.events: list[WorkerEvent] = []
        self.pool = SlotPool(1, limits=WorkerLimits(**limits), shared_nursery=shared, on_worker=self.events.append)

    def told(self) -> list[str]:
        """Close the pool. Returns: why each worker stopped, once it is checked that each started."""
        self.pool.shutdown()
        starts, stops = self.events[::2], self.events[1::2]
        assert [event.pid for event in starts] == [event.pid for event in stops]
        assert len({event.pid for event in starts}) == len(starts)
        assert {(event.change, event.reason) for event in starts} == {("started", "")}
        assert {event.change for event in stops} == {"stopped"}
        return [event.reason for event in stops]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (pool_tasks.segfault, "crash: killed by SIGSEGV"),
        (pool_tasks.leave, "crash: exit code 3"),
        (pool_tasks.fill_memory_at_once, "memory"),
        (pool_tasks.hang, "timeout"),
    ],
)
def test_a_worker_s_end_is_told_with_its_reason_before_its_call_fails(
    shared_nursery: nursery.Nursery, call: Callable[[], object], reason: str
) -> None:
    listening = Listening(shared_nursery)
    failure(listening.pool.run(call, deadline=Deadline(silence_seconds=1.0)))
    assert listening.events[-1].reason == reason
    assert_usable(listening.pool)
    assert listening.told() == [reason, "pool closed"]


@pytest.mark.parametrize("limits", [{"max_tasks": 2}, {"max_growth_bytes": 60 << 20}])
def test_a_worker_that_has_done_its_share_is_told_as_recycled(
    shared_nursery: nursery.Nursery, limits: dict[str, int]
) -> None:
    listening = Listening(shared_nursery, **limits)
    for _ in range(4):
        listening.pool.submit(pool_tasks.hoard, 40 << 20).result(PATIENCE)
    assert listening.told() == ["recycled", "recycled"]


def test_a_kill_on_demand_and_one_at_the_end_of_the_grace_are_told_apart(
    shared_nursery: nursery.Nursery, tmp_path: Path
) -> None:
    listening = Listening(shared_nursery)
    for name in "ab":
        future = listening.pool.submit(pool_tasks.hang, str(tmp_path / name))
        wait_until((tmp_path / name).exists)
        if name == "a":
            assert listening.pool.kill(future)
    listening.pool.shutdown(grace_seconds=0.0)
    assert listening.told() == ["killed", "pool closed"]


def test_an_idle_worker_s_death_is_told_at_the_next_call(shared_nursery: nursery.Nursery) -> None:
    listening = Listening(shared_nursery)
    assert_usable(listening.pool)
    os.kill(worker_pid(listening.pool), signal.SIGKILL)
    wait_until(lambda: health(listening.pool) == "unhealthy")
    assert_usable(listening.pool)
    assert listening.told() == ["crash: killed by SIGKILL", "pool closed"]


def test_what_on_worker_raises_harms_no_call(shared_nursery: nursery.Nursery, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(event: WorkerEvent) -> None:
        raise LookupError(event)

    with SlotPool(1, shared_nursery=shared_nursery, on_worker=refuse) as pool:
        assert_usable(pool)
        worker_failure(pool.submit(pool_tasks.segfault))
        assert_usable(pool)
    assert [record.message.partition(" at ")[0] for record in caplog.records] == ["on_worker failed"] * 4
