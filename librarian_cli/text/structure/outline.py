"""The headings that a file's structure names, put at their places in the text and judged for soundness.

Owns the search of a title on its page and the signs of a junk outline. It must not know how to find headings in
bare text.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from librarian_cli import models
from librarian_cli.text.structure import headings
from librarian_cli.text.structure.pagelines import PageLines

_PAGE_TITLE = re.compile(
    r"(?i)\W*(?:(?:page|p|pg|seite|página|pagina|slide|sheet|scan|img|image)[\s._-]*[\divxlc]+|\d+)\W*(?:\.\w{3,4})?"
)
_NO_LETTER = re.compile(r"[\W_]+")
_LABEL = re.compile(r"\s*(?:(?:Appendix|Chapter|Annex)\s+)?[A-Z\d]+(?:\.\d+)*[.:]?\s+")
_MAX_LEAF_SHARE = 0.9
_SMALL_BOOK_CHARS = 20_000
_MANY = 8
_TOP_OF_PAGE_CHARS = 300
_KEPT_PAGES = 12


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
    finder = _Finder(text)
    unseen = 0
    for heading in found:
        name = " ".join(heading.title.split())
        if not 0 <= heading.start_char < len(text) or not any(map(str.isalnum, name)):
            continue
        line = heading.start_char if heading.exact else finder.line(heading)
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


class _Finder:
    """Finds titles in one text; it keeps the lines of the last page, of which an outline often names several."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._kept: dict[tuple[int, int, Callable[[str], str]], PageLines] = {}

    def line(self, heading: models.BookHeading) -> int | None:
        """Find a title on its page, else at the top of the next: links may point just above their place."""
        start, end = heading.start_char, heading.end_char
        found = self._on_page(heading.title, start, end)
        return found if found is not None else self._on_page(heading.title, end, end + _TOP_OF_PAGE_CHARS)

    def _on_page(self, title: str, start: int, end: int) -> int | None:
        """Numbers count at first, so that `Version 2.1` is not taken for `Version 2.0`; then the letters alone; then
        the letters without a label such as `A.2`.
        """
        for key_of in (_full_key, headings.title_key, unlabelled_key):
            place = self._lines(start, end, key_of).find(key_of(title))
            if place is not None:
                return start + place
        return None

    def _lines(self, start: int, end: int, key_of: Callable[[str], str]) -> PageLines:
        page = (start, end, key_of)
        if page not in self._kept:
            if len(self._kept) >= _KEPT_PAGES:
                del self._kept[next(iter(self._kept))]
            self._kept[page] = PageLines(self._text[start:end], key_of)
        return self._kept[page]


def _full_key(title: str) -> str:
    return _NO_LETTER.sub("", title.casefold())


def _without_book_title(placed: list[Placed], title: str) -> list[Placed]:
    """Drop a lone top heading that is the book's own title, so that the chapters come first."""
    top = min((p.level for p in placed), default=0)
    first = placed[:1]
    if len(placed) < 3 or first[0].level != top or sum(p.level == top for p in placed) != 1:
        return placed
    own = headings.title_key(title)
    named = headings.title_key(first[0].title)
    return placed[1:] if own and (named.startswith(own) or own.startswith(named)) else placed
