"""What enrichment finds in a book, as records. Spans are half-open [start_char, end_char) into the book's text."""

from dataclasses import dataclass

Span = tuple[int, int]

ENTITY_TYPES = ("UNKNOWN", "PERSON", "PLACE", "ORG", "WORK")
"""In the order of the numbers under which they are stored: append only."""


@dataclass(frozen=True, slots=True)
class Keyphrase:
    """A phrase and how often it occurs."""

    text: str
    count: int


@dataclass(frozen=True, slots=True)
class ChapterFindings:
    """What one chapter says. `number` counts the book's chapters from 0."""

    number: int
    summary: tuple[Span, ...]
    keyphrases: tuple[Keyphrase, ...]


@dataclass(frozen=True, slots=True)
class Entity:
    """A name. `key` is what it is compared by; `mentions` are the first of its `count` places, packed (spans.py)."""

    name: str
    key: str
    type: str
    count: int
    mentions: bytes


@dataclass(frozen=True, slots=True)
class Relation:
    """Two entities, by their numbers in the book, that occur with each other.

    `together` counts the passages that hold both, `weight` is the log-likelihood ratio G2, 0 where that may be
    chance; `passages` are a few of them, packed.
    """

    first: int
    second: int
    together: int
    weight: float
    passages: bytes


@dataclass(frozen=True, slots=True)
class Findings:
    """All that enrichment found in one book."""

    words: int
    summary: tuple[Span, ...] = ()
    passages: tuple[Span, ...] = ()
    """The passages that say most of what the book is about, in reading order."""
    terms: tuple[Keyphrase, ...] = ()
    """Words that occur in lumps rather than evenly, and how often."""
    keyphrases: tuple[Keyphrase, ...] = ()
    chapters: tuple[ChapterFindings, ...] = ()
    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()


def key_of(name: str) -> str:
    """What names are compared by: small letters, no marks, one space between words."""
    return " ".join("".join(char if char.isalnum() else " " for char in name.casefold()).split())
