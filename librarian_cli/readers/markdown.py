"""Read one Markdown file: its text as written, its ATX and setext headings exact, front matter as metadata.

Regular expressions over lines are enough: only fences and headings matter here, and no renderer can loop or nest.
"""

import re
from collections.abc import Iterator

from librarian_cli import models
from librarian_cli.readers import plain
from librarian_cli.readers.base import PEEK_CHARS
from librarian_cli.text.normalise import clean_field

# A line that opens or closes a fence, an ATX heading, or a single line that === or --- underlines.
_STRUCTURE = re.compile(
    r"^ {0,3}(?:(?P<fence>`{3,}|~{3,})(?P<info>.*)"
    r"|(?P<hashes>\#{1,6})(?:[ \t](?P<atx>.*))?$"
    r"|(?P<setext>[^\s>|\#`~=+*-].*)\n {0,3}(?P<rule>=+|--+)[ \t]*$)",
    re.MULTILINE,
)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.{0,20000}?)^(?:---|\.\.\.)[ \t]*$", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^(title|author|lang|language)[ \t]*:[ \t]*(\S.*)$", re.MULTILINE | re.IGNORECASE)
_CLOSING_HASHES = re.compile(r"(?:^|[ \t])#+$")
_LINK = re.compile(r"!?\[([^\[\]]{0,500})\](?:\([^()]{0,2000}\)|\[[^\[\]]{0,500}\])")
_EMPHASIS = re.compile(r"(\*\*|__|`+|\*)(?=\S)([^*_`]{1,500})(?<=\S)\1")
_ATTRIBUTES = re.compile(r"[ \t]*\{[^{}]{0,500}\}$")


class MarkdownReader:
    """Reads Markdown without rendering it."""

    format = "md"

    def peek(self, source: models.Source, limits: models.ReadLimits) -> models.Peek:
        text = plain.load_head(source, limits)
        fields = _front_matter(text)
        title = fields.get("title") or next((heading.title for heading in _headings(text) if heading.level == 1), "")
        return models.Peek(
            self.format,
            title=title,
            author=fields.get("author", ""),
            language=(fields.get("lang") or fields.get("language", ""))[:35],
            text=text[:PEEK_CHARS],
        )

    def read(
        self, source: models.Source, limits: models.ReadLimits, pages: range | None = None
    ) -> Iterator[models.Part]:
        text, warnings = plain.load(source, limits)
        headings = []
        for heading in _headings(text):
            headings.append(heading)
            if len(headings) == limits.max_outline_items:
                break
        yield models.Part(0, (models.PageText(text),), tuple(headings), warnings=warnings)


def _headings(text: str) -> Iterator[models.Heading]:
    front = _FRONT_MATTER.match(text)
    position = front.end() if front else 0
    fence = ""
    while found := _STRUCTURE.search(text, position):
        position = found.end()
        mark = found["fence"]
        if mark:
            fence = _fence_after(fence, mark, found["info"])
        elif not fence and (heading := _heading(found, text)):
            yield heading
        elif fence and found["setext"]:
            # A fence may close on the line that looked underlined.
            position = found.end("setext")


def _fence_after(fence: str, mark: str, info: str) -> str:
    """Return the fence that is open after a fence line: the old one closes only by its own kind, at least as long."""
    if not fence:
        return "" if mark[0] == "`" and "`" in info else mark
    closes = mark[0] == fence[0] and len(mark) >= len(fence) and not info.strip()
    return "" if closes else fence


def _heading(found: re.Match[str], text: str) -> models.Heading | None:
    if found["hashes"]:
        raw = _CLOSING_HASHES.sub("", (found["atx"] or "").strip())
        level = len(found["hashes"])
    else:
        # Under a paragraph of several lines --- is more often a table or a rule than a heading.
        before = text.rfind("\n", 0, max(0, found.start() - 1)) + 1
        if text[before : found.start()].strip():
            return None
        raw, level = found["setext"], 1 if found["rule"][0] == "=" else 2
    title = clean_field(_EMPHASIS.sub(r"\2", _LINK.sub(r"\1", _ATTRIBUTES.sub("", raw[:2000]))))
    return models.Heading(title, level, 0, found.start()) if title else None


def _front_matter(text: str) -> dict[str, str]:
    """Return simple fields of YAML front matter. No YAML is parsed: no aliases to unfold, no tags to obey."""
    front = _FRONT_MATTER.match(text)
    fields: dict[str, str] = {}
    for found in _FIELD.finditer(front[1]) if front else ():
        fields.setdefault(found[1].lower(), clean_field(found[2].strip().strip("\"'[]")))
    return fields


READER = MarkdownReader()
