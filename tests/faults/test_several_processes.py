"""Several ingests of one tree, killed and stopped at any instant: each book once, its effects once, groups in order.

LIBRARIAN_FAULT_TRIALS sets how many faults; LIBRARIAN_FAULT_SEED repeats a run's instants.
"""

import os
import random
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from librarian_cli.store.connections import open_read_only
from tests.faults.conftest import Start
from tests.support import effects, trees
from tests.support.digest import digest
from tests.support.program import librarian
from tests.support.rivals import Rivals, new_chooser
from tests.support.running import Running

TRIALS = int(os.environ.get("LIBRARIAN_FAULT_TRIALS", "6"))
FAULTS_PER_LIBRARY = 6
LEASE_SECONDS = 2.0
STOP_SECONDS = 1.6 * LEASE_SECONDS
SETTINGS = {
    "LIBRARIAN_LIMITS_LEASE_SECONDS": str(LEASE_SECONDS),
    "LIBRARIAN_INGEST_ORDER_GROUPS": "folder",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"),
]


def write_tree(folder: Path) -> Path:
    """Write seven folders of small books, with slow and large ones among them, and the samples."""
    for number in range(112):
        head = "FAULT:slow\n" if number % 14 == 5 else ""
        trees.write_text(folder / f"shelf{number % 7}/{number:03}.txt", number, head=head)
    for number in range(4):
        trees.write_text(folder / f"shelf{number}/large{number}.txt", f"large {number}", paragraphs=2500)
    trees.copy_samples(folder / "samples")
    return folder


def test_runs_side_by_side_that_are_killed_and_stopped_end_as_one_undisturbed_run(tmp_path: Path, start: Start) -> None:
    chooser = new_chooser()
    tree = write_tree(tmp_path / "tree")
    undisturbed = tmp_path / "undisturbed"
    assert librarian("ingest", tree, library=undisturbed, env=SETTINGS).code == 3  # one of the samples is damaged
    expected = digest(undisturbed)
    kills = stops = 0
    for number in count():
        library = tmp_path / f"library{number}"

        def begin(library: Path = library) -> Running:
            return start("--library", library, "ingest", tree, env=SETTINGS)

        rivals = Rivals(chooser, begin, chooser.choice((2, 3)), STOP_SECONDS)
        disturb(rivals, chooser, min(FAULTS_PER_LIBRARY, TRIALS - kills - stops))
        for ran in rivals.finish():
            assert ran.code in (0, 3), ran.err
            assert "Traceback" not in ran.err, ran.err
        assert_once_and_in_order(library)
        assert digest(library) == expected
        kills, stops = kills + rivals.kills, stops + rivals.stops
        print(f"library {number}: {rivals.kills} kills, {rivals.stops} stops")  # noqa: T201  # figures of a long run
        if kills + stops >= TRIALS:
            break


def disturb(rivals: Rivals, chooser: random.Random, faults: int) -> None:
    """Kill or stop one after the other, until all have ended or there were enough faults."""
    rivals.let_pass(chooser.uniform(0.0, 2.0))
    while rivals.at_work and rivals.kills + rivals.stops < faults:
        chooser.choice((rivals.kill_one, rivals.stop_one))()
        rivals.let_pass(chooser.expovariate(1 / 0.6))


def assert_once_and_in_order(library: Path) -> None:
    checked = librarian("check", "--read-data", library=library)
    assert checked.code == 0, checked.err
    with closing(open_read_only(library / "library.db")) as connection:
        assert effects.stored_twice(connection) == []
        assert effects.done_twice(connection) == []
        assert effects.out_of_order(connection) == []
    assert effects.left_over(library) == []
