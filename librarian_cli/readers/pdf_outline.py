"""Walk a PDF's outline through pdfium, within limits. Knows nothing of page texts: entries name pages and heights."""

import ctypes
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from librarian_cli import models
from librarian_cli.text.normalise import clean_field

_TITLE_BYTES = 8_192
_MAX_VIEW_NUMBERS = 4
_HEIGHT_OF_VIEW = {pdfium.PDFDEST_VIEW_XYZ: 1, pdfium.PDFDEST_VIEW_FITH: 0, pdfium.PDFDEST_VIEW_FITBH: 0}
"""Which of its numbers says how high on the page a view begins; the other views show whole pages."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that leads to a page (0-based), and to a height on it: points above its lower edge, None: unknown."""

    title: str
    level: int
    page: int
    height: float | None


def entries(document: Any, limits: models.ReadLimits, pages: range) -> list[Entry]:
    """Return the entries that lead to one of these pages, in outline order.

    Loops end where an entry was seen before; depth and number are bounded by `limits`.
    """
    found: list[Entry] = []
    seen: set[int] = set()
    # Each level's next entry, so that siblings go on where their nephews ended.
    stack = [pdfium.FPDFBookmark_GetFirstChild(document, None)]
    while stack and len(seen) < limits.max_outline_items:
        entry = stack.pop()
        address = ctypes.addressof(entry.contents) if entry else 0
        if not address or address in seen:
            continue
        seen.add(address)
        leading = _entry(document, entry, len(stack) + 1, pages)
        if leading is not None:
            found.append(leading)
        stack.append(pdfium.FPDFBookmark_GetNextSibling(document, entry))
        if len(stack) < limits.max_outline_depth:
            stack.append(pdfium.FPDFBookmark_GetFirstChild(document, entry))
    return found


def _entry(document: Any, entry: Any, level: int, pages: range) -> Entry | None:
    target = pdfium.FPDFBookmark_GetDest(document, entry)
    if not target:
        action = pdfium.FPDFBookmark_GetAction(entry)
        if action and pdfium.FPDFAction_GetType(action) == pdfium.PDFACTION_GOTO:
            target = pdfium.FPDFAction_GetDest(document, action)
    page = pdfium.FPDFDest_GetDestPageIndex(document, target) if target else -1
    title = _title(entry) if page in pages else ""
    return Entry(title, level, page, _height(target)) if title else None


def _height(target: Any) -> float | None:
    count, numbers = ctypes.c_ulong(), (ctypes.c_float * _MAX_VIEW_NUMBERS)()
    view = pdfium.FPDFDest_GetView(target, count, numbers)
    position = _HEIGHT_OF_VIEW.get(view, _MAX_VIEW_NUMBERS)
    return float(numbers[position]) if position < count.value else None


def _title(entry: Any) -> str:
    size = pdfium.FPDFBookmark_GetTitle(entry, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFBookmark_GetTitle(entry, buffer, size)
    return clean_field(buffer.raw[: min(size - 2, _TITLE_BYTES)].decode("utf-16-le", "replace"))
