"""Turn HTML or XHTML into plain text with the places of headings and anchors. The HTML and EPUB readers share it.

Owns what ends a line, what is left out and how white space collapses. Knows nothing of files or archives.

    source -> breaks put before block tags -> lexbor (or html.parser, where lexbor would be quadratic)
           -> one marked string -> layout: lines, blank lines between blocks, offsets of the marks

A Python step per block, not per node, is what makes it fast: breaks go in with one split and join, as form feeds,
white space that no HTML rule moves, even inside tables; the parser and the text walk are C.
"""

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from librarian_cli import models
from librarian_cli.readers import markup_fallback, markup_layout
from librarian_cli.readers.markup_layout import (
    LINE,
    PARAGRAPH,
    PRE_END,
    PRE_START,
    mark,
    strip_marks,
    without_mark_characters,
)

# Ruby readings and what is no prose; <head> goes after its metadata is read.
DROPPED = (
    *("head", "script", "style", "template", "noscript", "title", "textarea", "select"),
    *("iframe", "object", "rp", "rt", "audio", "video", "noembed", "noframes"),
)
_PARAGRAPHS = frozenset(
    (
        *(
            "p",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "blockquote",
            "pre",
            "ul",
            "ol",
            "dl",
            "table",
            "section",
            "article",
        ),
        *("aside", "header", "footer", "hr", "figure", "figcaption", "main", "nav", "address"),
    )
)
_LINES = frozenset(("li", "tr", "dt", "dd", "br", "div", "caption", "legend", "form", "fieldset", "center", "body"))
_CELLS = frozenset(("td", "th"))
_TAG = re.compile(r"<(/?[a-zA-Z][^\s/>]*)")
_OWN_ENTITY = re.compile(r"<!ENTITY\s")
_PROLOGUE_CHARS = 100_000
_LONG_TAG = re.compile(r"<[a-zA-Z][^>]{1999,}")
_ATTRIBUTE = re.compile(r"[\s/]+[^\s/>=]")
_VOID = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link"),
        *("meta", "param", "source", "track", "wbr"),
    )
)
# They never nest: void, or closed by the next of their kind.
_FLAT = _VOID | {"p", "li", "dt", "dd", "td", "th", "tr", "tbody", "thead", "tfoot", "option", "colgroup"}
_NAME = re.compile(r"[a-zA-Z][^\s/>]*")


@dataclass(frozen=True, slots=True)
class MarkupHeading:
    """An <h1> to <h6>: `start_char` is its place in the text."""

    title: str
    level: int
    start_char: int


@dataclass(frozen=True, slots=True)
class Markup:
    """What a document says: text (ends with LF unless empty), metadata as written, places in the text."""

    text: str
    title: str = ""
    author: str = ""
    language: str = ""
    headings: tuple[MarkupHeading, ...] = ()
    anchors: tuple[tuple[str, int], ...] = ()
    warnings: tuple[str, ...] = ()


def extract(source: str, limits: models.ReadLimits, *, wanted: frozenset[str] = frozenset()) -> Markup:
    """Return the text of a document, its headings and the places of the anchors whose ids are `wanted`.

    Paragraphs, headings, lists and tables stand between blank lines; items, rows and <br> end a line.
    """
    source = without_mark_characters(source.replace("\x00", ""))
    # No entity of the document's own is unfolded: bombs stay small, and lost text is said.
    warnings = ("entities-ignored",) if _OWN_ENTITY.search(source, 0, _PROLOGUE_CHARS) else ()
    parts = _TAG.split(source)
    too_much = _too_deep(parts[1::2], limits) or _too_many_attributes(source, limits)
    broken = _with_breaks(parts)
    if too_much:
        marked = markup_fallback.parse(broken, wanted, frozenset(DROPPED))
        return _laid_out(marked, (*warnings, "html-too-deep"))
    return _laid_out(_parse(broken, wanted), warnings)


def unfold_empty_tags(source: str) -> str:
    """Write XHTML's <a id="x"/> as <a id="x"></a>: HTML parsers take the first for an opening tag."""
    if "/>" not in source:
        return source
    parts = source.split("/>")
    for index, part in enumerate(parts[:-1]):
        name = _NAME.match(part, part.rfind("<") + 1)
        empty = name is not None and name[0].lower() not in _VOID
        parts[index] = f"{part}></{name[0]}>" if empty and name else f"{part}/>"
    return "".join(parts)


def _with_breaks(parts: list[str]) -> str:
    """Join (text, tag, text, tag, ..., text) again, each tag with the break that it makes before it."""
    tags = parts[1::2]
    opened = {tag: f"{_break_before(tag.lower())}<{tag}" for tag in set(tags)}
    parts[1::2] = map(opened.__getitem__, tags)
    return "".join(parts)


def _break_before(tag: str) -> str:
    name = tag.lstrip("/")
    if name in _PARAGRAPHS:
        return PARAGRAPH
    if name in _LINES:
        return LINE
    return " " if name in _CELLS else ""


def _too_deep(tags: list[str], limits: models.ReadLimits) -> bool:
    """Bound the nesting from above: the sum over names of how often a name stands open at once."""
    if len(tags) <= limits.max_html_depth:
        return False
    now: dict[str, int] = {}
    most: dict[str, int] = {}
    for tag in tags:
        if tag[0] == "/":
            name = tag[1:]
            if now.get(name, 0) > 0:
                now[name] -= 1
        else:
            depth = now[tag] = now.get(tag, 0) + 1
            if depth > most.get(tag, 0):
                most[tag] = depth
    return sum(depth for name, depth in most.items() if name.lower() not in _FLAT) > limits.max_html_depth


def _too_many_attributes(source: str, limits: models.ReadLimits) -> bool:
    for tag in _LONG_TAG.finditer(source):
        for count, _ in enumerate(_ATTRIBUTE.finditer(tag[0])):
            if count >= limits.max_html_attributes:
                return True
    return False


def _parse(source: str, wanted: frozenset[str]) -> markup_layout.Marked:
    tree = LexborHTMLParser(source)
    title = tree.css_first("head title")
    author = tree.css_first('meta[name="author" i]')
    root = tree.css_first("html")
    title_text = title.text() if title else ""
    language = (root.attributes.get("lang") or root.attributes.get("xml:lang") or "") if root else ""
    author_text = (author.attributes.get("content") or "") if author else ""
    tree.strip_tags(list(DROPPED))
    headings, anchors = _mark_places(tree, wanted)
    body = tree.body or tree.root
    return markup_layout.Marked(
        body.text() if body else "", headings, anchors, title=title_text, author=author_text, language=language
    )


def _mark_places(
    tree: LexborHTMLParser, wanted: frozenset[str]
) -> tuple[tuple[tuple[int, str, int], ...], tuple[tuple[int, str], ...]]:
    """Put a mark before every heading and wanted anchor, and marks around what is preformatted."""
    headings: list[tuple[int, str, int]] = []
    anchors: list[tuple[int, str]] = []
    for number, node in enumerate(tree.css("h1, h2, h3, h4, h5, h6")):
        headings.append((number, node.text(), int((node.tag or "h1")[1])))
        node.insert_before(mark(number))
    for node in tree.css("[id], a[name]") if wanted else ():
        name = node.attributes.get("id") or node.attributes.get("name")
        if name in wanted and node.tag not in ("html", "body"):
            number = len(headings) + len(anchors)
            anchors.append((number, str(name)))
            node.insert_before(mark(number))
    for node in tree.css("pre"):
        _enclose(node)
    return tuple(headings), tuple(anchors)


def _enclose(node: LexborNode) -> None:
    node.insert_before(PRE_START)
    node.insert_after(PRE_END)


def _laid_out(marked: markup_layout.Marked, warnings: tuple[str, ...]) -> Markup:
    text, places = markup_layout.lay_out(marked.text)
    headings = []
    for number, raw, level in marked.headings:
        title = " ".join(strip_marks(raw).split())
        if title and number in places:
            headings.append(MarkupHeading(title, level, places[number]))
    anchors = tuple((name, places[number]) for number, name in marked.anchors if number in places)
    return Markup(
        text,
        title=" ".join(marked.title.split()),
        author=marked.author,
        language=marked.language,
        headings=tuple(headings),
        anchors=anchors,
        warnings=warnings,
    )
