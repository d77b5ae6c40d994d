"""Part `chapters`: headings found in texts and files whose chapters are known, and outlines that land on their titles.

books/N.chapters.json   {"chapters": [[offset into N.txt, title, ...], ...]}: what N's contents list links to
books/N.txt, N.htm      the book as text and with headings
outlines/**             EPUBs and PDFs; those with an outline are measured (optional)
"""

import json
import os
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from quality_figure import Figure

from librarian_cli import models, readers
from librarian_cli.errors import LibrarianError
from librarian_cli.stages import extract
from librarian_cli.text.structure import chapters, headings, keys, outline

_NEAR_CHARS = 200
_CONTEXT_LETTERS = 40
_TITLE_LETTERS = 40
_LETTERS = (headings.title_key, keys.letters_without_label)


def measure(folder: Path) -> Iterator[Figure]:
    """Measure what lies in `folder`."""
    truths = sorted((folder / "books").glob("*.chapters.json"))
    found = [_found_in_text(path) for path in truths]
    yield Figure("chapters: F1 on text, mean of books", mean(_f1(*pair) for pair in found), 0.95)
    yield Figure("chapters: F1 on text, all chapters", _f1_of_all(found), 0.95)
    structured = [_found_in_html(path) for path in truths]
    yield Figure("chapters: F1 on HTML, every level", mean(_f1(all_of, truth) for all_of, _, truth in structured))
    yield Figure("chapters: F1 on HTML, the best level", mean(best for _, best, _ in structured))
    yield Figure("chapters: speed on text", _speed(folder / "books"), 30.0, "MB/s")
    outlined = list(_outlined(folder / "outlines"))
    entries = [_judged(book, entry) for book, placed in outlined for entry in placed]
    if entries:
        yield Figure("chapters: outline entries that land on their title", mean(e.titled for e in entries))
        yield Figure("chapters: outline entries whose title is a line of its own", mean(e.alone for e in entries))
        yield Figure(
            "chapters: outline entries that land on their title or number",
            mean(e.titled or e.numbered for e in entries),
        )
        yield Figure(
            "chapters: outline entries that land on either or where the file says",
            mean(e.titled or e.numbered or e.told for e in entries),
        )
        unseen = [f1 for book, _ in outlined if (f1 := _f1_without_outline(book)) is not None]
        yield Figure("chapters: F1 on the text of files with an outline, mean of files", mean(unseen))
        named = [e.told for e in entries if e.titled and e.high]
        yield Figure("chapters: heights in PDFs that alone lead to the title", mean(named))


def _found_in_text(truth: Path) -> tuple[list[int], list[int]]:
    return [c.start_char for c in chapters.find_chapters(_text(truth))], _known(truth)


def _text(truth: Path) -> str:
    return truth.with_name(f"{truth.name.split('.')[0]}.txt").read_text("utf-8-sig")


def _known(truth: Path) -> list[int]:
    return sorted(entry[0] for entry in json.loads(truth.read_text("utf-8"))["chapters"])


def _found_in_html(truth: Path) -> tuple[list[int], float, list[int]]:
    """Chapters of the HTML file as offsets into the text: all of them, and F1 of the outline cut where it is best."""
    book = _read(truth.with_name(f"{truth.name.split('.')[0]}.htm"), "html")
    known = _known(truth)
    found = chapters.find_chapters(book.text, book.headings)
    starts = _offsets_in(_text(truth), book.text, [c.start_char for c in found])
    deepest = max((chapter.level for chapter in found), default=1)
    cuts = [
        [(start, c.kind) for start, c in zip(starts, found, strict=True) if c.level <= level]
        for level in range(1, deepest + 1)
    ]
    return starts, max(_f1_of_body(cut, known) for cut in cuts), known


def _offsets_in(text: str, other: str, starts: Sequence[int]) -> list[int]:
    """Where the places of another edition lie in `text`, by the letters that follow them; -1_000 where nowhere."""
    letters, places = _letters(text)
    other_letters, other_places = _letters(other)
    offsets, position = [], 0
    for start in starts:
        first = bisect_left(other_places, start)
        at = letters.find(other_letters[first : first + _CONTEXT_LETTERS], position)
        position = at if at >= 0 else position
        offsets.append(places[at] if at >= 0 else -1_000)
    return offsets


def _letters(text: str) -> tuple[str, list[int]]:
    places = [index for index, char in enumerate(text) if char.isalpha()]
    return "".join(text[index].lower() for index in places), places


def _f1_of_body(found: Sequence[tuple[int, models.ChapterKind]], known: Sequence[int]) -> float:
    """F1 in which front and back matter that the truth does not name is no error: contents lists leave it out."""
    matched = set(_matched([start for start, _ in found], known))
    counted = [start for start, kind in found if kind == "body" or start in matched]
    return _f1(counted, known)


def _f1(found: Sequence[int], known: Sequence[int]) -> float:
    return 2 * len(_matched(found, known)) / max(1, len(found) + len(known))


def _f1_of_all(pairs: Sequence[tuple[list[int], list[int]]]) -> float:
    hits = sum(len(_matched(found, known)) for found, known in pairs)
    return 2 * hits / sum(len(found) + len(known) for found, known in pairs)


def _matched(found: Sequence[int], known: Sequence[int]) -> list[int]:
    """Of `found`, one for each known heading within 200 characters, the nearest."""
    left, matched = sorted(found), []
    for start in known:
        near = [(abs(other - start), other) for other in left if abs(other - start) <= _NEAR_CHARS]
        if near:
            matched.append(min(near)[1])
            left.remove(matched[-1])
    return matched


def _speed(folder: Path) -> float:
    texts = [path.read_bytes().decode("utf-8-sig", "replace") for path in sorted(folder.glob("*.txt"))]
    start = time.process_time()
    for text in texts:
        chapters.find_chapters(text)
    seconds = time.process_time() - start
    return sum(len(text.encode()) for text in texts) / 1e6 / seconds


@dataclass(frozen=True)
class _Entry:
    """How an outline's entry was placed: on its title (`alone`: a line of its own), on its number, where the file
    says; `high`: the file names a height.
    """

    titled: bool
    alone: bool
    numbered: bool
    told: bool
    high: bool


def _outlined(folder: Path) -> Iterator[tuple[models.Extract, list[outline.Placed]]]:
    """Yield all EPUBs and PDFs whose outline divides the book, with its entries as placed."""
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".epub", ".pdf")):
        try:
            book = _read(path, path.suffix[1:])
        except LibrarianError:
            continue
        placed = outline.place_headings(book.text, book.headings)
        if outline.is_sound(book.text, placed):
            yield book, placed


def _f1_without_outline(book: models.Extract) -> float | None:
    """F1 of the chapters that a file's text gives, its outline being the truth, both cut at the best of their levels.

    None: an outline of less than four chapters.
    """
    known, found = chapters.find_chapters(book.text, book.headings), chapters.find_chapters(book.text)
    cuts = [_f1(some, true) for true in _cuts(known) if len(true) > 2 for some in _cuts(found)]
    return max(cuts, default=0.0) if len(known) > 3 else None


def _cuts(found: Sequence[models.Chapter]) -> list[list[int]]:
    levels = range(1, max((chapter.level for chapter in found), default=1) + 1)
    return [[chapter.start_char for chapter in found if chapter.level <= level] for level in levels]


def _judged(book: models.Extract, entry: outline.Placed) -> _Entry:
    pages = {page.start_char for page in book.pages}
    named = [h for h in book.headings if " ".join(h.title.split()) == entry.title and h.level == entry.level]
    high = [h for h in named if not h.exact and h.start_char not in pages]
    line = book.text[entry.start_char : entry.start_char + 2 * _NEAR_CHARS].lstrip().partition("\n")[0]
    number = keys.numbers(entry.title)
    return _Entry(
        titled=_stands(book.text, entry),
        alone=any(key(line) and key(entry.title).startswith(key(line)) for key in _LETTERS),
        numbered=bool(number) and keys.numbers(line) == number,
        told=any(h.start_char == entry.start_char for h in (*high, *(h for h in named if h.exact))),
        high=bool(high),
    )


def _stands(text: str, entry: outline.Placed) -> bool:
    window = text[entry.start_char : entry.start_char + _NEAR_CHARS + len(entry.title)]
    for key_of in _LETTERS:
        key = key_of(entry.title)[:_TITLE_LETTERS]
        if key and key in headings.title_key(window):
            return True
    digits = "".join(filter(str.isalnum, entry.title))
    return not headings.title_key(entry.title) and digits in "".join(filter(str.isalnum, window))


def _read(path: Path, book_format: str) -> models.Extract:
    found = path.stat()
    source = models.Source(os.fsencode(path), found.st_size, found.st_mtime_ns, found.st_dev, found.st_ino)
    return extract.assemble(list(readers.load(book_format).read(source, models.ReadLimits())))
