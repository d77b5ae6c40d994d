"""Lists of paths, as `find` or an editor writes them: one a line, or each ended by a NUL (`find -print0`).

Paths are bytes and stay what they are: nothing is unquoted, decoded or stripped.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from librarian_cli.errors import UsageError

STANDARD_INPUT = b"-"


def gather(paths: Iterable[bytes], lists: Iterable[bytes], *, null: bool) -> list[bytes]:
    """Put the paths in these lists in place of a `-` among `paths`, or after them. Returns: each path once, in order.

    Standard input is read once, however often it is named. Raises: UsageError: a list cannot be read, or is of the
    other kind.
    """
    found: list[bytes] = []
    seen_input = False
    for path, is_list in (*((path, path == STANDARD_INPUT) for path in paths), *((name, True) for name in lists)):
        if not is_list:
            found.append(path)
        elif path != STANDARD_INPUT or not seen_input:
            seen_input = seen_input or path == STANDARD_INPUT
            found += parse(_read(path), null=null)
    return list(dict.fromkeys(found))


def parse(content: bytes, *, null: bool) -> list[bytes]:
    """Split a list into its paths; empty entries are left out. Raises: UsageError: there are NULs in lines."""
    if not null and b"\0" in content:
        raise UsageError("the list of paths has NUL characters in it; say --null if they end the paths")
    entries = content.split(b"\0" if null else b"\n")
    return [_literal(entry) for entry in entries if entry]


def _literal(path: bytes) -> bytes:
    """A tilde in a list is part of a name; a shell has not seen it, and nobody else is to read more into it."""
    return b"./" + path if path.startswith(b"~") else path


def _read(name: bytes) -> bytes:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    path = Path(name.decode(sys.getfilesystemencoding(), "surrogateescape"))
    try:
        return path.read_bytes()
    except OSError as exc:
        raise UsageError(f"{path}: cannot read this list of paths ({exc.strerror}); check its name and rights") from exc
