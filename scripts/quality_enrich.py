"""Part `enrich`: what enriching costs, and how far its findings are plain wrong where that can be told by counting.

books/N.txt             books as text, of any kind
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

from quality_figure import Figure

from librarian_cli.text import language
from librarian_cli.text.enriching import enrichment, tokens
from librarian_cli.text.enriching.findings import Findings
from librarian_cli.text.structure import chapters

_MAKERS = re.compile(r"gutenberg|e-?book", re.IGNORECASE)
_SMALL_SHARE = 0.5


def measure(folder: Path) -> Iterator[Figure]:
    """Measure what lies in `folder`."""
    texts = [path.read_text("utf-8-sig", errors="replace") for path in sorted((folder / "books").glob("*.txt"))]
    work = [(text, chapters.find_chapters(text), language.detect_language(text)[0]) for text in texts]
    enrichment.enrich(*work[0])  # what is loaded and built once is no book's cost
    started = time.process_time()
    found = [enrichment.enrich(*item) for item in work]
    seconds = time.process_time() - started
    size = sum(len(text.encode()) for text in texts)
    yield Figure("enrich: speed, of one core", size / 1e6 / seconds, 4.0, "MB/s")
    quoted = [text[start:end] for text, item in zip(texts, found, strict=True) for start, end in _spans(item)]
    yield Figure(
        "enrich: quotations that speak of no licence", _share(not _MAKERS.search(text) for text in quoted), 0.98
    )
    yield Figure("enrich: quotations that are no headings or code", _share(map(_is_prose, quoted)), 0.95)
    kept = [_share(_is_name(text, item.name) for item in one.entities) for text, one in zip(texts, found, strict=True)]
    yield Figure("enrich: names that are seldom written small", sum(kept) / len(kept), 0.98)


def _spans(found: Findings) -> Iterator[tuple[int, int]]:
    yield from (*found.summary, *(span for chapter in found.chapters for span in chapter.summary))


def _share(verdicts: "Iterator[bool] | map[bool]") -> float:
    counted = list(verdicts)
    return sum(counted) / len(counted) if counted else 1.0


def _is_prose(text: str) -> bool:
    words = tokens.read(text)
    return len(words) > 4 and float(words.upper.mean()) < 0.5 and text.rstrip("\"'”’»)")[-1:] in ".!?…"


def _is_name(text: str, name: str) -> bool:
    small, written = (len(re.findall(rf"\b{re.escape(form)}\b", text)) for form in (name.lower(), name))
    return small <= _SMALL_SHARE * written
