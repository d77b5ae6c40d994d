"""`scripts/bench search`: how long searches take, inside one process and as processes of their own."""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench_process import measure
from bench_setting import LIBRARIAN, Report, environment

QUERIES = Path(__file__).with_name("queries.txt")
MODES = ("hybrid", "text")


@dataclass(frozen=True, slots=True)
class Taken:
    """What queries took, one after the other, in seconds."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", type=Path, nargs="?", help="make a library of the books in this folder")
    parser.add_argument("--library", type=Path, help="use this library; with --make it is made there, and kept")
    parser.add_argument("--make", type=int, metavar="N", help="make a library of N passages of the folder's text files")
    parser.add_argument("--processes", type=int, default=54, help="how many whole processes to run (default: 54)")


def run(arguments: argparse.Namespace) -> Report:
    """Make the library unless there is one, and ask all queries of queries.txt."""
    if not (arguments.folder or arguments.library) or (arguments.make and not arguments.folder):
        raise SystemExit("name a folder of books, or a library with --library; --make needs a folder")
    with tempfile.TemporaryDirectory(prefix="librarian-bench-") as place:
        library = arguments.library or Path(place, "library")
        if arguments.make:
            import search_library

            search_library.make(arguments.folder, library, arguments.make)
        elif arguments.folder:
            measure([LIBRARIAN, "ingest", str(arguments.folder)], environment(library), allowed=(0, 3))
        return _measured(library, read_queries(), arguments.processes)


def read_queries() -> list[str]:
    """The queries of queries.txt."""
    lines = QUERIES.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _measured(library: Path, queries: Sequence[str], processes: int) -> Report:
    from librarian_cli import config
    from librarian_cli.app import Librarian

    with Librarian(config.load({"library.path": str(library)})) as librarian:
        passages = librarian.totals()[1]
        taken = {f"in one process, {mode}": _inside(librarian.search, queries, mode) for mode in MODES}
    chosen = queries[:: max(1, len(queries) // processes)][:processes]
    taken["a process each, hybrid"] = _as_processes(library, chosen)
    return Report(
        header=("search", "queries", "p50", "p95", "slowest", "CPU p50", "CPU p95"),
        rows=tuple((name, str(len(found.wall)), *_row(found)) for name, found in taken.items()),
        notes=(f"{passages:,} passages; one query after the other, each once, after one that is not counted.",),
        figures={"passages": passages, "seconds": {name: found.wall for name, found in taken.items()}},
    )


def _inside(search: Callable[..., object], queries: Sequence[str], mode: str) -> Taken:
    from librarian_cli.search import Query

    search(Query(queries[0], mode=mode))
    found = [_clocked(partial(search, Query(text, mode=mode))) for text in queries]
    return Taken(*zip(*found, strict=True))


def _clocked(call: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def _as_processes(library: Path, queries: Sequence[str]) -> Taken:
    env = environment(library)
    runs = [measure([LIBRARIAN, "search", "--", query], env) for query in (queries[0], *queries)][1:]
    return Taken(tuple(one.wall_seconds for one in runs), tuple(one.cpu_seconds for one in runs))


def _row(taken: Taken) -> tuple[str, ...]:
    wall, cpu = (statistics.quantiles(found, n=20, method="inclusive") for found in (taken.wall, taken.cpu))
    return tuple(f"{seconds * 1000:.0f} ms" for seconds in (wall[9], wall[18], max(taken.wall), cpu[9], cpu[18]))
