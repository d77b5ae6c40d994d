"""Read one plain text file: one section, no structure of its own. Markdown shares how its text is loaded."""

import re
from collections.abc import Iterator

from librarian_cli import errors, models
from librarian_cli.readers import decoding
from librarian_cli.readers import source as files
from librarian_cli.readers.base import PEEK_BYTES, PEEK_CHARS
from librarian_cli.text.normalise import clean_field, normalise

_FIELD = re.compile(r"^(Title|Author|Language):[ \t]*(\S.*)$", re.MULTILINE)
_FIELD_CHARS = 4_000
_LANGUAGES = (
    *(("english", "en"), ("french", "fr"), ("german", "de"), ("spanish", "es"), ("italian", "it")),
    *(("portuguese", "pt"), ("dutch", "nl"), ("russian", "ru"), ("finnish", "fi"), ("swedish", "sv")),
    *(("danish", "da"), ("norwegian", "no"), ("polish", "pl"), ("latin", "la"), ("greek", "el")),
    *(("chinese", "zh"), ("japanese", "ja"), ("hungarian", "hu"), ("czech", "cs"), ("esperanto", "eo")),
)


class PlainReader:
    """Reads text files in whatever encoding."""

    format = "txt"

    def peek(self, source: models.Source, limits: models.ReadLimits) -> models.Peek:
        text = load_head(source, limits)
        fields = _gutenberg_fields(text[:_FIELD_CHARS])
        return models.Peek(
            self.format,
            title=fields.get("Title", ""),
            author=fields.get("Author", ""),
            language=_language_code(fields.get("Language", "")),
            text=text[:PEEK_CHARS],
        )

    def read(
        self, source: models.Source, limits: models.ReadLimits, pages: range | None = None
    ) -> Iterator[models.Part]:
        text, warnings = load(source, limits)
        yield models.Part(0, (models.PageText(text),), warnings=warnings)


def load(source: models.Source, limits: models.ReadLimits) -> tuple[str, tuple[str, ...]]:
    """Return a text file's normalised text, which ends with LF, and warnings.

    Raises: ReadError: empty, no_text, corrupt (mostly control bytes) or limit; FileChanged.
    """
    raw = files.read_all(source, max_bytes=limits.max_text_bytes)
    decoded = decoding.decode(raw)
    if not decoded.text:
        raise errors.ReadError("empty", "nothing but a byte order mark")
    text = normalise(decoded.text)
    dropped = len(decoded.text) - decoded.text.count("\r\n") - len(text)
    if dropped * 10 > len(decoded.text):
        raise errors.ReadError("corrupt", "mostly control characters: not a text file")
    if not text.strip():
        raise errors.ReadError("no_text", "nothing but white space")
    if len(text) > limits.max_book_chars:
        raise errors.ReadError("limit", f"{len(text)} characters of text")
    controls = ("control-characters",) if "\x00" in decoded.text else ()
    return text if text.endswith("\n") else text + "\n", decoded.warnings + controls


def load_head(source: models.Source, limits: models.ReadLimits) -> str:
    """Return the normalised text of the file's first PEEK_BYTES."""
    raw = files.read_head(source, PEEK_BYTES, max_bytes=limits.max_text_bytes)
    return normalise(decoding.decode(raw, cut=len(raw) < source.size).text)


def _gutenberg_fields(head: str) -> dict[str, str]:
    """Return Title, Author and Language lines of a Project Gutenberg header, or of one like it."""
    fields: dict[str, str] = {}
    for found in _FIELD.finditer(head):
        fields.setdefault(found[1], clean_field(found[2]))
    trusted = "gutenberg" in head.lower() or {"Title", "Author"} <= fields.keys()
    return fields if trusted else {}


def _language_code(name: str) -> str:
    return dict(_LANGUAGES).get(name.lower(), name.lower() if len(name) == 2 else "")


READER = PlainReader()
