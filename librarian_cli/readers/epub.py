"""Read EPUB 2 and 3: the spine's documents in reading order, one section each, with exact headings and page marks.

Owns how sections become parts. The wrapping is `epub_package`'s, the archive's dangers are `archive`'s.

    archive -> package -> per spine item: decode -> markup -> PageText, headings and marks at their anchors
"""

from collections.abc import Iterator
from xml.parsers import expat

from librarian_cli import errors, models
from librarian_cli.readers import archive as archives
from librarian_cli.readers import decoding, epub_package, html, markup
from librarian_cli.readers import source as files
from librarian_cli.readers.base import PEEK_CHARS
from librarian_cli.text.normalise import clean_field

_PART_SECTIONS = 16
_PART_CHARS = 500_000
_PEEK_SECTIONS = 8


class EpubReader:
    """Reads EPUBs. A section's index is its place among the spine's documents, each counted once."""

    format = "epub"

    def peek(self, source: models.Source, limits: models.ReadLimits) -> models.Peek:
        with (
            files.opened(source, max_bytes=limits.max_document_bytes) as descriptor,
            archives.opened(descriptor, source.size, limits) as archive,
        ):
            package = epub_package.read_package(archive, limits)
            text = ""
            for item in package.spine[:_PEEK_SECTIONS]:
                text += _section(archive, item, limits, frozenset()).text
                if len(text) >= PEEK_CHARS:
                    break
            return models.Peek(
                self.format,
                title=package.title,
                author=package.author,
                language=package.language,
                text=text[:PEEK_CHARS],
            )

    def read(
        self, source: models.Source, limits: models.ReadLimits, pages: range | None = None
    ) -> Iterator[models.Part]:
        with (
            files.opened(source, max_bytes=limits.max_document_bytes) as descriptor,
            archives.opened(descriptor, source.size, limits) as archive,
        ):
            package = epub_package.read_package(archive, limits)
            sections = _sections(archive, package, limits)
            yield from _parts(sections, package, limits)


class _Batch:
    """Sections that will travel as one part."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.pages: list[models.PageText] = []
        self.headings: list[models.Heading] = []
        self.marks: list[models.PageMark] = []
        self.warnings: dict[str, None] = {}
        self.chars = 0

    def add(self, section: markup.Markup, headings: list[models.Heading], marks: list[models.PageMark]) -> None:
        self.pages.append(models.PageText(section.text))
        self.headings += headings
        self.marks += marks
        self.warnings.update(dict.fromkeys(section.warnings))
        self.chars += len(section.text)

    def part(self) -> models.Part:
        return models.Part(
            self.first, tuple(self.pages), tuple(self.headings), tuple(self.marks), warnings=tuple(self.warnings)
        )


def _parts(
    sections: Iterator[markup.Markup], package: epub_package.Package, limits: models.ReadLimits
) -> Iterator[models.Part]:
    by_name = _targets_by_section(package)
    batch = _Batch(0)
    batch.warnings.update(dict.fromkeys(package.warnings))
    total = lost = 0
    for index, section in enumerate(sections):
        contents, page_list = by_name.get(package.spine[index].name, ((), ()))
        headings = _headings(section, index, contents) if package.contents else _own_headings(section, index)
        batch.add(section, headings, _marks(section, index, page_list))
        total += len(section.text)
        lost += "partial" in section.warnings
        if total > limits.max_book_chars:
            raise errors.ReadError("limit", f"more than {limits.max_book_chars} characters of text")
        if len(batch.pages) >= _PART_SECTIONS or batch.chars >= _PART_CHARS:
            yield batch.part()
            batch = _Batch(index + 1)
    if batch.pages:
        yield batch.part()
    if total == 0:
        damaged = bool(package.warnings) or lost > 0
        raise errors.ReadError("corrupt" if damaged else "no_text", "no document of its spine gave text")


_Targets = tuple[epub_package.Target, ...]


def _targets_by_section(package: epub_package.Package) -> dict[str | None, tuple[_Targets, _Targets]]:
    lists: dict[str | None, tuple[list[epub_package.Target], list[epub_package.Target]]] = {}
    for which, targets in enumerate((package.contents, package.page_list)):
        for target in targets:
            lists.setdefault(target.name, ([], []))[which].append(target)
    return {name: (tuple(contents), tuple(page_list)) for name, (contents, page_list) in lists.items()}


def _sections(
    archive: archives.Archive, package: epub_package.Package, limits: models.ReadLimits
) -> Iterator[markup.Markup]:
    wanted: dict[str | None, set[str]] = {}
    for target in (*package.contents, *package.page_list):
        wanted.setdefault(target.name, set()).add(target.anchor)
    for item in package.spine:
        yield _section(archive, item, limits, frozenset(wanted.get(item.name, set()) - {""}))


def _section(
    archive: archives.Archive, item: epub_package.SpineItem, limits: models.ReadLimits, wanted: frozenset[str]
) -> markup.Markup:
    """Return one document's text; one that is lost gives an empty text and a warning, so that places hold."""
    if item.name is None:
        return markup.Markup("", warnings=("partial",))
    if not item.has_text:
        return markup.Markup("")
    try:
        raw = archive.read(item.name)
    except (archives.MissingEntry, archives.DamagedEntry):
        return markup.Markup("", warnings=("partial",))
    decoded = decoding.decode(raw, declared=html.declared_encoding(raw))
    source = markup.unfold_empty_tags(decoded.text)
    section = markup.extract(source, limits, wanted=wanted)
    # An HTML parser passes over in silence what is no XHTML.
    malformed = () if _is_xml(raw) else ("malformed",)
    warnings = (*decoded.warnings, *section.warnings, *malformed)
    return markup.Markup(section.text, headings=section.headings, anchors=section.anchors, warnings=warnings)


def _is_xml(raw: bytes) -> bool:
    """Tell whether a document is well-formed; entities of a DTD that is not loaded are no fault."""
    parser = expat.ParserCreate()
    parser.UseForeignDTD(True)  # noqa: FBT003 - positional only
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(raw, True)  # noqa: FBT003 - positional only
    except (expat.ExpatError, ValueError, LookupError):  # the latter two: an encoding that expat cannot use
        return False
    return True


def _headings(section: markup.Markup, index: int, targets: _Targets) -> list[models.Heading]:
    places = dict(section.anchors)
    found = []
    for target in targets:
        lost = bool(target.anchor) and target.anchor not in places
        start = places.get(target.anchor, 0)
        found.append(models.Heading(target.title, target.level, index, start, exact=not lost))
    return found


def _own_headings(section: markup.Markup, index: int) -> list[models.Heading]:
    """Return <h1> to <h6> of a book without contents list."""
    return [
        models.Heading(clean_field(found.title), found.level, index, found.start_char) for found in section.headings
    ]


def _marks(section: markup.Markup, index: int, targets: _Targets) -> list[models.PageMark]:
    places = dict(section.anchors)
    return [
        models.PageMark(clean_field(target.title, 40), index, places.get(target.anchor, 0))
        for target in targets
        if not target.anchor or target.anchor in places
    ]


READER = EpubReader()
