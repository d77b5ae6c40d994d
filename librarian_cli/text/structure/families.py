"""Which candidate lines are a book's headings: judged by family, number sequence, length of body and contents list.

Owns the evidence from sequences. It must not know how a line is recognised (headings.py) nor how chapters nest
(chapters.py).

    candidates -> no apparatus -> numbered runs -> accepted families -> + titles in capitals -> + contents entries
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from operator import attrgetter
from statistics import mean, median, stdev

from librarian_cli.text.structure import contents, decimals, headings, underlines
from librarian_cli.text.structure.headings import Candidate
from librarian_cli.text.structure.runs import BARE, find_runs

UNNUMBERED = frozenset({"front", "capitals", "isolated"})
_OUTER = frozenset({"volume", "book", "part", "act"})
_SINGLE_IS_ENOUGH = frozenset({"part", "book", "appendix"})
_MIN_TOPS = 3
_TOC_RATIO = 6
_MAX_CANDIDATES = 50_000
_TOC_BODY_CHARS = 1_500
_MIN_BODY_CHARS = 250
_MIN_SECTION_CHARS = 400
_CHINESE_BODY_CHARS = 500


def select_headings(text: str, start: int, end: int) -> list[Candidate]:
    """Choose the headings among the lines of `text[start:end)`.

    Returns: candidates in order of `start`, their offsets into `text`.
    """
    body = text[start:end]
    numbered = islice(headings.find_numbered(body), _MAX_CANDIDATES)
    lines = _without_running_heads([c for c in numbered if not headings.is_no_chapter(c.text)])
    titles = [c for c in headings.find_titles(body)[:_MAX_CANDIDATES] if not headings.is_no_chapter(c.text)]
    accepted = _accept_numbered(lines, len(body))
    sections = decimals.find_sections(body) or underlines.find_underlined(body)
    if sections:
        accepted = [*_beside(sections, accepted), *sections]
    accepted += _accept_titles(titles, accepted, len(body))
    accepted = _drop_bodiless(_sorted_unique(accepted), len(body))
    accepted = _sorted_unique([*accepted, *contents.find_listed(body, titles, accepted)])
    return [replace(c, start=c.start + start, end=c.end + start) for c in accepted] if start else accepted


def _beside(sections: Sequence[Candidate], accepted: Sequence[Candidate]) -> list[Candidate]:
    """What of the other families stays in a book whose sections are numbered through: parts, and chapters if those do
    not carry the number alone (`3 Tides`), for then `Chapter 3: Tides` is a running head.
    """
    tops = sum(c.family in (decimals.FAMILIES[0], underlines.FAMILIES[0]) for c in sections)
    kept = _OUTER | {"appendix", "front"} | ({"chapter"} if tops < _MIN_TOPS else set())
    return [c for c in accepted if c.family in kept]


def _leading_bare(families: Mapping[str, Sequence[Candidate]]) -> str:
    """Of several kinds of bare numerals one counts chapters; Arabic ones beside Roman count what is inside them."""
    counts = {family: len(families.get(family, ())) for family in ("initial", "roman", "chinese", "arabic")}
    if counts["roman"]:
        counts["arabic"] = 0
    return max(counts, key=counts.__getitem__)


def _without_running_heads(lines: Sequence[Candidate]) -> list[Candidate]:
    """Drop a bare number with the same words behind it again and again: page numbers beside a title."""
    keys = [headings.title_key(c.title) if c.family in BARE else "" for c in lines]
    counts = Counter(keys)
    return [c for c, key in zip(lines, keys, strict=True) if not key or counts[key] <= 2]


def _accept_numbered(lines: Sequence[Candidate], size: int) -> list[Candidate]:
    members: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in lines:
        members[candidate.family].append(candidate)
    families = {family: _accept_family(family, found, size) for family, found in members.items() if family != "front"}
    sections = sum(len(found) for family, found in families.items() if family not in BARE | {"act", "scene"})
    has_keyword = len(families.get("chapter", ())) >= 3 or sections >= 12
    dropped = BARE if has_keyword else BARE - {_leading_bare(families)}
    if len(families.get("chapter", ())) >= 5:
        dropped |= {"act", "scene"}
    families = _without_hollow_parts({family: found for family, found in families.items() if family not in dropped})
    families["front"] = _accept_front(members["front"], size)
    return [candidate for found in families.values() for candidate in found]


def _without_hollow_parts(families: Mapping[str, list[Candidate]]) -> dict[str, list[Candidate]]:
    """Drop parts, books, ... that hold no chapter: parts of a poem or a document inside one."""
    main = max(families, key=lambda family: len(families[family]), default="")
    starts = [c.start for c in families.get(main, ())]
    kept = dict(families)
    for family in _OUTER.intersection(families) - {main} if len(starts) >= 5 else ():
        ends = [*(c.start for c in families[family][1:]), starts[-1] + 1]
        held = [
            bisect_left(starts, end) > bisect_left(starts, c.start)
            for c, end in zip(families[family], ends, strict=False)
        ]
        full = [c for c, holds in zip(families[family], held, strict=True) if holds]
        kept[family] = full if 2 * len(full) > len(held) else []
    return kept


def _accept_front(members: Sequence[Candidate], size: int) -> list[Candidate]:
    """Of a word in both the contents and the text the second stands; one that comes more often is a refrain.

    An index at the front is a list of contents.
    """
    counts = Counter(headings.title_key(c.text) for c in members)
    last = {headings.title_key(c.text): c for c in members if c.blanks >= 2 and c.apart}
    return [c for key, c in last.items() if counts[key] <= 2 and (not key.endswith("index") or 2 * c.start > size)]


def _accept_family(family: str, members: Sequence[Candidate], size: int) -> list[Candidate]:
    runs = _drop_contents_runs(find_runs(members), size)
    if family in BARE:
        return _accept_bare(family, runs, size)
    if max(map(len, runs), default=0) >= 5:
        runs = [run for run in runs if len(run) > 1 or run[0].number in (None, 1)]
    kept = [candidate for run in runs for candidate in run]
    if family == "section":
        return _accept_sections(runs, size)
    if family.startswith("word:"):
        runs = [run for run in runs if len(run) >= 3 and run[0].number == 1]
        kept = [candidate for run in runs for candidate in run]
        return kept if kept and median(_bodies(kept, size)) > 1_000 else []
    if len(kept) == 1 and (family not in _SINGLE_IS_ENOUGH or kept[0].blanks < 2):
        return []
    return kept if kept and median(_bodies(kept, size)) >= 300 else []


def _accept_sections(runs: Sequence[list[Candidate]], size: int) -> list[Candidate]:
    """Sections are counted anew in every chapter, or through the whole book."""
    kept = [c for run in runs if len(run) >= 2 and run[0].number == 1 for c in run]
    return kept if len(kept) >= 3 and median(_bodies(kept, size)) > _MIN_SECTION_CHARS else []


def _accept_bare(family: str, runs: Sequence[list[Candidate]], size: int) -> list[Candidate]:
    runs = [run for run in runs if not _is_page_numbers(run)]
    least = {"roman": 3, "arabic": 4, "chinese": 3, "initial": 8}[family]
    kept = []
    for run in runs:
        enough = 2 if len(runs) >= 3 and not _titled(run) and family != "initial" else least
        if len(run) >= enough and (run[0].number == 1 or len(run) >= 5):
            kept.extend(run)
    if len(kept) < least or (len(kept) < 8 and all(len(run) < least for run in runs)):
        return []
    kept.sort(key=attrgetter("start"))
    body = median(_bodies(kept, size))
    spaced = median(c.blanks for c in kept) >= 2
    enough_text = _CHINESE_BODY_CHARS if family == "chinese" else 1_500
    return kept if body > enough_text or (spaced and body > 400 and len(kept) >= 8) else []


def _drop_contents_runs(runs: Sequence[list[Candidate]], size: int) -> list[list[Candidate]]:
    """Drop runs whose entries stand far closer than those of the best run: contents lists, endnotes, lists."""
    bodies = [median(_bodies(run, run[-1].end if len(run) > 1 else size)) for run in runs]
    best = max((body for run, body in zip(runs, bodies, strict=True) if len(run) > 1), default=0)
    kept = []
    for run, body in zip(runs, bodies, strict=True):
        listed = len(run) >= 2 and body < _TOC_BODY_CHARS and body * _TOC_RATIO < best
        if not listed and not (len(run) >= 4 and body < 120):
            kept.append(run)
    return kept


def _is_page_numbers(run: Sequence[Candidate]) -> bool:
    """Whether bare numbers, or numbers before a running head, follow each other as evenly as pages do."""
    pointed = sum(c.title.lstrip()[:1] in (".", ")", ":") for c in run)
    if run[0].family != "arabic" or len(run) < 12 or pointed > len(run) / 2:
        return False
    gaps = [b.start - a.start for a, b in pairwise(run)]
    spread = stdev(gaps) / mean(gaps)
    return median(gaps) < 6_000 and (spread < 0.45 or (len(run) >= 30 and spread < 1))


def _titled(run: Sequence[Candidate]) -> bool:
    return sum(bool(headings.title_key(c.title)) for c in run) > len(run) / 2


def _bodies(members: Sequence[Candidate], size: int) -> list[int]:
    ends = [*(c.start for c in members[1:]), size][: len(members)]
    return [end - c.end for c, end in zip(members, ends, strict=True)]


def _accept_titles(titles: Sequence[Candidate], numbered: Sequence[Candidate], size: int) -> list[Candidate]:
    """Accept titles without a number, all of one setting, in a book that numbers none of its chapters."""
    if sum(c.family != "front" for c in numbered) >= 5:
        return _parents(titles, sorted(numbered, key=attrgetter("start")))
    counts = Counter(c.text.casefold() for c in titles)
    titles = [c for c in titles if counts[c.text.casefold()] <= 2 and c.text[-1] not in ",;"]
    for family in ("capitals", "isolated"):
        for blanks in (4, 3, 2):
            kept = [c for c in titles if c.family == family and blanks <= c.blanks < 9 and c.apart]
            if len(kept) >= 4 and median(_bodies(kept, size)) >= 600:
                return kept
    return []


def _parents(titles: Sequence[Candidate], numbered: Sequence[Candidate]) -> list[Candidate]:
    """Titles that stand right above a bare 1, where the numbers begin anew under each: they are the parts."""
    opening = [(above.end if above else 0, c.start) for above, c in pairwise([None, *numbered]) if c and _opens(c)]
    if len(opening) < 2:
        return []
    above = []
    for low, high in opening:
        last = bisect_left(titles, high, key=attrgetter("start")) - 1
        if last >= 0 and titles[last].start >= low and titles[last].blanks and high - titles[last].end < 60:
            above.append(replace(titles[last], family="part"))
    return above if len(above) >= 2 else []


def _opens(candidate: Candidate) -> bool:
    return candidate.number == 1 and candidate.family in BARE


def _drop_bodiless(accepted: Sequence[Candidate], size: int) -> list[Candidate]:
    kept = []
    for candidate, body in zip(accepted, _bodies(accepted, size), strict=True):
        unnumbered = candidate.family in ("front", "capitals", "isolated")
        title_page = unnumbered and candidate.family != "front" and candidate.start < 1_500 and body < 3_000
        if not (unnumbered and body < _MIN_BODY_CHARS) and not title_page:
            kept.append(candidate)
    return kept


def _sorted_unique(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Sort by place; of a number and its title line keep the number, of two readings of one line the first."""
    merged: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (c.start, c.number is None)):
        last = merged[-1] if merged else None
        if last and candidate.start - last.start < 200 and candidate.start - last.end < 150:
            plain = candidate.family in UNNUMBERED
            if plain or last.family == candidate.family or last.start == candidate.start:
                continue
            if last.family in UNNUMBERED:
                merged.pop()
        merged.append(candidate)
    return merged
