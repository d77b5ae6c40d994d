"""kill -9 at any instant: what was acknowledged is there, nothing is corrupt, and the next run ends as if nothing was.

LIBRARIAN_FAULT_TRIALS sets how many kills; LIBRARIAN_FAULT_SEED repeats a run's instants; with LIBRARIAN_TEST_DATA a
subset of real books is ingested as well.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from librarian_cli.store.connections import open_read_only
from tests.support import running, trees
from tests.support.digest import Digest, digest
from tests.support.program import librarian
from tests.support.running import Running

TRIALS = int(os.environ.get("LIBRARIAN_FAULT_TRIALS", "6"))
KILLS_PER_LIBRARY = 3
ORPHAN_SECONDS = 5.0
REAL_BOOKS = 40

# Ingests, and prints every end of a stage as soon as it is acknowledged.
PROGRAM = """
import os, sys
from librarian_cli import config
from librarian_cli.app import Librarian
from librarian_cli.events import Bus, StageEnded
from librarian_cli.pipeline.intake import Request

def tell(event):
    if isinstance(event, StageEnded):
        os.write(1, f"{event.stage} {event.outcome} {event.book}\\n".encode())

bus = Bus()
bus.subscribe(tell)
with Librarian(config.load({"library.path": sys.argv[1]}), bus=bus) as librarian:
    librarian.ingest(Request((os.fsencode(sys.argv[2]),)))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"),
]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A tree, and what an uninterrupted run makes of it, in how long."""

    tree: Path
    result: Digest
    seconds: float


def start(folder: Path, library: Path, tree: Path) -> Running:
    return Running(folder, (sys.executable, "-c", PROGRAM, library, tree))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Copies of the samples, and some real books where there are any."""
    folder = tmp_path_factory.mktemp("undisturbed")
    tree = trees.write_variants(folder / "tree", 3)
    for number, path in enumerate(real_books()):
        shutil.copy(path, tree / f"real{number}{path.suffix}")
    began = time.monotonic()
    run = start(folder / "run", folder / "library", tree)
    assert run.wait(10 * running.PATIENCE_SECONDS).code == 0, run.err
    return Undisturbed(tree, digest(folder / "library"), time.monotonic() - began)


@pytest.fixture
def chooser() -> random.Random:
    """Instants of this trial; its seed is shown when it fails."""
    seed = os.environ.get("LIBRARIAN_FAULT_SEED") or str(random.randrange(1 << 32))
    print(f"LIBRARIAN_FAULT_SEED={seed}")  # noqa: T201  # pytest shows it with a failure
    return random.Random(seed)


def test_runs_that_are_killed_lose_nothing_and_end_as_an_undisturbed_run(
    undisturbed: Undisturbed, tmp_path: Path, chooser: random.Random
) -> None:
    done = 0
    while done < TRIALS:
        library = tmp_path / f"library{done}"
        kills = min(KILLS_PER_LIBRARY, TRIALS - done)
        for _ in range(kills):
            kill_one_run(library, undisturbed, chooser.uniform(0.0, undisturbed.seconds))
        done += kills
        last = start(tmp_path / f"last{done}", library, undisturbed.tree)
        assert last.wait(10 * running.PATIENCE_SECONDS).code == 0, last.err
        last.wait_for_none(ORPHAN_SECONDS)
        assert digest(library) == undisturbed.result
        assert left_over(library) == []


def kill_one_run(library: Path, undisturbed: Undisturbed, after_seconds: float) -> None:
    """Ingest, kill the coordinator after so long, and look at what it leaves."""
    run = start(library.with_name(f"{library.name}-killed"), library, undisturbed.tree)
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.process.wait(after_seconds)
    run.signal(signal.SIGKILL)
    run.process.wait()
    run.wait_for_none(ORPHAN_SECONDS)
    if (library / "library.db").exists():
        checked = librarian("check", "--read-data", library=library)
        assert checked.code == 0, (after_seconds, checked.err)
        assert sorted(set(acknowledged(run.out)) - set(stored(library))) == [], after_seconds


def acknowledged(out: str) -> Iterator[tuple[str, str]]:
    """Yield (stage, book) of every stage that a run said was done."""
    for line in out.splitlines():
        stage, outcome, book = line.split()
        if outcome == "ok":
            yield stage, book


def stored(library: Path) -> Iterator[tuple[str, str]]:
    """Yield (stage, book) of every stage that the library holds as done."""
    with closing(open_read_only(library / "library.db")) as connection:
        yield from connection.execute(
            "SELECT tasks.stage, books.sha256 FROM tasks JOIN books ON books.id = tasks.book WHERE state = 'done'"
        )


def left_over(library: Path) -> list[str]:
    """Return what a finished run should not leave: open tasks, waiting texts, owners, temporary files."""
    with closing(open_read_only(library / "library.db")) as connection:
        found = [f"task {row}" for row in connection.execute("SELECT stage, state FROM tasks WHERE owner IS NOT NULL")]
        found += [f"extract {row}" for row in connection.execute("SELECT book FROM extracts")]
    bases = list((library / "basis").iterdir())
    found += [str(path) for path in bases] if len(bases) != 1 else []
    return found + [str(path) for path in (library / "owners").iterdir()]


def real_books() -> list[Path]:
    """Some small books of the test data, of every format; none where there is no test data."""
    folder = Path(os.environ.get("LIBRARIAN_TEST_DATA", os.devnull), "books", "dev")
    files = sorted(path for path in folder.rglob("*.*") if path.suffix in (".pdf", ".epub", ".txt", ".md", ".html"))
    small = [path for path in files if 0 < path.stat().st_size < 400_000]
    return small[:: max(1, len(small) // REAL_BOOKS)]
