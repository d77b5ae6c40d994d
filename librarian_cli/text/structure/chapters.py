"""The chapters of a book: from its structure when that is sound, else from its text.

Owns the choice between the two and the nesting. It must not know formats, nor how lines are recognised.

    headings of the file -> outline.place -> sound? -> nest -> Chapter ranges
    text -> families.select_headings -> levels and titles --^
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from librarian_cli import models
from librarian_cli.text.structure import decimals, families, headings, matter, outline, trimming, underlines
from librarian_cli.text.structure.headings import Candidate
from librarian_cli.text.structure.runs import BARE

_START_OF_EBOOK = re.compile(r"\*\*\* ?START OF (?:THIS|THE) PROJECT GUTENBERG[^\n]*")
_END_OF_EBOOK = re.compile(r"\n\*\*\* ?END OF (?:THIS|THE) PROJECT GUTENBERG")
_THE_END = re.compile(
    r"\n[ \t\xa0_*=]*(?:THE END|The End|FINIS|Finis|FIN|ENDE|Ende|FINE|KONIEC|КОНЕЦ|Конец)[.!]?[ \t\xa0_*=]*(?=\n)"
)
_OUTER = ("volume", "book", "part", "act")
_INNER = frozenset({"scene", "section", "article"})
_DEEP = {f: depth for kinds in (decimals.FAMILIES, underlines.FAMILIES) for depth, f in enumerate(kinds)}
_UNNUMBERED = families.UNNUMBERED | {"appendix"}
_TITLE_LINES = 3
_MAX_TITLE_CHARS = 200


def find_chapters(
    text: str, structure: Sequence[models.BookHeading] = (), *, title: str = ""
) -> tuple[models.Chapter, ...]:
    """Divide a book into chapters, from the headings of its file or else from its text.

    What precedes the first heading belongs to no chapter; a book without headings gives none.
    Returns: chapters by start_char, outer before inner; level 1 is the outermost. A chapter ends where the next of
    its level or above begins; the notices of Project Gutenberg around a book belong to none.
    """
    start, end = _frame(text)
    placed = outline.place_headings(text, structure, title=title)
    placed = trimming.trim(text, [p for p in placed if start <= p.start_char < end])
    if outline.is_sound(text, placed):
        return _nest(text, placed, end)
    from_text = _from_text(text, title, (start, end))
    better = len(from_text) > len(placed) or _largest(from_text, start, end) < _largest(placed, start, end)
    return _nest(text, from_text if better or len(placed) < 2 else placed, end)


def _largest(placed: Sequence[outline.Placed], start: int, end: int) -> int:
    """How long the longest piece is into which headings divide a book: an outline may all lie in its contents list."""
    places = [start, *sorted(p.start_char for p in placed), end]
    return max(b - a for a, b in pairwise(places))


def _from_text(text: str, title: str, frame: tuple[int, int]) -> list[outline.Placed]:
    start, end = frame
    chosen = families.select_headings(text, start, end)
    own = headings.title_key(title)
    chosen = [c for c in chosen if not (own and c.number is None and headings.title_key(c.text) == own)]
    levels = _levels(chosen)
    starts = [*(c.start for c in chosen[1:]), end][: len(chosen)]
    return [
        outline.Placed(_title(text, candidate, stop), level, candidate.start)
        for candidate, level, stop in zip(chosen, levels, starts, strict=True)
    ]


def _frame(text: str) -> tuple[int, int]:
    """Bounds of the book proper, without the notices that Project Gutenberg sets around it."""
    start = _START_OF_EBOOK.search(text, 0, 30_000)
    end = _END_OF_EBOOK.search(text, start.end() if start else 0) if start else None
    return start.end() if start else 0, end.start() if end else len(text)


def _levels(chosen: Sequence[Candidate]) -> list[int]:
    """Give every heading its level: volumes, books, parts and acts outermost, bare numbers under any keyword.

    A heading without a number is as deep as the next numbered one at the front, as the deepest amid the numbered,
    and outermost at the end.
    """
    level_of = _family_levels(chosen)
    numbered = [i for i, c in enumerate(chosen) if c.family in level_of]
    front = level_of[chosen[numbered[0]].family] if numbered else 1
    levels = []
    for index, candidate in enumerate(chosen):
        within = max(level_of.values(), default=1) if numbered and index < numbered[-1] else 1
        loose = front if numbered and index < numbered[0] else within
        levels.append(level_of.get(candidate.family, loose))
    return levels


def _family_levels(chosen: Sequence[Candidate]) -> dict[str, int]:
    counts = Counter(c.family for c in chosen if c.family not in _UNNUMBERED)
    outer = sorted((f for f in _OUTER if f in counts), key=lambda f: (f != "volume", counts[f], _OUTER.index(f)))
    levels = {family: level for level, family in enumerate(outer, 1)}
    inner = counts.keys() - set(outer) - set(_DEEP)
    keyworded = inner - BARE - _INNER
    level = len(outer) + 1
    levels.update(dict.fromkeys(keyworded, level))
    levels.update(dict.fromkeys(inner - keyworded, level + bool(keyworded)))
    levels.update({family: level + depth for family, depth in _DEEP.items() if family in counts})
    return levels


def _title(text: str, heading: Candidate, stop: int) -> str:
    """Clean a heading's text; a number that stands alone takes the title from the lines below it."""
    title = _clean(heading.text)
    if heading.number is None or heading.family == "initial" or headings.title_key(heading.title):
        return title
    below = _title_below(text, heading.end, min(stop, heading.end + 400))
    return f"{title.rstrip('.:')}. {below}" if below else title


def _title_below(text: str, start: int, end: int) -> str:
    """The short line or two of a title after a number, when a blank line or a chapter's end closes them."""
    lines: list[str] = []
    for line in text[start:end].split("\n")[:-1]:
        clean = _clean(line)
        if clean and (line.lstrip().startswith("[") or not _fits_title(clean)):
            return ""
        if clean:
            lines.append(clean)
        elif lines:
            break
        if len(lines) > _TITLE_LINES:
            return ""
    joined = " ".join(lines)
    return joined if len(headings.title_key(joined)) >= 3 and len(joined) <= _MAX_TITLE_CHARS else ""


def _fits_title(line: str) -> bool:
    if len(line) > 75 or line[0].islower() or line[0] in "\"“‘'[«-–—":
        return False
    words = [word for word in line.split() if len(word) > 3]
    named = sum(not word[0].islower() for word in words) > len(words) / 2
    return line.isupper() or (line[-1] not in ",;!?" and (line[-1] != "." or named))


def _clean(line: str) -> str:
    line = re.sub(r"\[\d+\]?", "", line)
    return " ".join(line.split()).strip("_*=#[] ")


def _ended(text: str, placed: Sequence[outline.Placed]) -> int:
    """Index of the first heading after the line that says that the book ends; of several such lines none does.

    Nor does one in the first half, or one that is followed by what is as long as a usual chapter: it ends one story.
    """
    lines = [found.start() for found in _THE_END.finditer(text)]
    if len(lines) != 1 or 2 * lines[0] < len(text):
        return len(placed)
    starts = [p.start_char for p in placed]
    sizes = [end - start for start, end in pairwise([*starts, len(text)])]
    ended = sum(start <= lines[0] for start in starts)
    is_story = ended and max(sizes[ended:], default=0) >= median(sizes[:ended])
    return len(placed) if is_story else ended


def _nest(text: str, placed: Sequence[outline.Placed], size: int) -> tuple[models.Chapter, ...]:
    ranks = {level: rank for rank, level in enumerate(sorted({p.level for p in placed}), 1)}
    chapters: list[models.Chapter] = []
    ends: dict[int, int] = {}
    kinds = matter.kinds_of([p.title for p in placed], [p.level for p in placed], ended=_ended(text, placed))
    for heading, kind in zip(reversed(placed), reversed(kinds), strict=True):
        level = ranks[heading.level]
        end = min((end for other, end in ends.items() if other <= level), default=size)
        chapters.append(models.Chapter(heading.title, level, heading.start_char, end, kind))
        ends[level] = heading.start_char
    return tuple(reversed(chapters))
