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
    """How a walk went. One that met unreadable folders, or no file at all, says nothing about absent files."""

    files: int = 0
    unreadable: list[tuple[bytes, str]] = field(default_factory=list)


def resolve(path: bytes) -> bytes:
    """Turn what a person typed into a real absolute path.

    Raises: UsageError: there is nothing there.
    """
    real = os.path.realpath(os.path.expanduser(path))
    if not os.path.exists(real):
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
    chosen = _Chooser(root, selection)
    for folder in _folders(root, listing):
        chosen.enter(folder.prefix, IGNORE_FILE in folder.files, folder.descriptor)
        here = os.fstat(folder.descriptor)
        if _LIBRARY_FILE in folder.files or (here.st_dev, here.st_ino) == library:
            folder.folders.clear()
            continue
        folder.folders[:] = [name for name in folder.folders if chosen.wants_folder(folder.prefix + name)]
        for name in folder.files:
            if chosen.wants_file(folder.prefix + name):
                candidate = _stat_at(root, folder.prefix + name, name, folder.descriptor)
                if candidate:
                    yield candidate


@dataclass(frozen=True, slots=True)
class _Folder:
    """An open folder with the names in it, sorted. What is taken out of `folders` is not entered."""

    prefix: bytes
    descriptor: int
    folders: list[bytes]
    files: list[bytes]


def _folders(root: bytes, listing: Listing) -> Iterator[_Folder]:
    """Yield every folder, each opened from its parent's descriptor, so that no link can lead the walk astray."""
    try:
        path = [_open_folder(root, b"", None)]
    except OSError as exc:
        raise EnvironmentFault(
            f"{os.fsdecode(root)}: cannot list this folder ({exc.strerror}); give yourself the right, then run again"
        ) from exc
    try:
        yield path[0]
        path[0].folders.reverse()  # to take them from the end, in order
        while path:
            folder = path[-1]
            if not folder.folders:
                os.close(path.pop().descriptor)
                continue
            name = folder.folders.pop()
            try:
                path.append(_open_folder(name, folder.prefix + name + b"/", folder.descriptor))
            except OSError as exc:
                listing.unreadable.append((os.path.join(root, folder.prefix + name), exc.strerror or str(exc)))
                continue
            yield path[-1]
            path[-1].folders.reverse()
    finally:
        for folder in path:
            os.close(folder.descriptor)


def _open_folder(name: bytes, prefix: bytes, parent: int | None) -> _Folder:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=parent)
    try:
        with os.scandir(descriptor) as entries:
            found = sorted((os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in entries)
    except OSError:
        os.close(descriptor)
        raise
    folders = [name for name, is_folder in found if is_folder]
    return _Folder(prefix, descriptor, folders, [name for name, is_folder in found if not is_folder])


class _Chooser:
    """Applies a selection and the ignore files met so far."""

    def __init__(self, root: bytes, selection: Selection) -> None:
        self._root = root
        self._hidden = selection.hidden
        self._include = _compile(selection.include) if selection.include else None
        self._exclude = _compile(selection.exclude) if selection.exclude else None
        self._ignores: list[tuple[bytes, GitIgnoreSpec]] = []

    def enter(self, prefix: bytes, has_ignore_file: bool, descriptor: int) -> None:
        self._ignores = [item for item in self._ignores if prefix.startswith(item[0])]
        if has_ignore_file:
            lines = _read_at(IGNORE_FILE, descriptor).decode("utf-8", "replace").splitlines()
            try:
                self._ignores.append((prefix, _compile(lines)))
            except UsageError as exc:
                path = os.fsdecode(os.path.join(self._root, prefix, IGNORE_FILE))
                raise UsageError(f"{path}: {exc}") from exc

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
        raise UsageError(f"not a usable pattern: {exc}; write it as in a .gitignore") from exc


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
