"""The floor that ingesting is measured against: the text of every book of a folder, extracted and thrown away.

    bench_floor.py FOLDER PROCESSES    prints one JSON object

The libraries are those of the readers, used in the barest way: no limits, no structure, no checks, nothing stored.
PDFs go in ranges of pages; the largest pieces go first.
"""

import json
import multiprocessing
import os
import posixpath
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pypdfium2
from lxml import etree
from selectolax.lexbor import LexborHTMLParser

RANGE_PAGES = 128
KINDS = {
    ".pdf": "pdf",
    ".epub": "epub",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".txt": "text",
    ".md": "text",
}
_WEIGHTS = {"pdf": 3.0, "epub": 0.5, "html": 0.05, "text": 0.02}


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, or a range of a PDF's pages; `weight` orders pieces by the time they are likely to take."""

    path: str
    kind: str
    weight: float
    pages: tuple[int, int] = (0, 0)


def main() -> None:
    """Extract everything and print what it took."""
    folder, processes = Path(sys.argv[1]), int(sys.argv[2])
    started = time.perf_counter()
    pieces = sorted(_pieces(folder), key=lambda piece: -piece.weight)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        sizes = list(pool.imap_unordered(extract, pieces))
        seconds = time.perf_counter() - started
        pool.close()
        pool.join()  # so that their CPU time counts as ours
    found = {
        "wall_seconds": seconds,
        "files": len({piece.path for piece in pieces}),
        "failed_pieces": sum(size is None for size in sizes),
        "text_bytes": sum(size or 0 for size in sizes),
    }
    sys.stdout.write(json.dumps(found) + "\n")


def extract(piece: Piece) -> int | None:
    """Extract one piece. Returns: the size of its text in UTF-8; None where it cannot be read."""
    reader = {"pdf": _pdf, "epub": _epub, "html": _html, "text": _text}[piece.kind]
    try:
        return sum(len(text.encode("utf-8", "replace")) for text in reader(piece))
    except Exception:  # noqa: BLE001  # parsers raise what they like; the floor only counts
        return None


def _pieces(folder: Path) -> Iterator[Piece]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            kind = KINDS.get(path.suffix.lower())
            if kind == "pdf":
                yield from _ranges(path)
            elif kind:
                yield Piece(str(path), kind, path.stat().st_size * _WEIGHTS[kind])


def _ranges(path: Path) -> Iterator[Piece]:
    try:
        with pypdfium2.PdfDocument(path) as document:
            count = len(document)
    except pypdfium2.PdfiumError:
        count = 1
    weight = path.stat().st_size * _WEIGHTS["pdf"] / max(1, count)
    for start in range(0, count, RANGE_PAGES):
        end = min(start + RANGE_PAGES, count)
        yield Piece(str(path), "pdf", weight * (end - start), (start, end))


def _pdf(piece: Piece) -> Iterator[str]:
    with pypdfium2.PdfDocument(piece.path) as document:
        for number in range(*piece.pages):
            page = document[number]
            text = page.get_textpage()
            yield text.get_text_range()
            text.close()
            page.close()


def _epub(piece: Piece) -> Iterator[str]:
    with zipfile.ZipFile(piece.path) as archive:
        container = etree.fromstring(archive.read("META-INF/container.xml"))
        package_name = container.find(".//{*}rootfile").get("full-path")
        package = etree.fromstring(archive.read(package_name))
        hrefs = {item.get("id"): item.get("href") for item in package.iterfind(".//{*}manifest/{*}item")}
        spine = (hrefs.get(item.get("idref")) for item in package.iterfind(".//{*}spine/{*}itemref"))
        names = (posixpath.join(posixpath.dirname(package_name), unquote(href)) for href in spine if href)
        for name in dict.fromkeys(posixpath.normpath(name) for name in names):
            yield _markup(archive.read(name))


def _html(piece: Piece) -> Iterator[str]:
    yield _markup(Path(piece.path).read_bytes())


def _text(piece: Piece) -> Iterator[str]:
    raw = Path(piece.path).read_bytes()
    try:
        yield raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        yield raw.decode("cp1252", "replace")


def _markup(raw: bytes) -> str:
    body = LexborHTMLParser(raw).body
    return body.text() if body else ""


if __name__ == "__main__":
    main()
