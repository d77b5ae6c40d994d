"""Titles with a row of signs below them, as plain texts of programs and notes set their headings.

    Reading files
    =============

A row above as well makes it another kind, as reStructuredText has it.

Owns the look of such a pair of lines. Its evidence is the length of the row and that several are alike; it must not
know other kinds of headings.
"""

import re
from statistics import median

from librarian_cli.text.structure.headings import Candidate, surroundings

FAMILIES = tuple(f"underlined{level}" for level in range(1, 7))
"""The families by the level that a sign has: signs count from the outermost in the order in which they come."""

_ROW = re.compile(r"\n[ \t]{0,3}([=\-~^*#\"'`+:.])(\1{2,98})[ \t]*(?=\n)")
_TITLE = re.compile(r"[ \t]{0,3}(?=[^\s|+])([^\n]{1,98}[^\s|+])[ \t]*")
_MAX_LONGER = 4
_LEAST = 4
_MIN_BODY_CHARS = 250


def find_underlined(body: str) -> list[Candidate]:
    """Find the titles with a row below that is about as long; none unless there are four with text under them.

    Returns: candidates of the families underlined1, ... in order of `start`.
    """
    padded = f"\n{body}\n"
    found: list[Candidate] = []
    signs: list[tuple[str, bool]] = []
    for row in _ROW.finditer(padded):
        start = padded.rfind("\n", 0, row.start())
        match = _TITLE.fullmatch(padded, start + 1, row.start()) if start >= 0 else None
        if match is None or not any(map(str.isalpha, match[1])):
            continue
        title, sign, length = match[1], row[1], 1 + len(row[2])
        above = _ROW.match(padded, padded.rfind("\n", 0, start)) if start > 0 else None
        over = above is not None and above.end() == start and above[1] == row[1]
        top = above.start() if above and over else start
        blanks, _ = surroundings(padded, top, row.start())
        if not blanks or not len(title) - 1 <= length <= len(title) + _MAX_LONGER:
            continue
        if (sign, over) not in signs:
            signs.append((sign, over))
        family = FAMILIES[min(signs.index((sign, over)), len(FAMILIES) - 1)]
        begin = top if over else match.start(1) - 1
        found.append(Candidate(begin, row.end() - 1, title, family, None, title, blanks, apart=True))
    ends = [*(c.start for c in found[1:]), len(body)][: len(found)]
    bodies = [end - c.end for c, end in zip(found, ends, strict=True)]
    return found if len(found) >= _LEAST and median(bodies) >= _MIN_BODY_CHARS else []
