"""Walk a PDF's outline through pdfium, within limits. Knows nothing of page texts: its headings name pages only."""

import ctypes
from typing import Any

import pypdfium2.raw as pdfium

from librarian_cli import models
from librarian_cli.text.normalise import clean_field

_TITLE_BYTES = 8_192


def headings(document: Any, limits: models.ReadLimits) -> tuple[models.Heading, ...]:
    """Return outline entries that lead to a page, in outline order; never exact.

    Loops end where an entry was seen before; depth and number are bounded by `limits`.
    """
    found: list[models.Heading] = []
    count = pdfium.FPDF_GetPageCount(document)
    seen: set[int] = set()
    # Each level's next entry, so that siblings go on where their nephews ended.
    stack = [pdfium.FPDFBookmark_GetFirstChild(document, None)]
    while stack and len(seen) < limits.max_outline_items:
        entry = stack.pop()
        address = ctypes.addressof(entry.contents) if entry else 0
        if not address or address in seen:
            continue
        seen.add(address)
        heading = _heading(document, entry, len(stack) + 1)
        if heading is not None and heading.page < count:
            found.append(heading)
        stack.append(pdfium.FPDFBookmark_GetNextSibling(document, entry))
        if len(stack) < limits.max_outline_depth:
            stack.append(pdfium.FPDFBookmark_GetFirstChild(document, entry))
    return tuple(found)


def _heading(document: Any, entry: Any, level: int) -> models.Heading | None:
    target = pdfium.FPDFBookmark_GetDest(document, entry)
    if not target:
        action = pdfium.FPDFBookmark_GetAction(entry)
        if action and pdfium.FPDFAction_GetType(action) == pdfium.PDFACTION_GOTO:
            target = pdfium.FPDFAction_GetDest(document, action)
    page = pdfium.FPDFDest_GetDestPageIndex(document, target) if target else -1
    title = _title(entry) if page >= 0 else ""
    return models.Heading(title, level, page, exact=False) if title else None


def _title(entry: Any) -> str:
    size = pdfium.FPDFBookmark_GetTitle(entry, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    pdfium.FPDFBookmark_GetTitle(entry, buffer, size)
    return clean_field(buffer.raw[: min(size - 2, _TITLE_BYTES)].decode("utf-16-le", "replace"))
