"""Small real files for the readers' tests, and the records that name them."""

import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from reportlab.lib.pagesizes import A5
from reportlab.pdfgen import canvas

from librarian_cli import models

LIMITS = models.ReadLimits()
CONTAINER = (
    '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">'
    '<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles>'
    "</container>"
)


def source_of(path: Path, password: str | None = None) -> models.Source:
    """Return the file as discovery would describe it now."""
    status = path.stat()
    return models.Source(os.fsencode(path), status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino, password)


def make_pdf(path: Path, pages: Sequence[Sequence[str]], *, encrypt: str | None = None) -> Path:
    """Write a PDF whose pages hold the given lines; every page is an outline entry `Chapter n`."""
    sheet = canvas.Canvas(str(path), pagesize=A5, encrypt=encrypt, invariant=True)
    sheet.setTitle("The Tide Table")
    sheet.setAuthor("A. Keeper")
    for number, lines in enumerate(pages, 1):
        sheet.bookmarkPage(f"p{number}")
        sheet.addOutlineEntry(f"Chapter {number}", f"p{number}", level=0)
        for row, line in enumerate(lines):
            sheet.drawString(40, 500 - 16 * row, line)
        sheet.showPage()
    sheet.save()
    return path


def xhtml(body: str, title: str = "t") -> str:
    """Return a well-formed XHTML document."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops"><head><title>{title}</title></head><body>{body}</body></html>'
    )


def opf(names: Sequence[str], *, extra_items: str = "", spine_attributes: str = "") -> str:
    """Return a package document whose spine lists `names` in order."""
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(names)
    )
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(names)))
    return (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The Tide Table</dc:title>'
        "<dc:creator>A. Keeper</dc:creator><dc:language>en</dc:language></metadata>"
        f"<manifest>{items}{extra_items}</manifest><spine{spine_attributes}>{spine}</spine></package>"
    )


def make_epub(path: Path, entries: Mapping[str, str | bytes], *, container: str | None = CONTAINER) -> Path:
    """Write an EPUB: `entries` are names within OEBPS/, or within the root when they begin with /."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        if container is not None:
            archive.writestr("META-INF/container.xml", container)
        for name, content in entries.items():
            archive.writestr(name[1:] if name.startswith("/") else f"OEBPS/{name}", content)
    return path


def zip_bytes(entries: Mapping[str, str]) -> bytes:
    """Return a zip archive with the entries, in order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def text_of(parts: Sequence[models.Part]) -> str:
    """Return the book's text."""
    return "".join(page.text for part in parts for page in part.pages)


def warnings_of(parts: Sequence[models.Part]) -> set[str]:
    """Return all warnings of all parts."""
    return {warning for part in parts for warning in part.warnings}
