"""What a maker of e-books put around a text: a licence, notes on its making."""

from collections.abc import Mapping

import numpy as np

from librarian_cli.text.enriching.arrays import Bools, Ints
from librarian_cli.text.enriching.wordset import word_set

_MAKERS = word_set("gutenberg gutenberg-tm gutenberg™ ebook ebooks e-book e-books uncopyright pglaf")
_ASIDE_WORDS, _ASIDE_GAP, _HEAD_WORDS, _TAIL_WORDS = 150, 3, 600, 4000


def find(ids: Ints, index: Mapping[str, int]) -> Bools:
    """Blocks at the beginning and the end that speak of e-books more than once, and what lies between two of them."""
    count = len(ids)
    telling = np.isin(ids, [index[word] for word in _MAKERS if word in index])
    block = np.arange(count) // _ASIDE_WORDS
    told = np.bincount(block[telling], minlength=count // _ASIDE_WORDS + 1) > 1
    head = max(_HEAD_WORDS, count // 20) // _ASIDE_WORDS
    tail = (count - max(_TAIL_WORDS, count // 10)) // _ASIDE_WORDS
    told[head : max(head, tail)] = False
    marked = np.flatnonzero(told)
    for before, after in zip(marked.tolist(), marked[1:].tolist(), strict=False):
        told[before:after] |= after - before <= _ASIDE_GAP
    found: Bools = told[block]
    return found
