"""Read what pdfium refuses, with pypdf: slow, but patient with damage and odd encryption.

Shares the page rules of the first reader. pypdf raises whatever its parser stumbles on, so every call into it is a
boundary here, and its complaints go to no log.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pypdf
from pypdf import errors as pypdf_errors

from librarian_cli import errors, models
from librarian_cli.readers import pdf_text
from librarian_cli.readers.base import NEEDS_PASSWORD, PEEK_CHARS
from librarian_cli.text.normalise import clean_field

_PART_PAGES = 4
_PEEK_PAGES = 5


def peek(descriptor: int, source: models.Source, limits: models.ReadLimits) -> models.Peek:
    """Return metadata and first text. Raises: ReadError."""
    with _document(descriptor, source.password) as document:
        span = pdf_text.page_span(_page_count(document), limits, range(_PEEK_PAGES))
        text = "".join(_page(document, index, limits).text for index in span)
        title, author = _metadata(document)
        return models.Peek("pdf", title=title, author=author, page_count=_page_count(document), text=text[:PEEK_CHARS])


def read(
    descriptor: int, source: models.Source, limits: models.ReadLimits, pages: range | None
) -> Iterator[models.Part]:
    """Yield parts of a few pages. Raises: ReadError."""
    with _document(descriptor, source.password) as document:
        span = pdf_text.page_span(_page_count(document), limits, pages)
        labels, headings = _labels(document), _headings(document, limits)
        chars = lost = 0
        for start in range(span.start, span.stop, _PART_PAGES):
            found = [_page(document, i, limits) for i in range(start, min(start + _PART_PAGES, span.stop))]
            chars += sum(len(page.text) for page in found)
            if chars > limits.max_book_chars:
                raise errors.ReadError("limit", f"more than {limits.max_book_chars} characters of text")
            leading = tuple(item for item in headings if item.page in range(start, start + len(found)))
            yield pdf_text.part_of(start, found, labels[start:], leading, also=("repaired",))
            lost += sum(page.warning == "partial" for page in found)
        if chars == 0 and len(span) == _page_count(document):
            raise pdf_text.without_text(all_lost=lost == len(span))


@contextmanager
def _document(descriptor: int, password: str | None) -> Iterator[pypdf.PdfReader]:
    logger = logging.getLogger("pypdf")  # its modules' loggers inherit the level
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with os.fdopen(os.dup(descriptor), "rb") as stream:
            yield _opened(stream, password)
    finally:
        logger.setLevel(level)


def _opened(stream: BinaryIO, password: str | None) -> pypdf.PdfReader:
    stream.seek(0)
    try:
        document = pypdf.PdfReader(stream, password=None)
        if document.is_encrypted and not document.decrypt(password or ""):
            raise errors.ReadError("encrypted", NEEDS_PASSWORD)
    except (errors.ReadError, MemoryError):
        raise
    except (pypdf_errors.DependencyError, pypdf_errors.WrongPasswordError, NotImplementedError) as exc:
        raise errors.ReadError("encrypted", _message(exc)) from exc
    except Exception as exc:
        raise errors.ReadError("corrupt", _message(exc)) from exc
    return document


def _page_count(document: pypdf.PdfReader) -> int:
    try:
        return len(document.pages)
    except MemoryError:
        raise
    except Exception as exc:
        raise errors.ReadError("corrupt", _message(exc)) from exc


def _page(document: pypdf.PdfReader, index: int, limits: models.ReadLimits) -> pdf_text.RawPage:
    try:
        page = document.pages[index]
        text = pdf_text.clean_page(page.extract_text()[: limits.max_page_chars])
        marked = bool(text) or page.get_contents() is not None
    except MemoryError:
        raise
    except pypdf_errors.LimitReachedError as exc:
        # pypdf bounds odd values too; only what inflates without end condemns the book.
        if "decompress" not in str(exc).lower():
            return pdf_text.RawPage("", "partial")
        raise errors.ReadError("limit", _message(exc)) from exc
    except Exception:  # noqa: BLE001 - boundary: the page is lost, the others are kept
        return pdf_text.RawPage("", "partial")
    return pdf_text.RawPage(text, "" if text or not marked else "needs-ocr")


def _labels(document: pypdf.PdfReader) -> list[str | None]:
    try:
        return list(document.page_labels) if "/PageLabels" in document.root_object else []
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - boundary: labels are no reason to lose a book
        return []


def _metadata(document: pypdf.PdfReader) -> tuple[str, str]:
    try:
        info = document.metadata
        title, author = (info.title, info.author) if info else ("", "")
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - boundary: metadata never fails a book
        return "", ""
    return clean_field(str(title or "")), clean_field(str(author or ""))


def _headings(document: pypdf.PdfReader, limits: models.ReadLimits) -> tuple[models.Heading, ...]:
    found: list[models.Heading] = []
    try:
        stack: list[Iterator[Any]] = [iter(document.outline)]
        while stack and len(found) < limits.max_outline_items:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
            elif isinstance(entry, list):
                if len(stack) < limits.max_outline_depth:
                    stack.append(iter(entry))
            elif (page := document.get_destination_page_number(entry)) is not None and entry.title:
                found.append(models.Heading(clean_field(entry.title), len(stack), page, exact=False))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - boundary: a broken outline leaves the headings found so far
        return tuple(found)
    return tuple(heading for heading in found if heading.page >= 0)


def _message(exc: BaseException) -> str:
    return clean_field(str(exc) or type(exc).__name__, 200)
