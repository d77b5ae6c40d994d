"""The schema as an append-only list of migrations, a file each. A landed one is never edited; a change is a new one."""

import sqlite3
import time
from pathlib import Path

from librarian_cli.errors import EnvironmentFault
from librarian_cli.store.migrations import (
    m001_first,
    m002_chapter_kind,
    m003_languages,
    m004_enrichment,
    m005_embedders,
    m006_generated,
    m007_tags,
)

APPLICATION_ID = 0x4C696272  # "Libr", so that `file` and we can tell a library from other SQLite files

MIGRATIONS: tuple[tuple[str, str], ...] = (
    ("m001_first", m001_first.SCRIPT),
    ("m002_chapter_kind", m002_chapter_kind.SCRIPT),
    ("m003_languages", m003_languages.SCRIPT),
    ("m004_enrichment", m004_enrichment.SCRIPT),
    ("m005_embedders", m005_embedders.SCRIPT),
    ("m006_generated", m006_generated.SCRIPT),
    ("m007_tags", m007_tags.SCRIPT),
)


_RECORDS = (
    "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at REAL NOT NULL)"
)


def apply(connection: sqlite3.Connection, backups: Path, migrations: tuple[tuple[str, str], ...] = MIGRATIONS) -> None:
    """Bring the schema up to date, in one transaction with the records of it. An older library is backed up first.

    Raises: EnvironmentFault: the file is no library, or was made by a newer Librarian.
    """
    done = require_known(connection, len(migrations))
    if 0 < done < len(migrations):
        backups.mkdir(mode=0o700, exist_ok=True)
        target = backups / f"before-{migrations[done][0]}-{time.time_ns()}.db"
        connection.execute("VACUUM INTO ?", (str(target),))
    if done == len(migrations):
        return
    steps = [_RECORDS]
    for number, (name, script) in enumerate(migrations[done:], start=done + 1):
        steps += [script, f"INSERT INTO migrations VALUES ({number}, '{name}', {time.time()!r})"]
    steps += [f"PRAGMA application_id={APPLICATION_ID}", f"PRAGMA user_version={len(migrations)}"]
    # All or none: who looks meanwhile sees no library, or the older one, but none that is half made.
    connection.executescript(f"BEGIN IMMEDIATE; {'; '.join(steps)}; COMMIT;")


def require_known(connection: sqlite3.Connection, known: int = len(MIGRATIONS)) -> int:
    """Return how many migrations the file has seen.

    Raises: EnvironmentFault: it is some other program's database, or a newer Librarian's.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    if version == 0 and connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
        return 0
    if application != APPLICATION_ID:
        raise EnvironmentFault(f"{path}: a database, but not a Librarian library; choose another folder with --library")
    if version > known:
        raise EnvironmentFault(
            f"{path}: written by a newer Librarian (schema {version}, this one knows {known}); upgrade librarian-cli"
        )
    return version
