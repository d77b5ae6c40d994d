"""The headings that a file's structure names, put at their places in the text and judged for soundness.

Owns the search of a title on its page and the signs of a junk outline. It must not know how to find headings in
bare text.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from librarian_cli import models
from librarian_cli.text import headings

_PAGE_TITLE = re.compile(
    r"(?i)\W*(?:(?:page|p|pg|seite|página|pagina|slide|sheet|scan|img|image)[\s._-]*[\divxlc]+|\d+)\W*(?:\.\w{3,4})?"
)
_NO_LETTER = re.compile(r"[\W_]+")
_LABEL = re.compile(r"\s*(?:(?:Appendix|Chapter|Annex)\s+)?[A-Z\d]+(?:\.\d+)*[.:]?\s+")
_MAX_LEAF_SHARE = 0.9
_SMALL_BOOK_CHARS = 20_000
_MANY = 8
_MAX_LINE_CHARS = 300
_MAX_TITLE_LINES = 4
_MIN_PREFIX_CHARS = 4
_TOP_OF_PAGE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Placed:
    """A heading at its place: `level` as its source counts it, 1 or more."""

    title: str
    level: int
    start_char: int


def place_headings(text: str, found: Sequence[models.BookHeading], *, title: str = "") -> list[Placed]:
    """Put headings at their lines and drop what is none: empty titles, the book's own title, a second at one place.

    Returns: headings by start_char, no two at the same place; of several the outermost stays.
    """
    placed: dict[int, Placed] = {}
    unseen = 0
    for heading in found:
        name = " ".join(heading.title.split())
        if not 0 <= heading.start_char < len(text) or not any(map(str.isalnum, name)):
            continue
        line = heading.start_char if heading.exact else _find_line(text, heading)
        unseen += line is None
        start = heading.start_char if line is None else line
        other = placed.get(start)
        if other is None or heading.level < other.level:
            placed[start] = Placed(name, heading.level, start)
    if _is_page_list(found) and unseen > 0.5 * len(found):
        return []
    return _without_book_title(sorted(placed.values(), key=lambda p: p.start_char), title)


def is_sound(text: str, placed: Sequence[Placed]) -> bool:
    """Tell whether headings divide the book: two or more, spread over it, with names that are no page numbers."""
    if len(placed) < 2:
        return False
    starts = [p.start_char for p in placed]
    sizes = [end - start for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    if len(text) > _SMALL_BOOK_CHARS and max(sizes) > _MAX_LEAF_SHARE * len(text):
        return False
    pages = sum(_PAGE_TITLE.fullmatch(p.title) is not None for p in placed)
    commonest = Counter(p.title for p in placed).most_common(1)[0][1]
    return not (len(placed) >= _MANY and (pages > 0.8 * len(placed) or commonest > 0.5 * len(placed)))


def unlabelled_key(title: str) -> str:
    """Reduce a title to its letters without a label before it: `A.2`, `Appendix B`, `3.1`."""
    return headings.title_key(_LABEL.sub("", title))


def _is_page_list(found: Sequence[models.BookHeading]) -> bool:
    """Whether an outline has one entry a page, as scanners and converters make it."""
    follow = sum(a.end_char == b.start_char and not a.exact for a, b in pairwise(found))
    return len(found) >= _MANY and follow > 0.9 * (len(found) - 1)


def _find_line(text: str, heading: models.BookHeading) -> int | None:
    """Find the line of the title on its page, else at the top of the next: links may point just above their place."""
    line = _find_on_page(text, heading)
    if line is not None or heading.end_char >= len(text):
        return line
    return _find_on_page(
        text, replace(heading, start_char=heading.end_char, end_char=heading.end_char + _TOP_OF_PAGE_CHARS)
    )


def _find_on_page(text: str, heading: models.BookHeading) -> int | None:
    """Find the line on the page that holds the title, or the first of the lines over which it is broken.

    Numbers count at first, so that `Version 2.1` is not taken for `Version 2.0`; then the letters alone; then the
    letters without a label such as `A.2`.
    """
    page = text[heading.start_char : heading.end_char]
    for key_of in (_full_key, headings.title_key, unlabelled_key):
        index = _matching_line(key_of(heading.title), _line_keys(page, key_of))
        if index is not None:
            lines = page.splitlines(keepends=True)
            indent = len(lines[index]) - len(lines[index].lstrip())
            return heading.start_char + sum(map(len, lines[:index])) + indent
    return None


@lru_cache(maxsize=4)  # an outline often names several headings of one page, one after the other
def _line_keys(page: str, key_of: Callable[[str], str]) -> tuple[str, ...]:
    return tuple(key_of(line[:_MAX_LINE_CHARS]) for line in page.splitlines(keepends=True))


def _matching_line(key: str, keys: Sequence[str]) -> int | None:
    if not key:
        return None
    for index, line_key in enumerate(keys):
        if line_key and key.startswith(line_key) and _is_broken_over(key, keys[index : index + _MAX_TITLE_LINES]):
            return index
    if len(key) < _MIN_PREFIX_CHARS:
        return None
    return next((index for index, line_key in enumerate(keys) if line_key.startswith(key)), None)


def _full_key(title: str) -> str:
    return _NO_LETTER.sub("", title.casefold())


def _is_broken_over(key: str, keys: Sequence[str]) -> bool:
    return any("".join(keys[:count]) == key for count in range(1, len(keys) + 1))


def _without_book_title(placed: list[Placed], title: str) -> list[Placed]:
    """Drop a lone top heading that is the book's own title, so that the chapters come first."""
    top = min((p.level for p in placed), default=0)
    first = placed[:1]
    if len(placed) < 3 or first[0].level != top or sum(p.level == top for p in placed) != 1:
        return placed
    own = headings.title_key(title)
    named = headings.title_key(first[0].title)
    return placed[1:] if own and (named.startswith(own) or own.startswith(named)) else placed
