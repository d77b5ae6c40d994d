"""Terms of texts and how often each occurs: the one token pass behind vectors and keyphrases.

Owns: what a term is. It follows SQLite's `porter unicode61` (runs of letters and digits, lower case, accents
folded, Porter stems), drops stop words and single characters. Must not know: who counts and what for.

    texts -> UTF-8 bytes -> word edges -> 64-bit key a word -> WordTable -> term ids -> counts a text
                                                                  ^ a word seen for the first time is folded and
                                                                    stemmed once, in Python
A word of up to 8 bytes is its own key; longer ones are hashed, and among a million distinct long words the
chance that any two share a key is below 1e-7. Runs of more than 64 bytes are no words and are skipped.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import Stemmer

from librarian_cli.text import language, wordtable

STOP_WORDS = language.STOP_WORDS["en"]

_MAX_WORD_BYTES = 64
_MAX_TABLE_WORDS = 1 << 18
_SPACE = 0x20
_LETTERS = bytes(
    byte if byte >= 0x80 else ord(chr(byte).lower()) if chr(byte).isalnum() else _SPACE for byte in range(256)
)
# UTF-8 punctuation that is common enough to be cut before words are looked up: (first two bytes as one number,
# range of the third). All other marks stay inside the raw word until it is split, once, when first seen.
_PUNCTUATION_3 = (
    (0xE280, 0x80, 0xBF),  # general punctuation: dashes, quotation marks, ellipsis
    (0xE380, 0x80, 0x83),  # CJK space, comma, full stop
    (0xE380, 0x88, 0x91),  # CJK brackets
    (0xEFBC, 0x80, 0x8F),  # full-width comma and others
    (0xEFBC, 0x9A, 0xA0),  # full-width colon to at sign
)
_LATIN1_LETTERS = (0xAA, 0xB5, 0xBA)  # the only letters among U+0080..U+00BF
_WORD = re.compile(r"[^\W_]+")
_MARKED_LATIN = re.compile("([a-z])[\u0300-\u036f]+")

_PIECE_MASKS = np.array([(1 << (8 * size)) - 1 for size in range(9)], np.uint64)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FOLD_SHIFT = np.uint64(29)
_DROPPED = -1

_Ints = npt.NDArray[np.int32]
_Positions = npt.NDArray[np.int64]
_Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class TermCounts:
    """How often each term occurs in each text, as compressed sparse rows.

    Row i has the terms `ids[indptr[i]:indptr[i + 1]]`, ascending and each once, with their `counts`; an id
    indexes `terms`, which other batches of the same Lexicon share and lengthen, but never reorder.
    """

    indptr: _Ints
    ids: _Ints
    counts: _Ints
    terms: Sequence[str]


class Lexicon:
    """Remember the term of each word seen, so that a word is folded and stemmed once. Not for several threads.

    With `grows` new terms get the next ids; without, terms outside the given ones are not counted.
    Memory: about 200 bytes a term, and up to 25 MB for the table of words, which is emptied when full.
    """

    def __init__(
        self,
        terms: Iterable[str] = (),
        *,
        grows: bool = True,
        stop_words: frozenset[str] = STOP_WORDS,
    ) -> None:
        self.terms = list(terms)
        self._grows = grows
        self._stop_words = stop_words | {_fold(word) for word in stop_words}
        self._ids = {term: number for number, term in enumerate(self.terms)}
        self._table = wordtable.WordTable()
        self._compounds: list[list[int]] = []
        self._stemmer = Stemmer.Stemmer("porter", 0)

    def look_up(self, words: "_Words") -> _Ints:
        """Find the term id of every word; _DROPPED for none, below that for several (see `parts`)."""
        if len(self._table) > _MAX_TABLE_WORDS:
            self._table.clear()
            self._compounds.clear()
        found = self._table.find(words.keys)
        new = np.flatnonzero(found == wordtable.MISSING)
        size = 1 << 12
        # The frequent words are among the first: learning them before looking further saves most of the sorting.
        while len(new):
            self._learn(words, new[:size])
            found[new] = self._table.find(words.keys[new])
            new = new[found[new] == wordtable.MISSING]
            size *= 4
        return found

    def parts(self, compound: int) -> list[int]:
        """Return the term ids of a word that holds several, from its value below _DROPPED."""
        return self._compounds[_DROPPED - 1 - compound]

    def _learn(self, words: "_Words", where: _Positions) -> None:
        keys, first = np.unique(words.keys[where], return_index=True)
        values = [self._value(word) for word in words.texts_at(where[first])]
        self._table.add(keys, np.array(values, np.int32))

    def _value(self, word: str) -> int:
        if word.isascii():
            return self._term_id(word)
        ids = [self._term_id(part) for part in _WORD.findall(_fold(word.lower()))]
        ids = [number for number in ids if number != _DROPPED]
        if len(ids) < 2:
            return ids[0] if ids else _DROPPED
        self._compounds.append(ids)
        return _DROPPED - len(self._compounds)

    def _term_id(self, word: str) -> int:
        if len(word) < 2 or word in self._stop_words:
            return _DROPPED
        term = _stem(self._stemmer, word)
        number = self._ids.get(term, _DROPPED)
        if number == _DROPPED and self._grows:
            number = self._ids[term] = len(self.terms)
            self.terms.append(term)
        return number


def count_terms(texts: Sequence[str], lexicon: Lexicon | None = None) -> TermCounts:
    """Count the terms of each text.

    Hand over batches of at most 4 MB (memory is about 16 times that), and one Lexicon to all of them.
    Returns: one row a text, in order; a text without terms has an empty row.
    """
    lexicon = lexicon or Lexicon()
    words = _split(texts)
    found = lexicon.look_up(words)
    rows = np.repeat(np.arange(len(texts), dtype=np.int64), np.diff(words.indptr))
    rows, ids = _known(lexicon, rows, found)
    cells = rows * max(1, len(lexicon.terms)) + ids
    cells.sort(kind="stable")  # the rows are in order already: merging runs takes half of quicksort's time
    return _compress(cells, len(texts), lexicon.terms)


def stem_words(words: Sequence[str]) -> list[str]:
    """Fold and stem words one by one, with the stop words kept. Returns: the terms, in order."""
    stemmer = Stemmer.Stemmer("porter", 0)
    return [_stem(stemmer, _fold(word.lower())) for word in words]


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of several texts: where each begins in the bytes, how long it is, its key; rows by indptr."""

    data: bytearray
    starts: _Positions
    sizes: _Positions
    keys: _Keys
    indptr: _Positions

    def texts_at(self, places: _Positions) -> list[str]:
        starts = self.starts[places]
        ranges = zip(starts.tolist(), (starts + self.sizes[places]).tolist(), strict=True)
        return [self.data[start:end].decode("utf-8", "replace") for start, end in ranges]


def _split(texts: Sequence[str]) -> _Words:
    encoded = [text.encode("utf-8", "replace") for text in texts]
    # A space at both ends gives every word two edges; the rest lets 8 bytes be read from any place in a word.
    data = bytearray(b" ".join([b"", *encoded, b" " * _MAX_WORD_BYTES]).translate(_LETTERS))
    codes = np.frombuffer(data, np.uint8)
    if not data.isascii():
        _blank_punctuation(codes)
    inside = codes != _SPACE
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    starts, sizes = edges[0::2], edges[1::2] - edges[0::2]
    words = np.flatnonzero((sizes > 1) & (sizes <= _MAX_WORD_BYTES))
    starts, sizes = starts[words], sizes[words]
    ends = np.cumsum(np.array([0, *map(len, encoded)]) + 1)
    return _Words(data, starts, sizes, _keys(codes, starts, sizes), np.searchsorted(starts, ends))


def _blank_punctuation(codes: npt.NDArray[np.uint8]) -> None:
    leads = np.flatnonzero(codes[:-2] >= 0xC2)
    second, third = codes[leads + 1], codes[leads + 2]
    pairs = codes[leads].astype(np.int32) << 8 | second
    latin = leads[(codes[leads] == 0xC2) & ~np.isin(second, _LATIN1_LETTERS)]
    marks = np.zeros(len(leads), bool)
    for pair, low, high in _PUNCTUATION_3:
        marks |= (pairs == pair) & (third >= low) & (third <= high)
    for places, size in ((latin, 2), (leads[marks], 3)):
        for offset in range(size):
            codes[places + offset] = _SPACE


def _keys(codes: npt.NDArray[np.uint8], starts: _Positions, sizes: _Positions) -> _Keys:
    """Make a 64-bit key of each word, eight bytes at a time; none is 0, which the table cannot hold."""
    # A bytes type may start at any address, a 64-bit integer only at some: hence the view.
    windows: npt.NDArray[np.bytes_] = np.ndarray((len(codes) - 7,), "S8", codes.data, strides=(1,))
    keys = windows[starts].view("<u8") & _PIECE_MASKS[np.minimum(sizes, 8)]
    longer, at = np.flatnonzero(sizes > 8), 8
    while len(longer):
        piece = windows[starts[longer] + at].view("<u8")
        piece &= _PIECE_MASKS[np.minimum(sizes[longer] - at, 8)]
        mixed = keys[longer]
        keys[longer] = (mixed ^ (mixed >> _FOLD_SHIFT)) * _MULTIPLIER + piece
        at += 8
        longer = longer[sizes[longer] > at]
    keys[keys == 0] = 1
    return keys


def _known(lexicon: Lexicon, rows: _Positions, found: _Ints) -> tuple[_Positions, _Ints]:
    """Keep the words that have a term, and put the terms of compound words at the end."""
    several = np.flatnonzero(found < _DROPPED)
    places = zip(rows[several].tolist(), found[several].tolist(), strict=True)
    more = [(row, part) for row, compound in places for part in lexicon.parts(compound)]
    known = np.flatnonzero(found > _DROPPED)
    rows, ids = rows[known], found[known]
    if not more:
        return rows, ids
    extra = np.array(more, np.int64)
    return np.concatenate((rows, extra[:, 0])), np.concatenate((ids, extra[:, 1].astype(np.int32)))


def _compress(cells: _Positions, row_count: int, terms: Sequence[str]) -> TermCounts:
    """Turn sorted row * len(terms) + id cells into compressed sparse rows."""
    width = max(1, len(terms))
    first = np.flatnonzero(np.diff(cells, prepend=-1))
    counts = np.diff(first, append=len(cells)).astype(np.int32)
    rows, ids = np.divmod(cells[first], width)
    indptr = np.searchsorted(rows, np.arange(row_count + 1)).astype(np.int32)
    return TermCounts(indptr, ids.astype(np.int32), counts, terms)


def _stem(stemmer: Stemmer.Stemmer, word: str) -> str:
    """Stem as FTS5 does, which knows Porter's later endings -bly and -logy and leaves two letters alone."""
    if len(word) < 3:
        return word
    if word.endswith("bly"):
        word = word[:-1] + "e"
    elif word.endswith(("logy", "logies")):
        word = word[: word.rindex("logy" if word.endswith("y") else "logies") + 3]
    return str(stemmer.stemWord(word))


def _fold(word: str) -> str:
    if word.isascii():
        return word
    bare = _MARKED_LATIN.sub(r"\1", unicodedata.normalize("NFD", word))
    return unicodedata.normalize("NFC", bare)
