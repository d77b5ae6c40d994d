"""Sentences, and windows of a few of them: where they begin and end, which are whole, which are speech."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from librarian_cli.text.enriching.arrays import Bools, Ints, Places
from librarian_cli.text.enriching.tokens import END, OPEN, PARAGRAPH, SPACE, STRAIGHT, Tokens
from librarian_cli.text.enriching.wordset import word_set

ABBREVIATIONS = word_set(
    "mr mrs ms messrs dr prof rev hon st ste capt col gen lt sgt maj sen gov jr sr esq vol no nos ch chap fig "
    "figs eq ed eds trans vs viz cf al approx ca inc ltd co corp dept est mme mlle jan feb mar apr jun jul aug "
    "sept oct nov dec pp op cit ibid bzw z.b ca usw hr hrsg bd"
)
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Scripts in which no space follows a full stop."""
_CLOSERS = frozenset("”\"’'»)」』")
_OPENERS = frozenset('“"‘«(「『')
_QUOTES = re.compile('(["“”«»„「」『』])')
_SINGLE_QUOTE_ENDS = re.compile(r"[,.!?]['’]\s")
_SPEECH_CHARS = 2000
"""A text with fewer quotation marks than one in so many characters may have single ones."""
_OPENING, _CLOSING = [*map(ord, "“„「『")], [*map(ord, "”」』")]


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences in order: `first[i]` is the word that one begins with, `first[i + 1]` the word after it."""

    first: Ints
    starts: Places
    ends: Places
    of_word: Ints
    """By word: its sentence."""
    whole: Bools
    """Ends with a full stop or its like."""
    quoted: Bools
    """Speech, in part at least."""


def find_sentences(tokens: Tokens) -> Sentences:
    """Cut at full stops before a capital, and at paragraphs; not after abbreviations and initials."""
    count = len(tokens)
    if not count:
        none = np.zeros(0, np.int64)
        nowhere = none.astype(np.int32)
        return Sentences(np.zeros(1, np.int64), nowhere, nowhere, none, none.astype(bool), none.astype(bool))
    gaps = tokens.gaps[:count]
    initials = {word for word in tokens.words if len(word) == 1 and word.isalpha() and word != "i"}
    short = tokens.named(ABBREVIATIONS | initials)
    before = np.zeros(count, bool)
    before[1:] = short[tokens.ids[:-1]] & ((tokens.ends - tokens.starts)[:-1] < 6)
    ideograph = np.array([not w.isascii() and bool(_UNSPACED.match(w)) for w in tokens.words], bool)
    follows = np.concatenate(([False], ideograph[tokens.ids[:-1]]))  # whatever comes after the full stop then
    before &= ~follows
    opens = (
        ~tokens.is_small[tokens.ids]
        | tokens.upper
        | ideograph[tokens.ids]
        | tokens.is_number[tokens.ids]
        | (gaps & (OPEN | STRAIGHT) > 0)
        | follows
    )
    apart = (gaps & SPACE > 0) | ideograph[tokens.ids] | follows
    borders = (gaps & PARAGRAPH > 0) | ((gaps & END > 0) & apart & opens & ~before)
    borders[0] = True
    first = np.flatnonzero(borders)
    of_word = np.cumsum(borders) - 1
    starts, ends, whole = _edges(tokens, first)
    quoted = _quoted(tokens, first, starts, ends)
    return Sentences(np.append(first, count), starts, ends, of_word, whole, quoted)


def window_starts(tokens: Tokens, sentences: Sentences, most: int) -> Ints:
    """The first words of windows: paragraphs, of which long ones are cut after a sentence, every `most` words."""
    paragraph = np.cumsum(tokens.gaps[:-1] & PARAGRAPH > 0, dtype=np.int32)
    first = sentences.first[:-1]
    if not len(first):
        return first
    of_sentence = paragraph[first]
    opens = np.flatnonzero(np.diff(of_sentence, prepend=-1))
    begun = first[np.repeat(opens, np.diff(np.append(opens, len(first))))]
    part = (first - begun) // most
    opened: Ints = first[(np.diff(of_sentence, prepend=-1) != 0) | (np.diff(part, prepend=-1) != 0)]
    return opened


def _edges(tokens: Tokens, first: Ints) -> tuple[Places, Places, Bools]:
    """Where sentences begin and end, their quotation marks and full stops included; and which have a full stop."""
    text = tokens.text
    starts = tokens.starts[first].tolist()
    ends = tokens.ends[np.append(first[1:], len(tokens)) - 1].tolist()
    borders = [*starts[1:], len(text)]
    whole = [False] * len(first)
    for number, (start, end, border) in enumerate(zip(starts, ends, borders, strict=True)):
        if start and text[start - 1] in _OPENERS:
            starts[number] = start - 1
        while end < border and (text[end] in ".!?…。！？" or text[end] in _CLOSERS):
            whole[number] |= text[end] not in _CLOSERS
            end += 1
        ends[number] = end
    return np.array(starts, np.int32), np.array(ends, np.int32), np.array(whole, bool)


def _quoted(tokens: Tokens, first: Ints, starts: Places, ends: Places) -> Bools:
    """Sentences that hold a quotation mark, or lie between two of one paragraph."""
    places, marks = _quotation_marks(tokens.text)
    before, after = np.searchsorted(places, starts), np.searchsorted(places, ends)
    steps = np.append(0, np.cumsum(np.isin(marks, _OPENING).astype(np.int64) - np.isin(marks, _CLOSING)))
    straight = np.append(0, np.cumsum(marks == ord('"')))
    opened = np.where((tokens.gaps[first] & PARAGRAPH > 0), np.arange(len(first)), 0)
    begin = before[np.maximum.accumulate(opened)]
    inside = (steps[before] > steps[begin]) | ((straight[before] - straight[begin]) % 2 == 1)
    quoted: Bools = inside | (after > before)
    return quoted


def _quotation_marks(text: str) -> tuple[Places, npt.NDArray[np.uint32]]:
    """Where they stand, and which they are, as code points. (Splitting there is quicker than finding each.)"""
    pieces = _QUOTES.split(text)
    marks = np.frombuffer("".join(pieces[1::2]).encode("utf-32-le"), np.uint32)
    places = np.cumsum(np.fromiter(map(len, pieces), np.int32))[:-1:2].astype(np.int32)
    if len(marks) * _SPEECH_CHARS < len(text):
        single = [match.start() + 1 for match in _SINGLE_QUOTE_ENDS.finditer(text)]
        places = np.append(places, np.array(single, np.int32))
        marks = np.append(marks, np.full(len(single), ord("'"), np.uint32))
        order = np.argsort(places)
        places, marks = places[order], marks[order]
    return places, marks
