"""A query -> the passages that answer it, best first.

    query --terms--> FTS5 (BM25 over headings and text)  --+
      |                                                    +--> fused by score --> filters --> hits
      +---- basis --> query vector --> all chunk vectors --+

BM25 leads; the built-in vectors add what words alone miss. Without vectors the search is BM25. Reads only.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from librarian_cli.errors import UsageError
from librarian_cli.models import Book, Hit
from librarian_cli.store import books, content, files, fulltext, vectors
from librarian_cli.text import analysis, language

MATCH_START, MATCH_END = "\x02", "\x03"
"""Around matched words in snippets; the front end turns them into what its medium has, or into nothing."""

MODES = ("hybrid", "text", "vector")
_MAX_QUERY_CHARS = 1000
_MAX_TERMS = 32
_CANDIDATES = 1000
_VECTOR_CANDIDATES = 50
_SNIPPET_WORDS = 32
_DEADLINE_STEP = 1_000_000
_DEADLINE_STEPS = 200_000_000
_TERM = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked, and which books may answer."""

    text: str
    mode: str = "hybrid"
    limit: int = 10
    book: str | None = None
    author: str | None = None
    language: str | None = None
    min_trust: float | None = None
    context: int = 0
    """Neighbouring chunks to show on either side."""


def search(connection: sqlite3.Connection, query: Query, folder: Path, vector_weight: float) -> list[Hit]:
    """Find passages. Scores lie between 0 and 1 and compare within one result only.

    `folder` holds the vectors' basis. Raises: UsageError: no words to search for, or a query too long.
    """
    words = terms(query.text)
    allowed = _allowed_books(connection, query)
    if allowed == []:
        return []
    word_scores = {} if query.mode == "vector" else _bm25(connection, words, allowed)
    vector_scores = {} if query.mode == "text" else _cosines(connection, query.text, folder, allowed, word_scores)
    weight = {"hybrid": vector_weight, "text": 0.0, "vector": 1.0}[query.mode]
    ranked = fuse(word_scores, vector_scores, weight if vector_scores else 0.0)
    return [_hit(connection, row, score, words, query.context) for row, score in ranked[: query.limit]]


def terms(text: str) -> list[str]:
    """Split a query into words; stop words go where others remain. Raises: UsageError."""
    if len(text) > _MAX_QUERY_CHARS:
        raise UsageError(f"the query has {len(text)} characters; at most {_MAX_QUERY_CHARS} are allowed, so shorten it")
    words = _TERM.findall(text.lower())
    if not words:
        raise UsageError("the query has no words to search for; write at least one")
    telling = [word for word in words if word not in language.STOP_WORDS["en"]]
    return (telling or words)[:_MAX_TERMS]


def fuse(words: Mapping[int, float], cosines: Mapping[int, float], weight: float) -> list[tuple[int, float]]:
    """Merge two scorings of chunk rows: (1 - weight) * words + weight * cosines, both scaled to at most 1.

    Equal scores are ordered by row, so that a result is the same every time.
    """
    top = max(words.values(), default=0.0) or 1.0
    rows = words.keys() | cosines.keys() if weight else words.keys()
    scored = [(row, (1 - weight) * words.get(row, 0.0) / top + weight * cosines.get(row, 0.0)) for row in rows]
    return sorted(scored, key=lambda item: (-item[1], item[0]))


def _allowed_books(connection: sqlite3.Connection, query: Query) -> list[Book] | None:
    """The books that may answer; None means all."""
    if not (query.book or query.author or query.language or query.min_trust is not None):
        return None
    chosen = [books.find(connection, query.book)] if query.book else list(books.every(connection))
    return [book for book in chosen if book.first_chunk is not None and _admits(query, book)]


def _admits(query: Query, book: Book) -> bool:
    return (
        (query.author is None or query.author.lower() in book.author.lower())
        and (query.language is None or language.normalise_tag(query.language) == book.language)
        and (query.min_trust is None or (book.trust_score or 0.0) >= query.min_trust)
    )


def _bm25(connection: sqlite3.Connection, words: Sequence[str], allowed: Sequence[Book] | None) -> dict[int, float]:
    names = fulltext.analyses(connection, None if allowed is None else [book.row for book in allowed])
    telling = analysis.telling(words, names)
    forms = (analysis.anywhere(word, [name for name in names if word in telling[name]]) for word in words)
    match = " OR ".join(form for found in forms for form in found)
    if not match:
        return {}
    connection.set_progress_handler(_Deadline(), _DEADLINE_STEP)
    try:
        return content.rank(connection, match, _CANDIDATES, allowed)
    except sqlite3.OperationalError as exc:
        if "interrupt" in str(exc):
            raise UsageError("the query takes too long; use fewer or rarer words") from exc
        raise
    finally:
        connection.set_progress_handler(None, 0)


def _cosines(
    connection: sqlite3.Connection,
    text: str,
    folder: Path,
    allowed: Sequence[Book] | None,
    also: Iterable[int],
) -> dict[int, float]:
    """Cosines of the nearest chunks and of the rows `also`, scaled from the median (0) to the best (1)."""
    active = vectors.active_basis(connection)
    if active is None or not vectors.basis_file(folder, active[0]).exists():
        return {}
    import numpy as np  # takes a third of a whole word search to load

    from librarian_cli.embedders import lsa

    wanted = None if allowed is None else {book.row for book in allowed}
    stored = [item for item in vectors.stored(connection, active[0]) if wanted is None or item.book_row in wanted]
    if not stored:
        return {}
    basis = lsa.Basis.load(vectors.basis_file(folder, active[0]))
    joined = lsa.Vectors.join([lsa.Vectors.from_bytes(item.codes, dimensions=basis.dimensions) for item in stored])
    rows = np.concatenate([np.arange(item.first_chunk, item.first_chunk + item.chunks) for item in stored])
    cosines = lsa.similarities(joined, lsa.query_vector(basis, text))
    middle = len(cosines) // 2
    floor, best = max(0.0, float(np.partition(cosines, middle)[middle])), float(cosines.max())
    if best <= floor:
        return {}
    count = min(_VECTOR_CANDIDATES, len(rows))
    wished = np.array(sorted(also), rows.dtype)
    places = np.searchsorted(rows, wished)  # rows ascend; a chunk may have no vector yet
    places = places[np.append(rows, -1)[places] == wished]
    chosen = np.append(np.argpartition(-cosines, count - 1)[:count], places)
    scaled = np.clip((cosines[chosen] - floor) / (best - floor), 0.0, 1.0)
    return dict(zip(rows[chosen].tolist(), scaled.tolist(), strict=True))


def _hit(connection: sqlite3.Connection, row: int, score: float, words: Sequence[str], context: int) -> Hit:
    chunk = content.chunk_by_row(connection, row)
    book = books.get(connection, chunk.book_row)
    found = content.chapters(connection, book.row)
    page = content.page_at(connection, book.row, chunk.start_char)
    return Hit(
        book=book.id,
        title=book.title,
        author=book.author,
        chapter="" if chunk.chapter is None else found[chunk.chapter].title,
        page=(page.label or str(page.number)) if page else None,
        chunk=f"{book.id[:12]}:{chunk.start_char}-{chunk.end_char}",
        start_char=chunk.start_char,
        end_char=chunk.end_char,
        score=round(score, 4),
        text=content.text_around(connection, book, chunk, context),
        snippet=snippet(chunk.text, words),
        path=next(iter(files.paths_of(connection, book.row)), b""),
    )


def snippet(text: str, words: Sequence[str]) -> str:
    """Cut the stretch of a passage that holds most of the query's words, and mark them.

    Words match by a common beginning, as the index stems them.
    """
    tokens = list(_TERM.finditer(text))
    stems = {word[: max(3, len(word) - 2)] if len(word) > 3 else word for word in words}
    marked = [any(token[0].lower().startswith(stem) for stem in stems) for token in tokens]
    best = max(range(len(tokens) or 1), key=lambda start: (sum(marked[start : start + _SNIPPET_WORDS]), -start))
    shown = tokens[best : best + _SNIPPET_WORDS]
    if not shown:
        return " ".join(text.split())
    pieces, at = [], shown[0].start()
    for token, is_match in zip(shown, marked[best:], strict=False):
        pieces.append(text[at : token.start()])
        pieces.append(f"{MATCH_START}{token[0]}{MATCH_END}" if is_match else token[0])
        at = token.end()
    head = "" if best == 0 else "… "
    tail = text[at:] if best + _SNIPPET_WORDS >= len(tokens) else " …"
    return head + " ".join("".join(pieces).split()) + tail.rstrip()


class _Deadline:
    """Tells SQLite to stop after a fixed amount of work, so that the bound does not depend on a clock."""

    def __init__(self) -> None:
        self._left = _DEADLINE_STEPS

    def __call__(self) -> int:
        self._left -= _DEADLINE_STEP
        return int(self._left < 0)
