"""An owner on record gives signs of life from a thread of its own; onlookers tell the living from the dead."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from librarian_cli.pipeline.leases import Heartbeat, Owner, boot_id, is_alive, silent_owners
from librarian_cli.store import owners
from librarian_cli.store.database import Database
from librarian_cli.store.owners import Worker
from tests.support.running import wait_until

OTHER = """
import sys
from pathlib import Path
from librarian_cli.pipeline.leases import Owner
print(Owner(Path(sys.argv[1])).name, flush=True)
sys.stdin.read()
"""
QUICK = 0.04
"""A lease that is renewed every 10 ms."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path, create=True)
    yield opened
    opened.close()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    opened = Owner(tmp_path / "owners")
    yield opened
    opened.close()


def beat_of(database: Database, name: str) -> float:
    found = database.reader().execute("SELECT beat FROM owners WHERE name = ?", (name,)).fetchone()
    return float(found[0])


def start(database: Database, owner: Owner, workers: list[Worker], lease_seconds: float = QUICK) -> Heartbeat:
    return Heartbeat(database, owner, command="ingest", lease_seconds=lease_seconds, workers=lambda: tuple(workers))


def test_an_owner_is_on_record_from_the_first_beat_to_the_last(database: Database, owner: Owner) -> None:
    heartbeat = start(database, owner, [], lease_seconds=1000.0)
    (found,) = owners.every(database.reader())
    assert (found.name, found.command) == (owner.name, "ingest")
    assert silent_owners(database.reader(), 60.0) == set()
    heartbeat.close()
    assert owners.every(database.reader()) == []


def test_a_lease_is_renewed_several_times_before_it_ends(database: Database, owner: Owner) -> None:
    heartbeat = start(database, owner, [])
    first = beat_of(database, owner.name)
    wait_until(lambda: beat_of(database, owner.name) > first, 10.0)
    second = beat_of(database, owner.name)
    wait_until(lambda: beat_of(database, owner.name) > second, 10.0)
    assert beat_of(database, owner.name) <= time.monotonic()
    heartbeat.close()


def test_a_beat_tells_how_the_workers_are_now(database: Database, owner: Owner) -> None:
    workers: list[Worker] = []
    heartbeat = start(database, owner, workers)
    workers.append(Worker("extract", 1, "busy", 2, 0, 3))
    wait_until(lambda: owners.every(database.reader())[0].workers == tuple(workers), 10.0)
    heartbeat.close()


def test_an_owner_that_stopped_beating_is_silent_after_its_lease(database: Database, owner: Owner) -> None:
    heartbeat = start(database, owner, [], lease_seconds=1000.0)
    wait_until(lambda: owner.name in silent_owners(database.reader(), 0.0), 10.0)
    assert silent_owners(database.reader(), 1000.0) == set()
    heartbeat.close()


def test_the_boot_has_one_name() -> None:
    assert boot_id() == boot_id()


def test_onlookers_see_who_lives_and_touch_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "owners"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    assert is_alive(folder, name)
    assert is_alive(folder, name), "looking does not take the lock away"
    process.send_signal(signal.SIGSTOP)
    assert is_alive(folder, name), "it may go on"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    assert not is_alive(folder, name)
    assert (folder / name).exists(), "sweeping up is for owners"


def test_an_owner_that_never_was_is_not_alive(tmp_path: Path) -> None:
    assert not is_alive(tmp_path, "nobody")


def test_this_process_is_alive_until_it_gives_up_its_name(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "owners")
    assert is_alive(tmp_path / "owners", owner.name)
    owner.close()
    assert not is_alive(tmp_path / "owners", owner.name)
