"""The kinds of arrays in which words, sentences and phrases are counted."""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
"""Characters of a text, of which there are less than 2^31."""
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]
Marks = npt.NDArray[np.uint16]


def distinct(values: Ints) -> Ints:
    """The values that occur, ascending. (`np.unique` hashes first, which costs several times as much.)"""
    found = np.sort(values)
    once: Ints = found[np.flatnonzero(np.diff(found, prepend=found[:1] - 1))]
    return once
