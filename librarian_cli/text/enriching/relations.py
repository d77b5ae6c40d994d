"""Which names of a text occur with each other: in the same passages, and how much more often than chance has it.

The strongest of all are taken, and the few that each of the commonest names meets most: a hero is with everybody, so
that nothing about him is beyond chance. Source: Dunning 1993 (the log-likelihood ratio G2 of a two-by-two table).
It says nothing of what the relation is.
"""

import numpy as np

from librarian_cli.text.enriching import spans
from librarian_cli.text.enriching.arrays import Floats, Ints, distinct
from librarian_cli.text.enriching.entities import Names
from librarian_cli.text.enriching.findings import Relation
from librarian_cli.text.enriching.sentences import Sentences

_LEAST_TOGETHER, _SHORT_TEXT_WINDOWS = 3, 200
_LEAST_WEIGHT = 3.84
"""Beyond this, chance alone has it in one case of twenty."""
_MOST_NAMES = 100
_COMMONEST, _OF_EACH = 30, 6


def find_relations(
    names: Names, sentences: Sentences, window_first: Ints, *, most: int, passages: int
) -> tuple[Relation, ...]:
    """The strongest relations, strongest first. `window_first` are the first words of the passages."""
    count = min(len(names.entities), _MOST_NAMES)
    if count < 2:
        return ()
    kept = names.of_mention < count
    window = np.searchsorted(window_first, names.words[kept], "right") - 1
    cells = distinct(window * count + names.of_mention[kept])
    windows, entity = np.divmod(cells, count)
    alone = np.bincount(entity, minlength=count).astype(np.float64)
    pairs = _pairs(windows, entity, count)
    least = _LEAST_TOGETHER - (len(window_first) < _SHORT_TEXT_WINDOWS)
    first, second = np.divmod(np.flatnonzero(pairs >= least), count)
    together = pairs[first * count + second].astype(np.float64)
    weights = _g2(together, alone[first], alone[second], len(distinct(windows)))
    apart = [i for i in range(len(first)) if not _same(names, int(first[i]), int(second[i]))]
    sure = np.where(weights > _LEAST_WEIGHT, weights, 0.0)
    ranked = sorted(apart, key=lambda i: (-float(sure[i]), -int(together[i]), i))
    rank = {place: number for number, place in enumerate(ranked)}
    chosen = [i for i in ranked if sure[i] > 0][:most]
    chosen += _of_each(ranked, first, second, set(chosen))
    sentence_first = np.searchsorted(sentences.first, np.append(window_first, sentences.first[-1]))
    starts, ends = sentences.starts[sentence_first[:-1]], sentences.ends[sentence_first[1:] - 1]
    found = []
    for place in sorted(chosen, key=rank.__getitem__):
        a, b = int(first[place]), int(second[place])
        shared = np.intersect1d(windows[entity == a], windows[entity == b], assume_unique=True)[:passages]
        places = spans.pack(zip(starts[shared].tolist(), ends[shared].tolist(), strict=True))
        found.append(Relation(a, b, int(together[place]), round(float(sure[place]), 1), places))
    return tuple(found)


def _of_each(ranked: list[int], first: Ints, second: Ints, chosen: set[int]) -> list[int]:
    """Pairs that leave none of the commonest names alone."""
    left = dict.fromkeys(range(_COMMONEST), _OF_EACH)
    found = []
    for place in ranked:
        ends = (int(first[place]), int(second[place]))
        if any(left.get(end, 0) > 0 for end in ends) and place not in chosen:
            found.append(place)
        for end in ends:
            left[end] = left.get(end, 0) - 1
    return found


def _pairs(windows: Ints, entity: Ints, count: int) -> Ints:
    """In how many windows each two entities meet, at `first * count + second`; first is the lower number."""
    found = np.zeros(count * count, np.int64)
    for shift in range(1, count):
        same = np.flatnonzero(windows[shift:] == windows[:-shift])
        if not len(same):
            break
        found += np.bincount(entity[same] * count + entity[same + shift], minlength=count * count)
    return found


def _same(names: Names, first: int, second: int) -> bool:
    """Whether one name holds the other: "Mr. Darcy" does not occur with "Darcy"."""
    one, other = (set(names.entities[number].key.split()) for number in (first, second))
    return one <= other or other <= one


def _g2(together: Floats, first: Floats, second: Floats, total: int) -> Floats:
    expected = first * second / total

    def part(seen: Floats, expected: Floats) -> Floats:
        terms: Floats = seen * np.log(np.where(seen > 0, seen, 1) / np.where(seen > 0, expected, 1))
        return terms

    rest = total - first - second + together
    found = part(together, expected) + part(rest, total - first - second + expected)
    found += part(first - together, first - expected) + part(second - together, second - expected)
    weights: Floats = np.where(together > expected, 2 * found, 0.0)
    return weights
