"""A nursery for the tests of one file, and pools that are closed after their test."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from librarian_cli.pipeline import nursery
from librarian_cli.pipeline.slotpool import SlotPool, WorkerLimits
from tests.unit.pipeline import pool_tasks


@pytest.fixture(scope="module")
def shared_nursery() -> Iterator[nursery.Nursery]:
    with pytest.MonkeyPatch.context() as patch, nursery.Nursery([pool_tasks.__name__]) as shared:
        patch.delenv("PYTHONUNBUFFERED", raising=False)  # workers must not owe it to the tests' surroundings
        yield shared


@pytest.fixture
def make_pool(shared_nursery: nursery.Nursery) -> Iterator[Callable[..., SlotPool]]:
    with contextlib.ExitStack() as stack:

        def make(slots: int = 1, **limits: Any) -> SlotPool:
            pool = SlotPool(slots, limits=WorkerLimits(**limits), shared_nursery=shared_nursery)
            stack.callback(pool.shutdown, cancel_futures=True, grace_seconds=0.0)
            return pool

        yield make
