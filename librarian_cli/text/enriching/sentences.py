"""Sentences, and windows of a few of them: where they begin and end, which are whole, which are speech."""

import re
from dataclasses import dataclass

import numpy as np

from librarian_cli.text.enriching.arrays import Bools, Ints
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
_QUOTES = re.compile('["“”«»„「」『』]')
_SINGLE_QUOTE_ENDS = re.compile(r"[,.!?]['’]\s")
_SPEECH_CHARS = 2000
"""A text with fewer quotation marks than one in so many characters may have single ones."""
_DEPTHS = {"“": 1, "„": 1, "”": -1, "「": 1, "」": -1, "『": 1, "』": -1}


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentences in order: `first[i]` is the word that one begins with, `first[i + 1]` the word after it."""

    first: Ints
    starts: Ints
    ends: Ints
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
        return Sentences(np.zeros(1, np.int64), none, none, none, none.astype(bool), none.astype(bool))
    gaps = tokens.gaps[:count]
    short = np.array([w in ABBREVIATIONS or (len(w) == 1 and w.isalpha() and w != "i") for w in tokens.words], bool)
    before = np.zeros(count, bool)
    before[1:] = short[tokens.ids[:-1]] & ((tokens.ends - tokens.starts)[:-1] < 6)
    ideograph = np.array([bool(_UNSPACED.match(w)) for w in tokens.words], bool)
    before &= ~np.concatenate(([False], ideograph[tokens.ids[:-1]]))
    opens = (
        ~tokens.is_small[tokens.ids]
        | tokens.upper
        | ideograph[tokens.ids]
        | tokens.is_number[tokens.ids]
        | (gaps & (OPEN | STRAIGHT) > 0)
    )
    apart = (gaps & SPACE > 0) | ideograph[tokens.ids]
    borders = (gaps & PARAGRAPH > 0) | ((gaps & END > 0) & apart & opens & ~before)
    borders[0] = True
    first = np.flatnonzero(borders)
    of_word = np.cumsum(borders) - 1
    starts, ends, whole = _edges(tokens, first)
    quoted = _quoted(tokens, first, starts, ends)
    return Sentences(np.append(first, count), starts, ends, of_word, whole, quoted)


def window_starts(tokens: Tokens, sentences: Sentences, most: int) -> Ints:
    """The first words of windows: paragraphs, of which long ones are cut after a sentence, every `most` words."""
    paragraph = np.cumsum(tokens.gaps[:-1] & PARAGRAPH > 0)
    first = sentences.first[:-1]
    if not len(first):
        return first
    of_sentence = paragraph[first]
    opens = np.flatnonzero(np.diff(of_sentence, prepend=-1))
    begun = first[np.repeat(opens, np.diff(np.append(opens, len(first))))]
    part = (first - begun) // most
    opened: Ints = first[(np.diff(of_sentence, prepend=-1) != 0) | (np.diff(part, prepend=-1) != 0)]
    return opened


def _edges(tokens: Tokens, first: Ints) -> tuple[Ints, Ints, Bools]:
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
    return np.array(starts, np.int64), np.array(ends, np.int64), np.array(whole, bool)


def _quoted(tokens: Tokens, first: Ints, starts: Ints, ends: Ints) -> Bools:
    """Sentences that hold a quotation mark, or lie between two of one paragraph."""
    marks = [(match.start(), match[0]) for match in _QUOTES.finditer(tokens.text)]
    if len(marks) * _SPEECH_CHARS < len(tokens.text):
        marks += [(match.start() + 1, "'") for match in _SINGLE_QUOTE_ENDS.finditer(tokens.text)]
        marks.sort()
    places = np.array([place for place, _ in marks], np.int64)
    before, after = np.searchsorted(places, starts), np.searchsorted(places, ends)
    steps = np.array([0, *(_DEPTHS.get(mark, 0) for _, mark in marks)]).cumsum()
    straight = np.array([0, *(mark == '"' for _, mark in marks)]).cumsum()
    opened = np.where((tokens.gaps[first] & PARAGRAPH > 0), np.arange(len(first)), 0)
    begin = before[np.maximum.accumulate(opened)]
    inside = (steps[before] > steps[begin]) | ((straight[before] - straight[begin]) % 2 == 1)
    quoted: Bools = inside | (after > before)
    return quoted
