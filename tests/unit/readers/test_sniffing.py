"""A file's format is told from its content; its name only helps."""

import subprocess
import sys

import pytest

from librarian_cli import errors, readers
from tests.unit.readers.samples import zip_bytes

HTML = b"<!DOCTYPE html><html><body><p>text</p></body></html>"
PROSE = b"It was a bright cold day in April.\n" * 20
EPUB = zip_bytes({"mimetype": "application/epub+zip", "META-INF/container.xml": "<x/>"})
ODT = zip_bytes({"mimetype": "application/vnd.oasis.opendocument.text"})
DOCX = zip_bytes({"[Content_Types].xml": "<x/>", "word/document.xml": "<x/>"})


@pytest.mark.parametrize(
    ("head", "name", "wanted"),
    [
        (b"%PDF-1.7\n1 0 obj", b"a.pdf", "pdf"),
        (b"%PDF-1.7\n1 0 obj", b"a.txt", "pdf"),  # the content outranks the name
        (b"junk\n" * 300 + b"%PDF-1.4 1 0 obj", b"a.pdf", "pdf"),
        (EPUB, b"book.zip", "epub"),
        (zip_bytes({"META-INF/container.xml": "<x/>"}), b"a", "epub"),
        (zip_bytes({"a.opf": "<x/>"}), b"a.epub", "epub"),  # damaged, but it says what it is
        (HTML, b"page.html", "html"),
        (b"\xef\xbb\xbf  <!-- c --> " + HTML, b"page", "html"),
        (HTML, b"page.txt", "html"),
        (HTML, b"readme.md", "html"),
        (PROSE, b"a.txt", "txt"),
        (PROSE, b"noextension", "txt"),
        (PROSE, b"a.md", "md"),
        ("déjà vu\n".encode("latin-1") * 20, b"a.txt", "txt"),
        ("déjà vu\n".encode("utf-16") * 20, b"a.txt", "txt"),
        ("plain words\n".encode("utf-16-le") * 20, b"a.txt", "txt"),
        (("é" * 40_000).encode()[: readers.HEAD_BYTES], b"a.txt", "txt"),  # the head ends within a character
        (PROSE, b"caf\xe9.txt", "txt"),  # names may hold any bytes
    ],
)
def test_a_book_is_recognised_with_confidence(head: bytes, name: bytes, wanted: str) -> None:
    found = readers.sniff(head, name)
    assert (found.format, found.confidence >= 0.85) == (wanted, True), found


@pytest.mark.parametrize(
    ("head", "name", "reason"),
    [
        (DOCX, b"a.epub", "docx"),
        (ODT, b"a.odt", "opendocument"),
        (zip_bytes({"a.txt": "x"}), b"a.zip", "zip"),
        (b"\xff\xd8\xff\xe0" + bytes(50), b"a.pdf", "JPEG"),
        (b"\x89PNG\r\n", b"a.epub", "PNG"),
        (b"{\\rtf1 }", b"a.rtf", "RTF"),
        (b"\x7fELF" + bytes(90), b"a.txt", "program"),
        (bytes(range(256)) * 10, b"blob", "binary"),
        (PROSE, b"a.pdf", "text, not"),
        (HTML, b"error-page.pdf", "text, not"),
        (PROSE, b"a.txt.part", "unfinished"),
        (b"import os\n" * 20, b"tool.py", "source code"),
    ],
)
def test_what_is_no_book_is_named(head: bytes, name: bytes, reason: str) -> None:
    found = readers.sniff(head, name)
    assert found.format is None
    assert reason in found.reason


def test_text_with_an_unknown_extension_waits_for_a_person() -> None:
    found = readers.sniff(PROSE, b"Notes on Dr. Smith")
    assert found.format == "txt"
    assert found.confidence < 0.85


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(errors.ReadError, match="empty"):
        readers.sniff(b"", b"a.pdf")


def test_sniffing_loads_no_parser() -> None:
    code = (
        "import sys; from librarian_cli import readers; readers.sniff(b'x y z', b'a'); readers.version('pdf');"
        "heavy = ('pypdfium2', 'pypdf', 'lxml', 'selectolax', 'charset_normalizer', 'numpy');"
        "print([name for name in heavy if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_every_registered_reader_loads_and_names_its_format() -> None:
    for entry in readers.READERS:
        assert readers.load(entry.format).format == entry.format
        assert readers.version(entry.format).startswith(f"{entry.format}-")
    with pytest.raises(errors.ReadError, match="unsupported"):
        readers.load("docx")
