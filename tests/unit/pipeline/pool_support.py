"""What the slot pool's tests wait and look for."""

import concurrent.futures as cf
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from librarian_cli import errors
from librarian_cli.pipeline.slotpool import SlotPool
from tests.unit.pipeline import pool_tasks

PATIENCE = 30.0  # of a test for what must happen


def failure(future: cf.Future[Any]) -> BaseException:
    exc = future.exception(PATIENCE)
    assert exc is not None
    return exc


def worker_failure(future: cf.Future[Any]) -> errors.WorkerError:
    exc = failure(future)
    assert isinstance(exc, errors.WorkerError)
    return exc


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, "it never came about"
        pause.wait(0.005)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def worker_pid(pool: SlotPool) -> int:
    pid = pool.status()[0].pid
    assert pid is not None
    return pid


def assert_usable(pool: SlotPool) -> None:
    for number in range(2 * pool.slots):
        assert pool.submit(pool_tasks.echo, number).result(PATIENCE) == number
