"""A power cut at any point: the library is sound, and every stage that was acknowledged is stored.

LIBRARIAN_FAULT_TRIALS sets how many cuts; LIBRARIAN_FAULT_SEED repeats a run's.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from librarian_cli.errors import EnvironmentFault
from librarian_cli.store.connections import open_read_only
from tests.faults.test_kill import PROGRAM, acknowledged
from tests.support import trees
from tests.support.digest import digest, without_vectors
from tests.support.disk import Disk, Said, Step, read_log, strace
from tests.support.ingests import ingest, open_librarian
from tests.support.rivals import new_chooser
from tests.support.running import Running

TRIALS = int(os.environ.get("LIBRARIAN_FAULT_TRIALS", "24"))
GO_ON_EVERY = 12
"""After every so many cuts an ingest goes on, and must end as one that was not disturbed."""

Acknowledged = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Recording:
    """A tree, and all that two runs over it did: the first saw half of it."""

    tree: Path
    steps: tuple[Step, ...]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Ingest the samples, then some small books more, and record it."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed, which records what is written")
    if subprocess.run([*strace(Path(os.devnull)), "true"], check=False).returncode:
        pytest.skip("processes may not be traced here")
    folder = tmp_path_factory.mktemp("recording")
    tree, library = trees.copy_samples(folder / "tree"), folder / "library"
    steps: list[Step] = []
    for number in range(2):
        log = folder / f"log{number}"
        run = Running(folder / f"run{number}", (*strace(log), sys.executable, "-c", PROGRAM, library, tree))
        assert run.wait().code == 0, run.err
        steps += read_log(log, library)
        log.unlink()
        for book in range(30):
            trees.write_text(tree / f"more/{book}.txt", book)
    return Recording(tree, tuple(steps))


def is_told(step: Step) -> bool:
    """Tell whether a step is a line of the program's standard output: an acknowledgement."""
    return isinstance(step, Said) and step.path.endswith("/out")


def said_by(steps: tuple[Step, ...]) -> Acknowledged:
    """Return (stage, book) of all that was acknowledged in these steps."""
    out = b"".join(step.data for step in steps if isinstance(step, Said) and is_told(step))
    return frozenset(acknowledged(out.decode()))


def stored(library: Path) -> Acknowledged:
    """Return (stage, book) of all that the library holds as done."""
    query = "SELECT tasks.stage, books.sha256 FROM tasks JOIN books ON books.id = tasks.book WHERE state = 'done'"
    with closing(open_read_only(library / "library.db")) as connection:
        return frozenset(connection.execute(query).fetchall())


def faults_of(library: Path, promised: Acknowledged) -> list[str]:
    """Open what a cut left. Returns: what is damaged or lost; no library at all is no fault before the first book."""
    try:
        with open_librarian(library) as librarian:
            found = list(librarian.check(read_data=True).problems)
        return found + [f"lost: {stage} of {book}" for stage, book in sorted(promised - stored(library))]
    except (EnvironmentFault, sqlite3.DatabaseError) as exc:
        return [str(exc)] if promised or "no library here" not in str(exc) else []


@pytest.mark.slow
def test_a_power_cut_at_any_point_damages_nothing_and_loses_nothing_acknowledged(
    tmp_path: Path, recording: Recording
) -> None:
    chooser = new_chooser()
    ingest(tmp_path / "undisturbed", recording.tree)
    expected = without_vectors(digest(tmp_path / "undisturbed"))
    told = [place + 1 for place, step in enumerate(recording.steps) if is_told(step)]
    cuts = [chooser.choice((chooser.randrange(len(recording.steps)), chooser.choice(told))) for _ in range(TRIALS)]
    disk, done = Disk(), 0
    for number, cut in enumerate(sorted(cuts)):
        for step in recording.steps[done:cut]:
            disk.take(step)
        done = cut
        image = tmp_path / "image"
        disk.save_image(image, chooser)
        assert faults_of(image, said_by(recording.steps[:cut])) == [], f"cut at step {cut}"
        if number % GO_ON_EVERY == 0:
            ingest(image, recording.tree)
            assert without_vectors(digest(image)) == expected, f"cut at step {cut}"
        shutil.rmtree(image, ignore_errors=True)
    print(f"{TRIALS} cuts in {len(recording.steps)} steps")  # noqa: T201  # figures of a long run


LYING_IMAGES = 10


@pytest.mark.slow
def test_a_disk_that_lies_about_syncs_is_found_out(tmp_path: Path, recording: Recording) -> None:
    chooser = new_chooser()
    disk = Disk(syncs=False)
    last = max(place for place, step in enumerate(recording.steps) if is_told(step))
    for step in recording.steps[: last + 1]:
        disk.take(step)
    said, found = said_by(recording.steps[: last + 1]), []
    for number in range(LYING_IMAGES):  # one image in a while has all that counts, by luck
        disk.save_image(tmp_path / str(number), chooser)
        found += faults_of(tmp_path / str(number), said)
    assert found
