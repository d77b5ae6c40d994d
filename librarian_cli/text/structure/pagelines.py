"""Looking a title up among the lines of a page: by its key, whole, broken over lines, or followed by more.

Owns the index of a page's lines, so that many titles of one large page cost little each. It must not know what the
keys mean.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from itertools import islice

_MAX_LINE_CHARS = 300
_MAX_TITLE_LINES = 4
_MIN_PREFIX_CHARS = 4
_MAX_LIKE = 1_000
"""Of lines that are alike so many are looked at: a bound for pages that repeat one line without end."""


class PageLines:
    """The lines of one page under one kind of key."""

    def __init__(self, page: str, key_of: Callable[[str], str]) -> None:
        lines = page.splitlines(keepends=True)
        self._keys = [key_of(line[:_MAX_LINE_CHARS]) for line in lines]
        self._starts: list[int] = []
        self._where: dict[str, list[int]] = defaultdict(list)
        position = 0
        for index, (line, key) in enumerate(zip(lines, self._keys, strict=True)):
            self._starts.append(position + len(line) - len(line.lstrip()))
            position += len(line)
            if key and len(self._where[key]) < _MAX_LIKE:
                self._where[key].append(index)
        self._ordered = sorted(self._where)

    def find(self, key: str) -> int | None:
        """Where on the page the line begins that holds a title, or the first of the lines over which it is broken."""
        if not key:
            return None
        index = self._whole_or_broken(key)
        if index is None and len(key) >= _MIN_PREFIX_CHARS:
            index = self._followed_by_more(key)
        return None if index is None else self._starts[index]

    def _whole_or_broken(self, key: str) -> int | None:
        beginnings = (self._where.get(key[:length], ()) for length in range(1, min(len(key), _MAX_LINE_CHARS) + 1))
        candidates = sorted(index for places in beginnings for index in places)
        return next((index for index in candidates if self._is_broken_over(key, index)), None)

    def _is_broken_over(self, key: str, index: int) -> bool:
        keys = self._keys[index : index + _MAX_TITLE_LINES]
        return any("".join(keys[:count]) == key for count in range(1, len(keys) + 1))

    def _followed_by_more(self, key: str) -> int | None:
        first = bisect_left(self._ordered, key)
        longer = islice(self._ordered, first, first + _MAX_LIKE)
        return min((self._where[line][0] for line in longer if line.startswith(key)), default=None)
