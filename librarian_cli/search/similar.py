"""A book or a passage -> the books and passages that are most like it, by their vectors.

BOOK        the mean of its chunks' vectors --cosines--> means of other books, and chunks of other books
BOOK:a-b    the mean of the chunks it touches --cosines--> means of other books, and all other chunks
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from librarian_cli import details
from librarian_cli.errors import EnvironmentFault, UsageError
from librarian_cli.models import Book, Hit
from librarian_cli.search.hits import hit
from librarian_cli.search.nearest import Space
from librarian_cli.search.scope import Scope
from librarian_cli.store import books, content

if TYPE_CHECKING:
    from librarian_cli.search.nearest import Floats, Mask


@dataclass(frozen=True, slots=True)
class SimilarBook:
    """A book that is like what was asked for; the score is a cosine, 1 for the very same words."""

    book: str
    title: str
    author: str
    score: float


@dataclass(frozen=True, slots=True)
class Similar:
    """The books and passages most like a book or a passage, nearest first. Scores are cosines from 0 to 1."""

    books: tuple[SimilarBook, ...]
    passages: tuple[Hit, ...]


def find(connection: sqlite3.Connection, space: Space | None, name: str, scope: Scope, limit: int) -> Similar:
    """Find what is most like `name`, BOOK or BOOK:start-end, among the books of a scope; `limit` of each kind.

    Raises: UsageError: there is no such thing, or none of its words is known to the vectors.
        EnvironmentFault: the library, or this book, has no vectors yet.
    """
    import numpy as np

    book, start, end = details.passage(connection, name)
    target = content.rows_between(connection, book.row, start, end)
    if space is None or not len(space.places(target)):
        raise EnvironmentFault(
            "there are no vectors of this yet; `librarian ingest` without paths makes those that lack"
        )
    vector = space.mean(space.places(target))
    if not vector.any():
        raise UsageError(f"{name}: none of its words stands in enough other passages to compare it by")
    allowed = scope.choose(connection)
    admitted = np.ones(len(space.rows), bool) if allowed is None else space.within(allowed)
    admitted &= ~(space.within([book]) if ":" not in name else np.isin(space.rows, target))
    others = [item for item in space.books.tolist() if item != book.row]
    chosen = others if allowed is None else [item.row for item in allowed if item.row in set(others)]
    return Similar(
        books=_books(connection, space.book_cosines(vector), chosen, limit),
        passages=_passages(connection, space, space.cosines(vector), admitted, limit),
    )


def _books(
    connection: sqlite3.Connection, cosines: dict[int, float], chosen: Sequence[int], limit: int
) -> tuple[SimilarBook, ...]:
    nearest = sorted((row for row in chosen if cosines[row] > 0), key=lambda row: (-cosines[row], row))[:limit]
    return tuple(_book(books.get(connection, row), cosines[row]) for row in nearest)


def _book(book: Book, cosine: float) -> SimilarBook:
    return SimilarBook(book.id, book.title, book.author, round(min(1.0, cosine), 4))


def _passages(
    connection: sqlite3.Connection, space: Space, cosines: "Floats", admitted: "Mask", limit: int
) -> tuple[Hit, ...]:
    import numpy as np

    places = np.flatnonzero(admitted & (cosines > 0))
    nearest = places[np.argsort(-cosines[places], kind="stable")[:limit]]
    return tuple(hit(connection, int(space.rows[at]), min(1.0, float(cosines[at]))) for at in nearest)
