"""The built-in vectors: latent semantic analysis of terms, fitted on the library's own text.

Owns: fitting a basis, turning texts and queries into vectors.
Must not know: where texts come from, nor how similarities are mixed with other scores.

    fit:      texts -> counts -> vocabulary, idf -> sparse rows X -> randomised SVD -> Basis
    project:  texts -> counts -> log tf x idf -> times components -> unit length -> codes (codes.py)
    search:   query -> float vector, for codes.similarities

The same texts in the same order give a byte-identical basis on one machine with one number of BLAS threads.
On other machines the vocabulary and idf are equal, while components may differ by float rounding (BLAS kernels
depend on the processor), and so does the basis id.
Source: Halko, Martinsson, Tropp 2011, "Finding structure with randomness", algorithm 4.4 (subspace iteration).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from librarian_cli.embedders import codes, lsa_basis
from librarian_cli.text import terms

DIMENSIONS = 128
MAX_FIT_TEXTS = 20_000

_MAX_TERMS = 50_000
_MAX_TEXT_SHARE = 0.3  # terms in more texts than this tell nothing apart
_FEW_TEXTS = 2_000  # below this, a term needs to be in 2 texts only, above it in 3
_ALWAYS_ALLOWED_TEXTS = 10  # in a tiny library 30 % may be less than two texts
_OVERSAMPLING = 10
_POWER_ITERATIONS = 1  # a second gains .002 nDCG where all text is alike, and costs .005 for a small minority
_SEED = 20110217
_BATCH_CHARS = 1 << 20
_BLOCK_ROWS = 2048
_RANK_TOLERANCE = 1e-10  # of the largest squared singular value

Basis = lsa_basis.Basis

_Floats = npt.NDArray[np.float32]
_Doubles = npt.NDArray[np.float64]


def fit(texts: Sequence[str], *, dimensions: int = DIMENSIONS, seed: int = _SEED) -> Basis:
    """Fit a basis to texts, in the order given. Any number will do; none gives an empty basis.

    Hand over at most MAX_FIT_TEXTS: time and memory grow with them (about 1 s and 100 MB for that many).
    """
    counts = _count(texts)
    kept = _vocabulary(counts)
    rows, idf = _weigh(counts, kept)
    components = _right_singular_vectors(rows, len(kept), dimensions=dimensions, seed=seed)
    names = np.array([counts.terms[number].encode() for number in kept.tolist()], "S")
    return Basis.build(names, idf, components)


class Projector:
    """Turn texts into vectors on one basis; keep one for many texts. Not for several threads.

    Memory: 4 bytes x dimensions a term of the basis (26 MB at most), and a table of the words seen.
    """

    def __init__(self, basis: Basis) -> None:
        self._lexicon = terms.Lexicon(
            [name.decode("utf-8") for name in basis.terms.tolist()],
            grows=False,
        )
        self._weighted = basis.components.astype(np.float32)
        self._weighted *= basis.idf[:, np.newaxis]

    def project(self, texts: Sequence[str]) -> codes.Vectors:
        """Project texts, in order."""
        parts = [self._project_batch(batch) for batch in _batches(texts)]
        return codes.Vectors.join(parts, dimensions=self._weighted.shape[1])

    def _project_batch(self, texts: Sequence[str]) -> codes.Vectors:
        counts = terms.count_terms(texts, self._lexicon)
        # Rows end at unit length, so the length of the tf-idf rows need not be known.
        rows = _Rows(counts.indptr, counts.ids, _log_tf(counts.counts))
        return codes.quantise(rows.times(self._weighted))


def project(basis: Basis, texts: Sequence[str]) -> codes.Vectors:
    """Project texts on a basis, in order. For many calls keep a Projector: making one takes about 50 ms."""
    return Projector(basis).project(texts)


def query_vector(basis: Basis, text: str) -> _Floats:
    """Project one short text, touching only the rows of its terms. Returns: unit length, or zeros."""
    counts = terms.count_terms([text])
    rows = basis.find([counts.terms[number] for number in counts.ids.tolist()])
    known = np.flatnonzero(rows >= 0)
    weights = _log_tf(counts.counts[known]) * basis.idf[rows[known]]
    vector = weights @ basis.components[rows[known]].astype(np.float32)
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length else vector, np.float32)


@dataclass(frozen=True, slots=True)
class _Rows:
    """A sparse matrix by rows. numpy alone comes within a factor of two of scipy's product with a dense one."""

    indptr: npt.NDArray[np.int32]
    columns: npt.NDArray[np.int32]
    values: _Floats

    def times(self, dense: _Floats) -> _Floats:
        """Multiply by a dense matrix: per row, gather and one BLAS call."""
        result = np.empty((len(self.indptr) - 1, dense.shape[1]), np.float32)
        start = 0
        for row, end in enumerate(self.indptr[1:].tolist()):
            np.dot(self.values[start:end], dense.take(self.columns[start:end], 0), result[row])
            start = end
        return result

    def transposed(self, width: int) -> "_Rows":
        """Swap rows and columns; `width` is the number of columns."""
        order = np.argsort(self.columns, kind="stable")
        rows = np.repeat(np.arange(len(self.indptr) - 1, dtype=np.int32), np.diff(self.indptr))
        indptr = np.searchsorted(self.columns[order], np.arange(width + 1)).astype(np.int32)
        return _Rows(indptr, rows[order], self.values[order])


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start = chars = 0
    for place, text in enumerate(texts):
        chars += len(text)
        if chars >= _BATCH_CHARS:
            yield texts[start : place + 1]
            start, chars = place + 1, 0
    if start < len(texts):
        yield texts[start:]


def _count(texts: Sequence[str]) -> terms.TermCounts:
    lexicon = terms.Lexicon()
    parts = [terms.count_terms(batch, lexicon) for batch in _batches(texts)]
    sizes = np.concatenate([np.zeros(1, np.int32), *(np.diff(part.indptr) for part in parts)])
    ids = [np.empty(0, np.int32), *(part.ids for part in parts)]
    counts = [np.empty(0, np.int32), *(part.counts for part in parts)]
    indptr = np.cumsum(sizes, dtype=np.int32)
    return terms.TermCounts(indptr, np.concatenate(ids), np.concatenate(counts), lexicon.terms)


def _vocabulary(counts: terms.TermCounts) -> npt.NDArray[np.int64]:
    """Choose the ids of the terms to keep, ordered by the bytes of the term."""
    text_count = len(counts.indptr) - 1
    fewest = 2 if text_count < _FEW_TEXTS else 3
    most = max(_ALWAYS_ALLOWED_TEXTS, _MAX_TEXT_SHARE * text_count)
    frequency = np.bincount(counts.ids, minlength=len(counts.terms))
    candidates = np.flatnonzero((frequency >= fewest) & (frequency <= most))
    names = [counts.terms[number].encode() for number in candidates.tolist()]
    short = [place for place, name in enumerate(names) if len(name) <= lsa_basis.MAX_TERM_BYTES]
    ordered = candidates[sorted(short, key=lambda place: names[place])]
    most_frequent = np.argsort(-frequency[ordered], kind="stable")[:_MAX_TERMS]
    return ordered[np.sort(most_frequent)]


def _weigh(counts: terms.TermCounts, kept: npt.NDArray[np.int64]) -> tuple[_Rows, _Floats]:
    """Make log-tf x idf rows of unit length, with columns numbered as in `kept`. Returns: rows, idf."""
    text_count = len(counts.indptr) - 1
    column_of = np.full(len(counts.terms), -1, np.int32)
    column_of[kept] = np.arange(len(kept), dtype=np.int32)
    columns = column_of[counts.ids]
    known = np.flatnonzero(columns >= 0)
    columns = columns[known]
    frequency = np.bincount(columns, minlength=len(kept))
    idf = (np.log((text_count + 1) / (frequency + 1)) + 1).astype(np.float32)
    values = _log_tf(counts.counts[known]) * idf[columns]
    row_of = np.repeat(np.arange(text_count), np.diff(counts.indptr))[known]
    lengths = np.sqrt(np.bincount(row_of, values * values, minlength=text_count))
    values = (values / lengths[row_of]).astype(np.float32)
    indptr = np.searchsorted(row_of, np.arange(text_count + 1)).astype(np.int32)
    return _Rows(indptr, columns, values), idf


def _log_tf(counts: npt.NDArray[np.int32]) -> _Floats:
    return 1 + np.log(counts.astype(np.float32))


def _right_singular_vectors(rows: _Rows, width: int, *, dimensions: int, seed: int) -> _Floats:
    """Find the leading right singular vectors, as columns (width, dimensions); past the rank they are zero."""
    columns = rows.transposed(width)
    random = np.random.default_rng(seed)
    shape = (len(rows.indptr) - 1, dimensions + _OVERSAMPLING)
    basis = _orthonormal(columns.times(random.standard_normal(shape, dtype=np.float32)))
    for _ in range(_POWER_ITERATIONS):
        basis = _orthonormal(columns.times(rows.times(basis)))
    _, rotation = _eigen(rows.times(basis))
    found = _rotate(basis, rotation[:, :dimensions])
    return np.pad(found, ((0, 0), (0, dimensions - found.shape[1])))


def _orthonormal(matrix: _Floats) -> _Floats:
    """Make an orthonormal basis of the columns' span, in the same memory; dependent columns are left out.

    Through the small Gram matrix: a Householder QR of so tall a matrix takes several times as long, and copies
    of 27 MB would burst a worker's share.
    """
    squares, directions = _eigen(matrix)
    return _rotate(matrix, directions / np.sqrt(squares))


def _rotate(matrix: _Floats, rotation: _Doubles) -> _Floats:
    """Multiply by a small matrix, in place. Returns: a view of the columns that result."""
    result = matrix[:, : rotation.shape[1]]
    small = rotation.astype(np.float32)
    for start in range(0, len(matrix), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        result[block] = matrix[block] @ small
    return result


def _eigen(matrix: _Floats) -> tuple[_Doubles, _Doubles]:
    """Find eigenvalues (descending, none that are zero) and eigenvectors of matrix' x matrix, signs fixed."""
    gram = np.zeros((matrix.shape[1], matrix.shape[1]))
    for start in range(0, len(matrix), _BLOCK_ROWS):
        block = matrix[start : start + _BLOCK_ROWS].astype(np.float64)
        gram += block.T @ block
    values, vectors = np.linalg.eigh(gram)
    values, vectors = values[::-1], vectors[:, ::-1]
    real = values > _RANK_TOLERANCE * values.max(initial=0)
    vectors = vectors[:, real]
    return values[real], vectors * np.where(vectors.sum(axis=0) < 0, -1, 1)
