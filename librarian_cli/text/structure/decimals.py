"""Sections numbered through a whole book: 1, 1.1, 1.1.1, 1.2, 2, ... as manuals and specifications number theirs.

Owns the look of such a line and the chain that its numbers form, which is the evidence: a version, a measure or a
list inside a chapter begins with a number too, but continues none. It must not know other kinds of headings.

    lines -> no contents list -> the longest chain in which each number follows the one before -> long and wide enough
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from librarian_cli.text.structure import keys
from librarian_cli.text.structure.headings import Candidate, is_contents_entry, surroundings

FAMILIES = tuple(f"decimal{depth}" for depth in range(1, 6))
"""The families by how many numbers their headings have."""

_LINE = re.compile(
    r"\n[ \t\xa0\u3000*#=_]{0,12}(\d{1,3}(?:\.\d{1,3}){0,4})\.?(?:[ \t\xa0\u3000]+|(?=[^\W\d_a-z]))"
    r"[\"“‘«(`'\-–—]{0,3}(?=[^\W\d])([^\n]{1,110})(?=\n)"
)
_PAGE = re.compile(r"[ \t\xa0](?:\d{1,4}|[ivxlc]{1,6})[ \t\xa0]*\Z")
_LISTED_CHARS = 130
_LISTED_LINES = 5
_LEAST = 6
_GAP_COST = 3
"""What a gap in the numbers costs a chain, in lines: three that follow the gap make up for it."""
_MIN_GAP_CHARS = 200
_MIN_SHARE = 0.3
_MAX_TITLE_SPACES = 9
_MIN_CHAPTER_CHARS = 800
_MANY = 20
"""A chain as long as that needs not span the book: long listings may follow."""
_MAX_CANDIDATES = 50_000

_Number = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Link:
    """A line as the end of the best chain that leads to it: of how many lines, after which one."""

    candidate: Candidate
    number: _Number
    length: int
    before: "_Link | None"


def find_sections(body: str) -> list[Candidate]:
    """Find the headings of a book that numbers its sections through; none unless they form one long chain.

    Returns: candidates of the families decimal1, decimal2, ... in order of `start`.
    """
    lines = _without_running_heads(_without_lists(list(_numbered(body))))
    chain = _longest_chain([(c, n) for c, n in lines if len(n) > 1])
    if len(chain) < _LEAST or median(b.start - a.end for (a, _), (b, _) in pairwise(chain)) < _MIN_GAP_CHARS:
        return []
    if len(chain) < _MANY and chain[-1][0].start - chain[0][0].start < _MIN_SHARE * len(body):
        return []
    if _are_dates([number for _, number in chain]):
        return []
    tops = _tops(chain, [(c, n[0]) for c, n in lines if len(n) == 1 and _is_title(c)])
    return sorted([*tops, *(candidate for candidate, _ in chain)], key=lambda c: c.start)


def _numbered(body: str) -> Iterator[tuple[Candidate, _Number]]:
    padded = f"\n{body}\n"
    for count, match in enumerate(_LINE.finditer(padded)):
        line = padded[match.start(1) : match.end()].strip(" \t\xa0*_=#")
        if count >= _MAX_CANDIDATES:
            return
        if is_contents_entry(line) or _is_prose(match[2].rstrip()):
            continue
        number = tuple(map(int, match[1].split(".")))
        blanks, apart = surroundings(padded, match.start(), match.end())
        family = FAMILIES[len(number) - 1]
        yield Candidate(match.start(1) - 1, match.end() - 1, line, family, number[-1], match[2], blanks, apart), number


def _are_dates(numbers: Sequence[_Number]) -> bool:
    """Days and months: the first number goes on while the last stays, 3.1, 4.1, 5.1; in sections the last goes on."""
    stays = sum(a[0] != b[0] and a[1:] == b[1:] for a, b in pairwise(numbers))
    return 2 * stays > len(numbers)


def _is_prose(title: str) -> bool:
    """A sentence that begins with a number, or a measure in one: `2.4 GHz was the rule, and`."""
    return title[-1] in ",;" or (title[-1] == "." and title.count(" ") > 7) or title.count(" ") > 14


def _is_title(candidate: Candidate) -> bool:
    """A chapter's single number is less of a sign: a footnote and an entry of a list begin with one as well."""
    title = candidate.title.lstrip()
    return not title[0].islower() and title.count(" ") <= _MAX_TITLE_SPACES and "//" not in title


def _without_lists(lines: Sequence[tuple[Candidate, _Number]]) -> list[tuple[Candidate, _Number]]:
    """Drop lines of which five or more follow each other closely: the contents list, or another.

    A number that goes back to the first one begins the text itself.
    """
    kept: list[tuple[Candidate, _Number]] = []
    close: list[tuple[Candidate, _Number]] = []
    for line in lines:
        if close and (line[0].start - close[-1][0].end > _LISTED_CHARS or line[1] <= close[0][1]):
            kept += close if len(close) < _LISTED_LINES else []
            close = []
        close.append(line)
    return kept + (close if len(close) < _LISTED_LINES else [])


def _without_running_heads(lines: Sequence[tuple[Candidate, _Number]]) -> list[tuple[Candidate, _Number]]:
    """Drop lines that end with a page number where the same heading stands without one."""
    named = [(number, keys.letters(_PAGE.sub("", candidate.title))) for candidate, number in lines]
    plain = {name for (candidate, _), name in zip(lines, named, strict=True) if not _PAGE.search(candidate.title)}
    return [
        line for line, name in zip(lines, named, strict=True) if name not in plain or not _PAGE.search(line[0].title)
    ]


def _longest_chain(lines: Sequence[tuple[Candidate, _Number]]) -> list[tuple[Candidate, _Number]]:
    """The longest chain of numbers that follow each other; of several lines with one number the first counts.

    Later ones repeat it as running heads do.
    """
    ends: dict[_Number, _Link] = {}
    under: dict[_Number, _Link] = {}
    best: _Link | None = None
    for candidate, number in lines:
        link = _link(candidate, number, _before(number, ends, under), _far_before(number, under))
        if number in ends and ends[number].length >= link.length:
            continue
        ends[number] = link
        for depth in range(1, len(number) + 1):
            head = number[:depth]
            if head not in under or under[head].length < link.length:
                under[head] = link
        if best is None or link.length > best.length:
            best = link
    chain: list[tuple[Candidate, _Number]] = []
    while best:
        chain.append((best.candidate, best.number))
        best = best.before
    return chain[::-1]


def _link(candidate: Candidate, number: _Number, before: _Link | None, far: _Link | None) -> _Link:
    if before is None and far and far.length > _GAP_COST:
        return _Link(candidate, number, far.length + 1 - _GAP_COST, far)
    return _Link(candidate, number, before.length + 1 if before else 1, before)


def _far_before(number: _Number, under: dict[_Number, _Link]) -> _Link | None:
    """The longest chain that ends below a number, in its chapter or one of the three before: some lines are missed."""
    found = [under[(top,)] for top in range(number[0] - 3, number[0] + 1) if (top,) in under]
    return max((link for link in found if link.number < number), key=lambda link: link.length, default=None)


def _before(number: _Number, ends: dict[_Number, _Link], under: dict[_Number, _Link]) -> _Link | None:
    """The longest chain that a number goes on with: from its parent, or from what stands under the number before.

    Up to two numbers may be missing; 2.1 follows 1.9 where headings of chapters are set otherwise.
    """
    found = [ends[number[:-1]]] if number[-1] <= 1 and number[:-1] in ends else []
    for depth in range(len(number), 0, -1):
        head, last = number[: depth - 1], number[depth - 1]
        found += [under[(*head, last - step)] for step in (1, 2, 3) if (*head, last - step) in under][:1]
        if last > 1:
            break
    return max(found, key=lambda link: link.length, default=None)


def _tops(chain: Sequence[tuple[Candidate, _Number]], lines: Sequence[tuple[Candidate, int]]) -> list[Candidate]:
    """Headings of chapters, a single number each, between the sections that they hold; those without sections too."""
    named: dict[int, list[Candidate]] = defaultdict(list)
    for candidate, top in lines:
        named[top].append(candidate)
    tops: list[Candidate] = []
    low, last = -1, 0
    for candidate, number in chain:
        high = candidate.start
        for wanted in range(number[0], last, -1):
            above = [c for c in named.get(wanted, ()) if low < c.start < high][-1:]
            tops += above
            high = above[0].start if above else high
        low, last = candidate.start, number[0]
    return [*tops, *_after(low, last, lines)]


def _after(low: int, last: int, lines: Sequence[tuple[Candidate, int]]) -> Iterator[Candidate]:
    """Chapters after the last section: far apart, as the entries of a list are not."""
    for candidate, top in lines:
        if top == last + 1 and candidate.start > low + _MIN_CHAPTER_CHARS:
            yield candidate
            low, last = candidate.start, top
