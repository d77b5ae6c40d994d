"""A `librarian` that runs beside the test, with all its processes, found by a mark in their environment."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.program import LIBRARIAN, Ran, clean_environment

MARK = "TEST_FAMILY"
PATIENCE_SECONDS = 60.0


class Running:
    """One command and its descendants. Output goes to files, so that nothing blocks on a full pipe."""

    def __init__(self, folder: Path, command: tuple[str | Path, ...], env: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.mark = f"{folder}/{time.time_ns()}"
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=clean_environment(env) | {MARK: self.mark},
                start_new_session=True,
            )

    @property
    def out(self) -> str:
        """Standard output so far."""
        return self._out.read_text(errors="replace")

    @property
    def err(self) -> str:
        """Standard error so far."""
        return self._err.read_text(errors="replace")

    def members(self) -> list[int]:
        """Return every living process of this family."""
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and self._is_ours(entry)]

    def signal(self, signum: int) -> None:
        """Send a signal to the command alone."""
        self.process.send_signal(signum)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> Ran:
        """Wait for the command's end."""
        return Ran(self.process.wait(seconds), self.out, self.err)

    def wait_for_none(self, seconds: float) -> None:
        """Wait until no process is left."""
        wait_until(lambda: not self.members(), seconds, lambda: f"processes left: {self.members()}")

    def end(self) -> None:
        """Kill whatever is left."""
        for pid in self.members():
            with contextlib.suppress(ProcessLookupError):  # some end with the first
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def _is_ours(self, entry: Path) -> bool:
        try:
            marked = f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes().split(b"\0")
            return marked and (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False


def start(folder: Path, *arguments: str | Path, library: Path, env: Mapping[str, str] | None = None) -> Running:
    """Start a command on a library; `folder` takes its output."""
    return Running(folder, (LIBRARIAN, "--library", library, *arguments), env)


def run(
    folder: Path,
    *arguments: str | Path,
    library: Path,
    env: Mapping[str, str] | None = None,
    seconds: float = PATIENCE_SECONDS,
) -> Ran:
    """Run a command to its end, however long that takes; what it leaves behind after `seconds` is killed."""
    running = start(folder, *arguments, library=library, env=env)
    try:
        return running.wait(seconds)
    finally:
        running.end()


def wait_until(condition: Callable[[], bool], seconds: float, complaint: Callable[[], str] = str) -> None:
    """Wait for a condition; fail when it does not come about in time."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s {complaint()}"
        pause.wait(0.01)
