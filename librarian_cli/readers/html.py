"""Read one HTML file: one section of text, its headings exact, its metadata from <head>."""

import re
from collections.abc import Iterator

from librarian_cli import errors, models
from librarian_cli.readers import decoding, markup
from librarian_cli.readers import source as files
from librarian_cli.readers.base import PEEK_BYTES, PEEK_CHARS
from librarian_cli.text.normalise import clean_field

_DECLARATION = re.compile(
    rb"""<\?xml[^>]*encoding\s*=\s*["']([\w.:-]+)|<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_DECLARATION_BYTES = 4096


class HtmlReader:
    """Reads HTML and XHTML files, and other XML for its text."""

    format = "html"

    def peek(self, source: models.Source, limits: models.ReadLimits) -> models.Peek:
        raw = files.read_head(source, PEEK_BYTES, max_bytes=limits.max_text_bytes)
        page = markup.extract(_decode(raw, cut=len(raw) < source.size).text, limits)
        return models.Peek(
            self.format,
            title=clean_field(page.title),
            author=clean_field(page.author),
            language=clean_field(page.language, 35),
            text=page.text[:PEEK_CHARS],
        )

    def read(
        self, source: models.Source, limits: models.ReadLimits, pages: range | None = None
    ) -> Iterator[models.Part]:
        decoded = _decode(files.read_all(source, max_bytes=limits.max_text_bytes), cut=False)
        page = markup.extract(decoded.text, limits)
        if not page.text:
            raise errors.ReadError("no_text", "no text outside tags and scripts")
        if len(page.text) > limits.max_book_chars:
            raise errors.ReadError("limit", f"{len(page.text)} characters of text")
        headings = tuple(
            models.Heading(clean_field(found.title), found.level, 0, found.start_char)
            for found in page.headings[: limits.max_outline_items]
        )
        warnings = decoded.warnings + page.warnings
        yield models.Part(0, (models.PageText(page.text),), headings, warnings=warnings)


def declared_encoding(raw: bytes) -> str | None:
    """Return the encoding that an XML declaration or a <meta> near the start names, as written."""
    found = _DECLARATION.search(raw[:_DECLARATION_BYTES])
    return (found[1] or found[2]).decode("ascii", "replace") if found else None


def _decode(raw: bytes, *, cut: bool) -> decoding.Decoded:
    return decoding.decode(raw, declared=declared_encoding(raw), cut=cut)


READER = HtmlReader()
