"""What a person sees who ingests on a terminal: bars, a table at the end, and an answer to Ctrl-C."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.faults.conftest import FAULTS
from tests.support import trees
from tests.support.program import LIBRARIAN, clean_environment, librarian

PATIENCE_SECONDS = 60.0
CTRL_C = b"\x03"


class Terminal:
    """A `librarian` on a terminal of its own, and what that has shown so far."""

    def __init__(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> None:
        self.shown = ""
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 40, 120, 0, 0))  # a new one has no size at all
            child_environment = clean_environment(env) | {"TERM": "xterm"}
            os.execve(LIBRARIAN, [str(LIBRARIAN), *map(str, arguments)], child_environment)

    def press(self, keys: bytes) -> None:
        """Type on the keyboard."""
        os.write(self._descriptor, keys)

    def wait_for(self, pattern: str) -> None:
        """Read on until the screen has shown a pattern."""
        self.read_until(lambda: re.search(pattern, self.shown) is not None)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Read on until the program has ended. Returns: its exit code."""
        self.read_until(lambda: False, seconds)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        """End the program, if it has not ended."""
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._descriptor)

    def read_until(self, enough: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Read on until a condition holds or the program has ended."""
        end = time.monotonic() + seconds
        while not enough():
            assert time.monotonic() < end, self.shown[-2000:]
            if select.select([self._descriptor], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self._descriptor, 65_536).decode(errors="replace")
                except OSError:  # the other end has closed
                    return


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Terminals to close after the test."""
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_an_ingest_on_a_terminal_shows_bars_and_a_final_table(tmp_path: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal("--library", tmp_path, "ingest", trees.SAMPLES)
    terminals.append(terminal)
    assert terminal.wait() == 3
    for stage in ("schema", "extract", "chunk", "audit", "total"):
        assert re.search(rf"{stage}\s+\d+%\|", terminal.shown), stage
    for outcome, count in (("ok", 11), ("ok-with-warning", 1), ("failed", 1), ("duplicate", 1), ("all", 14)):
        assert re.search(rf"\n{outcome} +{count}\b", terminal.shown), outcome
    assert "The library holds 12 books" in terminal.shown
    assert "the-grey-of-the-page.pdf: corrupt" in terminal.shown
    assert "Traceback" not in terminal.shown


def test_the_bars_move_while_a_long_book_is_read(tmp_path: Path, terminals: list[Terminal]) -> None:
    for number in range(5):
        trees.write_text(tmp_path / f"tree/{number}.txt", number)
    trees.write_text(tmp_path / "tree/slow.txt", 1, head="FAULT:slow\n")
    arguments = ("--library", tmp_path / "library", "ingest", tmp_path / "tree")
    terminal = Terminal(*arguments, env={"PYTHONPATH": str(FAULTS)})
    terminals.append(terminal)
    assert terminal.wait() == 0
    shares = [int(share) for share in re.findall(r"total\s+(\d+)%\|", terminal.shown)]
    assert shares[0] == 0
    assert max(shares) > 0


def test_no_bars_are_shown_when_they_are_not_wanted(tmp_path: Path, terminals: list[Terminal]) -> None:
    trees.write_text(tmp_path / "tree/one.txt", 1)
    terminal = Terminal("--library", tmp_path / "library", "ingest", "--no-progress", tmp_path / "tree")
    terminals.append(terminal)
    assert terminal.wait() == 0
    assert "%|" not in terminal.shown


@pytest.mark.parametrize("kind", ["slow", "hang"])
def test_ctrl_c_is_answered_at_once_and_ends_the_run(tmp_path: Path, terminals: list[Terminal], kind: str) -> None:
    """A terminal signals every process of the foreground: the workers must not end of it by themselves."""
    for number in range(10):
        trees.write_text(tmp_path / f"tree/{number}.txt", number)
    trees.write_text(tmp_path / "tree/a.txt", 1, head=f"FAULT:{kind}\n", paragraphs=200)
    log = tmp_path / "readings"
    env = {"PYTHONPATH": str(FAULTS), "FAULT_LOG": str(log)}
    terminal = Terminal("--library", tmp_path / "library", "ingest", tmp_path / "tree", env=env)
    terminals.append(terminal)
    terminal.wait_for(r"schema\s+\d+%\|")
    terminal.read_until(lambda: log.exists() and "begin a.txt" in log.read_text())
    terminal.press(CTRL_C)
    terminal.wait_for("stopping: ")
    if kind == "hang":
        terminal.press(CTRL_C)
    assert terminal.wait(5.0) == 130
    assert "the same command goes on from here" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert librarian("check", "--read-data", library=tmp_path / "library").code == 0
    assert librarian("ingest", tmp_path / "tree", library=tmp_path / "library").code == 0


def test_colours_are_left_out_when_no_color_is_set(tmp_path: Path, terminals: list[Terminal]) -> None:
    trees.write_text(tmp_path / "tree/one.txt", 1)
    librarian("ingest", tmp_path / "tree", library=tmp_path / "library")
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        terminal = Terminal("--library", tmp_path / "library", "search", "harbour", env=env)
        terminals.append(terminal)
        assert terminal.wait() == 0
        assert ("\x1b[" in terminal.shown) == coloured
