"""The headings that a file's structure names, put at their places in the text and judged for soundness.

Owns the search of a title on its page and the signs of a junk outline. It must not know how to find headings in
bare text.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from librarian_cli import models
from librarian_cli.text.structure import headings, keys, pagelines
from librarian_cli.text.structure.pagelines import PageLines

_PAGE_TITLE = re.compile(
    r"(?i)\W*(?:(?:page|p|pg|seite|página|pagina|slide|sheet|scan|img|image)[\s._-]*[\divxlc]+|\d+)\W*(?:\.\w{3,4})?"
)
_MAX_LEAF_SHARE = 0.9
_SMALL_BOOK_CHARS = 20_000
_MANY = 8
_TOP_OF_PAGE_CHARS = 300
_KEPT_PAGES = 12
_TITLE_CHARS = 400
_Kind = Callable[[str], str]
_KINDS: tuple[_Kind, ...] = (keys.letters_and_digits, keys.without_label, keys.letters, keys.letters_without_label)


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
    finder = _Finder(text, found)
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


def _is_page_list(found: Sequence[models.BookHeading]) -> bool:
    """Whether an outline has one entry a page, as scanners and converters make it."""
    follow = sum(a.end_char == b.start_char and not a.exact for a, b in pairwise(found))
    return len(found) >= _MANY and follow > 0.9 * (len(found) - 1)


class _Finder:
    """Finds titles in one text; it keeps the lines of the last pages, of which an outline often names several."""

    def __init__(self, text: str, found: Sequence[models.BookHeading]) -> None:
        self._text = text
        self._kept: dict[tuple[int, int, _Kind], PageLines] = {}
        self._page_starts: dict[int, int] = {}
        for heading in found:
            if heading.start_char < heading.end_char:
                start = self._page_starts.get(heading.end_char, heading.start_char)
                self._page_starts[heading.end_char] = min(start, heading.start_char)

    def line(self, heading: models.BookHeading) -> int | None:
        """Find a title where the file puts it, else on the page, nearest to there, else at the top of the next page.

        Links may point just above their place. A page begins, for all that is known, at the first entry that leads to
        it.
        """
        start, end = heading.start_char, heading.end_char
        if start < end:  # else the page is empty, and ends where the one before it does
            start = self._page_starts[end]
        title, near = " ".join(heading.title.split()), heading.start_char - start
        if near and self._holds(heading.start_char, title):
            return heading.start_char
        place = self._on_page(title, start, end, near)
        return place if place is not None else self._on_page(title, end, end + _TOP_OF_PAGE_CHARS, 0, numbers=False)

    def _holds(self, place: int, title: str) -> bool:
        page = self._text[place : place + _TITLE_CHARS]
        return any(pagelines.begins_with(page, keys_of(title), keys_of) for keys_of in _KINDS)

    def _on_page(self, title: str, start: int, end: int, near: int, *, numbers: bool = True) -> int | None:
        """Whole lines go before longer ones, which may be prose, and digits count at first: `Version 2.1` is not 2.0.

        A title without a label stands as well on a line with one (`4.1 draw`). At last a section's number counts
        alone, for fonts that do not map to letters.
        """
        for kinds, whole in _orders(title, numbers=numbers):
            pages = [self._lines(start, end, keys_of) for keys_of in kinds]
            keyed = [(page, keys_of(title)) for page, keys_of in zip(pages, kinds, strict=True)]
            found = {i for page, key in keyed for i in (page.whole(key) if whole else page.longer(key))}
            if found:
                return start + pages[0].nearest(sorted(found), near)
        return None

    def _lines(self, start: int, end: int, keys_of: _Kind) -> PageLines:
        page = (start, end, keys_of)
        if page not in self._kept:
            if len(self._kept) >= _KEPT_PAGES:
                del self._kept[next(iter(self._kept))]
            self._kept[page] = PageLines(self._text[start:end], keys_of)
        return self._kept[page]


def _orders(title: str, *, numbers: bool) -> Iterator[tuple[tuple[_Kind, ...], bool]]:
    """Yield the kinds of keys to compare, and whether whole lines by them, in the order in which they are believed."""
    full, bare, letters, loose = _KINDS
    yield from [((full, bare), True)] if full(title) == bare(title) else [((full,), True), ((bare,), True)]
    yield from (((kind,), True) for kind in (letters, loose))
    yield from (((kind,), False) for kind in (full, letters, loose))
    if numbers:
        yield (keys.numbers,), True


def _without_book_title(placed: list[Placed], title: str) -> list[Placed]:
    """Drop a lone top heading that is the book's own title, so that the chapters come first."""
    top = min((p.level for p in placed), default=0)
    first = placed[:1]
    if len(placed) < 3 or first[0].level != top or sum(p.level == top for p in placed) != 1:
        return placed
    own = headings.title_key(title)
    named = headings.title_key(first[0].title)
    return placed[1:] if own and (named.startswith(own) or own.startswith(named)) else placed
