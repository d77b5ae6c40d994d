"""The records that every layer shares. They hold data only: no handles, no behaviour beyond derived values.

Offsets are half-open `[start_char, end_char)` in Unicode code points of a book's normalised text.
Times are float seconds, UTC, unless a name says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ChapterKind = Literal["front", "body", "back"]
"""What editors call front matter, text and back matter; `text/structure/matter.py` says which chapter is which."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file to parse, as it stood when it was hashed. `path` is absolute."""

    path: bytes
    size: int
    mtime_ns: int
    device: int
    inode: int
    password: str | None = None


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Bounds of one file's reading; each ends in `failed:limit` or a warning, never in a hung run."""

    max_document_bytes: int = 512 << 20
    max_text_bytes: int = 64 << 20
    max_pages: int = 20_000
    max_book_chars: int = 16_000_000
    max_page_chars: int = 2_000_000
    max_outline_depth: int = 32
    max_outline_items: int = 10_000
    max_archive_entries: int = 10_000
    max_archive_entry_bytes: int = 64 << 20
    max_archive_bytes: int = 512 << 20
    max_archive_ratio: int = 100
    max_html_depth: int = 2_000
    max_html_attributes: int = 1_000


@dataclass(frozen=True, slots=True)
class Peek:
    """What a first look inside a file shows: metadata as found (cleaned, may be empty) and the first text."""

    format: str
    title: str = ""
    author: str = ""
    language: str = ""
    page_count: int | None = None
    text: str = ""
    """At most 8,000 characters from the start, normalised."""


@dataclass(frozen=True, slots=True)
class PageText:
    """One page (PDF) or section (EPUB spine item, or a whole TXT, MD or HTML file) with its normalised text.

    The text of all pages, joined without a separator, is the book's text: each non-empty one ends with LF.
    """

    text: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """A chapter heading that the file's structure names (outline, nav, NCX, <h1>, #).

    `start_char` is relative to the text of page `page` (0-based, of the whole book, as counted by PageText).
    `exact` is False when the heading stands somewhere on its page: near `start_char` if that is not 0.
    """

    title: str
    level: int
    page: int
    start_char: int = 0
    exact: bool = True


@dataclass(frozen=True, slots=True)
class PageMark:
    """A printed page that begins inside a section (an EPUB's page list)."""

    label: str
    page: int
    start_char: int


@dataclass(frozen=True, slots=True)
class Part:
    """A run of consecutive pages of one file, in reading order, as a reader yields them.

    `first_page` is the 0-based index of `pages[0]`; warnings are short words such as `needs-ocr`.
    `paged` says that `pages` are printed pages (PDF), not sections.
    """

    first_page: int
    pages: tuple[PageText, ...]
    headings: tuple[Heading, ...] = ()
    page_marks: tuple[PageMark, ...] = ()
    warnings: tuple[str, ...] = ()
    paged: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A printed page of a book: 1-based number, label as printed, where its text begins."""

    number: int
    label: str | None
    start_char: int


@dataclass(frozen=True, slots=True)
class BookHeading:
    """A structural heading placed in the book's text; inexact ones lie on a page that ends at end_char.

    Their start_char is where the page begins, or the line at the height that the file names: the heading is near it.
    """

    title: str
    level: int
    start_char: int
    end_char: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Extract:
    """A book's whole text with its structure, assembled from parts."""

    text: str
    pages: tuple[Page, ...]
    sections: tuple[int, ...]
    """start_char of each spine item (EPUB); empty where a book has pages or is one piece."""
    headings: tuple[BookHeading, ...]
    page_count: int | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter, part or section: a range that may hold deeper ones. Level 1 is the outermost."""

    title: str
    level: int
    start_char: int
    end_char: int
    kind: ChapterKind = "body"


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure a proposal is of one field (0 to 1), and why."""

    value: float
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SchemaProposal:
    """What a book is taken to be, until a person says otherwise."""

    format: str
    title: str
    author: str
    language: str
    kind: str
    collection: str
    page_count: int | None = None
    confidence: Mapping[str, Confidence] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Book:
    """One content and what is known of it. `row` is its number inside one library, `id` the SHA-256 of its bytes."""

    row: int
    id: str
    size: int
    format: str
    status: str
    reason: str
    detail: str
    title: str
    author: str
    language: str
    kind: str
    collection: str
    page_count: int | None
    chars: int
    text_bytes: int
    text_sha256: str | None
    first_chunk: int | None
    chunks: int
    trust_score: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that the scan found, with the root under which it was found. All paths are bytes."""

    root: bytes
    path: bytes
    """Relative to root."""
    size: int
    mtime_ns: int
    device: int
    inode: int

    @property
    def absolute(self) -> bytes:
        """The whole path."""
        return self.root.rstrip(b"/") + b"/" + self.path

    @property
    def source(self) -> Source:
        """The file as a reader opens it."""
        return Source(self.absolute, self.size, self.mtime_ns, self.device, self.inode)


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file in one job. `outcome` is one of the words of `OUTCOMES`."""

    path: bytes
    outcome: str
    reason: str
    detail: str
    book: str | None
    seconds: float

    @property
    def text(self) -> str:
        """The outcome with its reason, as people read it."""
        return f"{self.outcome}:{self.reason}" if self.reason else self.outcome


PRIORITIES = {"low": 1, "medium": 5, "high": 10, "critical": 20}
"""Each level of priority with the number that is stored."""

OUTCOMES = ("ok", "ok-with-warning", "failed", "skipped", "duplicate", "unchanged", "waiting")


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed task: one stage of one book (or of the library, `book_row` None), fenced by `token`."""

    id: int
    book_row: int | None
    stage: str
    job: int
    token: int
    attempts: int
    deliveries: int
    memory_faults: int
    alone: bool
    cost: float
    agent: int = 0
    """The row of the agent that has it; 0 for tasks of the library."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a task has taken, and what its worker printed."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0
    output: str = ""


@dataclass(frozen=True, slots=True)
class Chunked:
    """How a book's text is cut: its chapters, and offsets such that text[cuts[i]:cuts[i+1]] are the chunks."""

    chapters: tuple[Chapter, ...]
    cuts: tuple[int, ...]
    language: str = ""
    """As the whole text has it, which may know better than the first look."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The evidence on one stored book. Gates are facts that must hold; reasons say what each lost point is for."""

    trust_score: float
    gates: Mapping[str, bool]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that answers a query. `score` is comparable within one result only."""

    book: str
    title: str
    author: str
    chapter: str
    page: str | None
    chunk: str
    start_char: int
    end_char: int
    score: float
    text: str
    snippet: str
    path: bytes
