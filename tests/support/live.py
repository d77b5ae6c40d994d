"""What a library shows while commands work on it, read as other programs read it."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.support.filed import rows
from tests.support.program import librarian
from tests.support.trees import write_text

Span = tuple[float, float]


def entries(library: Path, *arguments: str) -> list[dict[str, Any]]:
    """The activity log, oldest first."""
    ran = librarian("activity", "--json", "-n", "1000000", *arguments, library=library)
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def counts(library: Path, action: str) -> int:
    """How often something was logged; 0 while there is no library."""
    if not (library / "library.db").exists():
        return 0
    try:
        return int(rows(library, "SELECT count(*) FROM activity WHERE action = ?", action)[0][0])
    except Exception:  # noqa: BLE001  # it is being made
        return 0


def under_way(library: Path, queue: str = "") -> list[Span]:
    """From when to when books were under way in a queue: from its first claim to the end of its last task.

    Enriching may come later, and is a span of its own. The times are those of the transactions.
    """
    found = rows(
        library,
        "SELECT min(started_at), max(finished_at) FROM tasks WHERE book IS NOT NULL AND started_at IS NOT NULL"
        " AND (? = '' OR queue = ?) GROUP BY book, queue, stage = 'enrich'",
        queue,
        queue,
    )
    return [(start, end) for start, end in found]


def most_at_once(spans: Iterable[Span]) -> int:
    """The largest number of spans that share a moment. One that ends as another begins does not meet it."""
    moments = sorted(moment for start, end in spans for moment in ((start, 1), (end, -1)))
    now = most = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most


def path_of(library: Path, book: str) -> str:
    """The path of a book."""
    return str(rows(library, "SELECT path FROM memory_documents WHERE book_id = ?", book)[0][0])


def book_id(library: Path, name: str) -> str:
    """The id of the book whose path ends like this."""
    (found,) = rows(library, "SELECT book_id FROM memory_documents WHERE path LIKE ?", f"%/{name}")
    return str(found[0])


def stays(condition: Callable[[], bool], seconds: float) -> None:
    """Require that a condition holds for so long."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < end:
        assert condition()
        pause.wait(0.02)


def write_faulty(folder: Path, name: str, kind: str) -> Path:
    """Write a text that does to its reader what `tests.support.faults` says of its kind, once it is read."""
    write_text(folder / name, f"{folder.name}/{name}", head=f"FAULT:{kind}\n")
    return folder


def write_texts(folder: Path, names: Sequence[str]) -> Path:
    """Write a small healthy text under each name."""
    for name in names:
        write_text(folder / name, f"{folder.name}/{name}")
    return folder
