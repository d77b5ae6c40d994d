"""Looking a title up among the lines of a page: by its key, whole, broken over lines, or followed by more.

Owns the index of a page's lines, so that many titles of one large page cost little each. It must not know what the
keys mean.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import accumulate, islice

_MAX_LINE_CHARS = 300
_MAX_TITLE_LINES = 4
_MIN_PREFIX_CHARS = 4
_MAX_LIKE = 100
"""Of lines that are alike so many are looked at: a bound for pages that repeat one line without end."""


def begins_with(page: str, key: str, keys_of: Callable[[str], str]) -> bool:
    """Tell whether a page's first line holds a title and nothing else, or begins the lines over which it is broken."""
    lines = keys_of("\n".join([line[:_MAX_LINE_CHARS] for line in page.splitlines()[:_MAX_TITLE_LINES]])).split("\n")
    return bool(key) and any("".join(lines[:count]) == key for count in range(1, len(lines) + 1))


class PageLines:
    """The lines of one page under one kind of key.

    `keys_of` reduces every line of a text and keeps the line ends (LF): one call a page costs a tenth of one a line.
    """

    def __init__(self, page: str, keys_of: Callable[[str], str]) -> None:
        self._page = page
        self._keys = keys_of("\n".join([line[:_MAX_LINE_CHARS] for line in page.splitlines()])).split("\n")
        self._where: dict[str, list[int]] = {}
        for index, key in enumerate(self._keys):
            if key:
                places = self._where.setdefault(key, [])
                if len(places) < _MAX_LIKE:
                    places.append(index)
        self._whole: dict[str, list[int]] = {}

    def whole(self, key: str) -> list[int]:
        """Indexes of the lines that hold a title and nothing else, or begin the lines over which it is broken."""
        if key not in self._whole:
            self._whole[key] = self._find_whole(key)
        return self._whole[key]

    def _find_whole(self, key: str) -> list[int]:
        beginnings = (self._where.get(key[:length], ()) for length in range(1, min(len(key), _MAX_LINE_CHARS) + 1))
        return sorted(index for places in beginnings for index in places if self._is_broken_over(key, index))

    def longer(self, key: str) -> list[int]:
        """Indexes of the lines that begin with a title; one of less than four letters says too little."""
        if len(key) < _MIN_PREFIX_CHARS:
            return []
        first = bisect_left(self._ordered, key)
        like = islice(self._ordered, first, first + _MAX_LIKE)
        return sorted(index for line in like if line.startswith(key) for index in self._where[line])

    def nearest(self, found: Sequence[int], near: int) -> int:
        """Where the first of these lines from the offset `near` on begins, else the last before it."""
        after = bisect_left(found, bisect_right(self._ends, near)) if near > 0 else 0
        index = found[after] if after < len(found) else found[-1]
        return self._ends[index] - len(self._lines[index].lstrip())

    def _is_broken_over(self, key: str, index: int) -> bool:
        keys = self._keys[index : index + _MAX_TITLE_LINES]
        return any("".join(keys[:count]) == key for count in range(1, len(keys) + 1))

    @cached_property
    def _ordered(self) -> list[str]:
        return sorted(self._where)

    @cached_property
    def _lines(self) -> list[str]:
        return self._page.splitlines(keepends=True)

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(map(len, self._lines)))
