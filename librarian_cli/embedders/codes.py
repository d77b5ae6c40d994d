"""Vectors as they are stored and compared, whichever embedder made them.

    rows --quantise--> int8 codes + one scale a row --to_bytes--> a blob a book
    similarities = codes @ query x scale, exact

Must not know: what the rows mean, nor how similarities are mixed with other scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_BLOCK_ROWS = 2048
_SAME_MODEL = 0.98
"""Cosine of two vectors of one text from which on they are one model's: rounding on other machines moves it less."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Rows of unit length as int8 codes (n, dimensions) and float32 scales (n,): codes x scale is the row.

    A text of which its embedder knows nothing has a row of zeros and a scale of 0.
    """

    codes: npt.NDArray[np.int8]
    scales: Floats

    def __len__(self) -> int:
        return len(self.scales)

    def to_bytes(self) -> bytes:
        """Pack all scales (little-endian), then all codes: dimensions + 4 bytes a row."""
        return self.scales.astype("<f4").tobytes() + self.codes.tobytes()

    @classmethod
    def from_bytes(cls, blob: bytes, *, dimensions: int) -> "Vectors":
        """Unpack without copying; the arrays are read-only.

        Raises: ValueError: the length is no multiple of a row.
        """
        count, rest = divmod(len(blob), dimensions + 4)
        if rest:
            raise ValueError(f"{len(blob)} bytes are no rows of {dimensions + 4} bytes")
        scales = np.frombuffer(blob, "<f4", count)
        return cls(np.frombuffer(blob, np.int8, -1, 4 * count).reshape(count, dimensions), scales)

    @classmethod
    def join(cls, parts: "Sequence[Vectors]", *, dimensions: int) -> "Vectors":
        """Put the rows of several one after the other."""
        codes = [np.empty((0, dimensions), np.int8), *(part.codes for part in parts)]
        scales = [np.empty(0, np.float32), *(part.scales for part in parts)]
        return cls(np.concatenate(codes), np.concatenate(scales))


def similarities(vectors: Vectors, query: Floats) -> Floats:
    """Compute the cosine of every row with a query of unit length; exact, by blocks that fit the cache."""
    result = np.empty(len(vectors), np.float32)
    block = np.empty((_BLOCK_ROWS, vectors.codes.shape[1]), np.float32)
    for start in range(0, len(vectors), _BLOCK_ROWS):
        codes = vectors.codes[start : start + _BLOCK_ROWS]
        rows = block[: len(codes)]
        rows[:] = codes
        np.dot(rows, query, out=result[start : start + len(codes)])
    result *= vectors.scales
    return result


def quantise(rows: Floats) -> Vectors:
    """Scale rows to unit length and round them to int8; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1)
    peaks = np.abs(rows).max(axis=1, initial=0)
    codes = np.rint(rows * (127 / np.maximum(peaks, np.float32(1e-30)))[:, np.newaxis]).astype(np.int8)
    scales = peaks / (127 * np.maximum(lengths, np.float32(1e-30)))
    return Vectors(codes, scales.astype(np.float32))


def is_same_model(one: bytes, other: bytes) -> bool:
    """Whether two vectors of one text, packed, are one model's."""
    return one == other or (len(one) == len(other) and float(_only_row(one) @ _only_row(other)) >= _SAME_MODEL)


def _only_row(blob: bytes) -> Floats:
    vectors = Vectors.from_bytes(blob, dimensions=len(blob) - 4)
    row: Floats = vectors.codes[0] * vectors.scales[0]
    return row
