"""schema: a first look inside a file -> what the book is taken to be, with how sure we are and why.

A proposal whose type and kind are sure enough approves itself; else the book waits for a person.
"""

import os
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch

from librarian_cli import readers
from librarian_cli.errors import FileChanged
from librarian_cli.models import Book, Candidate, Confidence, Peek, ReadLimits, SchemaProposal, Source
from librarian_cli.settings import Config
from librarian_cli.stages.base import Saved, Stage
from librarian_cli.store import books, files
from librarian_cli.text import language

_MAX_TITLE_CHARS = 300
_JUNK_TITLE = re.compile(
    r"^(?:untitled|unknown|no title|title|document\d*|microsoft \w+ - .*|slide \d+"
    r"|.*\.(?:docx?|pdf|tex|dvi|indd|qxd|rtf|txt|ps|odt|wpd|html?))$",
    re.IGNORECASE,
)
_JUNK_AUTHOR = re.compile(
    r"^(?:unknown|user|admin(?:istrator)?|author|owner|root|pc|dell|hp|anonymous)?$", re.IGNORECASE
)
_BYLINE = re.compile(r"^[\s*_]*(?:by|von|par|di|por|av|door)\s+([^\W\d_][^\n]{2,80})$", re.IGNORECASE | re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class PeekInput:
    """What the peek needs: the file, its sniffed format, and where it stood in the tree."""

    source: Source
    format: str
    path: bytes
    collection: str
    limits: ReadLimits


def load(connection: sqlite3.Connection, book: Book, config: Config) -> tuple[PeekInput, ...]:
    """Choose the path to read. Raises: FileChanged: the book stands nowhere any more."""
    candidate = current_file(connection, book)
    return (
        PeekInput(
            source=with_password(candidate, config.passwords),
            format=book.format,
            path=candidate.path,
            collection=_collection(candidate),
            limits=config.read,
        ),
    )


def run(task: PeekInput) -> SchemaProposal:
    """Look inside the file. Raises: ReadError, FileChanged."""
    return propose(readers.load(task.format).peek(task.source, task.limits), task.path, task.collection)


def save(connection: sqlite3.Connection, book: Book, outputs: tuple[SchemaProposal, ...], config: Config) -> Saved:
    """Store the proposal; a book that is not sure enough waits, and so do its further stages."""
    (proposal,) = outputs
    least = min(proposal.confidence[name].value for name in ("type", "kind"))
    sure = least >= config.ingest.approve_confidence
    books.save_proposal(connection, book.row, proposal, "approved" if sure else "waiting")
    return Saved(promote=sure)


def propose(peek: Peek, path: bytes, collection: str) -> SchemaProposal:
    """Decide on type, title, author, language, kind and collection from a first look. Pure."""
    tongue, tongue_confidence = _language(peek)
    title, title_confidence = _title(peek, path)
    author, author_confidence = _author(peek)
    kind, kind_confidence = _kind(peek, title)
    return SchemaProposal(
        format=peek.format,
        title=title,
        author=author,
        language=tongue,
        kind=kind,
        collection=collection,
        page_count=peek.page_count,
        confidence={
            "type": Confidence(0.99, (f"the content parses as {peek.format}",)),
            "kind": kind_confidence,
            "title": title_confidence,
            "author": author_confidence,
            "language": tongue_confidence,
        },
    )


def current_file(connection: sqlite3.Connection, book: Book) -> Candidate:
    """Return a file that holds the book. Raises: FileChanged: there is none."""
    candidates = files.candidates_of(connection, book.row)
    for candidate in candidates:
        if os.path.lexists(candidate.absolute):
            return candidate
    raise FileChanged("the file is gone" if candidates else "no file holds this content any more")


def with_password(candidate: Candidate, passwords: Mapping[str, str]) -> Source:
    """Return the file as a source, with the password that the settings give for its name."""
    name = os.path.basename(os.fsdecode(candidate.path))
    source = candidate.source
    found = next((secret for pattern, secret in passwords.items() if fnmatch(name, pattern)), None)
    return Source(source.path, source.size, source.mtime_ns, source.device, source.inode, found)


def _collection(candidate: Candidate) -> str:
    folder = os.path.dirname(candidate.path) or os.path.basename(candidate.root)
    return os.fsdecode(folder).encode("utf-8", "replace").decode()


def _language(peek: Peek) -> tuple[str, Confidence]:
    named = language.normalise_tag(peek.language) if peek.language else ""
    detected, sureness = language.detect_language(peek.text)
    if detected and (sureness >= language.SURE or not named):
        agree = " as the metadata says" if detected == named else f", though the metadata says {named}" if named else ""
        return detected, Confidence(round(sureness, 2), (f"the text reads as {detected}{agree}",))
    if named:
        return named, Confidence(0.8, ("the metadata says so",))
    return "", Confidence(0.0, ("too little text to tell",))


def _title(peek: Peek, path: bytes) -> tuple[str, Confidence]:
    stem = os.path.splitext(os.path.basename(os.fsdecode(path)))[0]
    if _sane_title(peek.title):
        return peek.title[:_MAX_TITLE_CHARS], Confidence(0.9, ("from the metadata",))
    for line in peek.text[:1500].splitlines()[:12]:
        text = line.strip().strip("#*_= ").strip()
        if _sane_title(text) and 4 <= len(text) <= 100 and not text.endswith((",", ";")):
            return text, Confidence(0.6, ("the first line of the text that could be one",))
    cleaned = re.sub(r"[\s_]+", " ", stem).strip().encode("utf-8", "replace").decode()
    return cleaned[:_MAX_TITLE_CHARS] or "untitled", Confidence(0.4, ("from the file name",))


def _sane_title(text: str) -> bool:
    return bool(_WORD.search(text)) and not _JUNK_TITLE.match(text) and len(text) <= _MAX_TITLE_CHARS


def _author(peek: Peek) -> tuple[str, Confidence]:
    if not _JUNK_AUTHOR.match(peek.author.strip()):
        return peek.author.strip(), Confidence(0.9, ("from the metadata",))
    found = _BYLINE.search(peek.text[:1500])
    if found and len(found[1].split()) <= 8:
        return found[1].strip(" .,*_"), Confidence(0.6, ("from a line that names one near the start",))
    return "", Confidence(0.0, ("nothing names one",))


def _kind(peek: Peek, title: str) -> tuple[str, Confidence]:
    words = _WORD.findall(peek.text)
    if not words:
        return "book", Confidence(0.85, ("no text on the first pages; reading it will tell",))
    share = sum(map(len, words)) / max(1, len(re.sub(r"\s", "", peek.text)))
    if share < 0.5 and len(peek.text) > 400 and peek.format in ("txt", "md"):
        return "data", Confidence(0.5, (f"only {share:.0%} of its characters belong to words",))
    if re.search(r"\babstract\b", peek.text[:3000], re.IGNORECASE) and peek.format == "pdf":
        return "paper", Confidence(0.9, ("it has an abstract",))
    if re.search(r"\b(?:manual|handbook|guide|reference|tutorial|how-?to)\b", title, re.IGNORECASE):
        return "manual", Confidence(0.9, ("the title says so",))
    if (peek.page_count or 0) >= 50 or len(peek.text) >= readers.PEEK_CHARS or peek.format == "epub":
        return "book", Confidence(0.9, ("its length",))
    return "article", Confidence(0.88, ("readable text, too short for a book",))


STAGE = Stage(
    name="schema",
    queue="schema",
    needs=(),
    pool="extract",  # the peek parses, so it runs under extract's limits
    version=1,
    load=load,
    run=run,
    save=save,
    settings=("ingest.approve_confidence",),
)
