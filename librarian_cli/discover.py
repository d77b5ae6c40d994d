"""A tree of folders as candidate files. It reads names and stat only, never contents.

Hidden files, symbolic links, special files and what `.librarianignore` names (gitignore syntax) are left out; so is
any folder that holds a library, and the library in use wherever it lies, by device and inode.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from librarian_cli.errors import EnvironmentFault, UsageError
from librarian_cli.models import Candidate

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = b".librarianignore"
_LIBRARY_FILE = b"library.db"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files of a tree are wanted, as glob patterns in gitignore syntax; no `include` means all."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hidden: bool = False


@dataclass(slots=True)
class Listing:
    """What a walk could not list. A tree with unreadable folders says nothing about absent files."""

    unreadable: list[tuple[bytes, str]] = field(default_factory=list)


def resolve(path: bytes) -> bytes:
    """Turn what a person typed into a real absolute path.

    Raises: UsageError: there is nothing there.
    """
    real = os.path.realpath(os.path.expanduser(path))
    if not os.path.lexists(real):
        shown = os.fsdecode(path)
        raise UsageError(f"{shown}: no such file or folder; check the spelling (the current folder is {os.getcwd()})")
    return real


def walk(
    root: bytes, selection: Selection, listing: Listing, *, library: tuple[int, int] | None = None
) -> Iterator[Candidate]:
    """Yield the wanted files below `root`, folder by folder in name order. A single file is a folder of one.

    `library` is the (device, inode) of the library in use: that folder is left out, whatever its name.

    Raises: EnvironmentFault: `root` itself cannot be listed. Folders below it go to `listing.unreadable`.
    """
    status = os.lstat(root)
    if not stat.S_ISDIR(status.st_mode):
        if stat.S_ISREG(status.st_mode):
            yield _candidate(os.path.dirname(root), os.path.basename(root), status)
        return
    chosen = _Chooser(selection)

    def unreadable(error: OSError) -> None:
        if error.filename in (None, root, b"."):
            raise EnvironmentFault(f"{os.fsdecode(root)}: cannot list this folder ({error.strerror})") from error
        listing.unreadable.append((os.fsencode(error.filename), error.strerror or str(error)))

    for folder, names, files, descriptor in os.fwalk(root, onerror=unreadable, follow_symlinks=False):
        below = os.path.relpath(folder, root)
        prefix = b"" if below == b"." else below + b"/"
        chosen.enter(prefix, IGNORE_FILE in files, descriptor)
        here = os.fstat(descriptor)
        if _LIBRARY_FILE in files or (here.st_dev, here.st_ino) == library:
            names.clear()
            continue
        names[:] = sorted(name for name in names if chosen.wants_folder(prefix + name))
        for name in sorted(files):
            if chosen.wants_file(prefix + name):
                candidate = _stat_at(root, prefix + name, name, descriptor)
                if candidate:
                    yield candidate


class _Chooser:
    """Applies a selection and the ignore files met so far."""

    def __init__(self, selection: Selection) -> None:
        self._hidden = selection.hidden
        self._include = _compile(selection.include) if selection.include else None
        self._exclude = _compile(selection.exclude) if selection.exclude else None
        self._ignores: list[tuple[bytes, GitIgnoreSpec]] = []

    def enter(self, prefix: bytes, has_ignore_file: bool, descriptor: int) -> None:
        self._ignores = [item for item in self._ignores if prefix.startswith(item[0])]
        if has_ignore_file:
            lines = _read_at(IGNORE_FILE, descriptor).decode("utf-8", "replace").splitlines()
            self._ignores.append((prefix, _compile(lines)))

    def wants_folder(self, path: bytes) -> bool:
        return self._visible(path) and not self._ignored(path + b"/")

    def wants_file(self, path: bytes) -> bool:
        if not self._visible(path) or self._ignored(path):
            return False
        return self._include is None or self._include.match_file(os.fsdecode(path))

    def _visible(self, path: bytes) -> bool:
        return self._hidden or not os.path.basename(path).startswith(b".")

    def _ignored(self, path: bytes) -> bool:
        if self._exclude is not None and self._exclude.match_file(os.fsdecode(path)):
            return True
        return any(spec.match_file(os.fsdecode(path[len(prefix) :])) for prefix, spec in self._ignores)


def _compile(patterns: Sequence[str]) -> "GitIgnoreSpec":
    import pathspec  # takes longer to load than a small tree to walk, and most have no patterns

    try:
        return pathspec.GitIgnoreSpec.from_lines(patterns)
    except ValueError as exc:
        raise UsageError(f"not a usable pattern: {exc}") from exc


def _stat_at(root: bytes, path: bytes, name: bytes, descriptor: int) -> Candidate | None:
    try:
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except OSError:
        return None  # gone since it was listed
    return _candidate(root, path, status) if stat.S_ISREG(status.st_mode) else None


def _candidate(root: bytes, path: bytes, status: os.stat_result) -> Candidate:
    return Candidate(root, path, status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)


def _read_at(name: bytes, descriptor: int) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        opened = os.open(name, flags, dir_fd=descriptor)
    except OSError:
        return b""
    with open(opened, "rb") as stream:  # noqa: PTH123  # it is a descriptor
        return stream.read(1 << 20)
