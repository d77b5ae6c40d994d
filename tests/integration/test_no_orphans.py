"""However a program that uses a slot pool ends, its nursery, workers and their helpers end with it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MARK = "LIBRARIAN_TEST_FAMILY"
PATIENCE = 30.0
LIMIT_SECONDS = 5.0
WHOLE_FAMILY = 5  # the program, its nursery, two workers, and what one of them started

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")

PROGRAM = """
import subprocess, sys, time
from librarian_cli.pipeline.slotpool import SlotPool

def main():
    pool = SlotPool(2)
    pool.submit(time.sleep, 600)
    pool.submit(subprocess.call, ["sleep", "600"])
    how = sys.stdin.readline().strip()
    if how == "raise":
        raise RuntimeError("an accident")
    if how == "shut down":
        pool.shutdown(grace_seconds=0.1)

if __name__ == "__main__":
    main()
"""

BUSY_STARTING = """
import os
from librarian_cli.pipeline.slotpool import SlotPool

def main():
    pool = SlotPool(2)
    while True:
        pool.submit(os._exit, 1).exception()

if __name__ == "__main__":
    main()
"""


class Family:
    """A program, found with all its descendants by a mark in their environment."""

    def __init__(self, program: Path, source: str) -> None:
        program.write_text(source)
        self.mark = f"{MARK}={program}"
        self.parent = subprocess.Popen(
            [sys.executable, str(program)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {MARK: str(program)},
            process_group=0,
        )

    def members(self) -> list[int]:
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and self._is_ours(entry)]

    def _is_ours(self, entry: Path) -> bool:
        try:
            marked = self.mark.encode() in (entry / "environ").read_bytes().split(b"\0")
            return marked and (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    def wait_for(self, count: int) -> None:
        self._wait(lambda: len(self.members()) >= count, PATIENCE)

    def wait_for_none(self, seconds: float) -> None:
        self._wait(lambda: not self.members(), seconds)

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        pause = threading.Event()
        while not condition():
            assert time.monotonic() < end, f"processes after {seconds} s: {self.members()}"
            pause.wait(0.01)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Family]]:
    families: list[Family] = []

    def start_family(source: str) -> Family:
        families.append(Family(tmp_path / f"program{len(families)}.py", source))
        return families[-1]

    yield start_family
    for family in families:
        for pid in family.members():
            os.kill(pid, signal.SIGKILL)
        family.parent.communicate()


def assert_all_end(family: Family) -> None:
    family.wait_for_none(LIMIT_SECONDS)
    family.parent.wait(PATIENCE)


@pytest.mark.parametrize("how", ["return", "raise", "shut down"])
def test_no_process_is_left_when_the_program_ends_by_itself(start: Callable[[str], Family], how: str) -> None:
    family = start(PROGRAM)
    family.wait_for(WHOLE_FAMILY)
    assert family.parent.stdin is not None
    family.parent.stdin.write(f"{how}\n")
    family.parent.stdin.flush()
    assert_all_end(family)
    assert family.parent.returncode == (1 if how == "raise" else 0)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left_when_the_program_is_killed(start: Callable[[str], Family], signum: int) -> None:
    family = start(PROGRAM)
    family.wait_for(WHOLE_FAMILY)
    os.kill(family.parent.pid, signum)
    assert_all_end(family)
    assert family.parent.returncode == -signum


def test_a_stopped_family_ends_with_its_killed_parent(start: Callable[[str], Family]) -> None:
    family = start(PROGRAM)
    family.wait_for(WHOLE_FAMILY)
    for pid in set(family.members()) - {family.parent.pid}:
        os.kill(pid, signal.SIGSTOP)
    os.kill(family.parent.pid, signal.SIGKILL)
    assert_all_end(family)


@pytest.mark.slow
@pytest.mark.parametrize("source", [PROGRAM, BUSY_STARTING])
def test_no_process_is_left_whenever_the_kill_falls(start: Callable[[str], Family], source: str) -> None:
    for turn in range(15):
        family = start(source)
        family.wait_for(1 + turn % 3)
        threading.Event().wait(turn * 0.01)  # spreads the instants over start-up
        os.kill(family.parent.pid, signal.SIGKILL)
        assert_all_end(family)


def test_without_the_kernel_s_help_a_thread_sees_the_parent_s_end() -> None:
    life_r, life_w = os.pipe()
    code = (
        f"import fcntl, signal; del fcntl.F_SETSIG; from librarian_cli.pipeline import worker; "
        f"worker.die_with_parent({life_r}); print('ready', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], pass_fds=[life_r], stdout=subprocess.PIPE) as child:
        os.close(life_r)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        assert child.poll() is None
        os.close(life_w)
        assert child.wait(LIMIT_SECONDS) == -signal.SIGKILL
