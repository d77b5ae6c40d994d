"""How library.db is opened, and what SQLite's errors mean for a person.

Never open library.db, -wal or -shm by other means: closing such a descriptor drops SQLite's POSIX locks.
"""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote_from_bytes

from librarian_cli.errors import EnvironmentFault, LibraryLocked
from librarian_cli.store import migrations

_PAGE_BYTES = 16384
_CHECKPOINT_PAGES = 8192
_BUSY_SECONDS = 30.0


def require_file(folder: Path) -> None:
    """Check that a folder holds a library. Raises: EnvironmentFault."""
    if not (folder / "library.db").exists():
        raise no_library(folder)


def no_library(folder: Path) -> EnvironmentFault:
    """The error of a folder that holds no library."""
    return EnvironmentFault(
        f"{folder}: there is no library here yet; `librarian ingest FOLDER` makes one, or name another with --library"
    )


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a reader that can neither write nor checkpoint.

    Raises: EnvironmentFault: no library, not a library, or made by a newer Librarian.
    """
    try:
        connection = _connect(path, "mode=ro")
        try:
            connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError:
            # A read-only folder offers no place for the -shm file; with no -wal beside it the file is all there is.
            if _size(path.with_name(path.name + "-wal")):
                raise
            connection.close()
            connection = _connect(path, "mode=ro&immutable=1")
    except sqlite3.Error as exc:
        raise fault_of(exc, path) from exc
    return _current(connection, path)


def open_immutable(path: Path) -> sqlite3.Connection:
    """Open a reader that takes no locks and makes no files; for a library that nobody changes meanwhile.

    Raises: EnvironmentFault: not a library, or made by a newer Librarian.
    """
    try:
        connection = _connect(path, "mode=ro&immutable=1")
    except sqlite3.Error as exc:
        raise fault_of(exc, path) from exc
    return _current(connection, path)


def _current(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Return a connection to a library that this version can read, and close it where it is none.

    A reader cannot migrate. Raises: EnvironmentFault.
    """
    try:
        _require_current(migrations.require_known(connection), path)
    except sqlite3.Error as exc:
        connection.close()
        raise fault_of(exc, path) from exc
    except EnvironmentFault:
        connection.close()
        raise
    return connection


def _require_current(known: int, path: Path) -> None:
    if known == 0:  # its making was cut short
        raise no_library(path.parent)
    if known < len(migrations.MIGRATIONS):
        raise EnvironmentFault(
            f"{path}: written by an older Librarian; run `librarian check`, which brings it up to date"
        )


def open_writable(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Open, or make, the file for its writer. The caller holds the writer lock."""
    previous = os.umask(0o077)
    try:
        connection = _connect(path, "mode=rwc", busy_seconds)
        migrations.require_known(connection)  # before anything is changed
        # Both take effect on a new file only. Chunks of about 1 kB leave an eighth of a 4 kB page empty.
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        os.umask(previous)
    connection.execute("PRAGMA synchronous=FULL")  # an acknowledged book survives a power cut
    # A checkpoint follows a commit, so it too happens under the lock.
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    connection.execute("PRAGMA cache_size=-16384")
    return connection


def verify(connection: sqlite3.Connection) -> list[str]:
    """What SQLite itself finds wrong with the file; nothing where it is sound."""
    problems = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
    return problems + [f"{row[0]}: a row refers to nothing" for row in connection.execute("PRAGMA foreign_key_check")]


def fault_of(exc: BaseException, path: Path) -> BaseException:
    """Say what an SQLite error means for a person; other exceptions pass as they are."""
    if isinstance(exc, OSError):
        return EnvironmentFault(f"{path}: {exc.strerror or exc}; check the disk and the folder's permissions")
    if not isinstance(exc, sqlite3.Error):
        return exc
    text = str(exc)
    for needle, cls, meaning in _MEANINGS:
        if needle in text:
            return cls(f"{path}: {meaning} ({text})")
    return exc


_DAMAGED = "the library is damaged; restore it from a backup, or move it away and ingest again"
_MEANINGS: tuple[tuple[str, type[EnvironmentFault], str], ...] = (
    ("disk is full", EnvironmentFault, "no space left on the disk; free some and run again, nothing stored is lost"),
    ("disk I/O error", EnvironmentFault, "the disk does not answer as it should; check it, then run again"),
    ("locked", LibraryLocked, "another program holds the library; try again later"),
    ("readonly", EnvironmentFault, "the library cannot be written; check its permissions"),
    ("unable to open", EnvironmentFault, "the library cannot be opened; check that the folder exists and may be read"),
    ("not a database", EnvironmentFault, "this is not a library; restore it from a backup or move it away"),
    ("malformed", EnvironmentFault, _DAMAGED),
    ("Could not decode", EnvironmentFault, _DAMAGED),
    ("vtable constructor failed", EnvironmentFault, _DAMAGED),
)


def _connect(path: Path, mode: str, busy_seconds: float = _BUSY_SECONDS) -> sqlite3.Connection:
    uri = f"file:{_quote(path)}?{mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=busy_seconds, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA mmap_size=0")
    return connection


def _quote(path: Path) -> str:
    return quote_from_bytes(os.fsencode(path))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
