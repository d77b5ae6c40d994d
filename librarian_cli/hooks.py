"""Commands of the user's that are told what happened: for each book, each failure, and the end of a run.

    events (any thread) --> Hooks --bounded queue--> one thread --> /bin/sh -c COMMAND, the event as JSON on its stdin

The pipeline never waits for a command: what does not fit into the queue is dropped, with a warning. What an event is
about is looked up by the thread, through `Describe`; this module knows no store.
"""

import json
import logging
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from librarian_cli.events import Bus, Event, FileRefused, RunEnded, StageEnded
from librarian_cli.settings import HookSettings

logger = logging.getLogger(__name__)

QUEUED = 1_000
"""Events that may wait for their command."""
_OUTPUT_BYTES = 4_000
_LOOK_SECONDS = 0.1
_LAST_STAGE = "audit"
_RUN_SHARE = 0.5
"""Of the time for what is left at the end of a run, the part that its own event has to itself."""

Facts = Mapping[str, object]
Describe = Callable[[str], Facts]
"""A book's id -> job, title, author, path, outcome, reason and trust_score."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One command that is due. `book` is looked up when its turn comes."""

    name: str
    facts: Facts
    book: str | None = None


class Hooks:
    """Runs the commands of a bus' events, until `close`."""

    def __init__(self, bus: Bus, settings: HookSettings, *, library: Path, describe: Describe) -> None:
        self._bus = bus
        self._settings = settings
        self._describe = describe
        self._environment = {**os.environ, "LIBRARIAN_LIBRARY": str(library)}
        self._commands = {
            "book_ingested": settings.on_book_ingested,
            "failure": settings.on_failure,
            "run_finished": settings.on_run_finished,
        }
        self._changed = threading.Condition()  # guards the next four; `hurry` alone passes it
        self._waiting: deque[_Call] = deque()
        self._dropped = 0
        self._ends_at: float | None = None
        self._thread: threading.Thread | None = None
        self._reserve = 0.0
        if any(self._commands.values()):
            bus.subscribe(self._take)

    def close(self, seconds: float) -> None:
        """Run what is left, for at most so long; then drop it and kill what runs."""
        self._bus.unsubscribe(self._take)
        with self._changed:
            self._reserve = _RUN_SHARE * seconds if self._commands["run_finished"] else 0.0
            self._ends_at = time.monotonic() + seconds
            self._changed.notify()
        if self._thread:
            self._thread.join()
        dropped = self._dropped + len(self._waiting)
        if dropped:
            logger.warning("%d events were dropped: there was no time left for their hooks", dropped)

    def hurry(self) -> None:
        """Let the time of `close` be over; safe in a signal handler."""
        if self._ends_at is not None:
            self._ends_at = 0.0

    def _take(self, event: Event) -> None:
        if isinstance(event, StageEnded):
            if event.outcome == "ok" and event.stage == _LAST_STAGE:
                self._put(_Call("book_ingested", {}, event.book))
            elif event.outcome == "failed" and event.reason != "changed":  # that is read again, or told as a file
                self._put(_Call("failure", {}, event.book))
        elif isinstance(event, FileRefused):
            self._put(_Call("failure", _facts_of_file(event)))
        elif isinstance(event, RunEnded):
            facts = {"job": event.job, "outcomes": dict(event.outcomes), "seconds": round(event.seconds, 3)}
            self._put(_Call("run_finished", {**facts, "interrupted": event.interrupted}))

    def _put(self, call: _Call) -> None:
        if not self._commands[call.name]:
            return
        with self._changed:
            fits = len(self._waiting) < QUEUED or call.name == "run_finished"
            if fits:
                self._waiting.append(call)
                self._changed.notify()
            self._dropped += not fits
            is_first = not fits and self._dropped == 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="librarian-hooks", daemon=True)
                self._thread.start()
        if is_first:
            logger.warning("%d events wait for their hooks; further ones are dropped until there is room", QUEUED)

    def _work(self) -> None:
        while (call := self._next()) is not None:
            try:
                self._run(call)
            except Exception:  # a hook must not end the thread that runs the others
                logger.warning("hook on_%s could not be run", call.name, exc_info=True)

    def _next(self) -> _Call | None:
        """Wait for the next call; None once all is done or the time is over. The run's own event comes last."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ends_at is not None)
            while self._waiting:
                if time.monotonic() < self._end_of(self._waiting[0]):
                    return self._waiting.popleft()
                if self._waiting[-1].name != "run_finished" or time.monotonic() >= self._end_of(self._waiting[-1]):
                    return None
                self._dropped += len(self._waiting) - 1
                self._waiting = deque([self._waiting[-1]])
            return None

    def _end_of(self, call: _Call) -> float:
        """When a call must be over: the others leave the run's event its part of the time at the end."""
        if self._ends_at is None:
            return float("inf")
        return self._ends_at - (0.0 if call.name == "run_finished" else self._reserve)

    def _run(self, call: _Call) -> None:
        facts = self._describe(call.book) if call.book else call.facts
        document = json.dumps({"version": 1, "event": call.name, **facts})
        with tempfile.TemporaryFile() as given:  # a pipe would break or block where the command does not read it
            given.write(document.encode() + b"\n")
            given.seek(0)
            process = subprocess.Popen(
                ("/bin/sh", "-c", self._commands[call.name]),
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**self._environment, "LIBRARIAN_EVENT": call.name},
                start_new_session=True,
            )
        with process:
            said = self._attend(call, process)
        if said.strip():
            logger.info("hook on_%s: %s", call.name, _printable(said))

    def _attend(self, call: _Call, process: "subprocess.Popen[bytes]") -> bytes:
        """Wait until a command ends, and kill it where its time is over. Returns: the last that it said."""
        assert process.stdout is not None
        latest = time.monotonic() + self._settings.timeout_seconds
        said, silent = b"", False
        while not silent or process.poll() is None:
            if time.monotonic() >= min(latest, self._end_of(call)):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                logger.warning("hook on_%s was killed: it did not end in time", call.name)
                return said
            if process.poll() is not None and not _readable(process.stdout.fileno(), 0.0):
                break  # a child that it left behind may hold the pipe
            if silent:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_SECONDS)
            elif _readable(process.stdout.fileno(), _LOOK_SECONDS):
                block = os.read(process.stdout.fileno(), 1 << 16)
                said, silent = (said + block)[-_OUTPUT_BYTES:], not block
        if process.returncode > 0:
            logger.warning("hook on_%s ended with exit code %d: %s", call.name, process.returncode, _printable(said))
        elif process.returncode < 0:
            logger.warning("hook on_%s was ended by signal %d", call.name, -process.returncode)
        return said


def _readable(descriptor: int, seconds: float) -> bool:
    poll = select.poll()  # select() knows descriptors below 1,024 only
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    return bool(poll.poll(seconds * 1000))


def _facts_of_file(event: FileRefused) -> Facts:
    """A file that never became a book, as one that failed."""
    return {
        "job": event.job,
        "book": None,
        "title": "",
        "author": "",
        "path": event.path,
        "outcome": "failed",
        "reason": event.reason,
        "trust_score": None,
    }


def _printable(said: bytes) -> str:
    text = said.decode("utf-8", "replace").strip()
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)
