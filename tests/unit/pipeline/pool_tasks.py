"""Calls for the slot pool's tests, performed in worker processes: well-behaved, broken and hostile ones."""

import ctypes
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from librarian_cli.pipeline import worker

_hoard: list[bytearray] = []


def echo(value: object) -> object:
    return value


def pid() -> int:
    return os.getpid()


def text_of(size: int) -> str:
    return "é" + "x" * (size - 1)


def busy_for(cpu_seconds: float) -> int:
    end = time.process_time() + cpu_seconds
    rounds = 0
    while time.process_time() < end:
        rounds += 1
    return rounds


def hang(*started: str) -> None:
    for name in started:
        Path(name).touch()
    while True:
        signal.pause()


def count_slowly(numbers: int, seconds_each: float) -> Iterator[int]:
    for number in range(numbers):
        time.sleep(seconds_each)
        yield number


def count_then(numbers: int, end: Callable[[], object]) -> Iterator[int]:
    yield from range(numbers)
    end()


def count_for_ever() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def segfault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def read_null() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(3)


def exit_politely() -> None:
    sys.exit(3)


def _channel_fd() -> int:
    sockets = [fd for fd in range(3, 64) if _is_socket(fd)]
    assert len(sockets) == 1
    return sockets[0]


def _is_socket(fd: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError:
        return False


def stop_amid_a_large_answer() -> None:
    os.write(_channel_fd(), worker.ANSWER.pack(worker.RESULT, 100 << 20, 0.0, 0, 0) + bytes(1 << 20))
    os.kill(os.getpid(), signal.SIGSTOP)


def claim_an_endless_answer() -> None:
    os.write(_channel_fd(), worker.ANSWER.pack(worker.RESULT, 1 << 62, 0.0, 0, 0))
    hang()


def close_the_channel() -> None:
    os.close(_channel_fd())
    hang()


def _start_grandchild() -> int:
    return subprocess.Popen(["sleep", "600"], pass_fds=[_channel_fd()]).pid


def grandchild_then_crash(pid_file: str) -> None:
    Path(pid_file).write_text(str(_start_grandchild()))
    segfault()


def grandchild_then_hang(pid_file: str) -> None:
    Path(pid_file).write_text(str(_start_grandchild()))
    hang()


class UnloadableError(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def raise_unloadable() -> None:
    raise UnloadableError("salt", "pepper")


def raise_key_error() -> None:
    raise KeyError("page 7")


def local_function() -> object:
    return lambda: None


class _Trap:
    def __reduce__(self) -> tuple[type[int], tuple[str]]:
        return int, ("not a number",)


def trap() -> _Trap:
    return _Trap()


def fill_memory() -> int:
    blocks = []
    while True:
        blocks.append(bytearray(16 << 20))


def fill_memory_at_once() -> int:
    return len(bytearray(8 << 30))


def hoard(size: int) -> int:
    _hoard.append(bytearray(b"x" * size))
    return os.getpid()


def write_file(name: str, size: int) -> int:
    with Path(name).open("wb") as file:
        return file.write(bytes(size))


def open_many_files(name: str, count: int) -> int:
    return len([Path(name).open("rb") for _ in range(count)])


def shout() -> None:
    """Print in every way there is, without a flush."""
    print("print", end="; ")  # noqa: T201
    print("stderr é", end="; ", file=sys.stderr)  # noqa: T201
    for fd in (1, 2):
        os.write(fd, b"fd %d; " % fd)
    ctypes.CDLL(None).printf(b"printf; ")
    subprocess.run([sys.executable, "-c", "print('a child', end='')"], check=True)


def shout_and(end: Callable[[], object]) -> Iterator[object]:
    shout()
    yield end()


def print_between_parts(number: int, parts: int) -> Iterator[int]:
    for part in range(parts):
        os.write(1, b"%d." % number)
        yield part
    os.write(1, b"%d." % number)


def print_megabytes(count: int) -> int:
    line = b"x" * 1023 + b"\n"
    for _ in range(count << 10):
        os.write(1, line)
    return os.write(2, b"the end")


def print_for_ever() -> None:
    while True:
        os.write(1, b"again and again\n")


def silence_for_ever() -> None:
    os.closerange(0, 3)


def leave_a_printer_behind(pid_file: str) -> None:
    """Start a child that prints on when its worker is dead."""
    printed = Path(pid_file + ".printed")
    script = 'echo y; echo y; : > "$0"; exec yes'
    child = subprocess.Popen(["sh", "-c", script, str(printed)], start_new_session=True)
    Path(pid_file).write_text(str(child.pid))
    while not printed.exists():
        threading.Event().wait(0.001)
    segfault()


def surroundings() -> dict[str, object]:
    mask = os.umask(0o077)
    return {
        "umask": mask,
        "main_thread": threading.current_thread() is threading.main_thread(),
        "threads": threading.active_count(),
        "group": os.getpgrp() == os.getpid(),
        "stdio": [os.readlink(f"/proc/self/fd/{fd}") for fd in (0, 1, 2)],
        "environ": {
            name: os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX")
        },
        "ignored": [signal.getsignal(s) == signal.SIG_IGN for s in (signal.SIGINT, signal.SIGTERM)],
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "modules": sorted(sys.modules),
    }


def cpu_left() -> tuple[float, int]:
    """Burn some CPU time. Returns: what is used so far, and the soft limit, in seconds."""
    busy_for(0.6)
    return time.process_time(), resource.getrlimit(resource.RLIMIT_CPU)[0]
