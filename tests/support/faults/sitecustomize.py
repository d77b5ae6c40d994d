"""Makes the reader of plain text misbehave, in every worker of a `librarian` that has this folder on PYTHONPATH.

A text that begins with `FAULT:<kind>` does to its worker what the kind says; `FAULT:peek-<kind>` does it at the first
look; `gate` waits until the file is there that FAULT_GATE names. Each reading is noted in the file that FAULT_LOG
names, as lines `begin NAME SECONDS` and `end NAME SECONDS`.
Python imports a module of this name at its start.
"""

import ctypes
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

_TARGET = "librarian_cli.readers.plain"


class _Unpicklable(Exception):
    def __reduce__(self) -> str:
        raise RuntimeError("it does not want to travel")


_TOUCHED_NS = 10**18
_LATER = b"And then it was changed.\n"


def _touch(path: bytes) -> None:
    """Give the file another date, the first time."""
    if os.stat(path).st_mtime_ns != _TOUCHED_NS:
        os.utime(path, ns=(_TOUCHED_NS, _TOUCHED_NS))


def _grow(path: bytes) -> None:
    """Add a line to the file, the first time."""
    with Path(os.fsdecode(path)).open("rb+") as stream:
        if not stream.read().endswith(_LATER):
            stream.write(_LATER)


def _leave_a_child(path: bytes) -> None:
    subprocess.Popen(["sleep", "600"])
    os.kill(os.getpid(), signal.SIGKILL)


def _refuse_to_travel(path: bytes) -> None:
    raise _Unpicklable


def _fail(path: bytes) -> None:
    raise ValueError("a fault in the reader")


def _wait_at_gate(path: bytes) -> None:
    while not Path(os.environ["FAULT_GATE"]).exists():
        time.sleep(0.01)


def _print(path: bytes) -> None:
    print("printed by Python")  # noqa: T201  # what parsers should not do, and some do
    os.write(2, b"printed by C\n")


def _use_memory(path: bytes) -> None:
    bytearray(1 << 40)


_KINDS: Mapping[str, Callable[[bytes], object]] = {
    "segfault": lambda _: ctypes.string_at(0),
    "abort": lambda _: os.abort(),
    "killed": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda _: os._exit(0),
    "hang": lambda _: time.sleep(600),
    "stop": lambda _: os.kill(os.getpid(), signal.SIGSTOP),
    "slow": lambda _: time.sleep(1.0),
    "gate": _wait_at_gate,
    "grandchild": _leave_a_child,
    "memory": _use_memory,
    "unpicklable": _refuse_to_travel,
    "error": _fail,
    "print": _print,
    "touch": _touch,
    "grow": _grow,
    "vanish": os.unlink,
}


def _kind_of(path: bytes) -> str:
    with Path(os.fsdecode(path)).open("rb") as stream:
        head = stream.readline(80).decode("latin-1").strip()
    return head.removeprefix("FAULT:") if head.startswith("FAULT:") else ""


def _note(word: str, path: bytes) -> None:
    log = os.environ.get("FAULT_LOG")
    if log:
        line = b"%s %s %.6f\n" % (word.encode(), os.path.basename(path), time.monotonic())
        with Path(log).open("ab") as stream:
            stream.write(line)


def _spoil(module: ModuleType) -> None:
    reader: Any = module.PlainReader
    read, peek = reader.read, reader.peek

    def spoilt_read(self: Any, source: Any, limits: Any, pages: range | None = None) -> Iterator[Any]:
        _note("begin", source.path)
        kind = _kind_of(source.path)
        if kind in _KINDS:
            _KINDS[kind](source.path)
        yield from read(self, source, limits, pages)
        _note("end", source.path)

    def spoilt_peek(self: Any, source: Any, limits: Any) -> Any:
        kind = _kind_of(source.path)
        if kind.startswith("peek-"):
            _KINDS[kind.removeprefix("peek-")](source.path)
        return peek(self, source, limits)

    reader.read, reader.peek = spoilt_read, spoilt_peek


class _Finder(importlib.abc.MetaPathFinder):
    """Lets others find the module, and spoils it once it is loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != _TARGET:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        load = spec.loader.exec_module

        def load_and_spoil(module: ModuleType) -> None:
            load(module)
            _spoil(module)

        spec.loader.exec_module = load_and_spoil  # type: ignore[method-assign]  # this one loader only
        return spec


sys.meta_path.insert(0, _Finder())
