"""The nursery: a small process that forks workers and reaps them.

Owns: the process that forks, and what workers inherit. Must not know futures, slots, stages or books.

    Nursery.start_worker --control--> serve_nursery: four descriptors a worker; it forks, reaps, reports
    WorkerProcess <--report pipe----- the worker's pid, later its exit code

It does what multiprocessing's forkserver does, but runs no `__main__`, keeps no process-wide state, gets an
environment of its own, and learns of a death even when a grandchild holds the worker's pipes. It has one thread,
so forking it is safe, and it never runs a book, so it does not break.
"""

import contextlib
import fcntl
import gc
import importlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from librarian_cli.pipeline import process, worker

_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "PYTHONUNBUFFERED": "1",  # also C's stdio: what a worker prints belongs to its call, even if it crashes
    "PYTHONIOENCODING": "utf-8:backslashreplace",  # printing fails in no locale
}


class StartFailed(Exception):
    """No worker came up."""


class Nursery:
    """Starts worker processes; several pools may share one. Threads may call it side by side."""

    def __init__(self, preload: Sequence[str] = ()) -> None:
        self._preload = tuple(preload)
        self._lock = threading.Lock()  # guards the three below
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._life_w = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def warm_up(self) -> None:
        """Start the nursery process if it is not running, without waiting for it."""
        with self._lock:
            self._ensure_server()

    def start_worker(self, limits: worker.WorkerLimits) -> process.WorkerProcess:
        """Fork one worker and wait until it is ready. Raises: StartFailed."""
        try:
            child = self._fork()
        except OSError as exc:
            raise StartFailed(f"the nursery cannot be reached: {exc}") from exc
        try:
            child.introduce(limits)
        except (process.Died, process.Overdue) as exc:
            ending = child.bury()
            raise StartFailed(self._complaint() or ending.text) from exc
        return child

    def close(self) -> None:
        """End the nursery process. Workers must have ended before."""
        with self._lock:
            self._end_server()

    def _fork(self) -> process.WorkerProcess:
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            channel, far_channel = socket.socketpair()
            ours.callback(channel.close)
            theirs.callback(far_channel.close)
            life_r, life_w = os.pipe()
            ours.callback(os.close, life_w)
            theirs.callback(os.close, life_r)
            report_r, report_w = os.pipe()
            ours.callback(os.close, report_r)
            theirs.callback(os.close, report_w)
            output_r, output_w = os.pipe()
            ours.callback(os.close, output_r)
            theirs.callback(os.close, output_w)
            with self._lock:
                control = self._ensure_server()
                socket.send_fds(control, [b"w"], (far_channel.fileno(), life_r, output_w, report_w))
            ours.pop_all()
            return process.WorkerProcess(channel, life_w, report_r, output_r)

    def _complaint(self) -> str:
        """Return what the nursery had to say before it gave up, or an empty text."""
        with self._lock, contextlib.suppress(OSError):
            if self._control is not None:
                return self._control.recv(worker.READ_BYTES, socket.MSG_DONTWAIT).decode(errors="replace")
        return ""

    def _ensure_server(self) -> socket.socket:
        if self._control is not None and self._server is not None and self._server.poll() is None:
            return self._control
        self._end_server()
        self._control, theirs = socket.socketpair()
        life_r, self._life_w = os.pipe()
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; from librarian_cli.pipeline import nursery; "
            f"nursery.serve_nursery({theirs.fileno()}, {life_r}, {self._preload!r})"
        )
        try:
            self._server = subprocess.Popen(
                [sys.executable, "-c", code],
                # Workers have a pipe for the last two. Nothing reaches our terminal or a pipe behind our stdout.
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | _ENVIRONMENT,  # read before Python runs; ours stays as it is
                pass_fds=(theirs.fileno(), life_r),
                process_group=0,
            )
        finally:
            theirs.close()
            os.close(life_r)
        return self._control

    def _end_server(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._server is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(process.REAP_SECONDS)
            self._server.kill()
            self._server.wait()
            self._server = None
        if self._life_w >= 0:
            os.close(self._life_w)
            self._life_w = -1


def serve_nursery(control_fd: int, life_fd: int, preload: Sequence[str]) -> None:
    """Fork a worker for each request on the control socket until that closes.

    What stops a module from being preloaded is told over the control socket, and ends the nursery.
    """
    worker.ignore_polite_signals()
    os.umask(0o077)
    if hasattr(fcntl, "F_SETSIG"):  # elsewhere the control socket's end must do: no threads before a fork
        worker.kill_group_on_hangup(life_fd)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=control_fd) as control:
        try:
            _preload(preload)
        except Exception as exc:  # noqa: BLE001 - importing runs foreign code; the parent gets to know
            control.sendall(worker.describe(exc).encode(errors="replace"))
            return
        _fork_until_closed(control)


def _preload(modules: Sequence[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    threads = Path("/proc/self/task")
    if threads.is_dir() and len(list(threads.iterdir())) > 1:
        raise RuntimeError(f"preloading {', '.join(modules)} starts threads, which a fork would lose")
    gc.collect()
    gc.freeze()  # the workers' collections leave these pages shared


def _fork_until_closed(control: socket.socket) -> None:
    wake_r, wake_w = os.pipe()
    os.set_blocking(wake_r, False)
    os.set_blocking(wake_w, False)
    signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)  # without a handler nothing wakes us
    reports: dict[int, int] = {}  # a worker's pid -> write end of its report pipe
    poller = select.poll()
    poller.register(control, select.POLLIN)
    poller.register(wake_r, select.POLLIN)
    while True:
        ready = [fd for fd, _ in poller.poll()]
        if wake_r in ready:
            os.read(wake_r, worker.READ_BYTES)
            _report_deaths(reports)
        if control.fileno() in ready:
            message, fds, _, _ = socket.recv_fds(control, 1, 4)
            if not message:
                return
            _fork_worker(fds, reports, private=(control.fileno(), wake_r, wake_w))


def _report_deaths(reports: dict[int, int]) -> None:
    while reports:
        pid, status, usage = os.wait4(-1, os.WNOHANG)
        if pid == 0:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)  # whatever the worker had started
        report_w = reports.pop(pid)
        with contextlib.suppress(BrokenPipeError):
            os.write(
                report_w, process.ENDING.pack(os.waitstatus_to_exitcode(status), usage.ru_maxrss * worker.PEAK_UNIT)
            )
        os.close(report_w)


def _fork_worker(fds: list[int], reports: dict[int, int], *, private: Sequence[int]) -> None:
    pid = -1
    if len(fds) == 4:  # fewer when we have no descriptors left; the parent sees its report pipe close
        with contextlib.suppress(OSError):  # no process to be had; likewise
            pid = os.fork()
    if pid == 0:
        _become_worker(fds, [*private, *reports.values()])
    if pid > 0:
        reports[pid] = fds.pop()
        with contextlib.suppress(BrokenPipeError):
            os.write(reports[pid], process.REPORT.pack(pid))
    for fd in fds:
        os.close(fd)


def _become_worker(fds: Sequence[int], unwanted: Sequence[int]) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        channel_fd, life_r, output_w, report_w = fds
        for fd in (1, 2):
            os.dup2(output_w, fd)
        for fd in (*unwanted, output_w, report_w):
            os.close(fd)
        worker.die_with_parent(life_r)
        worker.serve_tasks(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=channel_fd))
    finally:
        os._exit(1)  # never back into the nursery's loop
