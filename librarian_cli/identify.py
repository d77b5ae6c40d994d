"""A candidate file -> its content's identity: the SHA-256 of its bytes and the format that they show.

It reads bytes only: no parser runs here. What cannot be a book gets its outcome at once.
"""

import hashlib
import os
import stat
from dataclasses import dataclass, replace

from librarian_cli import readers
from librarian_cli.errors import BookError, FileChanged, ReadError
from librarian_cli.models import Candidate, FileOutcome
from librarian_cli.settings import Config

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Hashed:
    """A candidate with its content's identity, or the outcome that it has without being read."""

    candidate: Candidate
    sha256: str = ""
    format: str = ""
    outcome: FileOutcome | None = None


def identify(candidate: Candidate, config: Config) -> Hashed:
    """Sniff and hash one file; what cannot be a book gets its outcome here."""
    try:
        return _identify(candidate, config)
    except BookError as exc:
        word = "skipped" if exc.reason == "unsupported" else "failed"
        outcome = FileOutcome(candidate.absolute, word, exc.reason, exc.detail, None, 0.0)
        return Hashed(candidate, outcome=outcome)


def _identify(candidate: Candidate, config: Config) -> Hashed:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(candidate.absolute, flags)
    except (FileNotFoundError, NotADirectoryError):
        outcome = FileOutcome(candidate.absolute, "skipped", "vanished", "", None, 0.0)
        return Hashed(replace(candidate, mtime_ns=-1), outcome=outcome)  # should it come back, it is read
    except OSError as exc:
        raise ReadError("unreadable", f"{exc.strerror}; check the file's permissions, then run again") from exc
    try:
        return _read(descriptor, candidate, config)
    except OSError as exc:
        raise ReadError("unreadable", f"{exc.strerror}; check the disk, then run again") from exc


def _read(descriptor: int, candidate: Candidate, config: Config) -> Hashed:
    with open(descriptor, "rb", buffering=0) as stream:  # it is a descriptor
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise ReadError("unsupported", "not a regular file")
        head = stream.read(readers.HEAD_BYTES)
        sniffed = readers.sniff(head, os.path.basename(candidate.path))
        if sniffed.format is None:
            raise ReadError(*_refusal(candidate.path, sniffed.reason))
        _check_size(before.st_size, sniffed.format, config)
        digest = hashlib.sha256(head)
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
        after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise FileChanged("it changed while it was being read; run again when it is complete")
    current = replace(
        candidate, size=after.st_size, mtime_ns=after.st_mtime_ns, device=after.st_dev, inode=after.st_ino
    )
    return Hashed(current, digest.hexdigest(), sniffed.format)


def _refusal(path: bytes, reason: str) -> tuple[str, str]:
    """A file named like a book that is none is broken; any other was never meant for us."""
    named = os.path.splitext(path)[1].lower() in (b".pdf", b".epub")
    return ("corrupt", f"not what its name says: {reason}") if named else ("unsupported", reason)


def _check_size(size: int, book_format: str, config: Config) -> None:
    is_text = book_format in ("txt", "md", "html")
    limit = config.read.max_text_bytes if is_text else config.read.max_document_bytes
    if size > limit:
        raise ReadError("limit", f"{size >> 20} MiB, more than the {limit >> 20} MiB allowed for {book_format}")
