"""Run a program and see what it takes: wall and CPU time, and the most memory that any of its processes held.

Memory is the resident set's high-water mark that Linux keeps for each process, read a few times a second while the
processes live; on other systems it stays zero.
"""

import os
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run took. `cpu_seconds` includes child processes, `stdout` is what it printed."""

    exit_code: int
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    """Of the process itself."""
    child_peak_bytes: int
    """Of the largest of its children and theirs."""
    stdout: str


def measure(
    command: Sequence[str], environment: Mapping[str, str], *, allowed: Sequence[int] = (0,), watch: bool = False
) -> Measured:
    """Run a command to its end. With `watch` its memory is looked at, by a thread that costs a little time.

    Raises: SystemExit: it ended with an exit code that is not allowed; the message holds what it complained about.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=complaints
        )
        with _Watch(process.pid) if watch else nullcontext() as found:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in allowed:
            raise SystemExit(f"{shlex.join(command)} ended with {process.returncode}:\n{_tail(complaints)}")
        return Measured(
            exit_code=process.returncode,
            wall_seconds=seconds,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_bytes=found.peaks.pop(process.pid, 0) if found else 0,
            child_peak_bytes=max(found.peaks.values(), default=0) if found else 0,
            stdout=_tail(output, most=-1),
        )


class _Watch:
    """Looks at a process and all below it while the block runs."""

    def __init__(self, root: int) -> None:
        self.peaks: dict[int, int] = {}
        """Process id -> the most bytes it was seen to hold; for the block's end only."""
        self._root = root
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            for pid in _family(self._root):
                self.peaks[pid] = max(self.peaks.get(pid, 0), _peak_bytes(pid))


def _tail(stream: IO[bytes], most: int = 2000) -> str:
    stream.seek(0)
    text = stream.read().decode("utf-8", "replace")
    return text if most < 0 else text[-most:]


def _family(root: int) -> list[int]:
    """The process and all below it."""
    found = [root]
    for pid in found:  # it grows while we go through it
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # it ended, or this is no Linux
    return found


def _peak_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    return int(line.split()[1]) * 1024 if line else 0
