"""The fitted basis of the built-in vectors, and its file.

Owns: what a basis holds, its id, its file format. Must not know: how a basis is fitted or used.

    bytes 0..255     JSON header, padded with spaces: format, version, id, term_count, dimensions
    then             terms       term_count x 32 bytes, UTF-8, padded with NUL, ascending
                     idf         term_count x float32
                     components  term_count x dimensions x float16, row-wise
Numbers are little-endian. The file is mapped, so that a query reads only the rows of its own terms.
"""

import contextlib
import hashlib
import json
import mmap
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from librarian_cli import errors

MAX_TERM_BYTES = 32
SUFFIX = ".basis"

_FORMAT = "librarian-lsa"
_VERSION = 1
_HEADER_BYTES = 256
_TERM = np.dtype(f"S{MAX_TERM_BYTES}")
_IDF = np.dtype("<f4")
_COMPONENT = np.dtype("<f2")


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """A vocabulary with one row of `components` and one `idf` a term. Arrays are read-only."""

    terms: npt.NDArray[np.bytes_]
    """Ascending, UTF-8, at most MAX_TERM_BYTES each."""
    idf: npt.NDArray[np.float32]
    components: npt.NDArray[np.float16]
    """Shape (len(terms), dimensions); columns past the rank of the texts are zero."""
    id: str
    """Hex digest of the content; vectors of different bases must not be compared."""

    @classmethod
    def build(
        cls,
        terms: npt.NDArray[np.bytes_],
        idf: npt.NDArray[np.float32],
        components: npt.NDArray[np.float32],
    ) -> "Basis":
        """Make a basis with its id from arrays of one length."""
        arrays = (terms.astype(_TERM), idf.astype(_IDF), components.astype(_COMPONENT))
        for array in arrays:
            array.flags.writeable = False
        return cls(*arrays, id=_digest(*arrays))

    @classmethod
    def load(cls, path: Path) -> "Basis":
        """Map a basis file into memory; its digest is not computed (see `is_intact`).

        Raises: EnvironmentFault: the file is missing, cut short or not a basis.
        """
        try:
            with path.open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return _parse(data)
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise errors.EnvironmentFault(
                f"{path}: unusable vector basis ({exc}); delete it, and the next ingest fits a new one"
            ) from exc

    @property
    def dimensions(self) -> int:
        return int(self.components.shape[1])

    def save(self, folder: Path) -> Path:
        """Write the basis as `<id>.basis`, whole or not at all; a killed process may leave a `.tmp` beside it.

        Returns: the path.
        Raises: EnvironmentFault: the disk is full or the folder not writable.
        """
        path = folder / f"{self.id}{SUFFIX}"
        header = {
            "format": _FORMAT,
            "version": _VERSION,
            "id": self.id,
            "term_count": len(self.terms),
            "dimensions": self.dimensions,
        }
        head = json.dumps(header).encode().ljust(_HEADER_BYTES)
        _write_whole(path, [head, *(array.tobytes() for array in (self.terms, self.idf, self.components))])
        return path

    def is_intact(self) -> bool:
        """Tell whether the content still has the digest that is its id. Reads all of it."""
        return self.id == _digest(self.terms, self.idf, self.components)

    def find(self, terms: list[str]) -> npt.NDArray[np.int64]:
        """Find the rows of terms. Returns: one row number a term, -1 for unknown ones."""
        encoded = [term.encode("utf-8", "replace") for term in terms]
        # numpy would cut a longer term to the width of the field, and could then find it.
        wanted = np.array([word if len(word) <= MAX_TERM_BYTES else b"" for word in encoded], _TERM)
        if not len(self.terms) or not terms:
            return np.full(len(terms), -1, np.int64)
        rows = np.minimum(np.searchsorted(self.terms, wanted), len(self.terms) - 1)
        return np.where(self.terms[rows] == wanted, rows, -1)


def _parse(data: mmap.mmap) -> Basis:
    header = json.loads(data[:_HEADER_BYTES])
    if header["format"] != _FORMAT or header["version"] != _VERSION:
        raise ValueError("another format or version")
    count, dimensions = int(header["term_count"]), int(header["dimensions"])
    idf_at = _HEADER_BYTES + count * _TERM.itemsize
    components_at = idf_at + count * _IDF.itemsize
    if len(data) != components_at + count * dimensions * _COMPONENT.itemsize:
        raise ValueError("wrong length")
    return Basis(
        terms=np.frombuffer(data, _TERM, count, _HEADER_BYTES),
        idf=np.frombuffer(data, _IDF, count, idf_at),
        components=np.frombuffer(data, _COMPONENT, count * dimensions, components_at).reshape(count, dimensions),
        id=str(header["id"]),
    )


def _digest(*arrays: npt.NDArray[np.generic]) -> str:
    digest = hashlib.blake2b(f"{_FORMAT} {_VERSION} {arrays[-1].shape}".encode(), digest_size=16)
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def _write_whole(path: Path, pieces: list[bytes]) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as exc:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise errors.EnvironmentFault(f"{path}: cannot write the vector basis ({exc}); check the disk") from exc


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable. Windows cannot open folders, and needs no such thing."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
