"""One knob of the C library's allocator, because the texts of many books pass through many threads."""

import contextlib
import ctypes

_M_ARENA_MAX = -8  # glibc, malloc.h


def share_arenas(count: int = 2) -> None:
    """Let all threads allocate from so many arenas; without glibc do nothing.

    By default each thread keeps an arena of its own with what it freed: 80 MB more on a library of 130 MB of text.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, count)
