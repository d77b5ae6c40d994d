"""Read PDFs with pdfium, through its C interface; what it refuses goes to the second reader.

Owns page texts, labels and metadata of PDFs. Nothing is rendered, nothing in the file is run or fetched.
pdfium is not thread-safe: a worker process parses one file at a time.

    file -> descriptor -> pdfium reads what it needs through /proc/self/fd -> a part every few pages
"""

import ctypes
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pypdfium2.raw as pdfium

from librarian_cli import errors, models
from librarian_cli.readers import pdf_heights, pdf_outline, pdf_text
from librarian_cli.readers import source as files
from librarian_cli.readers.base import NEEDS_PASSWORD, PEEK_CHARS
from librarian_cli.text.normalise import clean_field

PART_PAGES = 32
_PEEK_PAGES = 3
_MAX_FIELD_BYTES = 1 << 22
_MANY_PATHS = 50
_TAIL_BYTES = 4096
_MAX_HEIGHTS = 100
"""Entries of an outline whose height on one page is looked up: each costs a look at all lines."""

# A pdfium handle: an opaque ctypes pointer.
_Document = Any


class _Refused(Exception):
    """pdfium cannot open the file."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class PdfReader:
    """Reads PDFs, whole or in page ranges. A heading comes with the part that holds its page."""

    format = "pdf"

    def peek(self, source: models.Source, limits: models.ReadLimits) -> models.Peek:
        with files.opened(source, max_bytes=limits.max_document_bytes) as descriptor:
            try:
                with _document(descriptor, source.password) as document:
                    return _peek(document, limits)
            except _Refused as refusal:
                from librarian_cli.readers import pdf_fallback  # costs 100 ms that healthy files need not pay

                _reject_encrypted(refusal, source)
                return pdf_fallback.peek(descriptor, source, limits)

    def read(
        self, source: models.Source, limits: models.ReadLimits, pages: range | None = None
    ) -> Iterator[models.Part]:
        with files.opened(source, max_bytes=limits.max_document_bytes) as descriptor:
            try:
                with _document(descriptor, source.password) as document:
                    cut = () if _has_end(descriptor, source.size) else ("truncated",)
                    yield from _read(document, limits, pages, also=cut)
            except _Refused as refusal:
                from librarian_cli.readers import pdf_fallback

                _reject_encrypted(refusal, source)
                try:
                    yield from pdf_fallback.read(descriptor, source, limits, pages)
                except errors.ReadError as exc:
                    # A second opinion on blank pages; that pypdf cannot decrypt them says nothing about the book.
                    if refusal.code == pdfium.FPDF_ERR_SUCCESS and exc.reason == "encrypted":
                        raise pdf_text.without_text(all_lost=False) from exc
                    raise


def _reject_encrypted(refusal: _Refused, source: models.Source) -> None:
    if refusal.code == pdfium.FPDF_ERR_PASSWORD:
        known = source.password is not None
        detail = "the password does not open it" if known else NEEDS_PASSWORD
        raise errors.ReadError("encrypted", detail) from refusal


def _has_end(descriptor: int, size: int) -> bool:
    """Tell whether the file ends as PDFs do; pdfium repairs in silence what was cut off."""
    tail = os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    return b"%%EOF" in tail or not tail.strip(b"\x00\r\n ")


@contextmanager
def _document(descriptor: int, password: str | None) -> Iterator[_Document]:
    path = files.descriptor_path(descriptor) + b"\x00"
    document = None
    for secret in _password_bytes(password):
        document = pdfium.FPDF_LoadDocument(path, secret)
        if document:
            break
    if not document:
        raise _Refused(pdfium.FPDF_GetLastError())
    try:
        yield document
    finally:
        pdfium.FPDF_CloseDocument(document)


def _password_bytes(password: str | None) -> list[bytes | None]:
    """Return the password as newer (UTF-8) and older (Latin-1) encryption has it, NUL-terminated."""
    if password is None:
        return [None]
    secrets: list[bytes | None] = [password.encode("utf-8", "surrogateescape") + b"\x00"]
    if not password.isascii():
        secrets.append(password.encode("latin-1", "replace") + b"\x00")
    return secrets


def _peek(document: _Document, limits: models.ReadLimits) -> models.Peek:
    count = pdfium.FPDF_GetPageCount(document)
    text = ""
    for index in pdf_text.page_span(count, limits, range(_PEEK_PAGES)):
        text += _page(document, index, limits).text
        if len(text) >= PEEK_CHARS:
            break
    return models.Peek(
        "pdf",
        title=_metadata(document, b"Title\x00"),
        author=_metadata(document, b"Author\x00"),
        language=_language(document),
        page_count=count,
        text=text[:PEEK_CHARS],
    )


def _read(
    document: _Document, limits: models.ReadLimits, pages: range | None, *, also: tuple[str, ...]
) -> Iterator[models.Part]:
    count = pdfium.FPDF_GetPageCount(document)
    span = pdf_text.page_span(count, limits, pages)
    entries = _by_page(pdf_outline.entries(document, limits, span))
    chars = lost = 0
    for start in range(span.start, span.stop, PART_PAGES):
        places = range(start, min(start + PART_PAGES, span.stop))
        found = [_page(document, index, limits, entries.get(index, ())) for index in places]
        chars += sum(len(page.text) for page in found)
        lost += sum(page.warning == "partial" for page in found)
        if chars > limits.max_book_chars:
            raise errors.ReadError("limit", f"more than {limits.max_book_chars} characters of text")
        if start == 0 and not any(page.text or page.warning for page in found):
            # Without text or pictures they are blank, or their content is damaged: the second reader can tell.
            raise _Refused(pdfium.FPDF_ERR_SUCCESS)
        headings = tuple(
            models.Heading(entry.title, entry.level, index, page.places.get(entry.height, 0), exact=False)
            for index, page in zip(places, found, strict=True)
            for entry in entries.get(index, ())
        )
        yield pdf_text.part_of(start, found, [_label(document, index) for index in places], headings, also=also)
    if chars == 0 and len(span) == count:
        raise pdf_text.without_text(all_lost=lost == count)


def _by_page(entries: Sequence[pdf_outline.Entry]) -> dict[int, list[pdf_outline.Entry]]:
    pages: dict[int, list[pdf_outline.Entry]] = defaultdict(list)
    for entry in entries:
        pages[entry.page].append(entry)
    return pages


def _page(
    document: _Document, index: int, limits: models.ReadLimits, entries: Sequence[pdf_outline.Entry] = ()
) -> pdf_text.RawPage:
    page = pdfium.FPDF_LoadPage(document, index)
    if not page:
        return pdf_text.RawPage("", "partial")
    try:
        text_page = pdfium.FPDFText_LoadPage(page)
        if not text_page:
            return pdf_text.RawPage("", "partial")
        try:
            found = _text(text_page, limits, [entry.height for entry in entries if entry.height is not None])
        finally:
            pdfium.FPDFText_ClosePage(text_page)
        if not found.text and _has_pictures(page):
            return pdf_text.RawPage("", "needs-ocr")
        return found
    finally:
        pdfium.FPDF_ClosePage(page)


def _has_pictures(page: Any) -> bool:
    """Tell whether a page without text shows something that may be text: an image, a form or many paths."""
    count = pdfium.FPDFPage_CountObjects(page)
    if count >= _MANY_PATHS:
        return True
    kinds = {pdfium.FPDFPageObj_GetType(pdfium.FPDFPage_GetObject(page, index)) for index in range(count)}
    return not kinds.isdisjoint((pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM))


def _text(text_page: Any, limits: models.ReadLimits, heights: Sequence[float]) -> pdf_text.RawPage:
    count = pdfium.FPDFText_CountChars(text_page)
    if count <= 0:
        return pdf_text.RawPage("", "partial" if count < 0 else "")
    wanted = min(count, limits.max_page_chars)
    # One unit a character and a terminator would do; twice that leaves room for surrogate pairs.
    buffer = (ctypes.c_ushort * (2 * wanted + 2))()
    written = pdfium.FPDFText_GetText(text_page, 0, wanted, buffer)
    raw = bytes(memoryview(buffer)[: max(written - 1, 0)]).decode("utf-16-le", "surrogatepass")
    warning = "" if wanted == count else "page-too-long"
    return pdf_text.RawPage(pdf_text.clean_page(raw), warning, _places(text_page, raw, heights[:_MAX_HEIGHTS]))


def _places(text_page: Any, raw: str, heights: Sequence[float]) -> dict[float | None, int]:
    """Where in the clean text of a page the lines at these heights begin."""
    starts = pdf_heights.places(text_page, raw, heights)
    cleaned = {0: 0}
    for above, start in pairwise(sorted({0, *starts})):
        mark = pdf_text.clean_page(raw[above:start] + "0")  # a page of blank lines alone would be empty
        cleaned[start] = cleaned[above] + len(mark) - len("0\n")
    return {height: cleaned[start] for height, start in zip(heights, starts, strict=True)}


def _label(document: _Document, index: int) -> str:
    def ask(buffer: Any, size: int) -> int:
        return int(pdfium.FPDF_GetPageLabel(document, index, buffer, size))

    return _utf16_answer(ask)


def _metadata(document: _Document, key: bytes) -> str:
    def ask(buffer: Any, size: int) -> int:
        return int(pdfium.FPDF_GetMetaText(document, key, buffer, size))

    return clean_field(_utf16_answer(ask))


def _language(document: _Document) -> str:
    get_language = getattr(pdfium, "FPDFCatalog_GetLanguage", None)
    if get_language is None:  # pdfium before 2025
        return ""

    def ask(buffer: Any, size: int) -> int:
        wide = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)) if buffer else None
        return int(get_language(document, wide, size))

    return clean_field(_utf16_answer(ask), 35)


def _utf16_answer(ask: Callable[[Any, int], int]) -> str:
    """Call a function that first tells the size of its UTF-16 answer, then gives it; what is broken is replaced."""
    size = ask(None, 0)
    if size <= 2 or size > _MAX_FIELD_BYTES:
        return ""
    buffer = ctypes.create_string_buffer(size)
    ask(buffer, size)
    return buffer.raw[: size - 2].decode("utf-16-le", "replace")


READER = PdfReader()
