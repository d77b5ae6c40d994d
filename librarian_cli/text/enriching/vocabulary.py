"""The distinct words of a text: a number for each, and what they are like by themselves.

keys of words, a block at a time --hash table--> numbers --small letters, no possessives--> ids, vocabulary
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from librarian_cli.text import wordtable
from librarian_cli.text.enriching.arrays import Bools, Ints, Keys

IDEOGRAPHS = re.compile("[\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_GRAMMAR = re.compile(
    "[\u3040-\u309f的了是在和与與及或也就都而着著这這那之其我你他她它们們很吧吗嗎呢啊么麼把被从從个個到请請等]"
)
"""Hiragana, and characters that Chinese builds its sentences with."""
_COMMON_SHARE, _COMMON_CHARS, _ENOUGH_WORDS = 0.004, 4, 1000
_LONGEST_WORD = 40


def number(blocks: Iterable[Keys]) -> tuple[Ints, Ints]:
    """Number the keys of a text's words, which come in blocks; none is 0. Keys that are less have lower numbers.

    Returns: the number of each word, and the first word of each number.
    """
    table = wordtable.WordTable()
    numbers: list[npt.NDArray[np.int32]] = []
    known: list[Keys] = []
    firsts: list[Ints] = []
    read = 0
    for keys in blocks:
        found = table.find(keys)
        new = np.flatnonzero(found == wordtable.MISSING)
        distinct, first = np.unique(keys[new], return_index=True)
        table.add(distinct, np.arange(len(table), len(table) + len(distinct), dtype=np.int32))
        found[new] = table.find(keys[new])
        numbers.append(found)
        known.append(distinct)
        firsts.append(new[first] + read)
        read += len(keys)
    order = np.argsort(np.concatenate(known))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[np.concatenate(numbers)], np.concatenate(firsts)[order]


def merge(shown: Iterable[str]) -> tuple[dict[str, int], Ints, Bools]:
    """Lower case without possessives. Returns: the words, the id of each one shown, and whether it had a possessive."""
    small = "\n".join([*shown, ""]).lower().replace("’", "'").split("\n")[:-1]
    numbers: dict[str, int] = {}
    owned = np.zeros(len(small), bool)
    for place, word in enumerate(small):
        if word.endswith("'s") and len(word) > 3:
            small[place] = word[:-2]
            owned[place] = True
    ids = [numbers.setdefault(word, len(numbers)) for word in small]
    return numbers, np.array(ids, np.int64), owned


def heads(words: Sequence[str]) -> tuple[Bools, Bools, Bools]:
    """Of each word, whether its first character is small where it could be a capital, a figure, an ideograph."""
    codes = np.frombuffer("".join([word[0] for word in words]).encode("utf-32-le", "surrogatepass"), np.uint32)
    heads, inverse = np.unique(codes, return_inverse=True)
    chars = [chr(code) for code in heads.tolist()]
    small = np.array([char.upper() != char for char in chars], bool)
    number = np.array([char.isdigit() for char in chars], bool)
    ideograph = np.array([bool(IDEOGRAPHS.match(char)) for char in chars], bool)
    return small[inverse], number[inverse], ideograph[inverse]


def stops(words: Sequence[str], among: frozenset[str]) -> Bools:
    """Which words are `among` the commonest of a language, as they stand or before an apostrophe."""
    return np.array([_is_stop(word, among) for word in words], bool)


def proper(words: Sequence[str]) -> Bools:
    """Which words are words of a language, rather than single letters, figures and what no one reads."""
    return np.array([_is_word(word) for word in words], bool)


def commonest(ids: Ints, words: Sequence[str]) -> frozenset[str]:
    """What serves as stop words in a language of which none are known."""
    if len(ids) < _ENOUGH_WORDS:
        return frozenset()
    often = np.flatnonzero(np.bincount(ids, minlength=len(words)) > max(3, _COMMON_SHARE * len(ids)))
    return frozenset(words[number] for number in often.tolist() if len(words[number]) <= _COMMON_CHARS)


def _is_stop(word: str, stops: frozenset[str]) -> bool:
    if word in stops:
        return True
    return ("'" in word and word.partition("'")[0] in stops) or (len(word) == 1 and bool(_GRAMMAR.match(word)))


def _is_word(word: str) -> bool:
    if len(word) > _LONGEST_WORD:
        return False
    if word.isalpha() and len(word) > 1:  # nearly all
        return True
    return (len(word) > 1 and word[0].isalpha() and not any(map(str.isdigit, word))) or bool(IDEOGRAPHS.match(word))
