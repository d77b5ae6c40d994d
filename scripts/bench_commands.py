"""`scripts/bench commands`: how long commands take as whole processes, on a library made of a folder."""

import argparse
import itertools
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench_process import measure
from bench_setting import LIBRARIAN, Report, environment

QUERIES = ("the causes of war", "how to measure heat", "love and death of a king", "install a package")
COMMANDS: tuple[tuple[str, Sequence[Sequence[str]]], ...] = (
    ("librarian --help", [["--help"]]),
    ("librarian search QUERY", [["search", query] for query in QUERIES]),
    ("librarian search --mode text QUERY", [["search", "--mode", "text", query] for query in QUERIES]),
    ("librarian status", [["status"]]),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=20, help="how often each command is run (default: 20)")
    parser.add_argument("--library", type=Path, help="use this library instead of making one of the folder")


def run(arguments: argparse.Namespace) -> Report:
    """Make the library unless one is given, and run each command in turn."""
    if arguments.library:
        return _measured(arguments.library, arguments.runs)
    with tempfile.TemporaryDirectory(prefix="librarian-bench-") as place:
        library = Path(place, "library")
        measure([LIBRARIAN, "ingest", str(arguments.folder)], environment(library), allowed=(0, 3))
        return _measured(library, arguments.runs)


def _measured(library: Path, runs: int) -> Report:
    taken = {
        name: [_seconds(words, library) for words in itertools.islice(itertools.cycle(variants), runs)]
        for name, variants in COMMANDS
    }
    return Report(
        header=("command", "median", "slowest"),
        rows=tuple(
            (f"`{name}`", _milliseconds(statistics.median(found)), _milliseconds(max(found)))
            for name, found in taken.items()
        ),
        notes=(f"{runs} whole processes of each, one after the other.",),
        figures={"seconds": taken},
    )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _seconds(words: Sequence[str], library: Path) -> float:
    return measure([LIBRARIAN, *words], environment(library)).wall_seconds
