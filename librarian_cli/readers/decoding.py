"""Turn bytes of unknown encoding into text, and say when that was a guess.

Owns the order of evidence: byte order mark, declaration, UTF-8, escape sequences, detector. Knows no format.
"""

import codecs
import re
from dataclasses import dataclass

import charset_normalizer

from librarian_cli.text.normalise import repair_surrogates

_BOMS = (
    # UTF-32 first: its little-endian mark begins with UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DETECT_BYTES = 64 << 10
# What books are found in; every further candidate costs a pass over the head.
_CANDIDATES = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "koi8_r",
    "cp866",
    "cp855",
    "iso8859_2",
    "iso8859_5",
    "iso8859_7",
    "mac_cyrillic",
    "mac_roman",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "cp949",
    "cp874",
]
_ISO_2022 = ((b"\x1b$)C", "iso2022_kr"), (b"\x1b$B", "iso2022_jp"), (b"\x1b$@", "iso2022_jp"))
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôöøùúûüßœÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖØÙÚÛÜŒ«»‘’“”„‚–—…•©®°§·€£¿¡ªº\u00a0")
_HIGH_BYTES = re.compile(rb"[\x80-\xff]")
_HTML_LABELS = {
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text with the encoding it was taken to be in; warnings are `encoding-guessed` and `encoding-damaged`."""

    text: str
    encoding: str
    warnings: tuple[str, ...] = ()


def decode(raw: bytes, *, declared: str | None = None, cut: bool = False) -> Decoded:
    """Decode a file, or with `cut` the head of one, whose last character may be incomplete."""
    for bom, encoding in _BOMS:
        if raw.startswith(bom):
            return _forced(raw[len(bom) :], encoding, cut=cut)
    encoding = known_encoding(declared)
    if encoding and not encoding.startswith(("utf-16", "utf-32")):
        try:
            return Decoded(_strict(raw, encoding, cut=cut), encoding)
        except UnicodeDecodeError:
            pass  # the declaration lies: look at the bytes
    wide = guess_wide(raw)
    if wide:
        return Decoded(_lenient(raw, wide, cut=cut), wide, ("encoding-guessed",))
    decoded = _as_utf8(raw, cut=cut) or _detected(raw, cut=cut)
    if encoding and not decoded.warnings and decoded.encoding != encoding:
        return Decoded(decoded.text, decoded.encoding, ("encoding-guessed",))
    return decoded


def known_encoding(label: str | None) -> str:
    """Return Python's name of a declared encoding, as browsers read the label; empty when it is unknown."""
    if not label:
        return ""
    label = label.strip().lower()
    try:
        info = codecs.lookup(_HTML_LABELS.get(label, label))
    except (LookupError, ValueError):
        return ""
    # hex, rot13 and their like are no text encodings; UTF-7 hides markup from those who filter it.
    text_encoding = getattr(info, "_is_text_encoding", True) and info.name != "utf-7"
    return info.name if text_encoding else ""


def guess_wide(raw: bytes) -> str:
    """Return UTF-16 or UTF-32 without a mark, told by where the zero bytes of Latin text fall; else empty."""
    head = raw[:4096]
    quarter = len(head) // 4
    if quarter < 2 or head.count(0) < quarter:
        return ""
    zeros = [head[start::4].count(0) for start in range(4)]
    if min(zeros[0], zeros[1], zeros[2]) > quarter * 0.9 > zeros[3]:
        return "utf-32-be"
    if min(zeros[1], zeros[2], zeros[3]) > quarter * 0.9 > zeros[0]:
        return "utf-32-le"
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    if max(even, odd) < quarter or min(even, odd) * 5 > max(even, odd):
        return ""
    return "utf-16-be" if even > odd else "utf-16-le"


def _as_utf8(raw: bytes, *, cut: bool) -> Decoded | None:
    for sign, name in _ISO_2022:
        if sign in raw[:_DETECT_BYTES]:
            return _forced(raw, name, cut=cut)
    try:
        return Decoded(_strict(raw, "utf-8", cut=cut), "utf-8")
    except UnicodeDecodeError:
        pass
    try:
        text = repair_surrogates(raw.decode("utf-8", "surrogatepass"))
        return Decoded(text, "utf-8", ("encoding-damaged",))
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
    # A few broken bytes among many well-formed sequences: still UTF-8, for no other encoding looks like it.
    bad = text.count("\ufffd")
    good = len(text) - len(text.encode("ascii", "ignore")) - bad
    return Decoded(text, "utf-8", ("encoding-damaged",)) if bad <= good else None


def _detected(raw: bytes, *, cut: bool) -> Decoded:
    # The head of a long file may be plain ASCII: look where the evidence begins.
    first = _HIGH_BYTES.search(raw)
    start = max(0, first.start() - 1024) if first else 0
    sample = raw[start : start + _DETECT_BYTES]
    encoding = "cp1252" if _is_western(sample) else _best_guess(sample)
    return Decoded(_lenient(raw, encoding, cut=cut), encoding, ("encoding-guessed",))


def _best_guess(sample: bytes) -> str:
    best = charset_normalizer.from_bytes(sample, cp_isolation=_CANDIDATES, preemptive_behaviour=False).best()
    return best.encoding if best else "cp1252"


def _is_western(sample: bytes) -> bool:
    """Tell French, German, Spanish and their like, which the detector takes for its Baltic or Polish twins.

    The letters are those that other code pages' languages cannot do without: Hungarian's are all Western but o with
    tilde, which Portuguese has only beside a with tilde.
    """
    characters = set(sample.decode("cp1252", "replace")) - _WESTERN
    foreign = {character for character in characters if not character.isascii()}
    return not foreign or (foreign == {"õ"} and b"\xe3" in sample)


def _forced(raw: bytes, encoding: str, *, cut: bool) -> Decoded:
    """Decode where the encoding is certain, so that what does not fit is damage."""
    try:
        return Decoded(_strict(raw, encoding, cut=cut), encoding)
    except UnicodeDecodeError:
        return Decoded(_lenient(raw, encoding, cut=cut), encoding, ("encoding-damaged",))


def _strict(raw: bytes, encoding: str, *, cut: bool) -> str:
    if not cut:
        return raw.decode(encoding)
    return codecs.getincrementaldecoder(encoding)().decode(raw)


def _lenient(raw: bytes, encoding: str, *, cut: bool) -> str:
    if not cut:
        return raw.decode(encoding, "replace")
    return codecs.getincrementaldecoder(encoding)("replace").decode(raw)
