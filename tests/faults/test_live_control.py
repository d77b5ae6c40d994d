"""cancel, pause and resume from other processes at any instant: nothing half-written, and `retry` makes it whole.

LIBRARIAN_FAULT_TRIALS sets how many commands; LIBRARIAN_FAULT_SEED repeats a run's choices.
"""

import os
import random
import time
from collections import Counter
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from librarian_cli.store.connections import open_read_only
from tests.faults.conftest import Start
from tests.support import effects, trees
from tests.support.digest import digest, without_vectors
from tests.support.program import librarian
from tests.support.rivals import Rivals, new_chooser
from tests.support.running import Running, wait_until

TRIALS = int(os.environ.get("LIBRARIAN_FAULT_TRIALS", "6"))
COMMANDS_PER_LIBRARY = 12
NAMES = ("schema", "extract", "chunk", "enrich", "audit", "ingestion", "trust_audit")
FOLDERS = {"LIBRARIAN_INGEST_ORDER_GROUPS": "folder"}
PART = {"LIBRARIAN_INGEST_PAGES_PER_RANGE": "2"}  # PDFs of more pages have their chunks made in a call of its own

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")


def write_tree(folder: Path) -> Path:
    """Write books that take a while: copies of the samples, slow texts in order groups, large ones."""
    trees.write_variants(folder / "samples", 2)
    for number in range(40):
        trees.write_text(folder / f"shelf{number % 4}/{number}.txt", number, head="FAULT:slow\n" if number < 8 else "")
    for number in range(4):
        trees.write_text(folder / f"large{number}.txt", f"large {number}", paragraphs=2500)
    return folder


def test_a_book_that_was_cancelled_before_its_audit_is_read_anew(tmp_path: Path, library: Path, start: Start) -> None:
    trees.write_text(tmp_path / "tree/a.txt", 1)
    (tmp_path / "empty").mkdir()
    assert librarian("ingest", tmp_path / "empty", library=library).code == 0
    assert librarian("pause", "audit", library=library).code == 0
    running = start("ingest", tmp_path / "tree")
    wait_until(lambda: chunks_of(library) > 0, 30.0, lambda: running.err)
    (book,) = books_of(library)
    assert librarian("cancel", book, library=library).code == 0
    assert running.wait().code == 0
    assert assert_nothing_is_half_written(library) == [book]
    assert librarian("resume", library=library).code == 0
    assert librarian("retry", book, library=library).code == 0
    assert librarian("ingest", library=library).code == 0
    assert librarian("ingest", tmp_path / "tree", library=tmp_path / "other").code == 0
    assert digest(library) == digest(tmp_path / "other")


def test_an_ingest_that_waits_for_a_paused_index_rests(tmp_path: Path, library: Path, start: Start) -> None:
    trees.write_text(tmp_path / "tree/a.txt", 1)
    (tmp_path / "empty").mkdir()
    assert librarian("ingest", tmp_path / "empty", library=library).code == 0
    assert librarian("pause", "index", library=library).code == 0
    running = start("ingest", tmp_path / "tree")
    wait_until(lambda: is_filed(library), 30.0, lambda: running.err)
    began, before = time.monotonic(), cpu_seconds(running)
    wait_until(lambda: time.monotonic() > began + 1.0, 2.0)
    assert cpu_seconds(running) - before < 0.3
    assert librarian("resume", library=library).code == 0
    assert running.wait().code == 0


def is_filed(library: Path) -> bool:
    with closing(open_read_only(library / "library.db")) as connection:
        return bool(connection.execute("SELECT 1 FROM tasks WHERE stage = 'index' AND state = 'ready'").fetchone())


def cpu_seconds(running: Running) -> float:
    """Return what the command itself has used so far."""
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def chunks_of(library: Path) -> int:
    with closing(open_read_only(library / "library.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM chunks").fetchone()[0])


@pytest.mark.slow
def test_commands_at_any_instant_leave_nothing_half_written_and_retry_makes_it_whole(
    tmp_path: Path, start: Start
) -> None:
    chooser = new_chooser()
    tree = write_tree(tmp_path / "tree")
    undisturbed = tmp_path / "undisturbed"
    assert librarian("ingest", tree, library=undisturbed, env=FOLDERS).code == 3  # the samples hold a damaged book
    expected = without_vectors(digest(undisturbed))
    given: Counter[str] = Counter()
    for number in count():
        library = tmp_path / f"library{number}"

        def begin(library: Path = library) -> Running:
            return start("--library", library, "ingest", tree, env=FOLDERS | PART)

        rivals = Rivals(chooser, begin, 2, 0.0)
        wait_until(lambda library=library: bool(books_of(library)), 30.0)  # type: ignore[misc]  # bound at once
        given += give_commands(rivals, library, chooser, min(COMMANDS_PER_LIBRARY, TRIALS - given.total()))
        assert librarian("resume", library=library).code == 0
        for ran in rivals.finish():
            assert ran.code in (0, 3), ran.err
            assert "Traceback" not in ran.err, ran.err
        cancelled = assert_nothing_is_half_written(library)
        print(f"library {number}: {dict(given)}, {len(cancelled)} books cancelled")  # noqa: T201  # figures of a long run
        if cancelled:
            assert librarian("retry", *cancelled, library=library).code == 0
        assert start("--library", library, "ingest", env=FOLDERS | PART).wait().code in (0, 3)
        assert assert_nothing_is_half_written(library) == []
        assert without_vectors(digest(library)) == expected
        if given.total() >= TRIALS:
            break


def give_commands(rivals: Rivals, library: Path, chooser: random.Random, commands: int) -> "Counter[str]":
    """Give one random command after the other while the ingests run. Returns: how many of each."""
    given: Counter[str] = Counter()
    while rivals.at_work and given.total() < commands:
        name = chooser.choice(("cancel", "cancel", "pause", "resume"))
        arguments = chooser.sample(NAMES, chooser.randint(0, 2)) if name == "pause" else []
        if name == "cancel":
            known = books_of(library)
            arguments = chooser.sample(known, min(len(known), chooser.choice((1, 4, 12))))
            arguments += ["1"] if chooser.random() < 0.1 else []  # the first job, with all its books
        ran = librarian(name, *arguments, library=library)
        assert ran.code == 0, ran.err
        given[name] += 1
        rivals.let_pass(chooser.expovariate(1 / 0.2))
    return given


def books_of(library: Path) -> list[str]:
    """Return the ids of all books that are known by now."""
    if not (library / "library.db").exists():
        return []
    shown = librarian("books", "--json", library=library)
    return [book["id"] for book in shown.document["books"]] if shown.code == 0 else []


def assert_nothing_is_half_written(library: Path) -> list[str]:
    """Require that every book is done, failed or cancelled, whole or not at all.

    Returns: those of which anything was cancelled, be it that they were to be enriched.
    """
    checked = librarian("check", "--read-data", library=library)
    assert checked.code == 0, checked.err
    with closing(open_read_only(library / "library.db")) as connection:
        assert effects.half_written(connection) == []
        assert effects.stored_twice(connection) == []
        statuses = dict(connection.execute("SELECT sha256, status FROM books").fetchall())
        cancelled = [row[0] for row in connection.execute(_CANCELLED)]
    assert set(statuses.values()) <= {"ok", "ok-with-warning", "failed", "cancelled"}
    # A task of the library that was filed during a pause stays where cancelling leaves it nothing to do.
    left = [item for item in effects.left_over(library) if "'index', 'ready'" not in item]
    assert left == []
    assert {book for book, status in statuses.items() if status == "cancelled"} <= set(cancelled)
    return cancelled


_CANCELLED = """
SELECT sha256 FROM books WHERE status <> 'failed'
AND EXISTS (SELECT 1 FROM tasks WHERE tasks.book = books.id AND state = 'cancelled')
"""
