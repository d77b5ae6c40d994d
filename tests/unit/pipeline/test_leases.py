"""A running process is known to be alive, and a dead one to be dead, however it ended."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from librarian_cli.pipeline.leases import Owner

OTHER = """
import sys
from pathlib import Path
from librarian_cli.pipeline.leases import Owner
owner = Owner(Path(sys.argv[1]))
print(owner.name, flush=True)
sys.stdin.read()
owner.close()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library" / "owners"


def start(folder: Path) -> tuple["subprocess.Popen[str]", str]:
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_owners_have_names_of_their_own(folder: Path) -> None:
    first, second = Owner(folder), Owner(folder)
    assert first.name != second.name
    assert {path.name for path in folder.iterdir()} == {first.name, second.name}
    first.close()
    second.close()


def test_an_owner_is_not_dead_to_itself_nor_to_others_of_its_process(folder: Path) -> None:
    me, other = Owner(folder), Owner(folder)
    assert not me.is_dead(me.name)
    assert not me.is_dead(other.name)
    other.close()
    assert me.is_dead(other.name)
    me.close()


def test_a_living_process_is_alive_and_dies_with_kill_9(folder: Path) -> None:
    me = Owner(folder)
    process, name = start(folder)
    assert not me.is_dead(name)
    assert (folder / name).exists(), "asking does not harm the living"
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert me.is_dead(name)
    assert not (folder / name).exists(), "what the dead one left is swept up"
    assert me.is_dead(name)
    me.close()


def test_a_stopped_process_is_alive(folder: Path) -> None:
    me = Owner(folder)
    process, name = start(folder)
    process.send_signal(signal.SIGSTOP)
    assert not me.is_dead(name)
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    me.close()


def test_a_process_that_ends_well_leaves_nothing(folder: Path) -> None:
    process, name = start(folder)
    process.communicate("", timeout=20)
    assert list(folder.iterdir()) == []
    assert process.returncode == 0
    assert name


def test_children_do_not_keep_an_owner_alive(folder: Path) -> None:
    me, other = Owner(folder), Owner(folder)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    other.close()
    assert me.is_dead(other.name)
    child.communicate(b"\n", timeout=20)
    me.close()


def test_the_files_are_for_their_owner_only(folder: Path) -> None:
    me = Owner(folder)
    assert stat.S_IMODE((folder / me.name).stat().st_mode) == 0o600
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    me.close()
