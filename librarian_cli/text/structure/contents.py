"""The contents list of a book as evidence: titles that it announces and that stand again in the text.

Owns the reading of such a list. It must not know which other headings were accepted, only where they stand.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter

from librarian_cli.text.structure import headings
from librarian_cli.text.structure.headings import Candidate

_CONTENTS = re.compile(
    r"(?im)^[ \t_*#=]*(?:(?:table of )?contents|inhalt|inhaltsverzeichnis|table des matières)\b[^\n]{0,20}$"
)
_WIDE_GAP = re.compile(r"\n(?:[^\S\n]*\n){3,}")
_TAIL_NUMBER = re.compile(r"[\s.…]*\b(?:\d{1,4}|[ivxlc]+)[\s.]*\Z")
_LEADING_NUMBER = re.compile(
    r"(?i)^(?:(?:chapter|part|book|letter|story|act)\s+)?(?:[ivxlc]{1,8}|\d{1,4})[.):\s—–-]+(?=\S)"
)
_MAX_CONTENTS_CHARS = 40_000
_NEAR_CHARS = 200
_MIN_HITS = 4


def find_listed(body: str, titles: Sequence[Candidate], accepted: Sequence[Candidate]) -> list[Candidate]:
    """Find titles that a contents list announces, when at least half of its entries stand again in the text.

    `titles` and `accepted` are in order of `start`. Returns: those of `titles` that are not among `accepted`.
    """
    match = _CONTENTS.search(body, 0, len(body) // 4)
    if not match:
        return []
    stop = next((c.start for c in accepted if c.start > match.end()), len(body))
    stop = _contents_end(body, match.end(), min(stop, match.end() + _MAX_CONTENTS_CHARS))
    entries = _contents_entries(body, match.end(), stop)
    hits = _find_in_order(entries, [c for c in titles if c.start >= stop])
    if len(hits) < max(_MIN_HITS, len(entries) // 2):
        return []
    taken = [c.start for c in accepted]
    return [c for c in hits if not _is_near(taken, c.start)]


def _contents_end(body: str, start: int, stop: int) -> int:
    """A contents list ends, after four entries or more, at three blank lines."""
    lines, position = 0, start
    for gap in _WIDE_GAP.finditer(body, start, stop):
        lines += sum(map(bool, map(str.strip, body[position : gap.start()].split("\n"))))
        position = gap.end()
        if lines >= _MIN_HITS:
            return position
    return stop


def _find_in_order(entries: Sequence[tuple[str, ...]], titles: Sequence[Candidate]) -> list[Candidate]:
    where: dict[str, list[Candidate]] = defaultdict(list)
    for title in titles:
        where[headings.title_key(title.text)].append(title)
    hits: list[Candidate] = []
    for entry in entries:
        after = hits[-1].end if hits else 0
        found = next(filter(None, (_first_from(where.get(key, ()), after) for key in entry)), None)
        if found:
            hits.append(found)
    return hits


def _first_from(places: Sequence[Candidate], position: int) -> Candidate | None:
    index = bisect_left(places, position, key=attrgetter("start"))
    return places[index] if index < len(places) else None


def _is_near(starts: Sequence[int], start: int) -> bool:
    index = bisect_left(starts, start)
    return any(abs(other - start) < _NEAR_CHARS for other in starts[max(0, index - 1) : index + 1])


def _contents_entries(body: str, start: int, end: int) -> list[tuple[str, ...]]:
    entries: list[tuple[str, ...]] = []
    for line in body[start:end].split("\n"):
        entry = _TAIL_NUMBER.sub("", line.strip())
        keys = (headings.title_key(line), headings.title_key(entry), headings.title_key(_LEADING_NUMBER.sub("", entry)))
        if len(line) <= 90 and len(keys[-1]) >= 4:
            entries.append(keys)
    return entries
