"""A passage as others can look it up, and the proof that it still stands in its source file.

    BOOK:start-end --store--> Citation --file, hashed anew--> parts --extract--> text --compare--> Verification

Owns: what a citation says, its formats, what counts as proof. Must not know how a file is parsed safely: it gets a
function that reads parts in a worker.
"""

import hashlib
import os
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from librarian_cli import details
from librarian_cli.errors import BookError, UsageError
from librarian_cli.identify import identify
from librarian_cli.models import Book, Candidate, Part
from librarian_cli.settings import Config
from librarian_cli.stages import extract, schema
from librarian_cli.store import content, files

FORMATS = ("plain", "bibtex")
ReadParts = Callable[[Sequence[extract.ExtractInput]], tuple[tuple[Part, ...], ...]]
"""Reads calls of the extract stage in workers; a tuple of parts for each. Raises: BookError."""

_SHOWN_CHARS = 40
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{char: f"\\{char}" for char in "&%$#_"},
}  # fmt: skip
_ENTRIES = {"book": "book", "manual": "manual"}


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage with where it stands. `text_sha256` is of the passage's UTF-8, `book` of the file's bytes."""

    chunk: str
    book: str
    title: str
    author: str
    kind: str
    chapter: str
    page: str | None
    start_char: int
    end_char: int
    text: str
    text_sha256: str
    paths: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a file is still the one that was read, and the passage still stands in it; if not, what differs."""

    path: bytes
    holds: bool
    differences: tuple[str, ...] = ()


def cite(reader: sqlite3.Connection, name: str) -> Citation:
    """Describe the passage BOOK:start-end. Raises: UsageError: there is no such passage."""
    if ":" not in name:
        raise UsageError(f"{name!r} is no passage; write BOOK:start-end, as `librarian search` shows them")
    book, start, end = details.passage(reader, name)
    found = details.read(reader, book)
    text = content.text(reader, book.row)[start:end]
    chapters = [item for item in found.chapters if item.start_char <= start < item.end_char]
    return Citation(
        chunk=f"{book.id[:12]}:{start}-{end}",
        book=book.id,
        title=book.title,
        author=book.author,
        kind=book.kind,
        chapter=chapters[-1].title if chapters else "",
        page=found.page_of(start),
        start_char=start,
        end_char=end,
        text=text,
        text_sha256=hashlib.sha256(text.encode("utf-8")).hexdigest(),
        paths=found.paths,
    )


def verify(reader: sqlite3.Connection, citation: Citation, config: Config, read_parts: ReadParts) -> Verification:
    """Read the source file again, and look for the passage at its place; the first of its files that holds it counts.

    Raises: BookError: none of the book's files is there any more.
    """
    book, _, _ = details.passage(reader, citation.chunk)
    results = [_verify_file(book, citation, item, config, read_parts) for item in _present(reader, book)]
    if not results:
        named = ", ".join(repr(path.decode("utf-8", "replace")) for path in citation.paths) or "it has no path any more"
        raise BookError("missing", f"no file of this book is there ({named}); put it back, or ingest its new place")
    return next((result for result in results if result.holds), results[0])


def plain(citation: Citation) -> str:
    """Write a citation as text: one line for readers, three for whoever checks it."""
    chapter = f"“{citation.chapter}”" if citation.chapter else ""
    page = f"p. {citation.page}" if citation.page else ""
    place = f"characters {citation.start_char}–{citation.end_char}"
    line = ", ".join(part for part in (citation.author, citation.title, chapter, page, place) if part)
    hashes = f"book     sha256:{citation.book}\npassage  sha256:{citation.text_sha256}"
    return f"{line}.\n{hashes}\nchunk    {citation.chunk}"


def bibtex(citation: Citation) -> str:
    """Write a citation as a BibTeX entry; special characters of TeX are escaped."""
    note = (
        f"Characters {citation.start_char}--{citation.end_char}; file SHA-256 {citation.book}; "
        f"passage SHA-256 {citation.text_sha256}"
    )
    fields = {
        "author": _tex(citation.author),
        "title": f"{{{_tex(citation.title)}}}",
        "chapter": _tex(citation.chapter),
        "pages": _tex(citation.page or ""),
        "note": note,
    }
    lines = [f"  {name:<7} = {{{value}}}" for name, value in fields.items() if value]
    return f"@{_ENTRIES.get(citation.kind, 'misc')}{{{_key(citation)},\n" + ",\n".join(lines) + "\n}"


def _present(reader: sqlite3.Connection, book: Book) -> list[Candidate]:
    return [item for item in files.candidates_of(reader, book.row) if os.path.lexists(item.absolute)]


def _verify_file(
    book: Book, citation: Citation, candidate: Candidate, config: Config, read_parts: ReadParts
) -> Verification:
    hashed = identify(candidate, config)
    if hashed.outcome:
        return _differs(candidate, f"it cannot be read: {hashed.outcome.reason} ({hashed.outcome.detail})")
    changed = hashed.sha256 != book.id
    found = [f"its bytes changed: their SHA-256 is {hashed.sha256} now, not {book.id}"] if changed else []
    source = schema.with_password(hashed.candidate, config.passwords)
    pages = None if changed else book.page_count
    try:
        outputs = read_parts(extract.plan(source, hashed.format, pages, config))
        text = extract.assemble([part for parts in outputs for part in parts]).text
    except BookError as exc:
        return _differs(candidate, *found, f"it cannot be read: {exc}")
    found += _text_differences(citation, text)
    return Verification(candidate.absolute, not found, tuple(found))


def _differs(candidate: Candidate, *differences: str) -> Verification:
    return Verification(candidate.absolute, holds=False, differences=differences)


def _text_differences(citation: Citation, text: str) -> list[str]:
    start, end, quote = citation.start_char, citation.end_char, citation.text
    there = text[start:end]
    if there == quote:
        return []
    at = text.find(quote)
    if at >= 0:
        return [f"the passage stands at characters {at}-{at + len(quote)} now, not {start}-{end}"]
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(quote, there, strict=False)))
    old, new = quote[same : same + _SHOWN_CHARS], there[same : same + _SHOWN_CHARS]
    if not new.strip() and end > len(text):
        return [f"the text ends at character {len(text)}, before the passage does"]
    return [f"the passage differs from character {start + same} on: {old!r} was read then, {new!r} now"]


def _tex(text: str) -> str:
    return "".join(_SPECIAL.get(char, char) for char in " ".join(text.split()))


def _key(citation: Citation) -> str:
    words = re.findall(r"[a-z]+", unicodedata.normalize("NFKD", citation.author or citation.title).lower())
    return f"{words[-1] if words else 'book'}-{citation.book[:8]}-{citation.start_char}"
