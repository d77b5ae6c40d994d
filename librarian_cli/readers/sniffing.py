"""Tell a file's format from its first 64 KB; the name is only a hint. Loads no parser, so threads may call it.

Owns what counts as which format and how sure that is. Knows nothing of how formats are read.

    head -> unfinished download? -> PDF -> archive -> known binary -> text: markup, Markdown, plain
"""

import os
import re
from dataclasses import dataclass

from librarian_cli import errors

HEAD_BYTES = 64 << 10

# (where, magic, what to call it)
_BINARIES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG", "PNG image"),
    (0, b"\xff\xd8\xff", "JPEG image"),
    (0, b"GIF8", "GIF image"),
    (0, b"II*\x00", "TIFF image"),
    (0, b"MM\x00*", "TIFF image"),
    (0, b"RIFF", "image, sound or video"),
    (0, b"AT&TFORM", "DjVu"),
    (60, b"BOOKMOBI", "Mobipocket"),
    (60, b"TEXtREAd", "Mobipocket"),
    (0, b"{\\rtf", "RTF"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xd0\xcf\x11\xe0", "old Office document"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ", "xz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"7z\xbc\xaf", "7-Zip"),
    (0, b"Rar!", "RAR"),
    (257, b"ustar", "tar"),
    (0, b"!<arch>", "ar archive"),
    (0, b"\x7fELF", "program"),
    (0, b"MZ", "program"),
    (0, b"\xca\xfe\xba\xbe", "program"),
    (0, b"SQLite format 3", "SQLite database"),
    (0, b"OggS", "sound or video"),
    (0, b"ID3", "sound"),
    (4, b"ftyp", "video"),
)
_UNFINISHED = frozenset((".part", ".crdownload", ".download", ".partial", ".aria2", ".!ut"))
_BINARY_NAMES = frozenset(
    (".pdf", ".epub", ".docx", ".doc", ".odt", ".mobi", ".azw", ".azw3", ".djvu", ".zip", ".jpg", ".jpeg", ".png")
)
_TEXT_NAMES = frozenset(("", ".txt", ".text", ".asc", ".utf8", ".rst", ".adoc", ".org", ".etx", ".nfo", ".me", ".1st"))
# Text, but no books: a folder of them should not ask a person file by file.
_DATA_NAMES = frozenset(
    (
        *(
            ".c",
            ".h",
            ".cc",
            ".cpp",
            ".hpp",
            ".cs",
            ".java",
            ".js",
            ".mjs",
            ".ts",
            ".tsx",
            ".jsx",
            ".py",
            ".pyi",
            ".rb",
        ),
        *(
            ".go",
            ".rs",
            ".php",
            ".pl",
            ".pm",
            ".sh",
            ".bash",
            ".lua",
            ".swift",
            ".kt",
            ".sql",
            ".css",
            ".scss",
            ".json",
        ),
        *(".jsonl", ".csv", ".tsv", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".log", ".ipynb", ".diff"),
        *(".patch", ".lock", ".bib", ".srt", ".vtt", ".ics", ".vcf", ".eml", ".mbox"),
    )
)
_MARKDOWN_NAMES = frozenset((".md", ".markdown", ".mdown", ".mkd", ".mkdn", ".mdwn"))
_MARKUP_NAMES = frozenset((".html", ".htm", ".xhtml", ".xht", ".shtml"))

_HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*|<\?[^>]*>\s*){0,8}(?:<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_XML_START = re.compile(rb"\s*(?:<\?xml\s|<!DOCTYPE\s|<!ELEMENT\s)")
_XML_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)[\s/>]")
_MARKUP_TAG = re.compile(
    rb"</(?:p|div|a|h[1-6]|ul|li|table|td|b|i|font|center|title|body|span)>|<br ?/?>", re.IGNORECASE
)
_LOCAL_ENTRY = re.compile(rb"PK\x03\x04.{22}(..)(..)", re.DOTALL)
_CONTROL_BYTES = bytes(code for code in range(0x20) if code not in b"\t\n\f\r\x1b")


@dataclass(frozen=True, slots=True)
class Sniff:
    """What a file's head shows. `format` None: not a book that Librarian reads; `reason` then names what it is."""

    format: str | None
    confidence: float
    reason: str


def sniff(head: bytes, name: bytes) -> Sniff:
    """Tell the format of a file from its head (the first HEAD_BYTES) and its name (any path).

    Returns: confidence from 0 to 1; 0.85 and above is sure enough to go on without a person.
    Raises: ReadError: empty.
    """
    if not head:
        raise errors.ReadError("empty", "the file has no bytes")
    extension = _extension(name)
    if extension in _UNFINISHED:
        return Sniff(None, 1.0, "unfinished download")
    return _pdf(head, extension) or _zip(head, extension) or _binary(head) or _textual(head, extension)


def _extension(name: bytes) -> str:
    return os.path.splitext(os.fsdecode(name))[1].lower()


def _pdf(head: bytes, extension: str) -> Sniff | None:
    start = head.find(b"%PDF-")
    if start == 0:
        return Sniff("pdf", 0.99, "begins with %PDF-")
    # Readers accept the mark anywhere in the first 1,024 bytes; text that only mentions it stands elsewhere.
    if extension == ".pdf" and start > 0:
        return Sniff("pdf", 0.95, "holds %PDF- after other bytes, and is named .pdf")
    if 0 < start <= 1024 and b" obj" in head and extension not in _TEXT_NAMES | _MARKDOWN_NAMES | _MARKUP_NAMES:
        return Sniff("pdf", 0.85, "holds %PDF- near its start, and objects")
    if extension == ".pdf" and b" obj" in head:
        return Sniff("pdf", 0.85, "holds PDF objects, and is named .pdf")
    return None


def _zip(head: bytes, extension: str) -> Sniff | None:
    if not head.startswith(b"PK\x03\x04"):
        if extension == ".epub" and b"PK\x03\x04" in head:
            return Sniff("epub", 0.85, "a zip archive after other bytes, and is named .epub")
        return Sniff(None, 1.0, "zip archive without entries") if head.startswith(b"PK\x05\x06") else None
    names = _entry_names(head)
    declared = _declared_type(head, names)
    if declared.startswith(b"application/epub+zip"):
        return Sniff("epub", 0.99, "its first entry says application/epub+zip")
    if declared:
        return Sniff(None, 0.99, declared[:80].decode("ascii", "replace").strip())
    if b"META-INF/container.xml" in names:
        return Sniff("epub", 0.95, "a zip archive that holds META-INF/container.xml")
    if b"[Content_Types].xml" in names:
        return Sniff(None, 0.95, _office_kind(names))
    if extension == ".epub":
        return Sniff("epub", 0.85, "a zip archive named .epub")
    return Sniff(None, 0.95, "zip archive")


def _entry_names(head: bytes) -> list[bytes]:
    names = []
    for match in _LOCAL_ENTRY.finditer(head):
        length = int.from_bytes(match[1], "little")
        names.append(head[match.end() : match.end() + length])
    return names


def _declared_type(head: bytes, names: list[bytes]) -> bytes:
    """Return the content of a leading, stored `mimetype` entry, as EPUB and OpenDocument have it."""
    if not names or names[0] != b"mimetype":
        return b""
    start = 38 + int.from_bytes(head[28:30], "little")
    size = int.from_bytes(head[18:22], "little")
    stored = head[8:10] == b"\x00\x00"
    return head[start : start + min(size or 80, 80)] if stored else b""


def _office_kind(names: list[bytes]) -> str:
    for prefix, kind in ((b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", "pptx")):
        if any(name.startswith(prefix) for name in names):
            return kind
    return "Office document"


def _binary(head: bytes) -> Sniff | None:
    for offset, magic, kind in _BINARIES:
        if head.startswith(magic, offset):
            return Sniff(None, 0.99, kind)
    return None


def _textual(head: bytes, extension: str) -> Sniff:
    sure = _text_confidence(head)
    # A text file may hold a few stray bytes; a name that says so deserves a try that ends in a clear outcome.
    if sure == 0.0 and extension == ".txt":
        return Sniff("txt", 0.85, "named .txt, but hardly text")
    if sure == 0.0 or (sure < 0.5 and extension not in _TEXT_NAMES - {""} | _MARKDOWN_NAMES | _MARKUP_NAMES):
        return Sniff(None, 0.9, "binary")
    if extension in _BINARY_NAMES:
        return Sniff(None, 0.9, f"text, not what the name {extension} says")
    if extension in _DATA_NAMES:
        return Sniff(None, 0.9, f"source code or data ({extension})")
    return _markup(head, extension) or _markdown_or_plain(extension, sure)


def _text_confidence(head: bytes) -> float:
    """Return how surely the bytes are text in some encoding: 0 binary, 0.95 clean UTF-8."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return 0.95
    if _looks_wide(head):
        return 0.9
    controls = 1 - len(head.translate(None, _CONTROL_BYTES)) / len(head)
    if controls > 0.1:
        return 0.0
    if controls > 0.002:
        return 0.4
    try:
        # The head may end within a character.
        head[: max(len(head) - 3, 1)].decode("utf-8") if len(head) >= HEAD_BYTES else head.decode("utf-8")
    except UnicodeDecodeError as exc:
        if exc.start >= len(head) - 7 and len(head) >= HEAD_BYTES:
            return 0.95
        return 0.9
    return 0.95


def _looks_wide(head: bytes) -> bool:
    """UTF-16 or UTF-32 without a mark: zero bytes at every other place, none between."""
    sample = head[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    few, many = sorted((even, odd))
    wide = many > len(sample) * 0.3
    return wide and (few * 10 < many or _is_utf32(sample))


def _is_utf32(sample: bytes) -> bool:
    zeros = sorted(sample[start::4].count(0) for start in range(4))
    return zeros[0] * 10 < zeros[1] and zeros[1] > len(sample) / 4 * 0.9


def _markup(head: bytes, extension: str) -> Sniff | None:
    text = _narrowed(head)
    if _HTML_START.match(text):
        return Sniff("html", 0.95, "begins as an HTML document")
    if extension in _MARKUP_NAMES:
        tagged = _MARKUP_TAG.search(text) is not None or b"<" in text
        return Sniff("html", 0.9 if tagged else 0.6, f"tags, and named {extension}" if tagged else f"named {extension}")
    if _XML_START.match(text):
        return _xml(text)
    if extension in _TEXT_NAMES and text.lstrip().startswith(b"<") and len(_MARKUP_TAG.findall(text)) >= 5:
        return Sniff("html", 0.85, "HTML tags")
    return None


def _xml(text: bytes) -> Sniff:
    root = _XML_ROOT.search(text)
    kind = root[1].decode("ascii", "replace") if root else ""
    if kind == "FictionBook":
        return Sniff(None, 0.99, "FictionBook")
    if kind == "svg":
        return Sniff(None, 0.95, "SVG image")
    return Sniff("html", 0.6, f"XML ({kind}): its text can be read without its tags" if kind else "XML")


def _narrowed(head: bytes) -> bytes:
    """Return the bytes with a byte order mark removed and wide characters made narrow, good enough to find tags."""
    if head.startswith(b"\xef\xbb\xbf"):
        return head[3:]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[2:].replace(b"\x00", b"")
    return head.replace(b"\x00", b"") if b"\x00" in head else head


def _markdown_or_plain(extension: str, sure: float) -> Sniff:
    if extension in _MARKDOWN_NAMES:
        return Sniff("md", sure, f"text, and named {extension}")
    if extension in _TEXT_NAMES:
        bare = "no extension" if not extension else f"named {extension}"
        return Sniff("txt", sure if extension else min(sure, 0.9), f"text, {bare}")
    return Sniff("txt", min(sure, 0.6), f"text, but {extension} is no book's extension")
