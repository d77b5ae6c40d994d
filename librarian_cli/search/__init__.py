"""A query -> the passages that answer it, best first.

    text --syntax--> words, phrases, exclusions, fields --scope--> books that may answer
      |
      +-- words ----> FTS5 (BM25 over headings and text) --+
      |                                                    +--> fused by score --> hits --> snippets
      +-- nearest --> all chunk vectors (cosines) ---------+

BM25 leads; the built-in vectors add what words alone miss, those of a model from outside weigh as much as words.
Without vectors, or where such a model cannot be asked, the search is BM25. Phrases, exclusions and filters hold for
both. Reads only.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from librarian_cli.embedders.query import QueryEmbedder
from librarian_cli.errors import EmbedderError, EndpointError, UsageError
from librarian_cli.models import Book, Hit
from librarian_cli.search import forms, nearest, similar, syntax, words
from librarian_cli.search.hits import hit
from librarian_cli.search.scope import Scope
from librarian_cli.search.similar import Similar
from librarian_cli.search.snippets import MATCH_END, MATCH_START
from librarian_cli.search.syntax import Parsed
from librarian_cli.settings import Config
from librarian_cli.store import books, content

if TYPE_CHECKING:
    from librarian_cli.search.nearest import Floats

__all__ = ["MATCH_END", "MATCH_START", "MODES", "BookHits", "Query", "Scope", "Searcher", "Similar", "fuse"]

MODES = ("hybrid", "text", "vector")
Scores = Mapping[int, float]
Allowed = Sequence[Book] | None
_PER_BOOK = 3


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, and which books may answer."""

    text: str
    mode: str = "hybrid"
    limit: int = 10
    book: str | None = None
    author: str | None = None
    language: str | None = None
    collection: str | None = None
    group: str | None = None
    min_trust: float | None = None
    tags: tuple[str, ...] = ()
    expand: bool = False
    """Look for what the best passages speak of, too."""
    context: int = 0
    """Neighbouring chunks to show on either side."""


@dataclass(frozen=True, slots=True)
class BookHits:
    """A book that answers a query, with its best passages, best first. Its score is that of the first."""

    book: str
    title: str
    author: str
    score: float
    hits: tuple[Hit, ...]


class Searcher:
    """Searches one library; keeps its vectors between searches. Not for several threads."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        folder: Path,
        config: Config,
        notify: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`folder` holds the built-in vectors' basis; `notify` is told where words alone decide, and why."""
        self.connection = connection
        self._config = config
        self._notify = notify
        self._model = QueryEmbedder(config.embedder)
        self._shelf = nearest.Shelf(folder, self._model)

    @property
    def space(self) -> nearest.Space | None:
        """The library's vectors, as they stand now; None where it has none."""
        return self._shelf.space(self.connection)

    def close(self) -> None:
        """Close the model, if one was opened."""
        self._model.close()

    def search(self, query: Query) -> list[Hit]:
        """Find passages. Scores lie between 0 and 1 and compare within one result only.

        Raises: UsageError: no words to search for, a query too long, an unknown book; in vector mode EmbedderError and
        EndpointError: the model that made the vectors cannot be asked.
        """
        parsed = syntax.parse(query.text)
        ranked = self.rank(query, parsed)[: query.limit]
        return [self._hit(row, score, parsed, query.context) for row, score in ranked]

    def search_books(self, query: Query) -> list[BookHits]:
        """Find books by their best passages, best first; `query.limit` counts books. Raises: as `search`."""
        parsed = syntax.parse(query.text)
        found: dict[int, list[tuple[int, float]]] = {}
        ranked = self.rank(query, parsed)
        owners = content.books_of(self.connection, [row for row, _ in ranked])
        for owner, passage in zip(owners, ranked, strict=True):
            if owner in found or len(found) < query.limit:
                found.setdefault(owner, []).append(passage)
        return [self._book_hits(row, best[:_PER_BOOK], parsed, query.context) for row, best in found.items()]

    def similar(self, name: str, scope: Scope, limit: int) -> Similar:
        """Find the books and passages most like a book or a passage. Raises: as `similar.find`."""
        return similar.find(self.connection, self.space, name, scope, limit)

    def rank(self, query: Query, parsed: Parsed) -> list[tuple[int, float]]:
        """Score the candidates among all chunks: (row, score), best first."""
        allowed = _scope(query, parsed).choose(self.connection)
        if allowed == []:
            return []
        scores = self._scores(query, parsed, allowed)
        if query.expand:
            scores = self._expanded(query, parsed, allowed, scores)
        return self._fused(query, *scores)

    def _fused(self, query: Query, words_found: Scores, cosines: Scores) -> list[tuple[int, float]]:
        if not cosines:
            return fuse(words_found, {}, 0.0)
        if query.mode == "vector":
            return fuse({}, cosines, 1.0)
        built_in = self.space is None or self.space.built_in
        weight = self._config.search.vector_weight if built_in else self._config.embedder.vector_weight
        # Words decide alone for a passage that has no vector yet.
        top = max(words_found.values(), default=0.0) or 1.0
        bare = {row: score / top for row, score in words_found.items() if row not in cosines}
        return fuse(words_found, {**bare, **cosines}, weight)

    def _scores(self, query: Query, parsed: Parsed, allowed: Allowed) -> tuple[Scores, Scores]:
        """What words say, and what vectors say."""
        found = {} if query.mode == "vector" else words.scores(self.connection, parsed, allowed)
        space = None if query.mode == "text" else self.space
        vector = self._vector(space, query, parsed, allowed)
        return found, self._cosines(parsed, allowed, vector, found)

    def _vector(self, space: nearest.Space | None, query: Query, parsed: Parsed, allowed: Allowed) -> "Floats | None":
        """Place a query among the vectors; None where words alone decide."""
        if space is None:
            return None
        if space.built_in:
            return space.query_vector(forms.for_vectors(self.connection, parsed.text, allowed))
        try:
            return space.query_vector(parsed.text)
        except (EmbedderError, EndpointError, UsageError) as exc:
            if query.mode == "vector":
                raise
            self._notify(f"the vectors are left out, words alone decide: {exc}")
            return None

    def _expanded(
        self, query: Query, parsed: Parsed, allowed: Allowed, scores: tuple[Scores, Scores]
    ) -> tuple[Scores, Scores]:
        """Score once more, with what the best passages so far have in common."""
        from librarian_cli.search import feedback

        top = self._fused(query, *scores)[: feedback.PASSAGES]
        found, cosines = scores
        if found:
            more = replace(parsed, optional=tuple(feedback.more_terms(self.connection, parsed, top)))
            found = feedback.blend(found, words.scores(self.connection, more, allowed) if more.wanted else {})
        space = self.space if cosines else None
        vector = self._vector(space, query, parsed, allowed)
        vector = None if space is None or vector is None else feedback.moved(space, vector, top)
        return found, self._cosines(parsed, allowed, vector, found)

    def _cosines(self, parsed: Parsed, allowed: Allowed, vector: "Floats | None", also: Scores) -> Scores:
        space = self.space if vector is not None else None
        if space is None or vector is None:
            return {}
        admitted = words.admitted(self.connection, parsed, space, allowed)
        return nearest.scaled(space, space.cosines(vector), admitted, also)

    def _hit(self, row: int, score: float, parsed: Parsed, context: int) -> Hit:
        return hit(self.connection, row, score, wanted=parsed.wanted, context=context)

    def _book_hits(self, row: int, best: Sequence[tuple[int, float]], parsed: Parsed, context: int) -> BookHits:
        book = books.get(self.connection, row)
        found = tuple(self._hit(chunk, score, parsed, context) for chunk, score in best)
        return BookHits(book.id, book.title, book.author, found[0].score, found)


def fuse(word_scores: Mapping[int, float], cosines: Mapping[int, float], weight: float) -> list[tuple[int, float]]:
    """Merge two scorings of chunk rows: (1 - weight) * words + weight * cosines, both scaled to at most 1.

    Equal scores are ordered by row, so that a result is the same every time.
    """
    top = max(word_scores.values(), default=0.0) or 1.0
    rows = word_scores.keys() | cosines.keys() if weight else word_scores.keys()
    scored = [(row, (1 - weight) * word_scores.get(row, 0.0) / top + weight * cosines.get(row, 0.0)) for row in rows]
    return sorted(scored, key=lambda item: (-item[1], item[0]))


def _scope(query: Query, parsed: Parsed) -> Scope:
    return Scope(
        query.book,
        query.author,
        query.language,
        query.collection,
        query.group,
        query.min_trust,
        query.tags,
        parsed.rules,
    )
