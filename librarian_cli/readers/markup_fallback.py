"""Parse markup with the standard library where lexbor would take quadratic time: linear, and plain.

Gives the same marked string as the fast way, for documents that nest or carry attributes beyond the limits.
"""

from html.parser import HTMLParser

from librarian_cli.readers.markup_layout import PRE_END, PRE_START, Marked, mark

_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))


def parse(source: str, wanted: frozenset[str], dropped: frozenset[str]) -> Marked:
    """Return a source that holds its breaks already as a marked string."""
    collector = _Collector(wanted, dropped)
    collector.feed(source)
    collector.close()
    return collector.marked()


class _Collector(HTMLParser):
    def __init__(self, wanted: frozenset[str], dropped: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self._wanted = wanted
        self._dropped = dropped
        self._pieces: list[str] = []
        self._title: list[str] = []
        self._inside: str | None = None
        self._marks = 0
        self._headings: list[tuple[int, list[str], int]] = []
        self._anchors: list[tuple[int, str]] = []
        self._heading_open = False
        self._metadata = {"author": "", "language": ""}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note_metadata(tag, attrs)
        if self._inside is None and tag in self._dropped and tag != "head":
            self._inside = tag
        if self._inside is not None:
            return
        if tag in _HEADINGS:
            self._headings.append((self._next_mark(), [], int(tag[1])))
            self._heading_open = True
        elif tag == "pre":
            self._pieces.append(PRE_START)
        for key, value in attrs if self._wanted else ():
            if key in ("id", "name") and value in self._wanted:
                self._anchors.append((self._next_mark(), value or ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._dropped:
            self.handle_starttag(tag, attrs)
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = None
        elif tag in _HEADINGS:
            self._heading_open = False
        elif tag == "pre" and self._inside is None:
            self._pieces.append(PRE_END)

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self._title.append(data)
        if self._inside is not None:
            return
        self._pieces.append(data)
        if self._heading_open:
            self._headings[-1][1].append(data)

    def marked(self) -> Marked:
        headings = tuple((number, "".join(title), level) for number, title, level in self._headings)
        return Marked(
            "".join(self._pieces), headings, tuple(self._anchors), title="".join(self._title), **self._metadata
        )

    def _next_mark(self) -> int:
        self._marks += 1
        self._pieces.append(mark(self._marks))
        return self._marks

    def _note_metadata(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("html", "meta"):
            return
        found = {key: value or "" for key, value in reversed(attrs)}
        if tag == "html" and not self._metadata["language"]:
            self._metadata["language"] = found.get("lang", "")
        elif found.get("name", "").lower() == "author":
            self._metadata["author"] = found.get("content", "")
