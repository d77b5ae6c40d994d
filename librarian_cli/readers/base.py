"""The contract of every reader, and how it says which version it is.

Knows no format. Importing this loads no parser.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from librarian_cli import models

PEEK_CHARS = 8_000
NEEDS_PASSWORD = "it needs a password"
PEEK_BYTES = 64 << 10


class Reader(Protocol):
    """Read one format. Runs in worker processes only, never in the coordinator.

    Bad input raises ReadError (empty, corrupt, encrypted, drm, no_text, unsupported, limit) or FileChanged, nothing
    else save MemoryError.
    """

    @property
    def format(self) -> str: ...

    @property
    def version(self) -> str:
        """The reader's own version and its libraries': part of the fingerprint of what it extracts."""

    def peek(self, source: models.Source, limits: models.ReadLimits) -> models.Peek:
        """Return metadata and the first text, at the cost of a few pages."""

    def read(
        self, source: models.Source, limits: models.ReadLimits, pages: range | None = None
    ) -> Iterator[models.Part]:
        """Yield the text in order, a part every few pages so that progress is seen.

        `pages` is honoured by the PDF reader only: 0-based, step 1.
        """


@dataclass(frozen=True, slots=True)
class ReaderEntry:
    """How a format is registered: where its reader lives, loaded only where books are parsed."""

    format: str
    module: str
    revision: int
    """Raise it when the reader gives other text for the same file."""
    libraries: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The reader's revision and its libraries' versions, found without importing them."""
        parts = [f"{name}-{_library_version(name)}" for name in self.libraries]
        return "+".join([f"{self.format}-{self.revision}", *parts])


@cache  # every batch of files asks for it anew, and it parses a file
def _library_version(name: str) -> str:
    from importlib import metadata  # 45 ms, which no command but ingest need pay

    return metadata.version(name)
