"""audit: a stored book -> the evidence that it is stored right, and how far its text can be trusted.

Gates must hold (one that does not is a fault of ours, and fails the book); signals lower the trust score.
"""

import hashlib
import random
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from librarian_cli.models import AuditReport, Book
from librarian_cli.settings import Config
from librarian_cli.stages.base import Saved, Stage
from librarian_cli.store import books, content, ranking
from librarian_cli.text import signals

SAMPLED_PASSAGES = 20
_PHRASE_WORDS = 2
_WORD = re.compile(r"\S*[A-Za-z0-9\u00c0-\u024f\u0400-\u04ff\u4e00-\u9fff]\S*")
"""Words by white space: the index splits what is between by its own rules."""


@dataclass(frozen=True, slots=True)
class AuditInput:
    """A stored book as it was read back."""

    book: Book
    text: str
    page_starts: tuple[int, ...]
    tiles: bool
    indexed_rows: int
    passages: int
    passages_found: int
    partial: bool


def load(connection: sqlite3.Connection, book: Book, config: Config) -> tuple[AuditInput, ...]:
    """Read the book back, and look sampled passages up in the full-text index."""
    stored = list(content.chunks(connection, book.row))
    sampled = _sample(stored, book.id)
    return (
        AuditInput(
            book=book,
            text="".join(chunk.text for chunk in stored),
            page_starts=tuple(page.start_char for page in content.pages(connection, book.row)),
            tiles=_tiles(stored, book.chars),
            indexed_rows=ranking.indexed_rows(connection, book),
            passages=len(sampled),
            passages_found=sum(ranking.finds(connection, chunk, phrase) for chunk, phrase in sampled),
            partial=any(word.startswith("partial") for word in book.reason.split(",")),
        ),
    )


def run(task: AuditInput) -> AuditReport:
    """Weigh the evidence. Pure."""
    book = task.book
    gates = {
        "text_rebuilt": task.tiles and hashlib.sha256(task.text.encode("utf-8")).hexdigest() == book.text_sha256,
        "fully_indexed": task.indexed_rows == book.chunks,
        "passages_found": task.passages_found == task.passages,
    }
    pages = _cut(task.text, task.page_starts)
    found = signals.measure(task.text, book.language, pages)
    if task.partial and pages:
        missing = sum(not page.strip() for page in pages) / len(pages)
        found += (signals.signal("missing_pages", missing),)
    reasons = signals.explain(found)
    if not pages:
        reasons += ("unverified: completeness (this format counts no pages)",)
    failed = tuple(f"gate failed: {name}" for name, holds in gates.items() if not holds)
    score = 0.0 if failed else round(signals.trust(found), 4)
    return AuditReport(score, gates, failed + reasons)


def save(connection: sqlite3.Connection, book: Book, outputs: tuple[AuditReport, ...], config: Config) -> Saved:
    """Store the report; a gate that does not hold fails the book."""
    (report,) = outputs
    books.save_audit(connection, book.row, report)
    broken = [name for name, holds in report.gates.items() if not holds]
    return Saved(failure=("audit", "what is stored is not what was read: " + ", ".join(broken)) if broken else None)


def _tiles(stored: Sequence[content.Chunk], chars: int) -> bool:
    ends = [0, *(chunk.end_char for chunk in stored)]
    starts = [*(chunk.start_char for chunk in stored), chars]
    return ends == starts and all(len(chunk.text) == chunk.end_char - chunk.start_char for chunk in stored)


def _sample(stored: Sequence[content.Chunk], seed: str) -> list[tuple[content.Chunk, str]]:
    """Choose passages of a few words in a row, as they stand; the choice depends on the book alone."""
    chooser = random.Random(seed)
    chosen = chooser.sample(stored, min(SAMPLED_PASSAGES, len(stored)))
    found = []
    for chunk in chosen:
        words = list(_WORD.finditer(chunk.text))
        if words:
            start = chooser.randrange(max(1, len(words) - _PHRASE_WORDS + 1))
            shown = words[start : start + _PHRASE_WORDS]
            found.append((chunk, chunk.text[shown[0].start() : shown[-1].end()]))
    return found


def _cut(text: str, starts: Sequence[int]) -> list[str]:
    return [text[start:end] for start, end in zip(starts, (*starts[1:], len(text)), strict=True)] if starts else []


STAGE = Stage(
    name="audit",
    queue="trust_audit",
    needs=("chunk",),
    pool="audit",
    version=2,
    load=load,
    run=run,
    save=save,
    settings=(),
)
