"""index: all chunks of the library -> its built-in vectors, brought up to date once a batch (see embed for others).

    chunks chosen by content hash --fit--> basis/<id>      (anew when the library has grown enough)
    every book without vectors of that basis --project--> vectors, a blob a book
    all there --activate--> searches use them; until then they use the old ones, or BM25 alone

The basis is a pure function of the set of stored books: kills and the order of completion do not change it.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from librarian_cli.settings import IndexSettings
from librarian_cli.store import books, fulltext, vectors
from librarian_cli.store.connections import open_read_only
from librarian_cli.store.database import Database

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from librarian_cli.embedders.lsa import Projector

NAME = "index"
_BATCH_BYTES = 4 << 20
_AHEAD = 4

Submit = Callable[..., "Future[object]"]
Write = Callable[[Callable[[sqlite3.Connection], object]], object]
Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker finds the library's texts and its bases."""

    library: Path
    bases: Path


def bring_up_to_date(
    database: Database,
    folder: Path,
    settings: IndexSettings,
    *,
    submit: Submit,
    write: Write,
    stop: threading.Event,
    advance: Advance = lambda done, total: None,
) -> int:
    """Fit where needed and give every book its vectors. Returns: how many books got new ones.

    `submit(function, *arguments)` runs a function in the index pool, `write(operation)` one in the library's writer,
    as long as the task is ours, `advance` hears how many books are done of how many. Raises what they raise.
    """
    connection = database.reader()
    folder.mkdir(mode=0o700, exist_ok=True)
    place = Place(database.path, folder)
    _, chunks, _ = books.totals(connection)
    active = vectors.active_basis(connection)
    basis, fitted_at = active or ("", 0)
    if chunks == 0:
        return 0
    if (
        not active
        or not vectors.basis_file(folder, basis).exists()
        or chunks - fitted_at > settings.refit_growth * fitted_at
    ):
        basis, fitted_at = str(submit(fit, place, settings.max_fit_chunks, settings.dimensions).result()), chunks
    missing = vectors.books_without(connection, basis)
    done = 0
    advance(done, len(missing))
    for count in _project(missing, place, basis, submit=submit, write=write, stop=stop):
        done += count
        advance(done, len(missing))
    if not stop.is_set():
        write(lambda conn: vectors.activate(conn, basis, fitted_at))
        remove_other_bases(folder, basis)
    return done


def choose_chunks(connection: sqlite3.Connection, most: int) -> list[int]:
    """Choose chunk rows to fit on: those with the lowest hashes of (book, place), in that order."""
    import numpy as np

    counts = books.chunk_counts(connection)
    sizes = np.array([count for _, _, count in counts])
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    seeds = np.repeat(np.array([int(sha256[:16], 16) for sha256, _, _ in counts], np.uint64), sizes)
    keys = _mix(seeds ^ within.astype(np.uint64))
    rows = np.repeat(np.array([first for _, first, _ in counts]), sizes) + within
    return [int(row) for row in rows[np.argsort(keys, kind="stable")[:most]]]


def fit(place: Place, most: int, dimensions: int) -> str:
    """Fit a basis on at most so many chunks and store it; runs in a worker. Returns: its id."""
    from librarian_cli.embedders import lsa

    with closing(open_read_only(place.library)) as connection:
        texts = fulltext.telling_texts(connection, choose_chunks(connection, most))
    basis = lsa.fit(texts, dimensions=dimensions)
    basis.save(place.bases)
    return basis.id


def project(place: Place, basis: str, rows: Sequence[int]) -> list[tuple[int, int, bytes]]:
    """Fold these books into a basis; runs in a worker. Returns: (book_row, first chunk, codes) for each."""
    projector = _projector(vectors.basis_file(place.bases, basis))
    found = []
    with closing(open_read_only(place.library)) as connection:
        for row in rows:
            first, texts = fulltext.telling_chunks(connection, row)
            found.append((row, first, projector.project(texts).to_bytes()))
    return found


def _project(
    missing: Sequence[tuple[int, int]],
    place: Place,
    basis: str,
    *,
    submit: Submit,
    write: Write,
    stop: threading.Event,
) -> Iterator[int]:
    """Fold books into a basis, a few batches at once. Yields: how many books were stored, as they are."""
    pending: set[Future[object]] = set()
    for rows in _batches(missing):
        if stop.is_set():
            break
        pending.add(submit(project, place, basis, rows))
        if len(pending) >= _AHEAD:
            ready, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield _store(write, basis, ready)
    for result in pending:
        yield _store(write, basis, [result])


def _store(write: Write, basis: str, results: Iterable["Future[object]"]) -> int:
    done = 0
    for result in results:
        rows = cast(list[tuple[int, int, bytes]], result.result())
        write(partial(vectors.save, basis=basis, rows=rows))
        done += len(rows)
    return done


def _batches(books: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    rows: list[int] = []
    size = 0
    for book_row, text_bytes in books:
        rows.append(book_row)
        size += text_bytes
        if size >= _BATCH_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def remove_other_bases(folder: Path, basis: str) -> None:
    """Remove the files of every basis but one, which may be none of the built-in ones."""
    if not folder.exists():
        return
    for path in folder.iterdir():
        if path != vectors.basis_file(folder, basis):
            path.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _projector(path: Path) -> "Projector":
    from librarian_cli.embedders import lsa

    return lsa.Projector(lsa.Basis.load(path))


def _mix(numbers: "npt.NDArray[np.uint64]") -> "npt.NDArray[np.uint64]":
    """Scatter 64 bits (SplitMix64, Steele, Lea, Flood 2014), so that neighbours get unrelated keys."""
    import numpy as np

    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
