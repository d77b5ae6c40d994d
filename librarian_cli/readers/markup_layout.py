"""Lay a marked string out as lines. Shared by the ways to parse markup; knows nothing of tags.

A form feed is a break: one or two in a row end a line, three leave a blank line. Marks are numbers between
two noncharacters, which no text may hold; each names the place of what follows it.
"""

import re
from dataclasses import dataclass

from librarian_cli.text.normalise import normalise

# What goes into the source: white space to every parser.
LINE = "\f"
PARAGRAPH = "\f\f\f"
PRE_START = "\ufdd2"
PRE_END = "\ufdd3"
# What stands for it in the marked string.
_LINE = "\ufdd4"
_PARAGRAPH = "\ufdd5"
_MARK = re.compile("\ufdd0(\\d{1,9})\ufdd1")
_ALL_MARKS = re.compile("\ufdd0\\d*\ufdd1?|[\ufdd1-\ufdd5]")
_MARK_CHARACTERS = "\ufdd0\ufdd1\ufdd2\ufdd3\ufdd4\ufdd5"


@dataclass(frozen=True, slots=True)
class Marked:
    """A parsed document as one marked string: headings are (mark, raw title, level), anchors (mark, id)."""

    text: str
    headings: tuple[tuple[int, str, int], ...] = ()
    anchors: tuple[tuple[int, str], ...] = ()
    title: str = ""
    author: str = ""
    language: str = ""


def mark(number: int) -> str:
    """Return the mark of a place."""
    return f"\ufdd0{number}\ufdd1"


def without_mark_characters(text: str) -> str:
    """Return a foreign text without the characters that would be taken for marks."""
    if text.isascii():
        return text
    found = [character for character in _MARK_CHARACTERS if character in text]
    return re.sub(f"[{_MARK_CHARACTERS}]", "", text) if found else text


def strip_marks(text: str) -> str:
    """Return the text without marks."""
    return _ALL_MARKS.sub("", text)


def lay_out(marked: str) -> tuple[str, dict[int, int]]:
    """Return normalised text (ends with LF unless empty) and the place of each mark in it."""
    # Entities bring in controls and soft hyphens; the break must survive their removal.
    marked = normalise(marked.replace(PARAGRAPH, _PARAGRAPH).replace(LINE, _LINE))
    page = _Page()
    if PRE_START not in marked and PRE_END not in marked:
        page.flow(marked)
    else:
        depth = 0
        for segment in re.split(f"([{PRE_START}{PRE_END}])", marked):
            if segment in (PRE_START, PRE_END):
                depth = max(0, depth + (1 if segment == PRE_START else -1))
            elif depth:
                page.preformatted(segment)
            else:
                page.flow(segment)
    return page.finish()


class _Page:
    """Lines as they are laid out, and where the next one will begin."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._blank = False
        self._places: dict[int, int] = {}
        self._pending: list[int] = []

    def flow(self, text: str) -> None:
        """Add text whose white space collapses."""
        for paragraph in text.split(_PARAGRAPH):
            for piece in paragraph.split(_LINE):
                if "\ufdd0" in piece:
                    self._marked_line(piece)
                else:
                    words = piece.split()
                    if words:
                        self._line(" ".join(words))
            self._blank = True

    def preformatted(self, text: str) -> None:
        """Add text whose lines and spaces count."""
        text = text.replace(_PARAGRAPH, "\n").replace(_LINE, "\n")
        places = [(int(found[1]), found.start()) for found in _MARK.finditer(text)]
        plain = "\n".join(line.rstrip() for line in strip_marks(text).split("\n")).strip("\n")
        self._blank = True
        self._pending += [number for number, _ in places]
        if plain.strip():
            self._line(plain)
        self._blank = True

    def finish(self) -> tuple[str, dict[int, int]]:
        """Return the text, ended with LF, and the places; a mark behind all text stands at its end."""
        if self._pieces:
            self._pieces.append("\n")
            self._length += 1
        for number in self._pending:
            self._places.setdefault(number, max(0, self._length - 1))
        return "".join(self._pieces), self._places

    def _marked_line(self, piece: str) -> None:
        parts = _MARK.split(piece)
        line = " ".join(strip_marks("".join(parts[::2])).split())
        if not line:
            self._pending += map(int, parts[1::2])
            return
        start = self._line(line)
        before = ""
        for text, number in zip(parts[::2], parts[1::2], strict=False):
            before += text
            offset = len(" ".join(before.split()))
            offset += bool(offset and before[-1:].isspace())
            self._places.setdefault(int(number), start + min(offset, len(line) - 1))

    def _line(self, line: str) -> int:
        """Add one line, or one preformatted block, and return where it begins."""
        if self._pieces:
            end = "\n\n" if self._blank else "\n"
            self._pieces.append(end)
            self._length += len(end)
        start = self._length
        for number in self._pending:
            self._places.setdefault(number, start)
        self._pending.clear()
        self._pieces.append(line)
        self._length += len(line)
        self._blank = False
        return start
