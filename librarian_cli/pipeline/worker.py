"""The far end of a slot: the wire format, resource limits, and the loop that performs calls in a child process.

Owns: everything that runs inside a worker. Must not know futures, slots, stages, books or the store, and imports
little: each nursery loads it.

    parent --channel--> one request (a pickled call)
    parent <--channel-- any number of parts, then one final answer with what it cost
    parent --life-----> never written; when its write end closes, the worker's process group is killed
"""

import contextlib
import errno
import fcntl
import math
import os
import pickle
import resource
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from types import GeneratorType
from typing import NoReturn

REQUEST = struct.Struct("<Qd")  # length of the pickled call, CPU seconds it may use (inf: no limit)
ANSWER = struct.Struct("<cQdQQ")  # kind, length of the body, CPU seconds, peak RSS, RSS (both in bytes)
READY, PART, RESULT, FINISHED, ERROR, OUT_OF_MEMORY = b"R", b"P", b"V", b"F", b"E", b"M"

READ_BYTES = 65_536
_JOIN_BYTES = 16_384  # below this, a copy is cheaper than a second system call
CPU_MARGIN_SECONDS = 5.0
_MESSAGE_CHARS = 2_000
_TRACEBACK_CHARS = 20_000
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
_PAGE_BYTES = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What one worker process may use, and when it is replaced by a fresh one."""

    memory_bytes: int = 1 << 30  # address space
    max_open_files: int = 64
    max_file_bytes: int = 256 << 20
    max_tasks: int = 200
    max_growth_bytes: int = 200 << 20  # of RSS, over what it was when the worker was ready
    start_timeout_seconds: float = 30.0
    niceness: int = 0  # how much it gives way to others


def pack_request(call: object, cpu_seconds: float) -> bytes:
    """Pickle a call (function, args, kwargs) as one request. Raises: whatever pickling it raises."""
    body = pickle.dumps(call, 5)
    return REQUEST.pack(len(body), cpu_seconds) + body


def serve_tasks(channel: socket.socket) -> NoReturn:
    """Answer requests one by one until the parent closes the channel. The first brings the limits."""
    first = _receive(channel)
    if first is None:
        os._exit(0)
    _apply_limits(pickle.loads(first[1]))
    desk = _Desk(channel)
    desk.send(READY)
    while (request := _receive(channel)) is not None:
        cpu_seconds, body = request
        _allow_cpu(cpu_seconds)
        started = time.process_time()
        kind, answer = _perform(body, desk)
        desk.send(kind, answer, cpu_seconds=time.process_time() - started)
        del request, body, answer  # an idle worker must not keep its last book
    os._exit(0)


def _receive(channel: socket.socket) -> tuple[float, memoryview] | None:
    """Read one request; the parent sends the next only after our answer. Returns: None at the end."""
    data = channel.recv(READ_BYTES)
    while 0 < len(data) < REQUEST.size:
        data += channel.recv(REQUEST.size - len(data))
    if not data:
        return None
    size, cpu_seconds = REQUEST.unpack_from(data)
    have = memoryview(data)[REQUEST.size :]
    if len(have) == size:
        return cpu_seconds, have
    body = memoryview(bytearray(size))
    filled = len(have)
    body[:filled] = have
    while filled < size:
        got = channel.recv_into(body[filled:])
        if not got:
            return None
        filled += got
    return cpu_seconds, body


def _perform(body: memoryview, desk: "_Desk") -> tuple[bytes, bytes]:
    """Run one call. Returns: the kind and body of its final answer."""
    try:
        function, args, kwargs = pickle.loads(body)
        value = function(*args, **kwargs)
        if not isinstance(value, GeneratorType):
            return RESULT, _pack(value)
        for part in value:
            desk.send(PART, _pack(part))
    except BaseException as exc:  # noqa: BLE001 - any failure is the call's answer; the worker lives on
        if _is_memory_failure(exc):
            return OUT_OF_MEMORY, b""
        return ERROR, _ship(exc)
    return FINISHED, b""


def _is_memory_failure(exc: BaseException) -> bool:
    return isinstance(exc, MemoryError) or (isinstance(exc, OSError) and exc.errno == errno.ENOMEM)


def _pack(value: object) -> bytes:
    try:
        return pickle.dumps(value, 5)
    except MemoryError:
        raise
    except Exception as exc:
        raise RuntimeError(f"its result cannot be pickled: {describe(exc)}") from exc


def _ship(exc: BaseException) -> bytes:
    """Pickle an exception with its traceback's text, as itself only if it survives the journey."""
    text = "".join(traceback.format_exception(exc))[-_TRACEBACK_CHARS:]
    if isinstance(exc, Exception):  # a SystemExit must not end the parent
        with contextlib.suppress(Exception):  # its own __reduce__ and __init__ run here: anything may happen
            body = pickle.dumps((exc, text), 5)
            if type(pickle.loads(body)[0]) is type(exc):
                return body
    return pickle.dumps((RuntimeError(describe(exc)), text), 5)


def describe(exc: BaseException) -> str:
    """Put an exception's type and message into one short text, even where its own __str__ fails."""
    return traceback.format_exception_only(exc)[-1].strip()[:_MESSAGE_CHARS]


class _Desk:
    """Where a worker writes its answers, each with what the process has used."""

    __slots__ = ("_channel", "_statm")

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._statm = -1
        with contextlib.suppress(FileNotFoundError):  # only Linux has it; without, growth is not seen
            self._statm = os.open("/proc/self/statm", os.O_RDONLY)

    def send(self, kind: bytes, body: bytes = b"", *, cpu_seconds: float = 0.0) -> None:
        peak = rss = 0
        if kind != PART:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT
            rss = self._resident_bytes()
        head = ANSWER.pack(kind, len(body), cpu_seconds, peak, rss)
        try:
            if len(body) < _JOIN_BYTES:
                self._channel.sendall(head + body)
            else:
                self._channel.sendall(head)
                self._channel.sendall(body)
        except OSError:
            os._exit(0)  # nobody is left to answer

    def _resident_bytes(self) -> int:
        if self._statm < 0:
            return 0
        return int(os.pread(self._statm, 128, 0).split()[1]) * _PAGE_BYTES


def _apply_limits(limits: WorkerLimits) -> None:
    _lower_limit(resource.RLIMIT_CORE, 0)
    if limits.niceness:
        os.nice(limits.niceness)
    _lower_limit(resource.RLIMIT_NOFILE, limits.max_open_files)
    _lower_limit(resource.RLIMIT_FSIZE, limits.max_file_bytes)
    with contextlib.suppress(*([ValueError] if sys.platform == "darwin" else [])):  # macOS refuses this one
        _lower_limit(resource.RLIMIT_AS, limits.memory_bytes)


def _lower_limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (lowest, lowest))


def _allow_cpu(seconds: float) -> None:
    """Let the kernel end us (SIGXCPU) when a task outruns its allowance: a net below the parent's clock.

    The limit counts from the start of the process, so it moves on with every task.
    """
    current, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = hard
    if seconds != math.inf:
        soft = math.ceil(time.process_time() + seconds + CPU_MARGIN_SECONDS)
        soft = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
    if soft != current:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def ignore_polite_signals() -> None:
    """Leave it to the parent what becomes of us: a terminal or service manager signals every process.

    SIGXFSZ is ignored so that a file over its limit is an OSError (EFBIG).
    """
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXFSZ):
        signal.signal(signum, signal.SIG_IGN)


def die_with_parent(life_fd: int) -> None:
    """Lead a process group of our own that is killed when the write end of the life pipe closes.

    On Linux the kernel does it, whatever our threads do; elsewhere a thread waits for the end of file.
    """
    os.setpgid(0, 0)
    if hasattr(fcntl, "F_SETSIG"):
        kill_group_on_hangup(life_fd)
    else:
        threading.Thread(target=kill_group_at_eof, args=(life_fd,), daemon=True).start()


def kill_group_on_hangup(life_fd: int) -> None:
    """Have the kernel send SIGKILL to our process group when the life pipe closes (Linux).

    The owner and O_ASYNC belong to the open file, not to the descriptor: each process needs a pipe of its own.
    """
    fcntl.fcntl(life_fd, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(life_fd, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(life_fd, fcntl.F_SETFL, fcntl.fcntl(life_fd, fcntl.F_GETFL) | os.O_ASYNC)
    os.set_blocking(life_fd, False)
    with contextlib.suppress(BlockingIOError):
        os.read(life_fd, 1)
        os._exit(1)  # it closed before the kernel was told


def kill_group_at_eof(life_fd: int) -> None:
    """Wait until the life pipe closes, then kill our own process group."""
    os.read(life_fd, 1)
    os.killpg(0, signal.SIGKILL)
