"""A disk that loses power: what a program wrote, from a log of its system calls, as it would be found after a cut.

    strace --log--> read_log() --Write, Sync, Said ...--> Disk.take() ... --cut--> Disk.save_image()

What was synced is there. Of the rest each write survives whole, in part (by sectors), or not at all; a name that was
changed or removed has the old or the new state. Syncing a file makes its name durable too, as ext4 and XFS do.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CALLS = "openat,pwrite64,write,fsync,fdatasync,ftruncate,rename,unlink"
SECTOR_BYTES = 512

_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (\d+)(?:<[^>]*>)?$")
_UNFINISHED = re.compile(r"(\d+) +(\w+\(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)$")
_FILE = re.compile(r"\d+<((?:\\x[0-9a-f]{2})*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes put into a file at an offset."""

    path: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file cut, or lengthened, to a size."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """A file, or the names in a folder, made durable."""

    path: str


@dataclass(frozen=True, slots=True)
class Unlink:
    """A name removed."""

    path: str


@dataclass(frozen=True, slots=True)
class Rename:
    """A name changed."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Said:
    """Bytes that the program wrote outside the watched folder, such as to its standard output."""

    path: str
    data: bytes


Step = Write | Truncate | Sync | Unlink | Rename | Said


def strace(log: Path) -> tuple[str | Path, ...]:
    """Return the words to put before a command whose steps `read_log` will read."""
    return ("strace", "-f", "-y", "-xx", "-s", "2000000", "--seccomp-bpf", "-e", f"trace={CALLS}", "-o", log)


def read_log(log: Path, folder: Path) -> Iterator[Step]:
    """Yield what a program did to the files of a folder, with paths below it, and what it said elsewhere."""
    places: dict[str, int] = {}  # where plain writes go on
    for call, arguments in _calls(log):
        texts = [_bytes(text) for text in _TEXT.findall(arguments)]
        opened = _FILE.match(arguments)
        path = (_bytes(opened[1]) if opened and call != "openat" else texts[0]).decode("utf-8", "replace")
        if call == "write" and not path.startswith(f"{folder}/"):
            yield Said(path, texts[0])
        if not (path + "/").startswith(f"{folder}/") or path.endswith("-shm"):
            continue
        numbers = re.findall(r"(?<=, )\d+", _TEXT.sub("", arguments))
        name = path[len(str(folder)) + 1 :]
        if call == "openat":
            places[name] = 0
            if "O_TRUNC" in arguments:
                yield Truncate(name, 0)
        elif call == "pwrite64":
            yield Write(name, int(numbers[-1]), texts[0])
        elif call == "write":
            yield Write(name, places.get(name, 0), texts[0])
            places[name] = places.get(name, 0) + len(texts[0])
        elif call == "ftruncate":
            yield Truncate(name, int(numbers[-1]))
        elif call in ("fsync", "fdatasync"):
            yield Sync(name)
        elif call == "unlink":
            yield Unlink(name)
        elif call == "rename":
            yield Rename(name, texts[1].decode()[len(str(folder)) + 1 :])


class Disk:
    """The files of one folder; `syncs=False` makes a disk that lies."""

    def __init__(self, *, syncs: bool = True) -> None:
        self._syncs = syncs
        self._durable: dict[str, bytearray] = {}
        self._pending: list[Step] = []

    def take(self, step: Step) -> None:
        """Let the program do a step."""
        if isinstance(step, Sync):
            if self._syncs:
                self._sync(step.path)
        elif not isinstance(step, Said):
            self._pending.append(step)

    def save_image(self, folder: Path, chooser: random.Random) -> None:
        """Write what would be found if the power failed now."""
        files = {path: bytearray(data) for path, data in self._durable.items()}
        for step in self._pending:
            survives = chooser.random()
            if isinstance(step, Write) and 0.4 <= survives < 0.6 and len(step.data) > SECTOR_BYTES:
                torn = SECTOR_BYTES * chooser.randint(1, (len(step.data) - 1) // SECTOR_BYTES)
                _apply(files, Write(step.path, step.offset, step.data[:torn]))
            elif survives < 0.4:
                _apply(files, step)
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)

    def _sync(self, path: str) -> None:
        left: list[Step] = []
        for step in self._pending:
            in_folder = isinstance(step, Unlink | Rename) and step.path.rpartition("/")[0] == path
            if in_folder or _path_of(step) == path:
                _apply(self._durable, step)
            else:
                left.append(step)
        self._pending = left


def _calls(log: Path) -> Iterator[tuple[str, str]]:
    """Yield (call, arguments) of all that succeeded, in the order in which they ended."""
    begun: dict[str, str] = {}
    with log.open(encoding="ascii", errors="replace") as lines:
        for text in lines:
            line = text.rstrip("\n")
            if half := _UNFINISHED.match(line):
                begun[half[1]] = half[2]
                continue
            if rest := _RESUMED.match(line):
                line = f"{rest[1]} {begun.pop(rest[1], '')}{rest[2]}"
            if whole := _LINE.match(line):
                yield whole[2], whole[3]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _path_of(step: Step) -> str:
    return step.target if isinstance(step, Rename) else step.path


def _apply(files: dict[str, bytearray], step: Step) -> None:
    if isinstance(step, Unlink):
        files.pop(step.path, None)
    elif isinstance(step, Rename):
        if step.path in files:
            files[step.target] = files.pop(step.path)
    elif isinstance(step, Write):
        data = files.setdefault(step.path, bytearray())
        data.extend(bytes(max(0, step.offset - len(data))))
        data[step.offset : step.offset + len(step.data)] = step.data
    elif isinstance(step, Truncate):
        data = files.setdefault(step.path, bytearray())
        del data[step.size :]
        data.extend(bytes(step.size - len(data)))
