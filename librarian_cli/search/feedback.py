"""Pseudo relevance feedback: the best passages of a first search say what else to look for.

    top passages --words that mark them out--> more terms  --BM25--> blended with the first scores
                 --mean of their vectors-----> moved query --cosines--> in place of the first ones

Source: Abdul-Jaleel et al. 2004, UMass at TREC 2004 (RM3), for the terms; Rocchio 1971 for the vector.
"""

import math
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from librarian_cli.search import forms
from librarian_cli.search.nearest import Space, unit
from librarian_cli.search.syntax import Parsed, Term, split_words
from librarian_cli.store import books, content, ranking
from librarian_cli.text import language, terms

if TYPE_CHECKING:
    from librarian_cli.search.nearest import Floats

PASSAGES = 5
TERMS = 20
TERM_WEIGHT = 0.2
VECTOR_WEIGHT = 0.3
_CANDIDATES = 60
_MOST_SHARE = 0.2


def more_terms(connection: sqlite3.Connection, parsed: Parsed, top: Sequence[tuple[int, float]]) -> list[Term]:
    """Choose words that occur often in the top passages (row, score) and seldom elsewhere, the most telling first."""
    shares: Counter[str] = Counter()
    found: dict[str, Counter[str]] = {}
    total = sum(score for _, score in top) or 1.0
    for (_, score), text in zip(top, content.texts_of(connection, [row for row, _ in top]), strict=True):
        counts = Counter(word for word in split_words(text) if _is_telling(word))
        length = counts.total() or 1
        for (word, count), stem in zip(counts.items(), terms.stem_words(list(counts)), strict=True):
            shares[stem] += score / total * count / length  # type: ignore[assignment]  # typeshed knows whole counts only
            found.setdefault(stem, Counter())[word] += count
    for stem in terms.stem_words([word for term in parsed.wanted for word in term.words]):
        shares.pop(stem, None)
    chosen = {
        max(found[stem], key=lambda form: (found[stem][form], form)): share
        for stem, share in _first(shares, _CANDIDATES)
    }
    chunks = books.totals(connection)[1]
    spelled = forms.spelled(connection, Parsed(tuple(Term((word,)) for word in chosen)), None).optional
    weighted = {term: chosen[term.words[0]] * _rarity(connection, term, chunks) for term in spelled}
    return [
        term
        for term, weight in sorted(weighted.items(), key=lambda item: (-item[1], item[0].words))[:TERMS]
        if weight > 0
    ]


def blend(first: Mapping[int, float], second: Mapping[int, float], weight: float = TERM_WEIGHT) -> dict[int, float]:
    """Mix the scores for the query with those for the terms that were found, each scaled to at most 1."""
    best = [max(scores.values(), default=0.0) or 1.0 for scores in (first, second)]
    return {
        row: (1 - weight) * first.get(row, 0.0) / best[0] + weight * second.get(row, 0.0) / best[1]
        for row in first.keys() | second.keys()
    }


def moved(space: Space, vector: "Floats", top: Sequence[tuple[int, float]]) -> "Floats":
    """Move a query's vector towards the mean of the top passages (row, score)."""
    return unit((1 - VECTOR_WEIGHT) * vector + VECTOR_WEIGHT * space.mean(space.places(row for row, _ in top)))


def _is_telling(word: str) -> bool:
    return len(word) > 2 and word not in language.STOP_WORDS["en"] and not word.isdigit()


def _first(shares: Mapping[str, float], count: int) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:count]


def _rarity(connection: sqlite3.Connection, term: Term, chunks: int) -> float:
    """The inverse document frequency of a term; zero where it is in one chunk only, or in too many."""
    count = ranking.count_matching(connection, term.fts)
    return math.log((chunks - count + 0.5) / (count + 0.5)) if 1 < count <= _MOST_SHARE * chunks else 0.0
