"""Extractive summaries: the sentences that are nearest to what a chapter, or a book, is about, and unlike each other.

    sentences --tf-idf--> similarity to their chapter's centroid x form --> a few candidates --MMR--> its summary
    chapters' candidates --similarity to the book's centroid--> MMR --> the book's summary

Form: length, a full stop, few capitals, figures and marks (code has many); speech, licences and sentences about "I"
and "you" count less.
Sources: Radev et al. 2004 (centroid); Carbonell, Goldstein 1998 (maximal marginal relevance).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise

import numpy as np

from librarian_cli.text.enriching import tokens as reading
from librarian_cli.text.enriching.arrays import Bools, Floats, Ints, distinct
from librarian_cli.text.enriching.findings import Span
from librarian_cli.text.enriching.sentences import Sentences
from librarian_cli.text.enriching.tokens import Tokens
from librarian_cli.text.enriching.wordset import word_set

_LEAST_CHARS, _MOST_CHARS = 40, 600
_GOOD_CHARS = (90, 260)
_CANDIDATES = 12
_RELEVANCE, _SAME = 0.7, 0.9
_UNFIT, _SPEECH = 0.3, 0.5
"""What sentences of a passage count that could not stand in a summary, and those that are speech."""
_PERSONAL = word_set(
    "i i'm i've i'll i'd me my mine myself you your yours yourself thou thee thy we'll you'll you're you've "
    "you'd ich mich mir mein du dich dir dein je me moi mon tu te toi vous yo mi tú usted io tu eu ik"
)
_POINTING = word_set(
    "he she it they his her this that these those and but or so then thus therefore however such yet moreover "
    "nevertheless hence also him them"
)
_TITLES_SHARE, _FIGURES_SHARE, _MARKS_SHARE = 0.5, 0.25, 0.34
_LICENCE = word_set(
    "gutenberg gutenberg-tm copyright copyrighted trademark warranties warranty ebook ebooks royalty licensee isbn "
    "redistribute redistribution infringement"
)


@dataclass(frozen=True, slots=True)
class Vectors:
    """Sentences as sparse vectors of length 1: the cells of sentence i are `borders[i]:borders[i + 1]`."""

    borders: Ints
    words: Ints
    weights: Floats
    of_cell: Ints
    form: Floats
    """By sentence: how fit it is to stand in a summary; 0 for those that are not."""


def vectors(tokens: Tokens, sentences: Sentences) -> Vectors:
    """Weigh the words of each sentence by their rarity among sentences. A word counts once a sentence."""
    count, width = len(sentences.starts), max(1, len(tokens.words))
    chosen = np.flatnonzero((tokens.is_word & ~tokens.is_stop)[tokens.ids])
    cells = distinct(sentences.of_word[chosen] * width + tokens.ids[chosen])
    of_cell, words = np.divmod(cells, width)
    spread = np.bincount(words, minlength=width)
    weights = np.log((count + 1) / (spread[words] + 0.5))
    norms = np.sqrt(np.bincount(of_cell, weights * weights, minlength=count))
    weights /= norms[of_cell]
    borders = np.searchsorted(of_cell, np.arange(count + 1))
    return Vectors(borders, words, weights, of_cell, _form(tokens, sentences))


def relevance(found: Vectors, group_of_sentence: Ints, groups: int) -> Floats:
    """How near each sentence is to the centroid of its group (-1: to none), its form apart."""
    group = group_of_sentence[found.of_cell]
    inside = group >= 0
    width = int(found.words.max(initial=0)) + 1
    keys, place = np.unique(group[inside] * width + found.words[inside], return_inverse=True)
    sums = np.bincount(place, found.weights[inside], minlength=len(keys))
    norms = np.sqrt(np.bincount(keys // width, sums * sums, minlength=groups)) + 1e-12
    nearness = np.zeros(len(found.form))
    similar = found.weights[inside] * sums[place] / norms[group[inside]]
    nearness += np.bincount(found.of_cell[inside], similar, minlength=len(found.form))
    return nearness


def candidates(scores: Floats, group_of_sentence: Ints, groups: int, most: int = _CANDIDATES) -> list[list[int]]:
    """The best sentences of each group, best first."""
    fit = np.flatnonzero((scores > 0) & (group_of_sentence >= 0))
    order = fit[np.lexsort((-scores[fit], group_of_sentence[fit]))]
    borders = np.searchsorted(group_of_sentence[order], np.arange(groups + 1)).tolist()
    return [order[a : min(b, a + most)].tolist() for a, b in pairwise(borders)]


def choose(found: Vectors, scores: Floats, among: Sequence[int], most: int) -> list[int]:
    """Choose sentences that score high and do not repeat each other, best first.

    One is compared with those chosen only when it would be the next: what repeats one can but lose by it.
    """
    cells = cache(partial(_cells, found))
    chosen: list[int] = []
    repeated = dict.fromkeys(among, 0.0)
    compared = dict.fromkeys(among, 0)
    worth = {number: _RELEVANCE * float(scores[number]) for number in among}
    while worth and len(chosen) < most:
        best = max(worth, key=worth.__getitem__)
        if compared[best] < len(chosen):
            other = chosen[compared[best]]
            compared[best] += 1
            repeated[best] = max(repeated[best], _similarity(cells(other), cells(best)))
            worth[best] = _RELEVANCE * float(scores[best]) - (1 - _RELEVANCE) * repeated[best]
            continue
        del worth[best]
        if repeated[best] <= _SAME:
            chosen.append(best)
    return chosen


def spans(sentences: Sentences, chosen: Iterable[int]) -> tuple[Span, ...]:
    """Where sentences stand, in reading order."""
    return tuple((int(sentences.starts[i]), int(sentences.ends[i])) for i in sorted(chosen))


def best_windows(
    tokens: Tokens,
    found: Vectors,
    scores: Floats,
    sentences: Sentences,
    first_words: Ints,
    *,
    most: int,
    least_words: int,
) -> tuple[Span, ...]:
    """The windows whose sentences score best on average, in reading order. `first_words` are where windows begin."""
    if not len(first_words):
        return ()
    window = np.searchsorted(first_words, sentences.first[:-1], "right") - 1
    scores = scores * ~tokens.is_aside[sentences.first[:-1]]
    scores *= np.where(found.form > 0, 1.0, _UNFIT) * np.where(sentences.quoted, _SPEECH, 1.0)
    lengths = np.diff(sentences.first)
    words = np.bincount(window, lengths, minlength=len(first_words))
    means = np.bincount(window, scores * lengths, minlength=len(first_words)) / np.maximum(1, words)
    means[words < least_words] = 0.0
    best = [int(i) for i in np.argsort(-means, kind="stable")[:most] if means[i] > 0]
    edges = np.searchsorted(window, np.arange(len(first_words) + 1))
    return tuple((int(sentences.starts[edges[i]]), int(sentences.ends[edges[i + 1] - 1])) for i in sorted(best))


def _cells(found: Vectors, number: int) -> dict[int, float]:
    span = slice(int(found.borders[number]), int(found.borders[number + 1]))
    return dict(zip(found.words[span].tolist(), found.weights[span].tolist(), strict=True))


def _similarity(first: dict[int, float], second: dict[int, float]) -> float:
    if len(first) > len(second):
        first, second = second, first
    return math.fsum(weight * second.get(word, 0.0) for word, weight in first.items())


def _form(tokens: Tokens, sentences: Sentences) -> Floats:
    count = len(sentences.starts)
    lengths = sentences.ends - sentences.starts
    words = np.maximum(1, np.diff(sentences.first))
    personal = _share(tokens, sentences, tokens.named(_PERSONAL)[tokens.ids], words)
    figures = _share(tokens, sentences, ~tokens.is_word[tokens.ids] & (tokens.ends - tokens.starts > 1), words)
    titles = _share(tokens, sentences, tokens.upper, words)
    dense = _dense(tokens)
    form = np.minimum(1, lengths * dense / _GOOD_CHARS[0]) * np.minimum(1, _GOOD_CHARS[1] / np.maximum(1, lengths))
    form *= sentences.whole & (lengths * dense >= _LEAST_CHARS) & (lengths <= _MOST_CHARS)
    form *= (titles < _TITLES_SHARE) & (figures < _FIGURES_SHARE) & ~_crowded(tokens, sentences)
    if count:
        first = sentences.first[:-1]
        pointing = tokens.named(_POINTING)[tokens.ids[first]]
        form *= np.where(pointing, 0.75, 1.0)
        opens = tokens.upper | ~(tokens.is_small | tokens.is_number)[tokens.ids]
        form *= (opens & ~tokens.is_aside)[first]
    asking = np.array([tokens.text[end - 1] in "?？" for end in sentences.ends.tolist()], bool)
    form *= np.where(asking, 0.5, 1.0)
    form *= np.where(_share(tokens, sentences, tokens.named(_LICENCE)[tokens.ids], words) > 0, 0.2, 1.0)
    form *= np.where(sentences.quoted, 0.3, 1.0) * np.where(personal > 0, 0.4, 1.0)
    return np.asarray(form, np.float64)


def _crowded(tokens: Tokens, sentences: Sentences) -> Bools:
    """Sentences with a mark or a line's end after every third word: code, tables, lists of names."""
    inner = np.ones(len(tokens), bool)
    inner[sentences.first[:-1]] = False
    marked = inner & (tokens.gaps[:-1] & (reading.MARK | reading.LINE) > 0)
    crowded: Bools = _share(tokens, sentences, marked, np.maximum(1, np.diff(sentences.first))) > _MARKS_SHARE
    return crowded


def _share(tokens: Tokens, sentences: Sentences, which: Bools, words: Ints) -> Floats:
    share: Floats = np.bincount(sentences.of_word[which], minlength=len(words)) / words
    return share


def _dense(tokens: Tokens) -> float:
    """Scripts without spaces say the same in a third of the characters."""
    if not len(tokens):
        return 1.0
    spaced = tokens.gaps[1:] & (reading.SPACE | reading.LINE) > 0
    return 1.0 if float(spaced.mean()) > 0.3 else 3.0
