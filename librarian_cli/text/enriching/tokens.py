"""The words of a text, once, as arrays: what keyphrases, summaries, entities and insights all work on.

Owns: what a word is, and what stands between two of them. Must not know what for.

    text --blocks--> class of each character --> word edges, marks between words --> key a word --> ids, vocabulary

Words are runs of letters and digits, with apostrophes and hyphens inside; each ideograph and each hiragana is a word
of its own.
Positions are in characters of the text. Needs numpy: import it where the work is done, not before.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from librarian_cli.text import language as languages
from librarian_cli.text.enriching.wordset import word_set

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

# What may stand between a word and the one before it.
END, PARAGRAPH, OPEN, CLOSE, STRAIGHT, ITALIC, MARK, LINE, SPACE = (1 << bit for bit in range(9))

_BLOCK_CHARS = 1 << 20
_SPACE, _LOWER, _UPPER, _DIGIT, _IDEOGRAPH = range(5)
_INNER, _END, _OPEN, _CLOSE, _STRAIGHT, _ITALIC, _BULLET, _OTHER, _LINE = range(5, 14)
_SPECIAL = {
    "\n": _LINE, "'": _INNER, "’": _INNER, "-": _INNER, "‐": _INNER, "\u00ad": _INNER,
    **dict.fromkeys(".!?…。！？", _END), **dict.fromkeys("“«„‘「『", _OPEN), **dict.fromkeys("”»」』", _CLOSE),
    '"': _STRAIGHT, "_": _ITALIC, "*": _ITALIC, **dict.fromkeys("•◦▪●‣–+", _BULLET),
}  # fmt: skip
_BITS = {
    _END: END | MARK, _OPEN: OPEN | MARK, _CLOSE: CLOSE | MARK, _STRAIGHT: STRAIGHT | MARK, _ITALIC: ITALIC,
    _BULLET: MARK, _OTHER: MARK, _INNER: MARK, _LINE: LINE,
}  # fmt: skip
IDEOGRAPHS = re.compile("[\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_GRAMMAR = re.compile(
    "[\u3040-\u309f的了是在和与與及或也就都而着著这這那之其我你他她它们們很吧吗嗎呢啊么麼把被从從个個到请請等]"
)
"""Hiragana, and characters that Chinese builds its sentences with."""
_COMMON_SHARE, _COMMON_CHARS, _ENOUGH_WORDS = 0.004, 4, 1000
_MAKERS = word_set("gutenberg gutenberg-tm gutenberg™ ebook ebooks e-book e-books uncopyright pglaf")
_ASIDE_WORDS, _ASIDE_GAP, _HEAD_WORDS, _TAIL_WORDS = 150, 3, 600, 4000
_LONGEST_WORD = 40
_MAX_HASHED = 64
_WEIGHTS = np.random.default_rng(1).integers(1, 1 << 63, _MAX_HASHED, dtype=np.uint64) | np.uint64(1)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The words of a text in order. `gaps[i]` tells what stands before word i; its last one what follows them all.

    Word i is `text[starts[i]:ends[i]]` and, in lower case and without a possessive, `words[ids[i]]`.
    """

    text: str
    language: str
    starts: Ints
    ends: Ints
    ids: Ints
    gaps: Ints
    words: list[str]
    index: Mapping[str, int]
    """Each of the words with its id."""
    upper: Bools
    """Begins with a capital."""
    shouted: Bools
    """All capitals, two at least."""
    is_word: Bools
    """By id: letters only (with inner marks), two or more, or ideographs."""
    is_stop: Bools
    """By id: among the commonest of its language."""
    is_small: Bools
    """By id: begins with a letter that could be a capital (as most scripts have none)."""
    is_number: Bools
    """By id: begins with a figure."""
    is_ideograph: Bools
    """By id: is an ideograph or a hiragana."""
    is_aside: Bools
    """Of the licence or the notes that a maker of e-books put around the text."""

    def __len__(self) -> int:
        return len(self.starts)

    def named(self, words: Iterable[str]) -> Bools:
        """By id: is one of these words."""
        found = np.zeros(len(self.words), bool)
        found[[self.index[word] for word in words if word in self.index]] = True
        return found


def read(text: str, language: str = "") -> Tokens:
    """Split a text. `language` is an ISO 639-1 code; unknown ones are taken for English."""
    blocks = [_read_block(text[start:end], start) for start, end in _blocks(text)]
    starts, ends, keys, upper, shouted = (np.concatenate(part) for part in zip(*(b[:5] for b in blocks), strict=True))
    gaps = np.zeros(len(starts) + 1, np.int64)
    place = 0
    for block in blocks:
        count = len(block[0])
        gaps[place : place + count + 1] |= block[5]
        place += count
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    spans = zip(starts[first].tolist(), ends[first].tolist(), strict=True)
    index, ids, owned = _vocabulary([text[a:b] for a, b in spans])
    words, ids = list(index), ids[inverse]
    small, number, ideograph = _heads(words)
    ends -= 2 * owned[inverse]
    stops = languages.STOP_WORDS["en"] | (languages.STOP_WORDS.get(language or "en") or _commonest(ids, words))
    return Tokens(
        text, language, starts, ends, ids, gaps, words, index, upper, shouted,
        is_word=np.array([_is_word(word) for word in words], bool),
        is_stop=np.array([_is_stop(word, stops) for word in words], bool),
        is_small=small, is_number=number, is_ideograph=ideograph,
        is_aside=_asides(ids, index),
    )  # fmt: skip


def distinct(values: Ints) -> Ints:
    """The values that occur, ascending. (`np.unique` hashes first, which costs several times as much.)"""
    found = np.sort(values)
    once: Ints = found[np.flatnonzero(np.diff(found, prepend=found[:1] - 1))]
    return once


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Cut at white space, so that no word is cut."""
    start = 0
    while len(text) - start > _BLOCK_CHARS:
        end = max(text.rfind(" ", start, start + _BLOCK_CHARS), text.rfind("\n", start, start + _BLOCK_CHARS))
        while end > start and text[end - 1].isspace():  # what stands between two words is not cut either
            end -= 1
        end = end if end > start else start + _BLOCK_CHARS
        yield start, end
        start = end
    yield start, len(text)


def _read_block(text: str, offset: int) -> tuple[Ints, Ints, npt.NDArray[np.uint64], Bools, Bools, Ints]:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    alphabet = set(text)
    size = max(map(ord, alphabet), default=0) + 1
    class_of, lower_of = np.zeros(size, np.uint8), np.zeros(size, np.uint64)
    for char in alphabet:
        class_of[ord(char)] = _class(char)
        lower = char.lower()
        lower_of[ord(char)] = ord("'") if char == "’" else ord(lower) if len(lower) == 1 else ord(char)
    classes = class_of[codes]
    starts, ends, inside = _words(classes)
    if not len(starts):
        none = np.zeros(0, np.int64)
        return (
            none,
            none,
            none.astype(np.uint64),
            none.astype(bool),
            none.astype(bool),
            _gaps(classes, inside, starts, starts),
        )
    lengths = ends - starts
    places = np.flatnonzero(inside)
    begin = np.cumsum(lengths) - lengths
    within = np.minimum(np.arange(len(places)) - np.repeat(begin, lengths), _MAX_HASHED - 1)
    letters = codes[places]
    keys = np.add.reduceat(lower_of[letters] * _WEIGHTS[within], begin)
    capitals = np.add.reduceat((classes[places] == _UPPER).astype(np.int64), begin)
    small = np.add.reduceat((classes[places] == _LOWER).astype(np.int64), begin)
    upper = classes[starts] == _UPPER
    return (
        starts + offset,
        ends + offset,
        keys,
        upper,
        (capitals > 1) & (small == 0),
        _gaps(classes, inside, starts, lengths),
    )


def _class(char: str) -> int:
    if char in _SPECIAL:
        return _SPECIAL[char]
    if char.isspace():
        return _SPACE
    if char.isdigit():
        return _DIGIT
    if char.isalnum() or "\u0300" <= char <= "\u036f" or (not char.isascii() and ("_" + char).isidentifier()):
        if IDEOGRAPHS.match(char):
            return _IDEOGRAPH
        return _UPPER if char.isupper() or char.istitle() else _LOWER
    return _OTHER


def _words(classes: npt.NDArray[np.uint8]) -> tuple[Ints, Ints, Bools]:
    """Edges of words, and which characters lie inside them."""
    inside = (classes >= _LOWER) & (classes <= _IDEOGRAPH)
    padded = np.zeros(len(classes) + 2, bool)
    padded[1:-1] = inside
    inside |= (classes == _INNER) & padded[:-2] & padded[2:]
    padded[1:-1] = inside
    alone = np.zeros(len(classes) + 2, bool)
    alone[1:-1] = classes == _IDEOGRAPH
    first = inside & (~padded[:-2] | alone[1:-1] | alone[:-2])
    last = inside & (~padded[2:] | alone[1:-1] | alone[2:])
    return np.flatnonzero(first), np.flatnonzero(last) + 1, inside


def _gaps(classes: npt.NDArray[np.uint8], inside: Bools, starts: Ints, lengths: Ints) -> Ints:
    """What stands before each word, and after the last."""
    gaps = np.zeros(len(starts) + 1, np.int64)
    marks = np.flatnonzero((classes >= _INNER) & ~inside)
    before = np.searchsorted(starts, marks)
    kinds = classes[marks]
    for kind, bits in _BITS.items():
        gaps[before[kinds == kind]] |= bits
    lines = np.bincount(before[kinds == _LINE], minlength=len(gaps))
    gaps[lines > 1] |= PARAGRAPH
    # A mark of its own at the beginning of a line is an item of a list.
    following = classes[np.minimum(marks + 1, len(classes) - 1)]
    bullets = before[((kinds == _BULLET) | (kinds == _ITALIC) | (kinds == _INNER)) & (following == _SPACE)]
    gaps[bullets[gaps[bullets] & LINE > 0]] |= PARAGRAPH
    if len(starts):
        before_word = classes[starts - 1]
        wide = starts - np.append(0, (starts + lengths)[:-1]) > 1
        gaps[:-1][(wide | (before_word == _SPACE) | (before_word == _LINE)) & (starts > 0)] |= SPACE
    return gaps


def _vocabulary(shown: list[str]) -> tuple[dict[str, int], Ints, Ints]:
    """Lower case without possessives. Returns: the words, the id of each one shown, and whether it had a possessive."""
    numbers: dict[str, int] = {}
    ids, owned = [], []
    for word in shown:
        small = word.lower().replace("’", "'")
        possessive = small.endswith("'s") and len(small) > 3
        small = small[:-2] if possessive else small
        ids.append(numbers.setdefault(small, len(numbers)))
        owned.append(possessive)
    return numbers, np.array(ids, np.int64), np.array(owned, np.int64)


def _heads(words: list[str]) -> tuple[Bools, Bools, Bools]:
    """Of each word, whether its first character is small where it could be a capital, a figure, an ideograph."""
    codes = np.frombuffer("".join([word[0] for word in words]).encode("utf-32-le", "surrogatepass"), np.uint32)
    heads, inverse = np.unique(codes, return_inverse=True)
    chars = [chr(code) for code in heads.tolist()]
    small = np.array([char.upper() != char for char in chars], bool)
    number = np.array([char.isdigit() for char in chars], bool)
    ideograph = np.array([bool(IDEOGRAPHS.match(char)) for char in chars], bool)
    return small[inverse], number[inverse], ideograph[inverse]


def _is_stop(word: str, stops: frozenset[str]) -> bool:
    if word in stops:
        return True
    return ("'" in word and word.partition("'")[0] in stops) or (len(word) == 1 and bool(_GRAMMAR.match(word)))


def _commonest(ids: Ints, words: list[str]) -> frozenset[str]:
    """What serves as stop words in a language of which none are known."""
    if len(ids) < _ENOUGH_WORDS:
        return frozenset()
    often = np.flatnonzero(np.bincount(ids, minlength=len(words)) > max(3, _COMMON_SHARE * len(ids)))
    return frozenset(words[number] for number in often.tolist() if len(words[number]) <= _COMMON_CHARS)


def _asides(ids: Ints, index: Mapping[str, int]) -> Bools:
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


def _is_word(word: str) -> bool:
    if len(word) > _LONGEST_WORD:
        return False
    if word.isalpha() and len(word) > 1:  # nearly all
        return True
    return (len(word) > 1 and word[0].isalpha() and not any(map(str.isdigit, word))) or bool(IDEOGRAPHS.match(word))
