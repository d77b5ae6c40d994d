"""Which line of a page stands at a height: where the entries of an outline lead to.

Owns the boxes that pdfium gives to a page's lines. Knows nothing of outlines, nor what becomes of the text.
"""

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any

import pypdfium2.raw as pdfium

_MAX_LINES = 2_000
"""Lines of a page that are looked at: a page of more is no page of a book, and each costs a call."""


def places(text_page: Any, raw: str, heights: Sequence[float]) -> list[int]:
    """Return for each height (points above the page's lower edge) where in `raw` the first line below it begins.

    `raw` is the page's text as pdfium gives it. A height above or below all lines says nothing but the page: 0.
    """
    lines = list(_middles(text_page, raw)) if heights else []
    return [_place(lines, height) for height in heights]


def _place(lines: Sequence[tuple[float, int]], height: float) -> int:
    """The highest line may be a running head, which many files draw after the text: it does not begin a page."""
    below = [(-middle, start) for middle, start in lines if middle <= height]
    return min(below)[1] if 0 < len(below) < len(lines) else 0


def _middles(text_page: Any, raw: str) -> Iterator[tuple[float, int]]:
    """Yield for each line of a page the height of its middle, and where it begins in `raw`."""
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    start = 0
    for line in raw.split("\n", _MAX_LINES)[:_MAX_LINES]:
        first = start + len(line) - len(line.lstrip())
        index = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, first) if line.strip() else -1
        if index >= 0 and pdfium.FPDFText_GetCharBox(text_page, index, left, right, bottom, top):
            yield (bottom.value + top.value) / 2, start
        start += len(line) + 1
