"""A folder that a real `librarian watch` watches, and what its library says of the files in it."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from librarian_cli.store import files
from librarian_cli.store.connections import open_read_only
from tests.support.filed import rows
from tests.support.running import Running, wait_until
from tests.support.trees import write_text

SETTLE_SECONDS = 0.4
QUICK_SECONDS = 0.2
"""To settle, where nothing is written slowly."""
PATIENCE_SECONDS = 20.0
INOTIFY = Path("/proc/sys/fs/inotify")


@contextmanager
def limit(name: str, value: int) -> Iterator[None]:
    """Lower one of the system's limits of inotify for a while; skip where that is not allowed."""
    place = INOTIFY / name
    try:
        before = place.read_text()
        place.write_text(str(value))
    except OSError as exc:
        pytest.skip(f"{place} cannot be changed: {exc.strerror}")
    try:
        yield
    finally:
        place.write_text(before)


class Watched:
    """A tree with its library, and the watch over it once that was started."""

    def __init__(self, folder: Path, start: Callable[..., Running]) -> None:
        self.tree = folder / "tree"
        self.tree.mkdir()
        self.library = folder / "library"
        self.settings = folder / "config.toml"
        self.settings.touch()
        self.readings = folder / "readings"
        self._start = start
        self.running: Running | None = None

    def begin(self, *options: str | Path, settle: float = QUICK_SECONDS, events: bool = True, **env: str) -> Running:
        """Start to watch the tree; where `events` come in, wait until the system would tell of a change."""
        command = ("watch", "--settle", f"{settle:g}", *options, self.tree)
        self.running = self._start(*command, env={"LIBRARIAN_CONFIG": str(self.settings)} | env)
        if events:
            self.wait(lambda: self.subscriptions() >= 1 + sum(path.is_dir() for path in self.tree.rglob("*")))
        return self.running

    def subscriptions(self) -> int:
        """How many folders the system tells the watch of."""
        assert self.running is not None
        found = 0
        for name in Path(f"/proc/{self.running.process.pid}/fdinfo").iterdir():
            try:
                found += name.read_text().count("inotify wd:")
            except OSError:
                continue  # closed since
        return found

    def write(self, name: str, seed: object = None, *, head: str = "") -> str:
        """Write a small text of its own. Returns: the text."""
        return write_text(self.tree / name, seed or os.fsencode(name), head=head)

    def outcomes(self) -> dict[str, str]:
        """The outcome of each file by its path below the tree."""
        try:
            connection = open_read_only(self.library / "library.db")
        except Exception:  # noqa: BLE001  # it is being made
            return {}
        try:
            return {os.path.relpath(os.fsdecode(f.path), self.tree): f.text for f in files.outcomes(connection)}
        except sqlite3.Error:
            return {}
        finally:
            connection.close()

    def wait(self, condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for a condition; what went wrong else is told by the command and the library."""

        def complaint() -> str:
            return f"{self.outcomes()} {self.running.err if self.running else ''}"

        def holds() -> bool:
            assert self.running is None or self.running.process.poll() is None, complaint()
            return condition()

        wait_until(holds, seconds, complaint)

    def wait_for(self, **expected: str) -> None:
        """Wait until exactly these files have these outcomes."""
        self.wait_for_all(expected)

    def wait_for_all(self, expected: dict[str, str]) -> None:
        """Wait until exactly these files, by their paths below the tree, have these outcomes."""
        self.wait(lambda: self.outcomes() == expected)

    def actions(self, kind: str) -> list[tuple[str, str]]:
        """What was logged of a kind, oldest first: the action, and the target below the tree."""
        found = rows(self.library, "SELECT action, target FROM activity WHERE action LIKE ? ORDER BY id", f"{kind}.%")
        return [(action, os.path.relpath(target, self.tree)) for action, target in found]

    def agents(self) -> int:
        """How many pieces of work there ever were: nothing is read without one."""
        return int(rows(self.library, "SELECT count(*) FROM agents")[0][0])
