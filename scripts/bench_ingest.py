"""`scripts/bench ingest`: what ingesting a folder takes, as ratios to bare extraction of the same folder.

    floor, ingest, floor, ingest, ...    in turn, so that a slow minute of the machine falls on both
    after each ingest: the same command once more, with nothing changed

Medians over the runs. "Searchable" ends when the last book's chunks are committed, counted from the job's start;
the whole run is that of the process, with its start and its end. So is the floor's.
"""

import argparse
import json
import sqlite3
import statistics
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from bench_process import measure
from bench_setting import FLOOR, LIBRARIAN, PYTHON, Report, cores, environment

_MEBIBYTE = 1 << 20
_ALLOWED = (0, 3)  # 3: some files of the folder cannot be read


@dataclass(frozen=True, slots=True)
class Floor:
    """One bare extraction."""

    wall_seconds: float
    cpu_seconds: float
    text_bytes: int
    files: int
    failed_pieces: int


@dataclass(frozen=True, slots=True)
class Ingest:
    """One ingest into an empty library, and the same command once more."""

    searchable_seconds: float
    wall_seconds: float
    again_seconds: float
    cpu_seconds: float
    library_bytes: int
    text_bytes: int
    coordinator_bytes: int
    worker_bytes: int
    outcomes: Mapping[str, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3, help="how often each is run (default: 3)")
    parser.add_argument("--jobs", type=int, help="processes of the floor and workers of each stage (default: cores)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, for each ingest")


def run(arguments: argparse.Namespace) -> Report:
    """Measure, and put the medians together."""
    floors, ingests = [], []
    for _ in range(arguments.runs):
        floors.append(_run_floor(arguments.folder, arguments.jobs or cores()))
        ingests.append(_run_ingest(arguments.folder, arguments.jobs, arguments.set))
    return _report(floors, ingests)


def _run_floor(folder: Path, jobs: int) -> Floor:
    taken = measure([PYTHON, str(FLOOR), str(folder), str(jobs)], environment(None))
    found = json.loads(taken.stdout)
    # The whole process, as for the ingest: both pay for their start.
    return Floor(cpu_seconds=taken.cpu_seconds, **{**found, "wall_seconds": taken.wall_seconds})


def _run_ingest(folder: Path, jobs: int | None, settings: list[str]) -> Ingest:
    chosen = dict(setting.partition("=")[::2] for setting in settings)
    twins = {f"LIBRARIAN_{key.upper().replace('.', '_')}": value for key, value in chosen.items()}
    command = [LIBRARIAN, "ingest", "--json", str(folder), *(["--jobs", str(jobs)] if jobs else [])]
    with tempfile.TemporaryDirectory(prefix="librarian-bench-") as place:
        library = Path(place, "library")
        env = environment(library) | twins
        first = measure(command, env, allowed=_ALLOWED, watch=True)
        size = (library / "library.db").stat().st_size
        searchable, text_bytes = _read_library(library)
        again = measure(command, env, allowed=_ALLOWED)
    return Ingest(
        searchable_seconds=searchable,
        wall_seconds=first.wall_seconds,
        again_seconds=again.wall_seconds,
        cpu_seconds=first.cpu_seconds,
        library_bytes=size,
        text_bytes=text_bytes,
        coordinator_bytes=first.peak_bytes,
        worker_bytes=first.child_peak_bytes,
        outcomes=json.loads(first.stdout)["outcomes"],
    )


def _read_library(library: Path) -> tuple[float, int]:
    """How long after its job began the last book became searchable, and how much text there is."""
    with closing(sqlite3.connect(f"{(library / 'library.db').as_uri()}?mode=ro", uri=True)) as connection:
        (begun,) = connection.execute("SELECT min(created_at) FROM jobs").fetchone()
        (last,) = connection.execute("SELECT max(finished_at) FROM tasks WHERE stage = 'chunk'").fetchone()
        (text_bytes,) = connection.execute("SELECT coalesce(sum(text_bytes), 0) FROM books").fetchone()
    return (last or begun) - begun, text_bytes


def _report(floors: list[Floor], ingests: list[Ingest]) -> Report:
    found = _figures(floors, ingests)
    base, last = found["floor_seconds"], ingests[-1]
    timed = (
        ("bare extraction, wall", "floor_seconds"),
        ("everything searchable, wall", "searchable_seconds"),
        ("whole run, wall", "whole_seconds"),
        ("second run, nothing changed, wall", "again_seconds"),
        ("bare extraction, CPU", "floor_cpu_seconds"),
        ("whole run, CPU", "cpu_seconds"),
    )
    sized = (
        ("library file", f"{last.library_bytes / 1e6:.1f} MB", f"{found['library_per_text']:.2f} x the text"),
        ("peak memory, coordinator", f"{found['coordinator_bytes'] / _MEBIBYTE:.0f} MiB", ""),
        ("peak memory, largest worker", f"{found['worker_bytes'] / _MEBIBYTE:.0f} MiB", ""),
    )
    return Report(
        header=("", "median", "against the floor's wall"),
        rows=(*((name, f"{found[key]:.2f} s", f"{found[key] / base:.2f}") for name, key in timed), *sized),
        notes=_notes(floors[-1], last),
        figures={**found, "floor": [asdict(item) for item in floors], "ingest": [asdict(item) for item in ingests]},
    )


def _figures(floors: list[Floor], ingests: list[Ingest]) -> dict[str, float]:
    median = statistics.median
    return {
        "floor_seconds": median(item.wall_seconds for item in floors),
        "searchable_seconds": median(item.searchable_seconds for item in ingests),
        "whole_seconds": median(item.wall_seconds for item in ingests),
        "again_seconds": median(item.again_seconds for item in ingests),
        "floor_cpu_seconds": median(item.cpu_seconds for item in floors),
        "cpu_seconds": median(item.cpu_seconds for item in ingests),
        "library_per_text": median(item.library_bytes / max(1, item.text_bytes) for item in ingests),
        "coordinator_bytes": max(item.coordinator_bytes for item in ingests),
        "worker_bytes": max(item.worker_bytes for item in ingests),
    }


def _notes(floor: Floor, last: Ingest) -> tuple[str, ...]:
    outcomes = ", ".join(f"{count} {word}" for word, count in last.outcomes.items() if count)
    return (
        f"Text: {last.text_bytes / 1e6:.1f} MB in the library; {floor.text_bytes / 1e6:.1f} MB by bare extraction of"
        f" {floor.files} files, of which {floor.failed_pieces} pieces could not be read.",
        f"Outcomes: {outcomes}.",
    )
