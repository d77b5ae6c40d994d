"""Clean the text that PDF parsers give, and tell when it is no text at all. Pure functions.

Knows what pdfium does to line ends, hyphens and ligatures; knows nothing of documents.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from librarian_cli import errors, models
from librarian_cli.text.normalise import clean_field, normalise

# pdfium writes U+FFFE (some builds U+0002) for a hyphen at a line's end and drops the line end with it.
_HYPHEN = re.compile("[\ufffe\x02]\n?([^\\s\ufffe\x02]*)( ?)(\n?)")
_LIGATURE = re.compile("[\ufb00-\ufb06]")
_PRIVATE_OR_LOST = re.compile("[\ufffd\ue000-\uf8ff]")
_WORD = re.compile(r"[^\W\d_]{3,}")
_GARBLED_SHARE = 0.2
_SAMPLE_CHARS = 20_000
_MIN_WORDS = 20


@dataclass(frozen=True, slots=True)
class RawPage:
    """A page as a parser gives it: `warning` is partial, needs-ocr, page-too-long or empty.

    `places`: where in `text` the lines begin that stand at the heights to which an outline leads.
    """

    text: str
    warning: str = ""
    places: Mapping[float | None, int] = field(default_factory=dict)


def page_span(count: int, limits: models.ReadLimits, pages: range | None) -> range:
    """Return which pages of a document to read. Raises: ReadError: corrupt (no pages) or limit."""
    if count < 1:
        raise errors.ReadError("corrupt", "the document has no pages")
    if count > limits.max_pages:
        raise errors.ReadError("limit", f"{count} pages, {limits.max_pages} allowed")
    whole = range(count)
    return whole if pages is None else whole[pages.start : pages.stop]


def part_of(
    first: int,
    pages: Sequence[RawPage],
    labels: Sequence[str | None],
    headings: tuple[models.Heading, ...],
    *,
    also: tuple[str, ...] = (),
) -> models.Part:
    """Return pages as a part, their warnings named once each, after those in `also`."""
    warnings = dict.fromkeys((*also, *(page.warning for page in pages if page.warning)))
    if is_garbled("".join(page.text for page in pages)):
        warnings["garbled-text"] = None
    texts = []
    for offset, page in enumerate(pages):
        label = labels[offset] if offset < len(labels) else None
        texts.append(models.PageText(page.text, clean_field(label or "", 40) or None))
    return models.Part(first, tuple(texts), headings, warnings=tuple(warnings), paged=True)


def without_text(*, all_lost: bool) -> errors.ReadError:
    """Return the error for a document in which no page gave text."""
    if all_lost:
        return errors.ReadError("corrupt", "no page can be read")
    return errors.ReadError("no_text", "no page has a text layer: it needs OCR")


def clean_page(raw: str) -> str:
    """Return a page's normalised text, which ends with LF unless it is empty.

    A word split at a line's end is joined and stays on the first line; before a capital or digit the hyphen is kept.
    A hyphen at the page's very end stays, for the rest of the word is elsewhere. Ligatures become letters.
    """
    text = raw.replace("\r\n", "\n").replace("\x0c", "")
    if "\ufffe" in text or "\x02" in text:
        text = _HYPHEN.sub(_join, text)
    if not text.isascii():
        text = _LIGATURE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    text = normalise(text)
    if not text or text.isspace():
        return ""
    return text if text.endswith("\n") else text + "\n"


def is_garbled(text: str) -> bool:
    """Tell text whose font gives no meaning to its codes: private or lost characters, words in mixed scripts."""
    sample = _sample(text)
    solid = len(sample) - sum(map(sample.count, " \n\t"))
    if sample.isascii() or solid < 50:
        return False
    if len(_PRIVATE_OR_LOST.findall(sample)) > solid * _GARBLED_SHARE:
        return True
    words = _WORD.findall(sample)
    mixed = sum(not word.isascii() and _is_mixed(word) for word in words)
    return len(words) >= _MIN_WORDS and mixed > len(words) * _GARBLED_SHARE


def _join(found: re.Match[str]) -> str:
    rest, end = found[1], found[2] or found[3]
    if not rest:
        return "-" + found[2] + found[3]
    hyphen = "" if rest[0].islower() or (not rest[0].isupper() and rest[0].isalpha()) else "-"
    return f"{hyphen}{rest}\n" if end else hyphen + rest


def _sample(text: str) -> str:
    if len(text) <= _SAMPLE_CHARS:
        return text
    middle = len(text) // 2
    return text[middle - _SAMPLE_CHARS // 2 : middle + _SAMPLE_CHARS // 2]


def _is_mixed(word: str) -> bool:
    """Tell a word that changes script, or whose capitals follow small letters, among letters beyond ASCII."""
    scripts = {_script(character) for character in word}
    scripts.discard("")
    return len(scripts) > 1


def _script(character: str) -> str:
    if character.isascii():
        return "LATIN"
    name = unicodedata.name(character, "").partition(" ")[0]
    return name if name in ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "HEBREW", "ARABIC", "THAI", "GEORGIAN") else ""
