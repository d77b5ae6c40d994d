"""A tree of folders as candidate files. It reads names and stat only, never contents.

Hidden files, symbolic links, special files and what `.librarianignore` names (gitignore syntax) are left out; so is
any folder that holds a library, and the library in use wherever it lies, by device and inode.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from librarian_cli.errors import EnvironmentFault, UsageError
from librarian_cli.models import Candidate

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = b".librarianignore"
_LIBRARY_FILE = b"library.db"
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


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
    gone: list[bytes] = field(default_factory=list)
    """Paths below the root that were looked for and are not there; `look` only."""


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
    tour = _Tour(root, _Chooser(root, selection), listing, library)
    yield from tour.below(_open_root(root))


def look(
    root: bytes,
    paths: Iterable[bytes],
    selection: Selection,
    listing: Listing,
    *,
    library: tuple[int, int] | None = None,
) -> Iterator[Candidate]:
    """Yield the wanted files that are one of `paths` (relative to `root`) or lie below one, and list no other folder.

    What of them is not there any more goes to `listing.gone`. The choice is that of `walk` over the whole root.
    Raises: EnvironmentFault: as `walk` does.
    """
    wanted = _Wanted()
    for path in paths:
        wanted.add(path)
    tour = _Tour(root, _Chooser(root, selection), listing, library)
    yield from tour.towards(_open_root(root), wanted)


class _Wanted:
    """Paths as a tree of names; a path that ends at a node wants all of it."""

    def __init__(self) -> None:
        self.whole = False
        self.names: dict[bytes, _Wanted] = {}

    def add(self, path: bytes) -> None:
        node = self
        for name in path.split(b"/") if path not in (b"", b".") else ():
            node = node.names.setdefault(name, _Wanted())
        node.whole = True


class _Tour:
    """One way through a tree; folders are entered by their parent's descriptor, so that no link can lead astray."""

    def __init__(self, root: bytes, chosen: "_Chooser", listing: Listing, library: tuple[int, int] | None) -> None:
        self._root = root
        self._chosen = chosen
        self._listing = listing
        self._library = library

    def below(self, start: int, prefix: bytes = b"") -> Iterator[Candidate]:
        """Yield everything in an open folder and below it; closes it."""
        path = self._list(start, prefix)
        try:
            for folder in path:
                yield from self._files(folder)
            while path:
                folder = path[-1]
                if not folder.folders:
                    os.close(path.pop().descriptor)
                    continue
                name = folder.folders.pop()
                opened = self._enter(name, folder.prefix + name, folder.descriptor)
                for inner in self._list(opened, folder.prefix + name + b"/") if opened is not None else ():
                    path.append(inner)
                    yield from self._files(inner)
        finally:
            for folder in path:
                os.close(folder.descriptor)

    def towards(self, folder: int, wanted: _Wanted, prefix: bytes = b"") -> Iterator[Candidate]:
        """Yield what is wanted of an open folder; closes it."""
        if wanted.whole:
            yield from self.below(folder, prefix)
            return
        try:
            has_ignores = _has(IGNORE_FILE, folder)
            self._chosen.enter(prefix, has_ignores, folder)
            if _has(_LIBRARY_FILE, folder) or self._is_library(folder):
                return
            for name, inner in sorted(wanted.names.items()):
                yield from self._step(folder, name, prefix + name, inner)
        finally:
            os.close(folder)

    def _step(self, folder: int, name: bytes, path: bytes, wanted: _Wanted) -> Iterator[Candidate]:
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            self._listing.gone += _ends(wanted, path)
            return
        if stat.S_ISDIR(status.st_mode):
            opened = self._enter(name, path, folder) if self._chosen.wants_folder(path) else None
            if opened is not None:
                yield from self.towards(opened, wanted, path + b"/")
        elif stat.S_ISREG(status.st_mode) and wanted.whole and self._chosen.wants_file(path):
            yield _candidate(self._root, path, status)

    def _files(self, folder: "_Folder") -> Iterator[Candidate]:
        """Yield the wanted files of a folder, and leave in it the folders that are to be entered, last first."""
        self._chosen.enter(folder.prefix, IGNORE_FILE in folder.files, folder.descriptor)
        if _LIBRARY_FILE in folder.files or self._is_library(folder.descriptor):
            folder.folders.clear()
            return
        folder.folders[:] = [name for name in folder.folders if self._chosen.wants_folder(folder.prefix + name)]
        folder.folders.reverse()  # to take them from the end, in order
        for name in folder.files:
            if self._chosen.wants_file(folder.prefix + name):
                candidate = _stat_at(self._root, folder.prefix + name, name, folder.descriptor)
                if candidate:
                    yield candidate

    def _enter(self, name: bytes, path: bytes, parent: int) -> int | None:
        try:
            return os.open(name, _FOLDER_FLAGS, dir_fd=parent)
        except OSError as exc:
            self._listing.unreadable.append((os.path.join(self._root, path), exc.strerror or str(exc)))
            return None

    def _list(self, descriptor: int, prefix: bytes) -> list["_Folder"]:
        """List an open folder. Returns: it, or nothing where it cannot be listed."""
        try:
            with os.scandir(descriptor) as entries:
                found = sorted((os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError as exc:
            os.close(descriptor)
            self._listing.unreadable.append((os.path.join(self._root, prefix), exc.strerror or str(exc)))
            return []
        folders = [name for name, is_folder in found if is_folder]
        return [_Folder(prefix, descriptor, folders, [name for name, is_folder in found if not is_folder])]

    def _is_library(self, descriptor: int) -> bool:
        here = os.fstat(descriptor)
        return (here.st_dev, here.st_ino) == self._library


@dataclass(frozen=True, slots=True)
class _Folder:
    """An open folder with the names in it, sorted. What is taken out of `folders` is not entered."""

    prefix: bytes
    descriptor: int
    folders: list[bytes]
    files: list[bytes]


def _open_root(root: bytes) -> int:
    try:
        return os.open(root, _FOLDER_FLAGS)
    except OSError as exc:
        raise EnvironmentFault(
            f"{os.fsdecode(root)}: cannot list this folder ({exc.strerror}); give yourself the right, then run again"
        ) from exc


def _has(name: bytes, descriptor: int) -> bool:
    try:
        os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except OSError:
        return False
    return True


def _ends(wanted: _Wanted, path: bytes) -> list[bytes]:
    """The paths that end at a node or below it."""
    found = [path] if wanted.whole else []
    for name, inner in wanted.names.items():
        found += _ends(inner, path + b"/" + name)
    return found


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
