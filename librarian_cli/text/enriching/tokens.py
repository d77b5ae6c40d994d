"""The words of a text, once, as arrays: what keyphrases, summaries, entities and insights all work on.

Owns: what a word is, and what stands between two of them. Must not know what for.

    text --blocks--> class of each character --> word edges, marks between words --> key a word --> ids, vocabulary

Words are runs of letters and digits, with apostrophes and hyphens inside; each ideograph and each hiragana is a word
of its own.
Positions are in characters of the text. Needs numpy: import it where the work is done, not before.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from librarian_cli.text import language as languages
from librarian_cli.text.enriching import asides, vocabulary
from librarian_cli.text.enriching.arrays import Bools, Ints, Keys, Marks, Places
from librarian_cli.text.enriching.vocabulary import IDEOGRAPHS

_Classes = npt.NDArray[np.uint8]
_Codes = npt.NDArray[np.unsignedinteger[Any]]

# What may stand between a word and the one before it.
END, PARAGRAPH, OPEN, CLOSE, STRAIGHT, ITALIC, MARK, LINE, SPACE = (1 << bit for bit in range(9))

_BLOCK_CHARS = 1 << 17
"""What is made of so many stays in a processor's cache."""
_LOOKED_BACK = 1 << 12
"""Longer words, and longer rows of marks, are none that anyone reads: they may be cut."""
_SPACE, _LOWER, _UPPER, _DIGIT, _IDEOGRAPH = range(5)
_INNER, _END, _OPEN, _CLOSE, _STRAIGHT, _ITALIC, _BULLET, _OTHER, _LINE = range(5, 14)
_SPECIAL = {
    "\n": _LINE, "'": _INNER, "’": _INNER, "-": _INNER, "‐": _INNER, "\u00ad": _INNER,
    **dict.fromkeys(".!?…。！？", _END), **dict.fromkeys("“«„‘「『", _OPEN), **dict.fromkeys("”»」』", _CLOSE),
    '"': _STRAIGHT, "_": _ITALIC, "*": _ITALIC, **dict.fromkeys("•◦▪●‣–+", _BULLET),
}  # fmt: skip
_BITS = np.zeros(_LINE + 1, np.uint16)
_BITS[_INNER:] = (
    MARK, END | MARK, OPEN | MARK, CLOSE | MARK, STRAIGHT | MARK, ITALIC, MARK, MARK, LINE,
)  # fmt: skip
"""By class of a mark, what it makes of the gap in which it stands."""
_MAX_HASHED = 64
_WEIGHTS = np.random.default_rng(1).integers(1, 1 << 63, _MAX_HASHED, dtype=np.uint64) | np.uint64(1)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The words of a text in order. `gaps[i]` tells what stands before word i; its last one what follows them all.

    Word i is `text[starts[i]:ends[i]]` and, in lower case and without a possessive, `words[ids[i]]`.
    """

    text: str
    language: str
    starts: Places
    ends: Places
    ids: Ints
    gaps: Marks
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
    blocks: list[_Block] = []
    numbers, first = vocabulary.number(_read_blocks(text, blocks))
    starts = np.concatenate([block.starts for block in blocks])
    ends = np.concatenate([block.ends for block in blocks])
    spans = zip(starts[first].tolist(), ends[first].tolist(), strict=True)
    index, ids, owned = vocabulary.merge(text[a:b] for a, b in spans)
    words, ids = list(index), ids[numbers]
    np.subtract(ends, 2, out=ends, where=owned[numbers])
    known = languages.STOP_WORDS.get(language or "en") or vocabulary.commonest(ids, words)
    small, figure, ideograph = vocabulary.heads(words)
    return Tokens(
        text, language, starts, ends, ids, _joined_gaps(blocks), words, index,
        upper=np.concatenate([block.upper for block in blocks]),
        shouted=np.concatenate([block.shouted for block in blocks]),
        is_word=vocabulary.proper(words),
        is_stop=vocabulary.stops(words, languages.STOP_WORDS["en"] | known),
        is_small=small, is_number=figure, is_ideograph=ideograph,
        is_aside=asides.find(ids, index),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Block:
    """The words of a part of a text."""

    starts: Places
    ends: Places
    upper: Bools
    shouted: Bools
    gaps: Marks


def _read_blocks(text: str, blocks: list[_Block]) -> Iterator[Keys]:
    """Read a text, a block at a time. Yields: keys that tell words from each other, whatever their capitals."""
    for start, end in _blocks(text):
        block, keys = _read_block(text[start:end], start)
        blocks.append(block)
        yield keys


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Cut after a word, so that neither a word is cut nor what stands between two of them."""
    start = 0
    while len(text) - start > _BLOCK_CHARS:
        latest = start + _BLOCK_CHARS
        places = range(latest, latest - min(_BLOCK_CHARS, _LOOKED_BACK), -1)
        end = next((place for place in places if _ends_word(text, place)), latest)
        yield start, end
        start = end
    yield start, len(text)


def _ends_word(text: str, place: int) -> bool:
    return text[place - 1].isalnum() and bool(text[place].isspace() or IDEOGRAPHS.match(text[place]))


def _read_block(text: str, offset: int) -> tuple[_Block, Keys]:
    classes, lowered = _characters(text)
    starts, ends, inside = _words(classes)
    lengths = ends - starts
    block = _Block(
        (starts + offset).astype(np.int32),
        (ends + offset).astype(np.int32),
        classes[starts] == _UPPER,
        _shouted(classes, starts, lengths),
        _gaps(classes, inside, starts, lengths),
    )
    return block, _keys(lowered, starts, lengths)


def _joined_gaps(blocks: Sequence[_Block]) -> Marks:
    """What stands between two blocks is the end of one and the beginning of the other."""
    gaps = np.zeros(sum(len(block.starts) for block in blocks) + 1, np.uint16)
    place = 0
    for block in blocks:
        gaps[place : place + len(block.gaps)] |= block.gaps
        place += len(block.starts)
    return gaps


def _characters(text: str) -> tuple[_Classes, _Codes]:
    """The class of each character, and its code in lower case."""
    narrow = text.encode("latin-1", "replace")
    class_of, lower_of = _latin()
    classes = np.frombuffer(bytearray(narrow.translate(class_of)), np.uint8)
    lowered = np.frombuffer(narrow.translate(lower_of), np.uint8)
    if text.isascii():
        return classes, lowered
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    others = np.flatnonzero(codes > 0xFF)
    found, inverse = np.unique(codes[others], return_inverse=True)
    known = np.array([_known(code) for code in found.tolist()], np.uint32).reshape(-1, 2)[inverse]
    wide = lowered.astype(np.uint32)
    classes[others], wide[others] = known[:, 0], known[:, 1]
    return classes, wide


@cache
def _latin() -> tuple[bytes, bytes]:
    """The classes of the first 256 characters, and their codes in lower case, which are among them."""
    classes, lowered = zip(*map(_known, range(0x100)), strict=True)
    return bytes(classes), bytes(lowered)


@lru_cache(maxsize=1 << 14)
def _known(code: int) -> tuple[int, int]:
    char = chr(code)
    lower = "'" if char == "’" else char.lower()
    return _class(char), ord(lower) if len(lower) == 1 else code


def _keys(lowered: _Codes, starts: Ints, lengths: Ints) -> Keys:
    """A number for each word, but 0: the sum of its characters, each times the weight of its place."""
    hashed = np.minimum(lengths, _MAX_HASHED).astype(np.uint8)
    order = np.argsort(_MAX_HASHED - hashed, kind="stable")  # the first so many have a character at a place
    ordered = starts[order]
    sums = np.zeros(len(starts), np.uint64)
    longer = len(starts) - np.cumsum(np.bincount(hashed, minlength=1))
    for place, count in enumerate(longer[:-1].tolist()):
        sums[:count] += lowered[ordered[:count] + place] * _WEIGHTS[place]
    keys = np.empty_like(sums)
    keys[order] = sums
    for number in np.flatnonzero(lengths > _MAX_HASHED).tolist():
        rest = lowered[starts[number] + _MAX_HASHED : starts[number] + lengths[number]]
        keys[number : number + 1] += rest.sum(dtype=np.uint64, keepdims=True) * _WEIGHTS[-1:]
    keys[keys == 0] = 1
    return keys


def _shouted(classes: _Classes, starts: Ints, lengths: Ints) -> Bools:
    """Which words have no small letter and two capitals at least."""
    shouted: Bools = (lengths > 1) & (classes[starts] != _LOWER) & (classes[starts + lengths - 1] != _LOWER)
    left = np.flatnonzero(shouted)
    if len(left):
        begin = np.cumsum(lengths[left]) - lengths[left]
        places = np.repeat(starts[left] - begin, lengths[left])
        letters = classes[places + np.arange(len(places))]
        capitals = np.add.reduceat((letters == _UPPER).astype(np.int64), begin)
        small = np.add.reduceat((letters == _LOWER).astype(np.int64), begin)
        shouted[left] = (capitals > 1) & (small == 0)
    return shouted


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


def _words(classes: _Classes) -> tuple[Ints, Ints, Bools]:
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


def _gaps(classes: _Classes, inside: Bools, starts: Ints, lengths: Ints) -> Marks:
    """What stands before each word, and after the last."""
    gaps = np.zeros(len(starts) + 1, np.uint16)
    marks = np.flatnonzero((classes >= _INNER) & ~inside)
    before = np.searchsorted(starts, marks)
    kinds = classes[marks]
    if len(marks):
        opens = np.flatnonzero(np.diff(before, prepend=-1))
        gaps[before[opens]] = np.bitwise_or.reduceat(_BITS[kinds], opens)
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
