"""Where books lie on disk: one row per real path, and what became of it in which job.

A path is a root (absolute, bytes) and a path below it (bytes). Nested roots share a file's row.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from librarian_cli.models import Candidate, FileOutcome
from librarian_cli.store import tags

IN_SCOPE = (
    "coalesce((SELECT high IS NULL OR files.path < high FROM job_scopes"
    " WHERE job_scopes.job = :job AND job_scopes.root = files.root AND low <= files.path ORDER BY low DESC LIMIT 1), 0)"
)
"""The condition on `files` that a row lies in the part of the tree that the job :job looks at."""
IN_JOB = f"files.seen_job >= :job AND {IN_SCOPE}"
"""The condition on `files` that a row belongs to the job :job. A job that came later may have seen it since."""


@dataclass(frozen=True, slots=True)
class Known:
    """A file's row as the scan needs it."""

    id: int
    book_row: int | None
    same: bool
    """Size, mtime and inode are those of the last look, and it ended in a book or was skipped for what it is.

    A file that failed without a book is looked at again: it was refused for a limit or a right, and that is quick.
    """
    outcome: tuple[str, str]
    """The outcome and reason of its own, empty where it has a book."""
    missing: bool
    """It was not there at the last look."""


def root_id(connection: sqlite3.Connection, path: bytes) -> int:
    """Return the id of a root, making it when it is new."""
    connection.execute("INSERT OR IGNORE INTO roots (path) VALUES (?)", (path,))
    return int(connection.execute("SELECT id FROM roots WHERE path = ?", (path,)).fetchone()[0])


def known(connection: sqlite3.Connection, candidates: Sequence[Candidate]) -> list[Known | None]:
    """Look up rows of candidates, in their order; None where the path was never seen."""
    roots = connection.execute("SELECT path, id FROM roots").fetchall()
    return [_known_one(connection, roots, candidate) for candidate in candidates]


def mark_seen(connection: sqlite3.Connection, ids: Sequence[int], job: int) -> None:
    """Record that these files were there in this job, with nothing to do."""
    connection.executemany(
        "UPDATE files SET seen_job = max(seen_job, ?), missing_since = NULL WHERE id = ?",
        ((job, file_id) for file_id in ids),
    )


def record(
    connection: sqlite3.Connection, candidate: Candidate, job: int, *, book_row: int | None, outcome: FileOutcome | None
) -> int:
    """Write a file's row: its book, or an outcome of its own (skipped, or failed before it had a book)."""
    found = known(connection, [candidate])[0]
    values = (
        candidate.size,
        candidate.mtime_ns,
        _signed(candidate.device),
        _signed(candidate.inode),
        book_row,
        outcome.outcome if outcome else "",
        outcome.reason if outcome else "",
        outcome.detail[:2000] if outcome else "",
        job,
        job,
    )
    if found:
        if book_row != found.book_row:
            tags.keep(connection, found.id, found.book_row)
        if book_row is not None and book_row != found.book_row:
            _bequeath_failure(connection, found, book_row)
        connection.execute(
            "UPDATE files SET size=?, mtime_ns=?, device=?, inode=?, book=?, outcome=?, reason=?, detail=?,"
            " outcome_job=?, seen_job=max(seen_job, ?), missing_since=NULL WHERE id=?",
            (*values, found.id),
        )
        return found.id
    root = root_id(connection, candidate.root)
    cursor = connection.execute(
        "INSERT INTO files (size, mtime_ns, device, inode, book, outcome, reason, detail, outcome_job, seen_job,"
        " root, path) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        (*values, root, candidate.path),
    )
    return int(cursor.lastrowid or 0)


def paths_of(connection: sqlite3.Connection, book_row: int) -> list[bytes]:
    """Absolute paths at which a book was last seen, the first known one first."""
    rows = connection.execute(
        "SELECT roots.path, files.path FROM files JOIN roots ON roots.id = files.root"
        " WHERE files.book = ? AND files.missing_since IS NULL ORDER BY files.id",
        (book_row,),
    )
    return [_join(root, path) for root, path in rows]


def candidates_of(connection: sqlite3.Connection, book_row: int) -> list[Candidate]:
    """Files that hold a book, as they stood when it was hashed."""
    rows = connection.execute(
        "SELECT roots.path, files.path, size, mtime_ns, device, inode FROM files JOIN roots ON roots.id = files.root"
        " WHERE files.book = ? AND files.missing_since IS NULL ORDER BY files.id",
        (book_row,),
    )
    return [
        Candidate(root, path, size, mtime_ns, _unsigned(device), _unsigned(inode))
        for root, path, size, mtime_ns, device, inode in rows
    ]


def forget_content(connection: sqlite3.Connection, candidate: Candidate, outcome: str, reason: str) -> None:
    """Drop what is known of a file's content, so that the next scan reads it again."""
    found = known(connection, [candidate])[0]
    if found:
        tags.keep(connection, found.id, found.book_row)
        connection.execute(
            "UPDATE files SET book=NULL, mtime_ns=-1, outcome=?, reason=?, detail='' WHERE id=?",
            (outcome, reason, found.id),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A path at which a book was seen, with its row."""

    id: int
    book_row: int
    path: bytes


def twin(connection: sqlite3.Connection, candidate: Candidate) -> tuple[str, str] | None:
    """The id and format of the book that a file holds because another path of it is known.

    The same inode, size and time: it was renamed, moved within its file system, or is a hard link.
    """
    row: tuple[str, str] | None = connection.execute(
        "SELECT books.sha256, books.format FROM files JOIN books ON books.id = files.book"
        " WHERE files.inode = ? AND files.device = ? AND files.size = ? AND files.mtime_ns = ? LIMIT 1",
        (_signed(candidate.inode), _signed(candidate.device), candidate.size, candidate.mtime_ns),
    ).fetchone()
    return row


def places_of(connection: sqlite3.Connection, book_row: int) -> list[Place]:
    """Every path of a book, those that are missing too, the first known one first."""
    return [_place(row) for row in connection.execute(f"{_PLACES} WHERE files.book = ? ORDER BY files.id", (book_row,))]


def move(connection: sqlite3.Connection, file_id: int, candidate: Candidate, job: int) -> None:
    """Record that a file lies at another path now."""
    connection.execute(
        "UPDATE files SET root=?, path=?, size=?, mtime_ns=?, device=?, inode=?, seen_job=max(seen_job, ?),"
        " missing_since=NULL WHERE id=?",
        (
            root_id(connection, candidate.root),
            candidate.path,
            candidate.size,
            candidate.mtime_ns,
            _signed(candidate.device),
            _signed(candidate.inode),
            job,
            file_id,
        ),
    )


def mark_absent(connection: sqlite3.Connection, root: bytes, job: int) -> list[bytes]:
    """Record that files below a completely listed root were not there in this job. Returns: their paths.

    A listing without any file says that a disk is not mounted, rather than that everything was deleted.
    """
    return _mark_missing(connection, frozenset((root,)), "seen_job < ?", (job,))


def mark_gone(connection: sqlite3.Connection, paths: Iterable[bytes]) -> list[bytes]:
    """Record that paths, of files or folders, are not there any more. Returns: the files that went."""
    return _mark_missing(connection, frozenset(paths), "1", ())


def sweep(connection: sqlite3.Connection, before: float) -> int:
    """Forget paths that are missing since before a time. Returns: how many."""
    return connection.execute("DELETE FROM files WHERE missing_since < ?", (before,)).rowcount


def outcomes(
    connection: sqlite3.Connection, *, job: int | None = None, outcome: str | None = None
) -> Iterator[FileOutcome]:
    """What became of each file, ordered by path: in one job, or as it stands now (job None)."""
    rows = connection.execute(_OUTCOMES, {"job": job})
    for root, path, word, reason, detail, book, seconds in rows:
        if outcome is None or word == outcome:
            yield FileOutcome(_join(root, path), word, reason, detail, book, seconds)


def reason_counts(connection: sqlite3.Connection, job: int | None = None) -> dict[str, dict[str, int]]:
    """How many files ended in each outcome, for each reason. A book of which a file is a copy is no reason."""
    counts: dict[str, dict[str, int]] = {}
    for item in outcomes(connection, job=job):
        reasons = counts.setdefault(item.outcome, {})
        reason = "" if item.outcome in ("duplicate", "unchanged") else item.reason
        reasons[reason] = reasons.get(reason, 0) + 1
    return counts


# A file has an outcome of its own, or shares its book's. The first path of a book bears the book's outcome,
# the others are duplicates. In a job, what was decided in an earlier one is `unchanged`.
_OUTCOMES = f"""
SELECT root_path, path,
       CASE WHEN :job IS NOT NULL AND decided < :job THEN 'unchanged' ELSE outcome END,
       reason, detail, sha256, CASE WHEN :job IS NOT NULL AND decided < :job THEN 0 ELSE seconds END
FROM (
    SELECT roots.path AS root_path, files.path AS path, books.sha256 AS sha256,
           coalesce(books.seconds, 0) AS seconds,
           CASE WHEN files.outcome <> '' THEN files.outcome
                WHEN files.id <> first THEN 'duplicate'
                WHEN books.status IN ('waiting', 'pending') THEN 'waiting'
                WHEN books.status IN ('removed', 'cancelled') THEN 'skipped'
                ELSE coalesce(books.status, 'waiting') END AS outcome,
           CASE WHEN files.outcome <> '' THEN files.reason
                WHEN files.id <> first THEN substr(books.sha256, 1, 12)
                WHEN books.status = 'waiting' THEN 'approval'
                WHEN books.status IN ('removed', 'cancelled') THEN books.status
                WHEN books.status = 'pending' THEN 'queued'
                ELSE coalesce(books.reason, '') END AS reason,
           CASE WHEN files.outcome <> '' THEN files.detail ELSE coalesce(books.detail, '') END AS detail,
           CASE WHEN files.outcome <> '' OR coalesce(files.id <> first, 0)
                     OR books.status = 'removed' THEN files.outcome_job
                WHEN books.status = 'pending' THEN :job
                ELSE max(files.outcome_job * (books.status = 'waiting'), coalesce(books.outcome_job, files.outcome_job))
           END AS decided
    FROM (
        SELECT *, (SELECT min(id) FROM files AS others
                   WHERE others.book = files.book AND others.missing_since IS NULL) AS first
        FROM files WHERE missing_since IS NULL AND (:job IS NULL OR {IN_JOB})
    ) AS files JOIN roots ON roots.id = files.root LEFT JOIN books ON books.id = files.book
)
ORDER BY root_path, path
"""


def _bequeath_failure(connection: sqlite3.Connection, found: Known, book_row: int) -> None:
    """Note on a new book that its file has failed with what it held before: a fresh copy is a recovery."""
    failed = found.outcome[0] == "failed" and found.outcome[1] != "changed"
    connection.execute(
        "UPDATE books SET verdict = 'failed' WHERE id = ? AND verdict = ''"
        " AND (? OR EXISTS (SELECT 1 FROM books AS held WHERE held.id = ? AND held.verdict = 'failed'))",
        (book_row, failed, found.book_row),
    )


_PLACES = "SELECT files.id, files.book, roots.path, files.path FROM files JOIN roots ON roots.id = files.root"


def _place(row: tuple[int, int, bytes, bytes]) -> Place:
    return Place(row[0], row[1], _join(row[2], row[3]))


def _mark_missing(
    connection: sqlite3.Connection, tops: frozenset[bytes], condition: str, values: tuple[object, ...]
) -> list[bytes]:
    rows = connection.execute(
        "SELECT roots.path, files.path, files.id, files.device FROM files JOIN roots ON roots.id = files.root"
        f" WHERE missing_since IS NULL AND {condition}",
        values,
    )  # one by one: a library may have a million
    gone = {}
    for root, path, file_id, device in rows:
        whole = _join(root, path)
        if not tops.isdisjoint(_and_above(whole)) and _is_gone(whole, _unsigned(device)):
            gone[file_id] = whole
    now = time.time()
    connection.executemany("UPDATE files SET missing_since = ? WHERE id = ?", ((now, file_id) for file_id in gone))
    return list(gone.values())


def _and_above(path: bytes) -> Iterator[bytes]:
    """A path and every folder that it lies in."""
    yield path
    while path != b"/":
        path = os.path.dirname(path)
        yield path


def _is_gone(path: bytes, device: int) -> bool:
    """Whether a file was deleted, rather than left out by a selection or on a disk that is not mounted now."""
    if os.path.lexists(path):
        return False
    folder = os.path.dirname(path)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    # A mount point without its disk is an empty folder of another file system.
    return os.stat(folder).st_dev == device or bool(os.listdir(folder))


def _known_one(
    connection: sqlite3.Connection, roots: Sequence[tuple[bytes, int]], candidate: Candidate
) -> Known | None:
    absolute = candidate.absolute
    for root_path, root in roots:
        below = _below(root_path, absolute)
        if below is None:
            continue
        row = connection.execute(
            "SELECT id, book, size, mtime_ns, inode, outcome, reason, missing_since FROM files"
            " WHERE root = ? AND path = ?",
            (root, below),
        ).fetchone()
        if row:
            unmoved = (row[2], row[3], row[4]) == (candidate.size, candidate.mtime_ns, _signed(candidate.inode))
            same = unmoved and (row[1] is not None or row[5] == "skipped")
            return Known(row[0], row[1], same, (row[5], row[6]), row[7] is not None)
    return None


def _below(root: bytes, path: bytes) -> bytes | None:
    prefix = root.rstrip(b"/") + b"/"
    return path[len(prefix) :] if path.startswith(prefix) else None


def _join(root: bytes, path: bytes) -> bytes:
    return root.rstrip(b"/") + b"/" + path


def _signed(number: int) -> int:
    """SQLite's integers are signed; some file systems have inodes of 64 bits."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _unsigned(number: int) -> int:
    return number + (1 << 64) if number < 0 else number
