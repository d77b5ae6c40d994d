"""Read entries of a zip archive within limits: what is inflated is counted, no header is believed.

Knows nothing of EPUB.
"""

import lzma
import os
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from librarian_cli import errors, models

_CHUNK_BYTES = 256 << 10
_RATIO_GRACE_BYTES = 1 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, ValueError, OSError, OverflowError)


class MissingEntry(Exception):
    """The archive has no such entry."""


class DamagedEntry(Exception):
    """The entry is there, but its bytes are not what was stored."""


class Archive:
    """An open archive. Names are those of its directory; the first of duplicates counts."""

    def __init__(self, zip_file: zipfile.ZipFile, size: int, limits: models.ReadLimits) -> None:
        self._zip = zip_file
        self._size = size
        self._limits = limits
        self._inflated = 0
        self.warnings: dict[str, None] = {}
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for info in zip_file.infolist():
            self._entries.setdefault(info.filename, info)
        self._folded = {name.casefold(): name for name in self._entries}

    def names(self) -> list[str]:
        """Return all names in directory order."""
        return list(self._entries)

    def find(self, name: str) -> str | None:
        """Return the entry of that name, or the one that differs in case only, or None."""
        return name if name in self._entries else self._folded.get(name.casefold())

    def read(self, name: str) -> bytes:
        """Inflate one entry.

        Raises: MissingEntry, DamagedEntry; errors.ReadError: limit, encrypted or unsupported (compression method).
        """
        info = self._entries.get(self.find(name) or "")
        if info is None:
            raise MissingEntry(name)
        if info.flag_bits & 1:
            raise errors.ReadError("encrypted", "the archive's entries need a password")
        try:
            with self._zip.open(info) as stream:
                return self._inflate(stream, info)
        except NotImplementedError as exc:
            raise errors.ReadError("unsupported", f"compression method {info.compress_type}") from exc
        except RuntimeError as exc:
            raise errors.ReadError("encrypted", "the archive's entries need a password") from exc
        except _DAMAGE as exc:
            raise DamagedEntry(f"{name[:200]}: {exc}") from exc

    def _inflate(self, stream: IO[bytes], info: zipfile.ZipInfo) -> bytes:
        pieces = bytearray()
        # An entry cannot have been packed into more bytes than the file has.
        packed = max(1, min(info.compress_size, self._size))
        while piece := stream.read(_CHUNK_BYTES):
            pieces += piece
            self._inflated += len(piece)
            if len(pieces) > self._limits.max_archive_entry_bytes:
                raise errors.ReadError("limit", f"an archive entry inflates beyond {len(pieces)} bytes")
            if self._inflated > self._limits.max_archive_bytes:
                raise errors.ReadError("limit", f"the archive inflates beyond {self._inflated} bytes")
            if len(pieces) > max(_RATIO_GRACE_BYTES, packed * self._limits.max_archive_ratio):
                raise errors.ReadError("limit", "an archive entry inflates out of all proportion")
        if len(pieces) != info.file_size:
            self.warnings["malformed"] = None
        return bytes(pieces)


@contextmanager
def opened(descriptor: int, size: int, limits: models.ReadLimits) -> Iterator[Archive]:
    """Yield the archive behind a descriptor. Raises: errors.ReadError: corrupt or limit."""
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        stream.seek(0)
        try:
            zip_file = zipfile.ZipFile(stream)
        except (*_DAMAGE, NotImplementedError) as exc:
            raise errors.ReadError("corrupt", f"not a readable zip archive: {exc}") from exc
        with zip_file:
            count = len(zip_file.infolist())
            if count > limits.max_archive_entries:
                raise errors.ReadError("limit", f"{count} archive entries, {limits.max_archive_entries} allowed")
            yield Archive(zip_file, size, limits)


def resolve(base: str, reference: str) -> str | None:
    """Return the entry name that a reference in folder `base` leads to; None when it leaves the archive."""
    if reference.startswith(("/", "\\")) or "\x00" in reference or ":" in reference.split("/")[0]:
        return None
    name = posixpath.normpath(posixpath.join(base, reference))
    return None if name == ".." or name.startswith(("../", "/")) else name
