"""What enrichment found in a book, made readable: quotations with their text, and what depends on the library.

Terms are measured against the other books when they are asked for, so they follow from what is stored, and from no
order in which it came.
"""

import math
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from librarian_cli.models import Book, Chapter
from librarian_cli.store import content, enrichment, ranking
from librarian_cli.text.enriching.findings import Entity, Findings, Keyphrase, Relation, Span

_WORDS_A_MINUTE = 240
"""Of silent reading. Source: Brysbaert 2019, 238 words for prose in English."""
_TERMS = 10
_LEAST_CHUNKS = 2
_LONGEST = 5


@dataclass(frozen=True, slots=True)
class Quotation:
    """A part of a book's text, [start_char, end_char)."""

    start_char: int
    end_char: int
    text: str


@dataclass(frozen=True, slots=True)
class ChapterInsights:
    """What one chapter says; `number` counts from 1, as `show` does."""

    number: int
    title: str
    summary: tuple[Quotation, ...]
    keyphrases: tuple[Keyphrase, ...]


@dataclass(frozen=True, slots=True)
class Insights:
    """What a book says, and what is special about it."""

    words: int
    reading_minutes: int
    summary: tuple[Quotation, ...]
    keyphrases: tuple[Keyphrase, ...]
    terms: tuple[Keyphrase, ...]
    """Words that tell it from the other books of the library, most telling first."""
    longest: tuple[tuple[int, Chapter], ...]
    """Its longest chapters, with their numbers, longest first."""
    passages: tuple[Quotation, ...]
    entities: tuple[Entity, ...]
    relations: tuple[Relation, ...]
    chapters: tuple[ChapterInsights, ...]


def read(reader: sqlite3.Connection, book: Book) -> Insights | None:
    """Put together what was found in a book; None before it was enriched."""
    found = enrichment.of_book(reader, book.row)
    if found is None:
        return None
    text = content.text(reader, book.row)
    chapters = content.chapters(reader, book.row)
    return Insights(
        words=found.words,
        reading_minutes=math.ceil(found.words / _WORDS_A_MINUTE),
        summary=_quoted(text, found.summary),
        keyphrases=found.keyphrases,
        terms=_telling(reader, book, found),
        longest=_longest(chapters),
        passages=_quoted(text, found.passages),
        entities=found.entities,
        relations=found.relations,
        chapters=tuple(
            ChapterInsights(item.number + 1, chapters[item.number].title, _quoted(text, item.summary), item.keyphrases)
            for item in found.chapters
        ),
    )


def _quoted(text: str, spans: Iterable[Span]) -> tuple[Quotation, ...]:
    return tuple(Quotation(start, end, text[start:end]) for start, end in spans)


def _longest(chapters: tuple[Chapter, ...]) -> tuple[tuple[int, Chapter], ...]:
    """Of the innermost chapters, because a part is as long as all that it holds."""
    levels = [*(chapter.level for chapter in chapters), 0]
    inner = [
        (number, chapter)
        for number, chapter in enumerate(chapters, 1)
        if chapter.kind == "body" and levels[number] <= chapter.level
    ]
    ranked = sorted(inner, key=lambda item: (item[1].start_char - item[1].end_char, item[0]))
    return tuple(ranked[:_LONGEST])


def _telling(reader: sqlite3.Connection, book: Book, found: Findings) -> tuple[Keyphrase, ...]:
    """Rank terms by how much more of this book's passages hold them than of the others'."""
    others = content.count_chunks(reader) - book.chunks
    if others <= 0:
        return found.terms[:_TERMS]
    scored = []
    for term in found.terms:
        within, beyond = ranking.chunks_with(reader, book.row, term.text)
        if within >= _LEAST_CHUNKS:
            ratio = (within / book.chunks) / (max(beyond, 0.5) / others)
            scored.append((-within * math.log(ratio), term.text, term))
    return tuple(term for score, _, term in sorted(scored)[:_TERMS] if score < 0)
