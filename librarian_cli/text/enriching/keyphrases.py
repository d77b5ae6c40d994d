"""Keyphrases of a book and of its chapters: phrases of up to three words that are frequent, early and complete.

    tokens --runs free of stop words and marks--> phrases of 1 to 3 words --C-value x length x earliness--> the best
                                                   \\--occurrences by chapter, x rarity among chapters--> chapters' best

Words are compared by their stems, English ones as they are. In scripts without spaces a phrase is 2 to 6 characters
that stand in changing company on either side: what always stands beside the same character is a part of something
longer.
Sources: Frantzi, Ananiadou, Mima 2000 (C-value: a phrase counts less where it only occurs inside longer ones);
Feng et al. 2004 (accessor variety).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import Stemmer

from librarian_cli.text.enriching import tokens as reading
from librarian_cli.text.enriching.arrays import Bools, Floats, Ints, distinct
from librarian_cli.text.enriching.findings import Keyphrase
from librarian_cli.text.enriching.tokens import Tokens
from librarian_cli.text.enriching.vocabulary import IDEOGRAPHS
from librarian_cli.text.enriching.wordset import word_set

_SHORT_TEXT_WORDS = 300
_LENGTH_BONUS = (0.6, 1.6, 1.7)
_LENGTH_BONUS_UNSPACED = (0.0, 0.8, 1.2, 1.5, 1.6, 1.7)
_OTHER_SCRIPTS = word_set("ar bg el fa he hi hy ja ka ko mk ru sr th uk zh")
_FOREIGN = 0.3
"""What a phrase in Latin letters weighs in a text of one of these languages: most are commands and names of files."""
_SAME_COMPANY = 0.7
"""Of a phrase's places, in a script without spaces: beyond this share beside one character it is not complete."""
_EARLY_WORDS = 200
_LONG_TEXT_WORDS = 12_000
_WINDOW_WORDS = 500
_EVEN = 0.02
"""What a phrase of a long text keeps that is spread over it as evenly as chance has it."""
_CANDIDATES = 2000
_LOOKED_AT = 4
"""So many times the phrases wanted are looked at, because some only vary others."""
_EMPTY = word_set(
    "one two three four five six new used using use based paper also given however thus many much well may "
    "called found said would could shall say man see made make way first second section figure table chapter et "
    "al fig eq mr mrs dr sir upon came come went go got get know like little thing things time old good great "
    "think thought don't i'm it's didn't can't won't i'll i've tell told look looked took take gave give asked "
    "cried replied don isn't let us yes oh never even quite enough put away always still seemed yes knew back "
    "ever page pages vol nothing something anything project gutenberg illustration ii iii iv vi vii viii "
    "http https www com org net html htm php pdf lt gt amp nbsp thou thee thy hath doth miss"
)
"""Words beside the stop words that make no phrase."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """Candidates, best first. `spots` are places in the text (first words), `of_spot` the candidate at each."""

    tokens: Tokens
    first: Ints
    """The word at which each first occurs."""
    sizes: Ints
    """Of how many words each is."""
    counts: Ints
    weights: Floats
    """What a phrase weighs by its length alone."""
    spots: Ints
    of_spot: Ints

    def __len__(self) -> int:
        return len(self.first)

    def text(self, number: int) -> str:
        """What a phrase says, made when it is asked for: most are never shown."""
        tokens, first = self.tokens, int(self.first[number])
        after = first + int(self.sizes[number])
        words = [tokens.words[i] for i in tokens.ids[first:after].tolist()]
        for place, end in enumerate(tokens.ends[first : after - 1].tolist()):  # the last one stands by itself
            words[place] += "’s" if tokens.text[end : end + 2].lower() in ("'s", "’s") else ""
        spaced = (tokens.gaps[first + 1 : after] & (reading.SPACE | reading.LINE)).tolist()
        text: str = words[0] + "".join((" " if gap else "") + word for gap, word in zip(spaced, words[1:], strict=True))
        return text


@dataclass(frozen=True, slots=True)
class _Grams:
    """Distinct phrases of one length. `first` is the word at which one first occurs, `of_spot` the one at each spot."""

    size: int
    spots: Ints
    of_spot: Ints
    first: Ints
    counts: Ints


def find_phrases(tokens: Tokens) -> Phrases:
    """Score all candidates of a text."""
    chosen = usable(tokens)
    order = np.cumsum(chosen) - 1
    unspaced = tokens.is_ideograph[tokens.ids]
    foreign = _foreign(tokens)
    grams = _grams(tokens, chosen, unspaced)
    least = 2 if int(chosen.sum()) > _SHORT_TEXT_WORDS else 1
    inside = _inside(grams, least)
    is_long = len(tokens) >= _LONG_TEXT_WORDS
    parts = []
    for gram, (total, holders) in zip(grams, inside, strict=True):
        value = gram.counts - np.divide(total, holders, out=np.zeros_like(total), where=holders > 0)
        early = 0.4 + 1 / (1 + np.log1p(order[gram.first] / _EARLY_WORDS))
        frequent = (gram.counts >= least) | ((gram.size > 1) & (least == 1))
        lumps = _EVEN + lumpiness(gram.spots, gram.of_spot, gram.counts, len(tokens)) if is_long else 1.0
        bonus = _bonus(gram, unspaced) * np.where(foreign[gram.first], _FOREIGN, 1.0)
        scores = np.where(frequent & (value > 0), value * bonus * early * lumps, 0.0)
        if unspaced.any():
            scores[~_complete(tokens, gram, unspaced)] = 0.0
        parts.append(scores)
    return _best(tokens, grams, parts, unspaced)


def lumpiness(spots: Ints, of_spot: Ints, counts: Ints, words: int) -> Floats:
    """How much rarer the passages are that hold a phrase than they would be if it fell anywhere; 0 if it does.

    `counts` are by phrase, `of_spot` names the phrase at each of the places `spots`.
    Source: Church, Gale 1995 (residual IDF).
    """
    windows = words // _WINDOW_WORDS + 1
    held = distinct(of_spot * windows + spots // _WINDOW_WORDS) // windows
    spread = np.maximum(1, np.bincount(held, minlength=len(counts)))
    lumps: Floats = np.log2(windows / spread) + np.log2(-np.expm1(-counts / windows))
    return np.maximum(0.0, lumps)


def of_book(phrases: Phrases, most: int) -> tuple[Keyphrase, ...]:
    """The best phrases of the whole text."""
    found = ((phrases.text(i), int(phrases.counts[i])) for i in range(len(phrases)))
    return _distinct(found, most, phrases.tokens.language)


def of_chapters(phrases: Phrases, chapter_of_word: Ints, count: int, most: int) -> list[tuple[Keyphrase, ...]]:
    """The phrases that each chapter is about rather than others. `chapter_of_word` is -1 where there is none."""
    chapter = chapter_of_word[phrases.spots]
    width = max(1, len(phrases))
    cells, counts = np.unique((chapter * width + phrases.of_spot)[chapter >= 0], return_counts=True)
    chapters, found = np.divmod(cells, width)
    spread = np.bincount(found, minlength=width)
    scores = counts * phrases.weights[found] * np.log1p(count / spread[found])
    order = np.lexsort((found, -scores, chapters))
    borders = np.searchsorted(chapters, np.arange(count + 1)).tolist()
    result = []
    for start, end in pairwise(borders):
        chosen = order[start : min(end, start + _LOOKED_AT * most)]
        named = ((phrases.text(found[i]), int(counts[i])) for i in chosen if counts[i] > 1 or count == 1)
        result.append(_distinct(named, most, phrases.tokens.language))
    return result


def usable(tokens: Tokens) -> Bools:
    """Which words of a text may be words of its phrases."""
    found: Bools = (tokens.is_word & ~tokens.is_stop & ~tokens.named(_EMPTY))[tokens.ids] & ~tokens.is_aside
    return found


def _foreign(tokens: Tokens) -> Bools:
    if tokens.language not in _OTHER_SCRIPTS:
        return np.zeros(len(tokens), bool)
    found: Bools = np.array([word.isascii() for word in tokens.words], bool)[tokens.ids]
    return found


def _grams(tokens: Tokens, usable: Bools, unspaced: Bools) -> list[_Grams]:
    stems = _stems(tokens)
    joined = np.zeros(len(usable), bool)
    if len(usable):
        joined[1:] = (tokens.gaps[1:-1] & (reading.MARK | reading.PARAGRAPH) == 0) & usable[1:] & usable[:-1]
        joined[1:] &= (stems[1:] != stems[:-1]) | unspaced[1:]
        joined[1:] &= ~(unspaced[1:] | unspaced[:-1]) | (tokens.gaps[1:-1] == 0)
    spots = np.flatnonzero(usable)
    found = [_count(1, spots, stems[spots])]
    for size in range(2, 1 + len(_LENGTH_BONUS_UNSPACED if unspaced.any() else _LENGTH_BONUS)):
        if size > len(_LENGTH_BONUS):
            joined[1:] &= tokens.gaps[1:-1] == 0
        before = found[-1]
        shorter = np.full(len(usable), -1, np.int64)
        shorter[before.spots] = before.of_spot
        last = before.spots + size - 1
        inside = last < len(usable)
        spots, last = before.spots[inside], last[inside]
        spots, last = spots[joined[last]], last[joined[last]]
        found.append(_count(size, spots, shorter[spots] * len(tokens.words) + stems[last]))
    return found


def _stems(tokens: Tokens) -> Ints:
    """By word of the text: the number of its stem."""
    if tokens.language in ("", "en"):
        return tokens.ids  # its few endings tell phrases apart rather than not
    numbers: dict[str, int] = {}
    stems = _stem(tokens.words, tokens.language)
    found: Ints = np.array([numbers.setdefault(stem, len(numbers)) for stem in stems], np.int64)[tokens.ids]
    return found


def _stem(words: list[str], language: str) -> list[str]:
    try:
        stems: list[str] = Stemmer.Stemmer(language, 0).stemWords(words)
    except KeyError:  # a language that the stemmer does not know
        return words
    return stems


def _bonus(gram: _Grams, unspaced: Bools) -> Floats:
    spaced = _LENGTH_BONUS[min(gram.size, len(_LENGTH_BONUS)) - 1]
    bonus: Floats = np.where(unspaced[gram.first], _LENGTH_BONUS_UNSPACED[gram.size - 1], spaced)
    return bonus


def _complete(tokens: Tokens, gram: _Grams, unspaced: Bools) -> Bools:
    """Which phrases stand in changing company. Beside a space or a mark they stand alone."""
    width = len(tokens.words)
    complete = np.ones(len(gram.first), bool)
    for shift, edge in ((-1, 0), (gram.size, gram.size)):
        beside = gram.spots + shift
        inside = (beside >= 0) & (beside < len(tokens))
        spots, of_spot = beside[inside], gram.of_spot[inside]
        touching = tokens.gaps[gram.spots[inside] + edge] == 0
        cells, counts = np.unique(of_spot[touching] * width + tokens.ids[spots[touching]], return_counts=True)
        most = np.zeros(len(gram.first), np.int64)
        np.maximum.at(most, cells // width, counts)
        complete &= most <= _SAME_COMPANY * gram.counts
    return complete | ~unspaced[gram.first]


def _count(size: int, spots: Ints, keys: Ints) -> _Grams:
    """Number the keys of the phrases at some spots. (`np.unique` sorts stably for this, which takes twice the time.)"""
    order = np.argsort(keys)
    ordered = keys[order]
    opens = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    counts = np.diff(opens, append=len(keys))
    of_spot = np.empty_like(order)
    of_spot[order] = np.repeat(np.arange(len(opens)), counts)
    first = np.minimum.reduceat(order, opens) if len(opens) else opens
    return _Grams(size, spots, of_spot, spots[first], counts)


def _inside(grams: list[_Grams], least: int) -> list[tuple[Floats, Floats]]:
    """For each phrase: how often the frequent longer ones occur that hold it, and how many they are."""
    found = [(np.zeros(len(gram.first)), np.zeros(len(gram.first))) for gram in grams]
    for place, shorter in enumerate(grams):
        at = np.full(1 + max((int(gram.spots[-1]) for gram in grams if len(gram.spots)), default=0), -1, np.int64)
        at[shorter.spots] = shorter.of_spot
        for longer in grams[place + 1 :]:
            often = (longer.counts >= least) | (least == 1)
            for shift in range(longer.size - shorter.size + 1):
                held = at[longer.first[often] + shift]
                np.add.at(found[place][0], held, longer.counts[often])
                np.add.at(found[place][1], held, 1)
    return found


def _best(tokens: Tokens, grams: list[_Grams], parts: list[Floats], unspaced: Bools) -> Phrases:
    scores = np.concatenate(parts)
    sizes = np.repeat([gram.size for gram in grams], [len(part) for part in parts])
    first = np.concatenate([gram.first for gram in grams])
    scored = np.flatnonzero(scores > 0)
    chosen = scored[np.lexsort((first[scored], -scores[scored]))[:_CANDIDATES]]
    rank = np.full(len(scores), -1, np.int64)
    rank[chosen] = np.arange(len(chosen))
    offsets = np.cumsum([0, *(len(part) for part in parts)])
    spots = np.concatenate([gram.spots for gram in grams])
    of_spot = np.concatenate([rank[gram.of_spot + offset] for gram, offset in zip(grams, offsets, strict=False)])
    known = of_spot >= 0
    counts = np.concatenate([gram.counts for gram in grams])[chosen]
    bonus = np.concatenate([_bonus(gram, unspaced) for gram in grams])[chosen]
    return Phrases(tokens, first[chosen], sizes[chosen], counts, bonus, spots[known], of_spot[known])


def _distinct(candidates: Iterable[tuple[str, int]], most: int, language: str) -> tuple[Keyphrase, ...]:
    """The first so many that are neither variants nor single words of those before them."""
    seen: set[str] = set()
    parts: set[str] = set()
    found: list[Keyphrase] = []
    for text, count in candidates:
        stems = _stem(text.split(), language or "en")
        key = " ".join(stems)
        if key in seen or key in parts or (IDEOGRAPHS.search(key) and any(key in other for other in seen)):
            continue
        seen.add(key)
        parts.update(stems)
        found.append(Keyphrase(text, count))
        if len(found) == most:
            break
    return tuple(found)
