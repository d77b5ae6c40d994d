"""Scores of chunks by their vectors: exact cosines with a query's, a passage's or a book's vector.

    vectors of all books --load--> Space --cosines(vector)--> one number a chunk, rows ascending

A Space is what one search compares with; a Shelf keeps the last one until somebody writes to the library.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from librarian_cli.embedders.query import QueryEmbedder
from librarian_cli.models import Book
from librarian_cli.store import embedders, vectors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from librarian_cli.embedders import codes

    Floats = npt.NDArray[np.float32]
    Rows = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]

_CANDIDATES = 50


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """The vectors of all chunks that have one; `rows` are theirs, ascending, and book `i` has a run of `sizes[i]`.

    `built_in` says who made them.
    """

    built_in: bool
    place: "Callable[[str], Floats]"
    vectors: "codes.Vectors"
    rows: "Rows"
    books: "Rows"
    sizes: "Rows"

    def query_vector(self, text: str) -> "Floats":
        """Place a text in the space; zeros where none of its words is known.

        Raises: EmbedderError, EndpointError, UsageError: the model that made the vectors cannot be asked.
        """
        return self.place(text)

    def cosines(self, vector: "Floats") -> "Floats":
        """Compare every chunk with a vector of unit length."""
        from librarian_cli.embedders import codes

        return codes.similarities(self.vectors, vector)

    def within(self, allowed: Sequence[Book]) -> "Mask":
        """Which chunks belong to these books."""
        import numpy as np

        return np.repeat(np.isin(self.books, [book.row for book in allowed]), self.sizes)

    def places(self, rows: Iterable[int]) -> "Rows":
        """Where the given chunk rows stand; those without a vector are left out."""
        import numpy as np

        wished = np.array(sorted({*rows}), self.rows.dtype)
        places = np.searchsorted(self.rows, wished)  # rows ascend; a chunk may have no vector yet
        found: Rows = places[np.append(self.rows, -1)[places] == wished]
        return found

    def mean(self, places: "Rows") -> "Floats":
        """The direction of the mean of some chunks' vectors; zeros where there is none."""
        import numpy as np

        scaled = self.vectors.codes[places].astype(np.float32) * self.vectors.scales[places, np.newaxis]
        return unit(scaled.sum(axis=0))

    def book_cosines(self, vector: "Floats") -> dict[int, float]:
        """Compare the mean vector of every book, by its row, with a vector of unit length."""
        import numpy as np

        ends = np.cumsum(self.sizes).tolist()
        runs = zip(self.books.tolist(), ends, self.sizes.tolist(), strict=True)
        return {book: float(self.mean(np.arange(end - size, end)) @ vector) for book, end, size in runs}


class Shelf:
    """Loads the space of a library, and keeps it for as long as the library stays as it is. Not for several threads."""

    def __init__(self, folder: Path, model: QueryEmbedder) -> None:
        """`folder` holds the built-in basis, `model` is the one from outside that the settings name."""
        self._folder = folder
        self._model = model
        self._version: object = None
        self._space: Space | None = None

    def space(self, connection: sqlite3.Connection) -> Space | None:
        """The library's vectors; None where it has none."""
        version = (id(connection), vectors.state(connection))
        if version != self._version:
            self._version, self._space = version, load(connection, self._folder, self._model)
        return self._space


def load(connection: sqlite3.Connection, folder: Path, model: QueryEmbedder) -> Space | None:
    """Read all vectors of the basis in force; None where there are none. `folder` and `model` as in Shelf."""
    active = vectors.active_basis(connection)
    made_by = embedders.get(connection, active[0]) if active else None
    if active is None or not (made_by or vectors.basis_file(folder, active[0]).exists()):
        return None
    stored = vectors.stored(connection, active[0])
    if not stored:
        return None
    place: Callable[[str], Floats]
    if made_by:
        dimensions = made_by.dimensions
        place = partial(model.embed, signature=made_by.signature, canary=made_by.canary)
    else:
        dimensions, place = _built_in(vectors.basis_file(folder, active[0]))
    import numpy as np  # takes a third of a whole word search to load

    from librarian_cli.embedders import codes

    parts = [codes.Vectors.from_bytes(item.codes, dimensions=dimensions) for item in stored]
    sizes = np.array([item.chunks for item in stored], np.int64)
    firsts = np.array([item.first_chunk for item in stored], np.int64)
    return Space(
        built_in=made_by is None,
        place=place,
        vectors=codes.Vectors.join(parts, dimensions=dimensions),
        rows=np.arange(sizes.sum()) + np.repeat(firsts - np.cumsum(sizes) + sizes, sizes),
        books=np.array([item.book_row for item in stored], np.int64),
        sizes=sizes,
    )


def _built_in(path: Path) -> "tuple[int, Callable[[str], Floats]]":
    from librarian_cli.embedders import lsa

    basis = lsa.Basis.load(path)
    return basis.dimensions, partial(lsa.query_vector, basis)


def scaled(space: Space, cosines: "Floats", admitted: "Mask | None", also: Iterable[int]) -> dict[int, float]:
    """Scale the nearest chunks and the rows `also` from the median (0) to the best (1), among those admitted."""
    import numpy as np

    places = np.arange(len(cosines)) if admitted is None else np.flatnonzero(admitted)
    if not len(places):
        return {}
    found = cosines[places]
    middle = len(found) // 2
    floor, best = max(0.0, float(np.partition(found, middle)[middle])), float(found.max())
    if best <= floor:
        return {}
    count = min(_CANDIDATES, len(found))
    chosen = np.append(places[np.argpartition(-found, count - 1)[:count]], space.places(also))
    shares = np.clip((cosines[chosen] - floor) / (best - floor), 0.0, 1.0)
    return dict(zip(space.rows[chosen].tolist(), shares.tolist(), strict=True))


def unit(vector: "Floats") -> "Floats":
    """Scale a vector to unit length; zeros stay zeros."""
    import numpy as np

    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length else vector, np.float32)
