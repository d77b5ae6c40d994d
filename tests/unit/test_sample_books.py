"""The sample books are what their README says, and what their sources give."""

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pypdf
import pypdf.errors
import pypdfium2
import pytest
from lxml import etree, html

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_books"
SOURCES = sorted(SAMPLES.glob("sources/*.md"))
NOT_BOOKS = {"README.md", ".librarianignore", ".gitattributes"}
DAMAGED = SAMPLES / "manuals/the-grey-of-the-page.pdf"
NAMES = {
    "opf": "http://www.idpf.org/2007/opf",
    "dc": "http://purl.org/dc/elements/1.1/",
    "ncx": "http://www.daisy.org/z3986/2005/ncx/",
    "h": "http://www.w3.org/1999/xhtml",
    "epub": "http://www.idpf.org/2007/ops",
}


def books() -> list[Path]:
    files = (path for path in SAMPLES.rglob("*") if path.is_file() and path.name not in NOT_BOOKS)
    return sorted(path for path in files if path.parent.name != "sources")


def body(source: Path) -> str:
    return source.read_text(encoding="utf-8").split("---\n", 2)[2]


def chapter_titles(source: str) -> list[str]:
    return re.findall(r"^## (.+)$", body(SAMPLES / "sources" / source), re.MULTILINE)


def open_pdf(name: str) -> pypdfium2.PdfDocument:
    return pypdfium2.PdfDocument(SAMPLES / name)


def page_texts(document: pypdfium2.PdfDocument) -> list[str]:
    return [page.get_textpage().get_text_range() for page in document]


def outline(document: pypdfium2.PdfDocument) -> list[str]:
    return [entry.get_title() for entry in document.get_toc()]


def epub_part(name: str, part: str) -> etree._Element:
    with zipfile.ZipFile(SAMPLES / name) as archive:
        return etree.fromstring(archive.read(f"OEBPS/{part}"))


def texts(root: etree._Element, path: str) -> list[str]:
    found = root.xpath(path, namespaces=NAMES)
    assert isinstance(found, list)
    return [str(item) for item in found]


def check(root: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("reportlab", minversion="5.0", reason="makes the PDFs; older versions sign them differently")
    command = [sys.executable, "-B", str(root / "scripts/make_sample_books"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_committed_books_are_what_their_sources_give() -> None:
    result = check(ROOT)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_check_names_the_books_that_differ_or_are_missing(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copytree(SAMPLES, tmp_path / "sample_books")
    (tmp_path / "sample_books/science/the-harbour-clock.html").write_bytes(b"not a tide in sight")
    (tmp_path / "sample_books/manuals/bicycle.pdf").unlink()
    result = check(tmp_path)
    assert result.returncode == 1
    assert sorted(line.split(":")[0] for line in result.stderr.splitlines()) == [
        "manuals/bicycle.pdf",
        "science/the-harbour-clock.html",
    ]


def test_there_are_fourteen_books_and_the_readme_lists_them() -> None:
    names = [path.relative_to(SAMPLES).as_posix() for path in books()]
    listed = re.findall(r"^\| `(.+?)` \|", (SAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(names) == 14
    assert sorted(listed) == names


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_book_has_a_thousand_to_2500_words_in_three_to_six_chapters(source: Path) -> None:
    assert 1_000 <= len(body(source).split()) <= 2_500
    assert 3 <= len(chapter_titles(source.name)) <= 6


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_paragraph_is_written_twice(source: Path) -> None:
    paragraphs = Counter(block for block in body(source).split("\n\n") if len(block) > 40)
    assert max(paragraphs.values()) == 1


def test_exactly_two_files_have_the_same_bytes() -> None:
    counts = Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in books())
    assert sorted(counts.values()) == [1] * 12 + [2]


def test_names_include_a_space_and_an_accent() -> None:
    names = [path.name for path in books()]
    assert any(" " in name for name in names)
    assert any(not name.isascii() for name in names)


def test_no_reader_can_open_the_damaged_pdf() -> None:
    assert DAMAGED.read_bytes().startswith(b"%PDF-")
    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(DAMAGED)
    with pytest.raises(pypdf.errors.PyPdfError):
        len(pypdf.PdfReader(DAMAGED).pages)


def test_the_pdf_with_outline_has_metadata_labels_and_divided_words() -> None:
    document = open_pdf("science/flattening-the-globe.pdf")
    pages = page_texts(document)
    labels = [document.get_page_label(index) for index in range(len(document))]
    assert document.get_metadata_value("Title") == "Flattening the Globe: A Short History of Map Projections"
    assert document.get_metadata_value("Author") == "Henrik Vane"
    assert outline(document) == chapter_titles("map-projections.md")
    assert labels == ["i", "1", "2", "3", "4", "5"]
    assert [text.split()[-1] for text in pages] == labels
    assert "".join(pages).count("\ufffe") >= 3  # pdfium's mark of a hyphen at a line's end


def test_the_pdf_without_outline_names_itself_in_its_text_only() -> None:
    document = open_pdf("manuals/bicycle.pdf")
    first, *_ = pages = page_texts(document)
    assert outline(document) == []
    assert document.get_metadata_value("Title") == document.get_metadata_value("Author") == ""
    assert " ".join(first.split()).startswith("Roadside Repairs: A Small Bicycle Workshop Odile Brandt")
    assert [text.split()[-1] for text in pages] == [str(number) for number in range(1, len(pages) + 1)]


def test_the_two_column_pdf_leaves_the_middle_of_its_pages_empty() -> None:
    document = open_pdf("science/a-year-of-clear-nights.pdf")
    assert outline(document) == chapter_titles("clear-nights.md")
    page = document[0]
    text, middle = page.get_textpage(), page.get_width() / 2
    lines = [text.get_rect(index) for index in range(text.count_rects())]
    above_foot = [(left, right) for left, bottom, right, _ in lines if bottom > 40]
    assert any(right < middle for _, right in above_foot)
    assert any(left > middle for left, _ in above_foot)
    assert not [line for line in above_foot if line[0] < middle < line[1]]


@pytest.mark.parametrize(
    ("name", "version", "title", "author"),
    [
        ("fiction/the-lamp-at-skerrin.epub", "3.0", "The Lamp at Skerrin", "Maeve Tolland"),
        ("fiction/letters-from-hollow-bay.epub", "2.0", "Letters from Hollow Bay", "Anselm Ruud"),
    ],
)
def test_an_epub_has_its_mimetype_first_metadata_and_a_complete_spine(
    name: str, version: str, title: str, author: str
) -> None:
    with zipfile.ZipFile(SAMPLES / name) as archive:
        first = archive.infolist()[0]
        files = set(archive.namelist())
    package = epub_part(name, "book.opf")
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    assert package.get("version") == version
    assert texts(package, "//dc:title/text()") == [title]
    assert texts(package, "//dc:creator/text()") == [author]
    assert {f"OEBPS/{href}" for href in texts(package, "//opf:item/@href")} < files
    assert texts(package, "//opf:itemref/@idref") == texts(package, "//opf:item/@id")[1:]


def test_the_epub_3_has_contents_and_a_list_of_printed_pages() -> None:
    name = "fiction/the-lamp-at-skerrin.epub"
    nav = epub_part(name, "nav.xhtml")
    assert texts(nav, "//h:nav[@epub:type='toc']//h:a/text()") == chapter_titles("lamp-at-skerrin.md")
    pages = texts(nav, "//h:nav[@epub:type='page-list']//h:a/@href")
    assert len(pages) >= 5
    for part, fragment in (href.split("#") for href in pages):
        assert texts(epub_part(name, part), f"//h:span[@epub:type='pagebreak'][@id='{fragment}']/@id")


def test_the_epub_2_has_an_ncx() -> None:
    name = "fiction/letters-from-hollow-bay.epub"
    assert texts(epub_part(name, "book.opf"), "//opf:spine/@toc") == ["contents"]
    points = texts(epub_part(name, "toc.ncx"), "//ncx:navPoint//ncx:text/text()")
    assert points == chapter_titles("letters-from-hollow-bay.md")


@pytest.mark.parametrize(
    ("name", "encoding", "word"),
    [
        ("science/Kleine Glockenkunde für Anfänger.txt", "latin-1", "Küster"),  # declared nowhere
        ("manuals/beekeepers-year.html", "windows-1252", "neighbours’"),  # declared in the file
    ],
)
def test_two_books_are_not_in_utf_8(name: str, encoding: str, word: str) -> None:
    content = (SAMPLES / name).read_bytes()
    assert word in content.decode(encoding)
    with pytest.raises(UnicodeDecodeError):
        content.decode()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("science/the-harbour-clock.html", "harbour-clock.md"),
        ("manuals/beekeepers-year.html", "beekeepers-year.md"),
    ],
)
def test_an_html_book_has_a_heading_for_each_chapter(name: str, source: str) -> None:
    page = html.fromstring((SAMPLES / name).read_bytes())
    assert texts(page, "//h2/text()") == chapter_titles(source)
    assert texts(page, "//meta[@name='author']/@content")
