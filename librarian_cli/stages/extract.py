"""extract: a file -> its text with pages and headings.

    small book:  one call, which chunks the text as well while it holds it (fused)
    big PDF:     a call per page range, side by side; the parts are put together here, chunking is a task of its own

Parts travel as they are read, so a worker that has to be killed leaves the pages it had done.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from librarian_cli import readers
from librarian_cli.models import (
    Book,
    BookHeading,
    Chunked,
    Extract,
    Page,
    Part,
    ReadLimits,
    Source,
)
from librarian_cli.settings import Config
from librarian_cli.stages import chunk, schema
from librarian_cli.stages.base import Saved, Stage
from librarian_cli.store import books, content


@dataclass(frozen=True, slots=True)
class ExtractInput:
    """One call: a file, or a range of its pages. `chunking` is set where the call chunks as well."""

    source: Source
    format: str
    pages: range | None
    limits: ReadLimits
    chunking: chunk.Chunking | None

    @property
    def page_total(self) -> int:
        """Pages of this call, as far as they are known beforehand."""
        return len(self.pages) if self.pages else 0


def load(connection: sqlite3.Connection, book: Book, config: Config) -> tuple[ExtractInput, ...]:
    """Plan the calls. Raises: FileChanged: the book stands nowhere any more."""
    source = schema.with_password(schema.current_file(connection, book), config.passwords)
    calls = plan(source, book.format, book.page_count, config)
    if len(calls) > 1:
        return calls
    chunking = chunk.Chunking(book.title, config.stages.chunk.max_chars, book.language)
    return (replace(calls[0], chunking=chunking),)


def plan(source: Source, book_format: str, page_count: int | None, config: Config) -> tuple[ExtractInput, ...]:
    """Plan the calls that read a file, without chunking: one, or one a range of a big PDF's pages."""
    whole = ExtractInput(source, book_format, None, config.read, chunking=None)
    step = config.ingest.pages_per_range
    total = min(page_count or 0, config.read.max_pages)
    if book_format != "pdf" or total <= step + step // 2:
        return (whole,)
    return tuple(replace(whole, pages=range(start, min(start + step, total))) for start in range(0, total, step))


def run(task: ExtractInput) -> Iterator[Part | Chunked]:
    """Yield the parts of a file or page range, and at the end its chunks where the call is fused.

    Raises: ReadError, FileChanged.
    """
    parts: list[Part] = []
    for part in readers.load(task.format).read(task.source, task.limits, task.pages):
        if task.chunking:
            parts.append(part)
        yield part
    if task.chunking:
        extract = assemble(parts)
        yield chunk.cut(extract.text, extract.headings, task.chunking)


def save(
    connection: sqlite3.Connection, book: Book, outputs: tuple[tuple[Part | Chunked, ...], ...], config: Config
) -> Saved:
    """Store the text's structure, and the chunks where they came along."""
    items = [item for output in outputs for item in output]
    extract = assemble([item for item in items if isinstance(item, Part)])
    if not extract.text.strip():
        return Saved(failure=("no_text" if book.format == "pdf" else "empty", "it holds no text"))
    if len(extract.text) > config.read.max_book_chars:
        return Saved(failure=("limit", f"more than the {config.read.max_book_chars:,} characters allowed for a book"))
    books.set_warnings(connection, book.row, extract.warnings)
    chunked = next((item for item in items if isinstance(item, Chunked)), None)
    if chunked is None:
        content.save_extract(connection, book.row, extract, keep_text=True)
        return Saved()
    content.save_extract(connection, book.row, extract, keep_text=False)
    content.save_chunks(connection, book.row, extract.text, chunked)
    return Saved(fused=(chunk.STAGE.name,))


def assemble(parts: Sequence[Part]) -> Extract:
    """Put parts together, in page order. Pages that no part brought are kept as empty ones.

    Raises: ReadError: the book as a whole is longer than allowed.
    """
    ordered = sorted(parts, key=lambda part: part.first_page)
    texts: list[str] = []
    labels: list[str | None] = []
    for part in ordered:
        missing = part.first_page - len(texts)
        texts += [""] * missing + [page.text for page in part.pages]
        labels += [None] * missing + [page.label for page in part.pages]
    starts = list(_starts(texts))
    paged = any(part.paged for part in ordered)
    marks = sorted((starts[m.page] + m.start_char, m.label) for part in ordered for m in part.page_marks)
    return Extract(
        text="".join(texts),
        pages=_pages(starts, labels) if paged else tuple(Page(n, label, at) for n, (at, label) in enumerate(marks, 1)),
        sections=() if paged or len(texts) < 2 else tuple(starts[:-1]),
        headings=_headings(ordered, starts),
        page_count=len(texts) if paged else (len(marks) or None),
        warnings=tuple(dict.fromkeys(word for part in ordered for word in part.warnings)),
    )


def partial(outputs: Iterable[tuple[Part | Chunked, ...]], reason: str) -> tuple[tuple[Part, ...], ...]:
    """What is left of a killed extraction, marked as partial; empty if there is no text in it."""
    parts = [item for output in outputs for item in output if isinstance(item, Part)]
    if not any(page.text.strip() for part in parts for page in part.pages):
        return ()
    warning = f"partial_{reason}"
    return (tuple(replace(part, warnings=(*part.warnings, warning)) for part in parts),)


def _starts(texts: Sequence[str]) -> Iterator[int]:
    at = 0
    for text in texts:
        yield at
        at += len(text)
    yield at


def _pages(starts: Sequence[int], labels: Sequence[str | None]) -> tuple[Page, ...]:
    return tuple(Page(n, label, start) for n, (start, label) in enumerate(zip(starts, labels, strict=False), 1))


def _headings(parts: Sequence[Part], starts: Sequence[int]) -> tuple[BookHeading, ...]:
    last = len(starts) - 2
    found = [
        BookHeading(
            title=item.title,
            level=item.level,
            start_char=min(starts[item.page] + item.start_char, starts[item.page + 1]),
            end_char=starts[item.page + 1],
            exact=item.exact,
        )
        for part in parts
        for item in part.headings
        if 0 <= item.page <= last
    ]
    return tuple(found)


STAGE = Stage(
    name="extract",
    queue="ingestion",
    needs=("schema",),
    pool="extract",
    version=1,
    load=load,
    run=run,
    save=save,
    settings=("read.max_pages", "read.max_book_chars", "read.max_page_chars"),
)
