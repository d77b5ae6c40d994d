"""EPUBs: reading order, exact headings, page lists, and archives that mean harm."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from librarian_cli import errors, models
from librarian_cli.readers import epub
from tests.unit.readers.samples import LIMITS, make_epub, opf, source_of, text_of, warnings_of, xhtml

NAV_ITEM = '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
NCX_ITEM = '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
ONE = xhtml('<h1 id="c1">Ebb</h1><p>First <span id="pg2"/>page two.</p><h2 id="c1a">Low</h2><p>Mud.</p>')
TWO = xhtml("<h1>Flow</h1><p>Second.</p>")


def read(path: Path, limits: models.ReadLimits = LIMITS) -> list[models.Part]:
    return list(epub.READER.read(source_of(path), limits))


def placed(parts: list[models.Part]) -> list[tuple[str, int, int, str, bool]]:
    pages = [page.text for part in parts for page in part.pages]
    return [
        (h.title, h.level, h.page, pages[h.page][h.start_char :][:4], h.exact) for part in parts for h in part.headings
    ]


def test_epub3_contents_and_page_list_are_exact(tmp_path: Path) -> None:
    nav = xhtml(
        '<nav epub:type="toc"><ol><li><a href="a%20b.xhtml#c1">I. Ebb</a>'
        '<ol><li><a href="a%20b.xhtml#c1a">Low</a></li></ol>'
        '</li><li><a href="two.xhtml">II. Flow</a></li><li><a href="two.xhtml#absent">III</a></li></ol></nav>'
        '<nav epub:type="page-list"><ol><li><a href="a%20b.xhtml#pg2">2</a></li></ol></nav>'
    )
    package = opf(["a%20b.xhtml", "two.xhtml", "a%20b.xhtml#again"], extra_items=NAV_ITEM)
    path = make_epub(tmp_path / "a.epub", {"book.opf": package, "a b.xhtml": ONE, "two.xhtml": TWO, "nav.xhtml": nav})
    parts = read(path)
    assert text_of(parts) == "Ebb\n\nFirst page two.\n\nLow\n\nMud.\nFlow\n\nSecond.\n"
    assert placed(parts) == [
        ("I. Ebb", 1, 0, "Ebb\n", True),
        ("Low", 2, 0, "Low\n", True),
        ("II. Flow", 1, 1, "Flow", True),
        ("III", 1, 1, "Flow", False),
    ]
    (mark,) = parts[0].page_marks
    assert (mark.label, parts[0].pages[mark.page].text[mark.start_char :][:4]) == ("2", "page")
    assert warnings_of(parts) == set()


def test_epub2_ncx_gives_nested_headings(tmp_path: Path) -> None:
    ncx = (
        '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>I</text></navLabel>'
        '<content src="one.xhtml"/><navPoint><navLabel><text>I.1</text></navLabel>'
        '<content src="one.xhtml#c1a"/></navPoint></navPoint></navMap></ncx>'
    )
    package = opf(["one.xhtml"], extra_items=NCX_ITEM, spine_attributes=' toc="ncx"')
    path = make_epub(tmp_path / "a.epub", {"book.opf": package, "one.xhtml": ONE, "toc.ncx": ncx})
    assert placed(read(path)) == [("I", 1, 0, "Ebb\n", True), ("I.1", 2, 0, "Low\n", True)]


def test_without_contents_the_chapters_own_headings_count(tmp_path: Path) -> None:
    path = make_epub(tmp_path / "a.epub", {"book.opf": opf(["1.xhtml", "2.xhtml"]), "1.xhtml": ONE, "2.xhtml": TWO})
    assert [title for title, *_ in placed(read(path))] == ["Ebb", "Low", "Flow"]


def test_peek_gives_the_packages_metadata(tmp_path: Path) -> None:
    path = make_epub(tmp_path / "a.epub", {"book.opf": opf(["1.xhtml"]), "1.xhtml": ONE})
    peek = epub.READER.peek(source_of(path), LIMITS)
    assert (peek.title, peek.author, peek.language, peek.page_count) == ("The Tide Table", "A. Keeper", "en", None)
    assert peek.text.startswith("Ebb\n")


@pytest.mark.parametrize(
    "reference", ["missing.xhtml", "../../etc/passwd", "/etc/passwd", "http://x/y", "file:///etc/passwd"]
)
def test_a_spine_item_that_is_not_in_the_archive_is_lost_and_named(tmp_path: Path, reference: str) -> None:
    path = make_epub(tmp_path / "a.epub", {"book.opf": opf([reference, "1.xhtml"]), "1.xhtml": ONE})
    parts = read(path)
    assert [bool(page.text) for page in parts[0].pages] == [False, True]
    assert warnings_of(parts) == {"partial"}


@pytest.mark.parametrize(
    ("chapter", "warning"),
    [
        ("<html><body><p>un<b>closed & x", "malformed"),
        (xhtml("<p>a&nbsp;b</p>"), None),  # an entity of the DTD that is not loaded is no damage
        ('<!DOCTYPE html [<!ENTITY a "boom">]><html><body><p>x &a; y</p></body></html>', "entities-ignored"),
    ],
)
def test_damage_in_a_chapter_is_said(tmp_path: Path, chapter: str, warning: str | None) -> None:
    path = make_epub(tmp_path / "a.epub", {"book.opf": opf(["1.xhtml"]), "1.xhtml": chapter})
    parts = read(path)
    assert "boom" not in text_of(parts)
    assert warnings_of(parts) == ({warning} if warning else set())


def encryption(algorithm: str) -> str:
    return (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" xmlns:e="http://www.w3.org/2001/04/xmlenc#">'
        f'<e:EncryptedData><e:EncryptionMethod Algorithm="{algorithm}"/></e:EncryptedData></encryption>'
    )


def test_drm_is_told_from_obfuscated_fonts(tmp_path: Path) -> None:
    book = {"book.opf": opf(["1.xhtml"]), "1.xhtml": ONE}
    fonts = encryption("http://www.idpf.org/2008/embedding")
    assert read(make_epub(tmp_path / "f.epub", {**book, "/META-INF/encryption.xml": fonts}))
    locked = encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc")
    for extra in ({"/META-INF/encryption.xml": locked}, {"/META-INF/rights.xml": "<r/>"}):
        with pytest.raises(errors.ReadError, match="drm"):
            read(make_epub(tmp_path / "d.epub", {**book, **extra}))


@pytest.mark.parametrize(
    ("limits", "content"),
    [
        (LIMITS, b"a" * 3_000_000),  # out of proportion
        (replace(LIMITS, max_archive_entry_bytes=1000), b"ab12" * 500),
        (replace(LIMITS, max_archive_bytes=3000), b"ab12" * 900),
        (replace(LIMITS, max_archive_entries=3), b"x"),
        (replace(LIMITS, max_book_chars=10), b"a text longer than that"),
    ],
)
def test_archive_limits_hold(tmp_path: Path, limits: models.ReadLimits, content: bytes) -> None:
    chapter = b"<html><body><p>" + content + b"</p></body></html>"
    path = make_epub(tmp_path / "a.epub", {"book.opf": opf(["1.xhtml"]), "1.xhtml": chapter})
    with pytest.raises(errors.ReadError, match="limit"):
        read(path, limits)


def test_sizes_in_headers_are_not_believed(tmp_path: Path) -> None:
    path = make_epub(tmp_path / "a.epub", {"book.opf": opf(["1.xhtml"]), "1.xhtml": "x" * 3_000_000})
    raw = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        true_size = archive.getinfo("OEBPS/1.xhtml").file_size
    path.write_bytes(raw.replace(true_size.to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(errors.ReadError, match=r"limit|corrupt"):
        read(path)


@pytest.mark.parametrize(
    ("entries", "container"),
    [
        ({"book.opf": "<<<"}, None),  # neither container nor package
        ({"other.opf": "<x/>"}, "not xml"),
        ({}, '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'),
        ({}, '<container><rootfiles><rootfile full-path="../../etc/passwd"/></rootfiles></container>'),
        (
            {"book.opf": opf(["1.xhtml"])},
            '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        ),
    ],
)
def test_a_broken_wrapping_is_corrupt(tmp_path: Path, entries: dict[str, str], container: str | None) -> None:
    with pytest.raises(errors.ReadError, match="corrupt"):
        read(make_epub(tmp_path / "a.epub", entries, container=container))


def test_a_truncated_archive_is_corrupt(tmp_path: Path) -> None:
    path = make_epub(tmp_path / "a.epub", {"book.opf": opf(["1.xhtml"]), "1.xhtml": ONE})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(errors.ReadError, match="corrupt"):
        read(path)


def test_many_sections_travel_in_several_parts(tmp_path: Path) -> None:
    names = [f"{number}.xhtml" for number in range(40)]
    chapters = {name: xhtml(f"<h1>Chapter {name}</h1>") for name in names}
    parts = read(make_epub(tmp_path / "a.epub", {"book.opf": opf(names), **chapters}))
    assert [part.first_page for part in parts] == [0, 16, 32]
    assert sum(len(part.pages) for part in parts) == 40
    assert [heading.page for part in parts for heading in part.headings] == list(range(40))
