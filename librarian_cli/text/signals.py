"""Cheap signs of damage in a book's text, each as a number and as a severity against clean books.

trust = exp(-sum of weight * severity), severity = clip((x - usual) / span, 0, 2): a clean book scores 1, and each
lost point has a name. The limits are those of clean books; damage that text cannot show is not guessed at.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from librarian_cli.text import language

_ODD_BYTES = (b"\x7f", b"\xee", b"\xef\xbf\xbd")
"""DEL, the first byte of U+E000 to U+EFFF (private use), and U+FFFD. Bytes are counted at memory speed."""
_ODD = (re.compile(rb"\xef[\x80-\xa3]"), re.compile(rb"\xc2[\x80-\x9f]"))
"""The rest of the private use area, and the C1 controls."""
_MISREAD = {
    "(cid:": re.compile(rb"\(cid:\d+\)"),
    "Ã": re.compile("Ã".encode() + b"(?:\xc2[\x80-\xbf])"),
    "â€": re.compile("â€".encode()),
    "Â": re.compile("Â".encode() + b"\xc2[\xa0-\xbf]"),
}
"""A mark that is quick to look for -> the pattern of mis-decoded text that begins with it."""
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, kana, ideographs: no space tells where a word ends, so their words have no length."""
_WORD = re.compile(rf"[^\W\d_{_UNSPACED}]+")
_SPACED_OUT = re.compile(rf"(?<!\S)[^\W\d_{_UNSPACED}](?:[ \t][^\W\d_{_UNSPACED}]){{3,}}(?!\S)")
"""A word in s p a c e d letters; in formulas and code single letters stand between other signs."""
_SAMPLE_CHARS = 6_000
_SAMPLES = 3
_MIN_WORDS = 200
_SPACED_SCRIPTS = frozenset(language.STOP_WORDS)


@dataclass(frozen=True, slots=True)
class Signal:
    """One measured sign: `value` is a share (0 to 1), `severity` 0 on clean books."""

    name: str
    value: float
    severity: float
    weight: float
    text: str


@dataclass(frozen=True, slots=True)
class _Scale:
    usual: float
    span: float
    weight: float
    text: str


_SCALES = {
    "odd_characters": _Scale(0.002, 0.02, 1.5, "{:.1%} of the characters are replacement, private or mis-decoded ones"),
    "few_stop_words": _Scale(0.0, 0.15, 0.8, "common words are {:.0%} rarer than in clean text of this language"),
    "spaced_letters": _Scale(0.02, 0.1, 0.6, "{:.0%} of the words are letters of words that spaces break up"),
    "long_words": _Scale(0.01, 0.04, 0.6, "{:.1%} of the words are longer than 24 letters"),
    "blank_pages": _Scale(0.05, 0.25, 0.5, "{:.0%} of the pages hold no text"),
    "thin_pages": _Scale(0.25, 0.4, 0.3, "{:.0%} of the pages hold far less text than usual"),
    "duplicate_pages": _Scale(0.01, 0.05, 0.6, "{:.1%} of the pages repeat another"),
    "missing_pages": _Scale(0.0, 0.1, 1.0, "{:.1%} of the pages could not be extracted"),
}
_USUAL_STOP_SHARE = 0.28
_MIN_PAGE_CHARS = 200


def measure(text: str, tongue: str, pages: Sequence[str]) -> tuple[Signal, ...]:
    """Measure a text and its pages (empty where a book has none)."""
    sample = _sample(text)
    words = _WORD.findall(sample)
    values = {"odd_characters": _count_odd(text) / max(1, len(text))}
    if len(words) >= _MIN_WORDS:
        values["spaced_letters"] = sum(len(match[0]) // 2 + 1 for match in _SPACED_OUT.finditer(sample)) / len(words)
        values["long_words"] = sum(len(word) > 24 for word in words) / len(words)
        if tongue in _SPACED_SCRIPTS:
            common = language.STOP_WORDS[tongue] | language.STOP_WORDS["en"]  # many a manual is half in English
            share = sum(word.lower() in common for word in words) / len(words)
            values["few_stop_words"] = max(0.0, 1 - share / _USUAL_STOP_SHARE - 0.5)
    values.update(_page_values(pages))
    return tuple(signal(name, value) for name, value in values.items())


def signal(name: str, value: float) -> Signal:
    """Put a measured value on its scale."""
    scale = _SCALES[name]
    severity = min(2.0, max(0.0, (value - scale.usual) / scale.span))
    return Signal(name, value, severity, scale.weight, scale.text.format(value))


def trust(signals: Sequence[Signal]) -> float:
    """The score that signals leave, 0 to 1."""
    return math.exp(-sum(item.weight * item.severity for item in signals))


def explain(signals: Sequence[Signal]) -> tuple[str, ...]:
    """One line for each sign that cost points, the dearest first."""
    costly = sorted((item for item in signals if item.severity > 0), key=lambda item: -item.weight * item.severity)
    return tuple(f"-{100 * (1 - math.exp(-item.weight * item.severity)):.0f} points: {item.text}" for item in costly)


def _count_odd(text: str) -> int:
    data = text.encode("utf-8")
    odd = sum(map(data.count, _ODD_BYTES)) + sum(len(pattern.findall(data)) for pattern in _ODD)
    return odd + sum(len(pattern.findall(data)) for mark, pattern in _MISREAD.items() if mark in text)


def _page_values(pages: Sequence[str]) -> dict[str, float]:
    if len(pages) < 3:
        return {}
    sizes = [len(page.strip()) for page in pages]
    full = sorted(size for size in sizes if size)
    usual = full[len(full) // 2] if full else 0
    long_pages = [hash(page) for page in pages if len(page) >= _MIN_PAGE_CHARS]
    return {
        "blank_pages": sizes.count(0) / len(pages),
        "thin_pages": sum(0 < size < 0.15 * usual for size in sizes) / len(pages),
        "duplicate_pages": (len(long_pages) - len(set(long_pages))) / len(pages),
    }


def _sample(text: str) -> str:
    """Windows from start, middle and end: enough for shares of words, at a bounded cost."""
    if len(text) <= _SAMPLES * _SAMPLE_CHARS:
        return text
    step = (len(text) - _SAMPLE_CHARS) // (_SAMPLES - 1)
    return " ".join(text[i * step : i * step + _SAMPLE_CHARS] for i in range(_SAMPLES))
