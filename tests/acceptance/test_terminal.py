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
from itertools import dropwhile
from pathlib import Path

import pytest

from tests.faults.conftest import FAULTS
from tests.support import trees
from tests.support.filed import rows
from tests.support.program import LIBRARIAN, clean_environment, librarian

PATIENCE_SECONDS = 60.0
CTRL_C = b"\x03"


class Terminal:
    """A `librarian` on a terminal of its own, and what that has shown so far."""

    def __init__(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> None:
        self.shown = ""
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            _resize(0, 120)  # a new one has no size at all
            child_environment = clean_environment(env) | {"TERM": "xterm"}
            os.execve(LIBRARIAN, [str(LIBRARIAN), *map(str, arguments)], child_environment)

    def press(self, keys: bytes) -> None:
        """Type on the keyboard."""
        os.write(self._descriptor, keys)

    def resize(self, columns: int) -> None:
        """Make the window narrower or wider."""
        _resize(self._descriptor, columns)

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


def _resize(descriptor: int, columns: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("4H", 40, columns, 0, 0))


def drawn(shown: str) -> list[str]:
    """The bars that a terminal was told to draw, in order, without the movements of the cursor."""
    lines = re.split(r"[\r\n]|\x1b\[A", shown)
    return [line.rstrip() for line in lines if re.match(r"\w+\s+\d+%\|", line)]


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
    for stage in ("schema", "extract", "chunk", "enrich", "audit", "vectors", "total"):
        assert re.search(rf"{stage}\s+\d+%\|", terminal.shown), stage
    assert re.search(r"vectors\s+100%\|.* 12/12 books", terminal.shown)
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


def test_a_watch_on_a_terminal_shows_each_batch_by_bars_that_fit_the_window(
    tmp_path: Path, terminals: list[Terminal]
) -> None:
    trees.write_text(tmp_path / "tree/one.txt", 1)
    library, settings = tmp_path / "library", {"LIBRARIAN_LOG_PATH": str(tmp_path / "log")}
    terminal = Terminal("--library", library, "watch", "--settle", "0.1", tmp_path / "tree", env=settings)
    terminals.append(terminal)
    whole = r"total\s+100%\|\S*\| (\d+)/\1 steps"
    terminal.wait_for(whole)
    steps = int(re.findall(whole, terminal.shown)[-1])
    assert max(len(line) for line in drawn(terminal.shown)) > 70
    terminal.resize(60)
    terminal.shown = ""
    for number in (2, 3):
        trees.write_text(tmp_path / f"tree/{number}.txt", number)
    terminal.read_until(lambda: rows(library, "SELECT count(*) FROM books WHERE status = 'ok'") == [(3,)])
    terminal.wait_for(whole)
    later = list(dropwhile(lambda line: len(line) > 60, drawn(terminal.shown)))  # the first batch may still be drawn
    assert later
    assert all(len(line) <= 60 for line in later), later
    assert int(re.findall(whole, terminal.shown)[-1]) in (steps, 2 * steps), "the first batch is not counted again"
    terminal.press(CTRL_C)
    assert terminal.wait(5.0) == 130
    assert "Traceback" not in terminal.shown


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
