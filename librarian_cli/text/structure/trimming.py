"""Headings of a file's structure made one a chapter: a number joined with its title, title pages left out.

Owns what two headings without text between them mean. It must not know where headings come from.

    h2 CHAPTER I + h3 The Tide     -> CHAPTER I. The Tide
    h1 HISTORY + h3 BY + h3 A. B.  -> (a title page, no chapter)
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import count, takewhile

from librarian_cli.text.structure import headings, matter
from librarian_cli.text.structure.outline import Placed

_NO_BODY_LETTERS = 3
_TITLE_PAGE_LETTERS = 250
_LONG_BODY_CHARS = 2_000
_REFRAINS = 4
_BYLINE = re.compile(r"(?i:by|von|par|por)(?: [A-Z][\w.’'-]*){2,4}")


def trim(text: str, placed: Sequence[Placed]) -> list[Placed]:
    """Join numbers with their titles, and drop headings that head nothing; `placed` is in order of start_char.

    Only headings whose title stands at their place are judged. Two or more stay, or all.
    """
    joined = _join_numbers(text, _without_refrains(placed))
    bodies = _bodies(text, joined)
    opening = len(list(takewhile(lambda i: _is_title_page(joined, bodies, i), count())))
    title = _half_title(joined, bodies, opening)
    kept = [
        heading
        for i, heading in enumerate(joined)
        if i >= opening and not _is_empty(joined, bodies, i) and headings.title_key(heading.title) != title
    ]
    return kept if len(kept) >= 2 else joined


def _without_refrains(placed: Sequence[Placed]) -> Sequence[Placed]:
    """Drop a level whose headings all bear one title that names nothing: captions and ornaments set as headings."""
    titles: dict[int, set[str]] = defaultdict(set)
    sizes = Counter(p.level for p in placed)
    for heading in placed:
        titles[heading.level].add(heading.title)
    hollow = {
        level
        for level, found in titles.items()
        if sizes[level] >= _REFRAINS and len(found) == 1 and sizes[level] < len(placed) and _names_nothing(*found)
    }
    return [p for p in placed if p.level not in hollow]


def _join_numbers(text: str, placed: Sequence[Placed]) -> list[Placed]:
    joined: list[Placed] = []
    bodies = _bodies(text, placed)
    for index, heading in enumerate(placed):
        last = placed[index - 1] if index else None
        if (
            last
            and joined[-1] is last
            and bodies[index - 1] <= _NO_BODY_LETTERS
            and heading.level >= last.level
            and headings.is_number_alone(last.title)
            and not headings.is_numbered(heading.title)
        ):
            joined[-1] = Placed(f"{last.title.rstrip(' .:')}. {heading.title}", last.level, last.start_char)
        else:
            joined.append(heading)
    return joined


def _bodies(text: str, placed: Sequence[Placed]) -> list[int]:
    """How many letters stand between each heading's title and the next heading; a long body is counted roughly."""
    ends = [*(p.start_char for p in placed[1:]), len(text)][: len(placed)]
    return [_body(text, heading, end) for heading, end in zip(placed, ends, strict=True)]


def _body(text: str, heading: Placed, end: int) -> int:
    if end - heading.start_char > _LONG_BODY_CHARS:
        return _LONG_BODY_CHARS
    found, own = headings.title_key(text[heading.start_char : end]), headings.title_key(heading.title)
    return len(found) - len(own) if found.startswith(own) else _LONG_BODY_CHARS


def _half_title(placed: Sequence[Placed], bodies: Sequence[int], opening: int) -> str:
    """The key of a title of the first pages that stands again, right above a chapter: the book's own; or none."""
    first = {headings.title_key(p.title) for p in placed[: opening + 1] if _names_nothing(p.title)}
    again = [
        headings.title_key(heading.title)
        for heading, body in zip(placed[1:], bodies[1:], strict=True)
        if body <= _NO_BODY_LETTERS
    ]
    return next((key for key in again if key in first), "-")


def _is_title_page(placed: Sequence[Placed], bodies: Sequence[int], index: int) -> bool:
    """Whether the heading, all before it being so, is a line of the title page: it may hold further such lines."""
    if index >= len(placed) or not _names_nothing(placed[index].title):
        return False
    if bodies[index] >= _TITLE_PAGE_LETTERS:
        return bodies[index] < _LONG_BODY_CHARS and _BYLINE.fullmatch(placed[index].title) is not None
    following = placed[index + 1].title if index + 1 < len(placed) else ""
    if bodies[index] <= _NO_BODY_LETTERS and _BYLINE.fullmatch(following):
        return True
    level = placed[index].level
    held = sum(1 for _ in takewhile(lambda p: p.level > level, placed[index + 1 :]))
    return (
        max(bodies[index : index + held + 1]) < _TITLE_PAGE_LETTERS
        or sum(p.level <= level for p in placed[index:]) == 1
    )


def _is_empty(placed: Sequence[Placed], bodies: Sequence[int], index: int) -> bool:
    """Whether a heading heads neither text nor other headings."""
    holds = index + 1 < len(placed) and placed[index + 1].level > placed[index].level
    return bodies[index] <= _NO_BODY_LETTERS and not holds and _names_nothing(placed[index].title)


def _names_nothing(title: str) -> bool:
    return not headings.is_numbered(title) and not matter.is_named(title)
