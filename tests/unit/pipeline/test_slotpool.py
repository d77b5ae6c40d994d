"""The slot pool against calls that crash, hang, lie and leak, with real worker processes."""

import concurrent.futures as cf
import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from librarian_cli import errors
from librarian_cli.pipeline import nursery, process, worker
from librarian_cli.pipeline.slotpool import Deadline, SlotPool, WorkerLimits
from tests.unit.pipeline import pool_tasks
from tests.unit.pipeline.pool_support import (
    PATIENCE,
    assert_usable,
    failure,
    is_running,
    wait_until,
    worker_failure,
    worker_pid,
)


def test_calls_return_what_they_return_inline(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool(2)
    assert list(pool.map(pool_tasks.text_of, [1, 10, 70_000])) == [pool_tasks.text_of(n) for n in (1, 10, 70_000)]
    assert pool.submit(sorted, [2, 3, 1], reverse=True).result(PATIENCE) == [3, 2, 1]


@pytest.mark.parametrize("size", [0, 1, 16_384, 65_535, 65_536, 65_537, 3 << 20])
def test_arguments_and_results_of_any_size_pass(make_pool: Callable[..., SlotPool], size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert make_pool().submit(pool_tasks.echo, data).result(PATIENCE) == data


def test_parts_are_passed_on_in_order_and_make_up_the_result(make_pool: Callable[..., SlotPool]) -> None:
    seen: list[int] = []
    future = make_pool().run(pool_tasks.count_slowly, 5, 0.0, on_part=seen.append)
    assert future.result(PATIENCE) == (0, 1, 2, 3, 4)
    assert seen == [0, 1, 2, 3, 4]


def test_a_future_tells_what_its_call_cost(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool()
    future = pool.submit(pool_tasks.busy_for, 0.2)
    future.result(PATIENCE)
    assert 0.2 <= future.cpu_seconds < 0.4
    assert 1 << 20 < future.peak_rss_bytes < 1 << 30
    (status,) = pool.status()
    assert (status.tasks_done, status.last_cpu_seconds, status.restarts) == (1, future.cpu_seconds, 0)


@pytest.mark.parametrize(
    ("call", "detail"),
    [
        (pool_tasks.segfault, "killed by SIGSEGV"),
        (pool_tasks.read_null, "killed by SIGSEGV"),
        (os.abort, "killed by SIGABRT"),
        (pool_tasks.leave, "exit code 3"),
        (pool_tasks.close_the_channel, "killed by SIGKILL"),  # ours: it lives on, but cannot answer
        (pool_tasks.claim_an_endless_answer, "killed by SIGKILL"),
    ],
)
def test_a_crash_names_its_cause_and_hands_over_the_parts(
    make_pool: Callable[..., SlotPool], call: Callable[[], object], detail: str
) -> None:
    pool = make_pool()
    exc = worker_failure(pool.run(pool_tasks.count_then, 3, call))
    assert isinstance(exc, errors.WorkerCrashed)
    assert (exc.reason, exc.detail, exc.parts) == ("crash", detail, (0, 1, 2))
    assert_usable(pool)


@pytest.mark.parametrize("deadline", [Deadline(silence_seconds=0.3), Deadline(total_seconds=0.3)])
@pytest.mark.parametrize("call", [pool_tasks.hang, pool_tasks.stop_amid_a_large_answer])
def test_a_hung_child_is_killed_at_its_limit(
    make_pool: Callable[..., SlotPool], call: Callable[[], None], deadline: Deadline
) -> None:
    pool = make_pool()
    assert_usable(pool)
    pid = worker_pid(pool)
    started = time.monotonic()
    exc = worker_failure(pool.run(pool_tasks.count_then, 2, call, deadline=deadline))
    assert 0.3 <= time.monotonic() - started < 0.3 + 2.0
    assert isinstance(exc, errors.WorkerTimeout)
    assert (exc.reason, exc.parts) == ("timeout", (0, 1))
    assert "0.3 s" in exc.detail
    assert not is_running(pid)
    assert_usable(pool)


def test_a_part_resets_the_silence_but_not_the_total(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool(2)
    patient = Deadline(silence_seconds=0.5)
    slow = pool.run(pool_tasks.count_slowly, 7, 0.1, deadline=patient)
    endless = pool.run(pool_tasks.count_slowly, 1000, 0.1, deadline=Deadline(0.5, 0.7))
    assert slow.result(PATIENCE) == tuple(range(7))
    assert 3 <= len(worker_failure(endless).parts) <= 7


def test_a_flood_of_parts_ends_at_the_total(make_pool: Callable[..., SlotPool]) -> None:
    future = make_pool().run(pool_tasks.count_for_ever, deadline=Deadline(silence_seconds=5, total_seconds=0.3))
    assert isinstance(worker_failure(future), errors.WorkerTimeout)


def test_the_time_that_the_caller_takes_for_a_part_is_not_the_worker_s(
    make_pool: Callable[..., SlotPool],
) -> None:
    pool = make_pool()
    busy = threading.Event()
    future = pool.run(
        pool_tasks.count_slowly, 2, 0.0, deadline=Deadline(0.2, 0.3), on_part=lambda _part: busy.wait(0.5)
    )
    assert future.result(PATIENCE) == (0, 1)


def test_an_exception_arrives_as_itself_with_the_worker_s_traceback(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool()
    exc = failure(pool.submit(pool_tasks.raise_key_error))
    assert isinstance(exc, KeyError)
    assert exc.args == ("page 7",)
    assert 'raise KeyError("page 7")' in str(exc.__cause__)
    assert pool.restarts == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (pool_tasks.raise_unloadable, "UnloadableError: salt and pepper"),
        (pool_tasks.exit_politely, "SystemExit: 3"),
        (pool_tasks.local_function, "cannot be pickled"),
        (pool_tasks.trap, "cannot be unpickled"),
    ],
)
def test_what_does_not_survive_the_journey_becomes_a_runtime_error(
    make_pool: Callable[..., SlotPool], call: Callable[[], object], words: str
) -> None:
    pool = make_pool()
    exc = failure(pool.submit(call))
    assert type(exc) is RuntimeError
    assert words in str(exc)
    assert_usable(pool)
    assert pool.restarts == 0


def test_a_call_that_cannot_be_pickled_costs_no_worker(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool()
    assert "pickle" in str(failure(pool.submit(lambda: 1)))
    assert pool.status()[0].pid is None
    assert_usable(pool)
    assert "pickle" in str(failure(pool.submit(lambda: 1)))
    assert_usable(pool)
    assert pool.restarts == 0


def test_a_failing_on_part_fails_its_call_only(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool()

    def refuse(part: object) -> None:
        raise LookupError(part)

    assert isinstance(failure(pool.run(pool_tasks.count_for_ever, on_part=refuse)), LookupError)
    assert_usable(pool)


@pytest.mark.parametrize("call", [pool_tasks.fill_memory, pool_tasks.fill_memory_at_once])
def test_a_call_over_its_memory_fails_for_memory(
    make_pool: Callable[..., SlotPool], call: Callable[[], object]
) -> None:
    pool = make_pool(memory_bytes=256 << 20)
    exc = worker_failure(pool.run(pool_tasks.count_then, 2, call))
    assert (type(exc), exc.reason, exc.parts) == (errors.WorkerError, "memory", (0, 1))
    assert_usable(pool)


def test_a_worker_is_replaced_after_its_share_of_tasks(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool(max_tasks=3)
    pids = [pool.submit(pool_tasks.pid).result(PATIENCE) for _ in range(9)]
    assert [len(set(pids[at : at + 3])) for at in (0, 3, 6)] == [1, 1, 1]
    assert len(set(pids)) == 3


def test_a_worker_that_has_grown_is_replaced(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool(max_growth_bytes=64 << 20)
    pids = [pool.submit(pool_tasks.hoard, 40 << 20).result(PATIENCE) for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_files_are_limited_in_size_and_number(make_pool: Callable[..., SlotPool], tmp_path: Path) -> None:
    pool = make_pool(max_file_bytes=1 << 20, max_open_files=32)
    name = str(tmp_path / "file")
    assert pool.submit(pool_tasks.write_file, name, 1000).result(PATIENCE) == 1000
    for call in (pool_tasks.write_file, pool_tasks.open_many_files):
        assert isinstance(failure(pool.submit(call, name, 2 << 20)), OSError)
    assert pool.restarts == 0


def test_the_allowance_of_cpu_time_moves_on_with_every_task(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool()
    allowance = 20 + worker.CPU_MARGIN_SECONDS
    before = 0.0
    for _ in range(3):
        used, limit = pool.run(pool_tasks.cpu_left, deadline=Deadline(total_seconds=20)).result(PATIENCE)
        assert before + allowance <= limit <= used + allowance + 1
        before = used
    assert pool.restarts == 0


def test_workers_run_in_clean_surroundings(make_pool: Callable[..., SlotPool]) -> None:
    before = dict(os.environ)
    found = make_pool().submit(pool_tasks.surroundings).result(PATIENCE)
    modules = found.pop("modules")
    found["stdio"] = [name.partition(":")[0] for name in found["stdio"]]  # type: ignore[attr-defined]
    assert found == {
        "umask": 0o077,
        "main_thread": True,
        "threads": 1,
        "group": True,
        "stdio": ["/dev/null", "pipe", "pipe"],
        "environ": {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"},
        "ignored": [True, True],
        "core": (0, 0),
    }
    assert not {"click", "pytest", "numpy", "sqlite3", "multiprocessing"} & set(modules)  # type: ignore[call-overload]
    assert dict(os.environ) == before


@pytest.mark.parametrize("call", [pool_tasks.grandchild_then_crash, pool_tasks.grandchild_then_hang])
def test_a_grandchild_that_holds_the_pipe_neither_hangs_the_slot_nor_survives(
    make_pool: Callable[..., SlotPool], tmp_path: Path, call: Callable[[str], None]
) -> None:
    pool = make_pool()
    pid_file = tmp_path / "pid"
    started = time.monotonic()
    worker_failure(pool.run(call, str(pid_file), deadline=Deadline(total_seconds=1.0)))
    assert time.monotonic() - started < 1.0 + 2.0
    grandchild = int(pid_file.read_text())
    wait_until(lambda: not is_running(grandchild))
    assert_usable(pool)


def test_200_innocents_beside_a_killer_come_to_no_harm(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool(3)
    innocents, killers = [], []
    for number in range(200):
        innocents.append(pool.submit(pool_tasks.echo, number))
        if number % 20 == 7:
            killers.append(pool.submit(pool_tasks.segfault))
    assert [future.result(PATIENCE) for future in innocents] == list(range(200))
    assert all(isinstance(failure(killer), errors.WorkerCrashed) for killer in killers)


def test_an_idle_worker_s_death_costs_nothing(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool()
    assert_usable(pool)
    pid = worker_pid(pool)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{pid}").exists())
    assert_usable(pool)
    assert pool.restarts == 1


def test_a_worker_killed_before_it_has_read_its_request_is_told_from_a_crash(
    shared_nursery: nursery.Nursery,
) -> None:
    for size, outcome in ((10, contextlib.nullcontext()), (8 << 20, pytest.raises(process.Overdue))):
        child = shared_nursery.start_worker(WorkerLimits())
        os.kill(child.pid, signal.SIGSTOP)
        request = worker.pack_request((pool_tasks.echo, (bytes(size),), {}), 60.0)
        with outcome:  # the large one does not fit into the socket
            child.send(request, time.monotonic() + 0.1)
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(process.Unread):
            child.receive(time.monotonic() + PATIENCE)
        assert child.bury().text == "killed by SIGKILL"


def test_a_stopped_worker_that_reads_nothing_is_killed_at_its_limit(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool()
    assert_usable(pool)
    os.kill(worker_pid(pool), signal.SIGSTOP)
    started = time.monotonic()
    exc = worker_failure(pool.run(pool_tasks.echo, bytes(8 << 20), deadline=Deadline(total_seconds=0.3)))
    assert isinstance(exc, errors.WorkerTimeout)
    assert time.monotonic() - started < 0.3 + 2.0
    assert_usable(pool)


def test_the_nursery_s_death_harms_no_call(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool()
    assert_usable(pool)
    parent = int(Path(f"/proc/{worker_pid(pool)}/stat").read_text().rsplit(")", 1)[1].split()[1])
    assert parent != os.getpid()

    def kill_the_nursery(part: object) -> None:
        if part == 0:
            os.kill(parent, signal.SIGKILL)
            wait_until(lambda: not is_running(parent))

    future = pool.run(pool_tasks.count_slowly, 3, 0.05, on_part=kill_the_nursery)
    assert future.result(PATIENCE) == (0, 1, 2)
    assert_usable(pool)
    os.kill(worker_pid(pool), signal.SIGKILL)
    assert_usable(pool)


def test_a_running_call_can_be_killed(make_pool: Callable[..., SlotPool], tmp_path: Path) -> None:
    pool = make_pool()
    running = pool.submit(pool_tasks.hang, str(tmp_path / "started"))
    waiting = pool.submit(pool_tasks.echo, 1)
    unwanted = pool.submit(pool_tasks.echo, 2)
    wait_until((tmp_path / "started").exists)
    assert pool.kill(unwanted)
    assert pool.kill(running)
    assert isinstance(failure(running), cf.CancelledError)
    assert unwanted.cancelled()
    assert waiting.result(PATIENCE) == 1
    assert not pool.kill(waiting)
    assert_usable(pool)


def test_a_future_is_running_from_when_a_slot_takes_its_call(
    make_pool: Callable[..., SlotPool], tmp_path: Path
) -> None:
    pool = make_pool()
    first = pool.submit(pool_tasks.hang, str(tmp_path / "started"))
    second = pool.submit(pool_tasks.hang)
    wait_until((tmp_path / "started").exists)
    assert first.running()
    assert not second.running()
    assert pool.kill(first)
    wait_until(second.running)
    assert first.done()


def test_shutdown_lets_what_runs_and_waits_finish(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool()
    futures = [pool.submit(pool_tasks.busy_for, 0.02) for _ in range(5)]
    pool.shutdown()
    assert all(future.done() and future.exception() is None for future in futures)
    assert pool.status()[0].pid is None
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(pool_tasks.echo, 1)


def test_shutdown_with_a_grace_is_bounded(make_pool: Callable[..., SlotPool], tmp_path: Path) -> None:
    pool = make_pool(2)
    hanging = [pool.submit(pool_tasks.hang, str(tmp_path / name)) for name in "ab"]
    waiting = [pool.submit(pool_tasks.echo, 1) for _ in range(50)]
    wait_until(lambda: all((tmp_path / name).exists() for name in "ab"))
    started = time.monotonic()
    pool.shutdown(grace_seconds=0.2)
    assert 0.2 <= time.monotonic() - started < 2.2
    assert all(isinstance(failure(future), cf.CancelledError) for future in hanging)
    assert all(future.cancelled() for future in waiting)
    assert cf.wait(waiting, timeout=PATIENCE).not_done == set()


def test_a_shutdown_at_any_instant_settles_every_future(make_pool: Callable[..., SlotPool]) -> None:
    for turn in range(20):
        pool = make_pool(2)
        futures = [pool.submit(pool_tasks.echo, number) for number in range(turn * 5)]
        pool.shutdown(cancel_futures=True, grace_seconds=0.0)
        assert all(future.done() for future in futures)


def test_a_pool_without_work_has_no_worker(make_pool: Callable[..., SlotPool]) -> None:
    assert [status.pid for status in make_pool(4).status()] == [None] * 4


def test_pools_with_and_without_a_nursery_of_their_own_live_side_by_side(
    make_pool: Callable[..., SlotPool],
) -> None:
    with SlotPool(1, preload=["json"]) as own:
        pools = [make_pool(), make_pool(), own]
        futures = [pool.submit(pool_tasks.pid) for pool in pools for _ in range(3)]
        assert len({future.result(PATIENCE) for future in futures}) == 3


def test_a_module_that_cannot_be_preloaded_is_the_environment_s_fault() -> None:
    with SlotPool(1, preload=["no_such_module"]) as pool:
        exc = failure(pool.submit(pool_tasks.echo, 1))
        assert isinstance(exc, errors.EnvironmentFault)
        assert "no_such_module" in str(exc)


def test_limits_that_cannot_be_set_are_the_environment_s_fault(make_pool: Callable[..., SlotPool]) -> None:
    exc = failure(make_pool(max_open_files=-2).submit(pool_tasks.echo, 1))
    assert isinstance(exc, errors.EnvironmentFault)


def test_a_worker_that_dies_while_starting_charges_no_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    countdown = tmp_path / "countdown"
    countdown.write_text("2")
    (tmp_path / "stillborn.py").write_text(
        "import os, pathlib\n"
        f"countdown = pathlib.Path({str(countdown)!r})\n"
        "def die():\n"
        "    left = int(countdown.read_text())\n"
        "    if left:\n"
        "        countdown.write_text(str(left - 1))\n"
        "        os._exit(9)\n"
        "os.register_at_fork(after_in_child=die)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with SlotPool(1, preload=["stillborn"]) as pool:
        assert pool.submit(pool_tasks.echo, 1).result(PATIENCE) == 1
    assert countdown.read_text() == "0"


@pytest.mark.slow
def test_chaos_settles_every_future_and_leaves_a_usable_pool(make_pool: Callable[..., SlotPool]) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    pool = make_pool(4, max_tasks=50)
    over = threading.Event()

    def kill_at_random() -> None:
        while not over.wait(chance.uniform(0.0, 0.06)):
            pids = [status.pid for status in pool.status() if status.pid]
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(pids or [1 << 22]), signal.SIGKILL)

    killer = threading.Thread(target=kill_at_random)
    killer.start()
    harmed = done = 0
    end = time.monotonic() + 5
    while time.monotonic() < end:
        futures = [pool.submit(pool_tasks.text_of, chance.randrange(1, 300_000)) for _ in range(40)]
        for future in futures:
            exc = future.exception(PATIENCE)
            assert exc is None or isinstance(exc, errors.WorkerCrashed), exc
            harmed += exc is not None
            done += exc is None
    over.set()
    killer.join()
    assert_usable(pool)
    assert pool.restarts > 20
    assert done > 100
    assert harmed <= pool.restarts  # a kill costs one call at most
