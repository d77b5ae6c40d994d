"""Make text safe to store, index and print: one kind of line end, nothing that a database or terminal trips over.

Owns the rules of what a book's text may hold. Knows nothing of formats: readers call it on what they decoded.
"""

import re

# C0 controls and DEL, save LF and TAB. In UTF-8 these bytes never occur inside a longer sequence.
_CONTROL_BYTES = bytes(code for code in (*range(0x20), 0x7F) if code not in (0x09, 0x0A))
_C1_OR_SOFT_HYPHEN = re.compile(rb"\xc2[\x80-\x9f\xad]")
_RARE = ("\u2028", "\u2029", "\ufeff", "\ufffe", "\uffff")
_LINE_ENDS = re.compile("[\v\f\x85\u2028\u2029]")
_SOFT_HYPHEN = re.compile("\u00ad(?:\n(?=[^\\W\\d_]))?")
_UNSAFE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
# Marks that reorder or hide the rest of a line on a terminal, beside the controls.
_FIELD_NOISE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]"
)


def normalise(text: str) -> str:
    """Return the text with LF line ends and without controls, byte order marks, soft hyphens and lone surrogates.

    TAB and LF stay; form feeds, NEL and Unicode line separators become LF; a surrogate pair becomes its character,
    a lone one U+FFFD. A soft hyphen at a line's end joins the word. Clean text is returned as it is.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        data = text.encode()
    except UnicodeEncodeError:
        text = repair_surrogates(text)
        data = text.encode()
    if len(data.translate(None, _CONTROL_BYTES)) == len(data) and not _has_rare(text, data):
        return text
    return _UNSAFE.sub("", _SOFT_HYPHEN.sub("", _LINE_ENDS.sub("\n", text)))


def clean_field(value: str, max_chars: int = 1_000) -> str:
    """Return metadata as one printable line: no control or bidi marks, spaces collapsed, at most `max_chars`."""
    # A hostile field may hold megabytes; four times the room leaves enough for what is dropped.
    head = repair_surrogates(value[: max_chars * 4])
    return " ".join(_FIELD_NOISE.sub("", head).split())[:max_chars].rstrip()


def repair_surrogates(text: str) -> str:
    """Join surrogate pairs (CESU-8, careless PDF maps); what stays alone becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _has_rare(text: str, data: bytes) -> bool:
    if text.isascii():
        return False
    if any(character in text for character in _RARE):
        return True
    return _C1_OR_SOFT_HYPHEN.search(data) is not None
