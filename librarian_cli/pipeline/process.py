"""The parent's handle on one worker process: talk to it within limits, kill it, bury it.

Owns: the channel's near end, reading with a deadline, how a process ended. While it waits it drains what the worker
prints, so that printing blocks no call. Must not know futures, slots or how workers are forked.
"""

import contextlib
import os
import select
import signal
import socket
import struct
import time
from dataclasses import dataclass

from librarian_cli.pipeline import output, worker

REPORT = struct.Struct("<q")  # a pid, at the start
ENDING = struct.Struct("<qq")  # at the end: the exit code (negative: the signal) and the peak RSS in bytes
REAP_SECONDS = 2.0
_LATE_SECONDS = 1.0  # an answer that is already on its way at the limit may still arrive
_LAST_BREATH_MS = 200.0
_LONGEST_WAIT_MS = 3_600_000.0  # poll() takes 32 bits


class Died(Exception):
    """The worker ended, closed its channel, or sent what cannot be an answer."""


class Unread(Died):
    """The worker ended before it had read the whole request: nothing ran."""


class Overdue(Exception):
    """The limit passed without a complete message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One message of a worker. Sizes in bytes; zero in parts."""

    kind: bytes
    body: memoryview
    cpu_seconds: float
    peak_rss_bytes: int
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How a worker ended; the code is None when nobody could tell. `peak_rss_bytes` is over its whole life."""

    code: int | None
    peak_rss_bytes: int = 0

    @property
    def text(self) -> str:
        """Name the signal or the exit code."""
        if self.code is None:
            return "its nursery died, or it cannot be killed"
        if self.code >= 0:
            return f"exit code {self.code}"
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-self.code).name}"
        return f"killed by signal {-self.code}"


class WorkerProcess:
    """The parent's handle on one worker. One thread talks through it; others may call `kill` and `is_alive`."""

    def __init__(self, channel: socket.socket, life_w: int, report_r: int, output_r: int) -> None:
        channel.settimeout(0.0)
        self.pid = 0
        self.first_rss_bytes = 0
        self._most_bytes = 0  # no honest answer is larger than the worker's memory
        self._channel = channel
        self._channel_fd = channel.fileno()
        self._life_w = life_w
        self._report_r = report_r
        self._output = output.Output(output_r)
        self._ahead = memoryview(b"")  # bytes read beyond the last message
        self._any = select.poll()
        # The channel comes first: poll() looks at the output after it, and so sees what was printed before an answer.
        for fd in (self._channel_fd, report_r, output_r):
            self._any.register(fd, select.POLLIN)
        self._report = select.poll()
        self._report.register(report_r, select.POLLIN)

    def introduce(self, limits: worker.WorkerLimits) -> None:
        """Give a new worker its limits and wait until it is ready. Raises: Died, Overdue."""
        until = time.monotonic() + limits.start_timeout_seconds
        self._most_bytes = limits.memory_bytes
        if not self._report.poll(limits.start_timeout_seconds * 1000):
            raise Overdue
        report = os.read(self._report_r, REPORT.size)
        if not report:
            raise Died
        self.pid = REPORT.unpack(report)[0]
        self.send(worker.pack_request(limits, 0.0), until)
        self.first_rss_bytes = self.receive(until).rss_bytes

    def is_alive(self) -> bool:
        """Tell whether neither its end was reported nor its nursery has died."""
        return not self._reported()

    def send(self, request: bytes, until: float) -> None:
        """Write a request before the monotonic time `until`. Raises: Unread, Overdue."""
        rest = memoryview(request)
        while rest:
            try:
                rest = rest[self._channel.send(rest) :]
            except BlockingIOError:
                self._wait_for_room(until)
            except OSError as exc:
                raise Unread from exc

    def receive(self, until: float) -> Answer:
        """Read one whole message before the monotonic time `until`. Raises: Died, Unread, Overdue."""
        is_here = len(self._ahead) >= worker.ANSWER.size
        head = self._exactly(worker.ANSWER.size, until)
        kind, size, cpu_seconds, peak, rss = worker.ANSWER.unpack(head)
        if is_here and kind != worker.PART:
            self._output.drain()  # nothing was waited for, so nobody has looked; asking each time costs 2 us a call
        if size > self._most_bytes:
            raise Died
        return Answer(kind, self._exactly(size, until), cpu_seconds, peak, rss)

    def take_output(self) -> str:
        """Return the last of what was printed up to the last answer or, once it is buried, the worker's end."""
        return self._output.take()

    def kill(self) -> None:
        """Send SIGKILL to the worker and whatever it started, unless its end was reported."""
        if self.pid and not self._reported() & select.POLLIN:  # else the pid may be another's by now
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):  # not its group's leader yet, or any more
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)

    def retire(self) -> None:
        """Let an idle worker end by itself, and bury it."""
        self._channel.close()
        self._report.poll(REAP_SECONDS * 1000)
        self.bury()

    def bury(self) -> Ending:
        """Wait a moment for the worker's end, else kill it; release its pipes. The handle is of no use afterwards."""
        if not self._report.poll(_LAST_BREATH_MS):
            self.kill()
            self._report.poll(REAP_SECONDS * 1000)
        ending = self._read_ending()
        self._channel.close()
        self._output.close()
        os.close(self._report_r)
        os.close(self._life_w)  # the last blow, should one be needed
        return ending

    def _reported(self) -> int:
        report = select.poll()  # one of its own: two threads cannot share a poll object
        report.register(self._report_r, select.POLLIN)
        return dict(report.poll(0)).get(self._report_r, 0)

    def _read_ending(self) -> Ending:
        if not self.pid or not self._report.poll(0):
            return Ending(None)
        report = os.read(self._report_r, ENDING.size)
        return Ending(*ENDING.unpack(report)) if report else Ending(None)

    def _exactly(self, size: int, until: float) -> memoryview:
        ahead = self._ahead
        if len(ahead) >= size:
            self._ahead = ahead[size:]
            return ahead[:size]
        block = memoryview(bytearray(size))
        filled = len(ahead)
        block[:filled] = ahead
        self._ahead = memoryview(b"")
        while filled < size:
            self._wait(until)
            filled += self._read_into(block[filled:])
            if filled < size and time.monotonic() > until + _LATE_SECONDS:
                raise Overdue
        return block

    def _read_into(self, space: memoryview) -> int:
        """Read what is there; small reads take what follows too. Returns: bytes put into `space`."""
        try:
            if len(space) >= worker.READ_BYTES:
                count = self._channel.recv_into(space)
            else:
                data = memoryview(self._channel.recv(worker.READ_BYTES))
                count = min(len(data), len(space))
                space[:count] = data[:count]
                self._ahead = data[count:]
        except BlockingIOError:
            return 0
        except ConnectionResetError as exc:
            raise Unread from exc  # the kernel's word for a peer that ended with our bytes unread
        if not count:
            raise Died
        return count

    def _wait(self, until: float) -> None:
        """Wait until the channel is ready. What a worker wrote before its end is read before Died is raised."""
        while True:
            left_ms = (until - time.monotonic()) * 1000
            ready = dict(self._any.poll(min(max(left_ms, 0.0), _LONGEST_WAIT_MS)))
            if self._output.fd in ready and not self._output.drain():
                self._any.unregister(self._output.fd)  # else its end of file would wake us again and again
            if self._channel_fd in ready:
                return
            if ready.get(self._report_r, 0) & select.POLLIN:
                raise Died
            if (
                self._report_r in ready
            ):  # the nursery is gone; what runs may go on, and only the channel tells of an end
                self._any.unregister(self._report_r)
            if left_ms <= 0:
                raise Overdue

    def _wait_for_room(self, until: float) -> None:
        self._any.modify(self._channel_fd, select.POLLOUT)
        try:
            self._wait(until)
        except Died as exc:
            raise Unread from exc
        finally:
            self._any.modify(self._channel_fd, select.POLLIN)
