"""What calls print: the pipe's near end on its own, and with real worker processes."""

import concurrent.futures as cf
import functools
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from librarian_cli import errors
from librarian_cli.pipeline import process, worker
from librarian_cli.pipeline.output import KEPT_BYTES, Output
from librarian_cli.pipeline.slotpool import Deadline, SlotPool
from tests.unit.pipeline import pool_tasks
from tests.unit.pipeline.pool_support import (
    PATIENCE,
    assert_usable,
    failure,
    is_running,
    wait_until,
    worker_failure,
)


@pytest.fixture
def pipe() -> Iterator[tuple[Output, int]]:
    output_r, output_w = os.pipe()
    output = Output(output_r)
    yield output, output_w
    output.close()
    os.close(output_w)


def test_what_was_printed_is_told_once(pipe: tuple[Output, int]) -> None:
    output, output_w = pipe
    for text in (b"one", b", two"):
        os.write(output_w, text)
        assert output.drain()
    assert [output.take(), output.take()] == ["one, two", ""]


def test_the_last_bytes_are_kept_and_a_cut_character_is_replaced(pipe: tuple[Output, int]) -> None:
    output, output_w = pipe
    os.write(output_w, "é".encode() * KEPT_BYTES)
    assert output.drain()
    os.write(output_w, b".")
    assert output.drain()
    assert output.take() == "\N{REPLACEMENT CHARACTER}" + "é" * (KEPT_BYTES // 2 - 1) + "."


def test_what_is_left_at_the_end_can_be_taken_afterwards() -> None:
    output_r, output_w = os.pipe()
    output = Output(output_r)
    os.write(output_w, b"last words")
    os.close(output_w)
    output.close()
    assert output.take() == "last words"


def test_the_end_of_file_is_told() -> None:
    output_r, output_w = os.pipe()
    output = Output(output_r)
    assert output.drain()
    os.close(output_w)
    assert not output.drain()
    output.close()


def test_what_was_printed_before_an_answer_that_came_with_a_part_is_the_call_s() -> None:
    near, far = socket.socketpair()
    (life_r, life_w), (report_r, report_w), (output_r, output_w) = os.pipe(), os.pipe(), os.pipe()
    child = process.WorkerProcess(near, life_w, report_r, output_r)
    until = time.monotonic() + PATIENCE
    far.sendall(worker.ANSWER.pack(worker.PART, 0, 0.0, 0, 0) + worker.ANSWER.pack(worker.FINISHED, 0, 0.0, 0, 0))
    assert child.receive(until).kind == worker.PART
    os.write(output_w, b"printed")  # as if it came after the look at the output, and before both were read
    assert child.receive(until).kind == worker.FINISHED
    assert child.take_output() == "printed"
    far.close()
    for fd in (life_r, report_w, output_w):
        os.close(fd)
    child.bury()


SHOUTED = "print; stderr é; fd 1; fd 2; printf; a child"


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (pool_tasks.pid, None),
        (pool_tasks.raise_key_error, KeyError),
        (pool_tasks.fill_memory_at_once, errors.WorkerError),
        (pool_tasks.segfault, errors.WorkerCrashed),
        (pool_tasks.hang, errors.WorkerTimeout),
    ],
)
def test_what_a_call_prints_is_found_on_its_future_and_nowhere_else(
    make_pool: Callable[..., SlotPool],
    capfd: pytest.CaptureFixture[str],
    call: Callable[[], object],
    outcome: type[Exception] | None,
) -> None:
    pool = make_pool()
    future = pool.run(pool_tasks.shout_and, call, deadline=Deadline(silence_seconds=3.0))
    exc = future.exception(PATIENCE)
    assert (None if exc is None else type(exc)) == outcome
    assert future.output == SHOUTED
    assert capfd.readouterr() == ("", "")
    after = pool.submit(pool_tasks.echo, 1)
    assert (after.result(PATIENCE), after.output) == (1, "")


def test_each_of_many_calls_is_given_its_own_output(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool(2, max_tasks=10_000)
    futures = [pool.submit(pool_tasks.print_between_parts, number, number % 3) for number in range(3000)]
    cf.wait(futures, PATIENCE)
    assert [future.output for future in futures] == [f"{number}." * (number % 3 + 1) for number in range(3000)]


def test_what_a_killed_call_printed_is_kept(make_pool: Callable[..., SlotPool], tmp_path: Path) -> None:
    pool = make_pool()
    future = pool.run(pool_tasks.shout_and, functools.partial(pool_tasks.hang, str(tmp_path / "started")))
    wait_until((tmp_path / "started").exists)
    assert pool.kill(future)
    assert isinstance(failure(future), cf.CancelledError)
    assert future.output == SHOUTED


def test_the_end_of_much_output_is_kept_and_printing_it_does_not_block(make_pool: Callable[..., SlotPool]) -> None:
    future = make_pool().submit(pool_tasks.print_megabytes, 64)
    assert future.result(PATIENCE) == len("the end")
    assert future.output.endswith("x\nthe end")
    assert len(future.output) == KEPT_BYTES


def test_endless_printing_ends_at_the_limit(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool()
    future = pool.run(pool_tasks.print_for_ever, deadline=Deadline(silence_seconds=0.3))
    assert isinstance(worker_failure(future), errors.WorkerTimeout)
    assert "again" in future.output
    assert_usable(pool)


def test_a_worker_that_closes_its_output_serves_on_and_costs_no_time(make_pool: Callable[..., SlotPool]) -> None:
    pool = make_pool()
    assert pool.submit(pool_tasks.silence_for_ever).result(PATIENCE) is None
    before = time.process_time()
    assert pool.run(pool_tasks.count_slowly, 1, 1.0).result(PATIENCE) == (0,)
    assert time.process_time() - before < 0.5
    assert pool.restarts == 0


def test_a_printer_that_outlives_its_worker_hangs_nobody(make_pool: Callable[..., SlotPool], tmp_path: Path) -> None:
    pool = make_pool()
    future = pool.submit(pool_tasks.leave_a_printer_behind, str(tmp_path / "pid"))
    assert isinstance(worker_failure(future), errors.WorkerCrashed)
    assert "y\ny\n" in future.output
    printer = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_running(printer))
    assert_usable(pool)
