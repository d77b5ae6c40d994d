"""PDFs: text, labels, outline, ranges; and what happens to those that pdfium refuses."""

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest
from reportlab.lib.pagesizes import A5
from reportlab.pdfgen import canvas

from librarian_cli import errors, models
from librarian_cli.readers import pdf, pdf_fallback, pdf_heights, pdf_text
from tests.unit.readers.samples import LIMITS, make_pdf, source_of, text_of, warnings_of

PAGES = [[f"This is page {number}.", "It has two lines."] for number in range(1, 41)]


def read(source: models.Source, pages: range | None = None) -> list[models.Part]:
    return list(pdf.READER.read(source, LIMITS, pages))


def test_text_outline_and_metadata_are_read(tmp_path: Path) -> None:
    source = source_of(make_pdf(tmp_path / "a.pdf", PAGES))
    parts = read(source)
    assert [(part.first_page, len(part.pages)) for part in parts] == [(0, 32), (32, 8)]
    assert parts[0].pages[2].text == "This is page 3.\nIt has two lines.\n"
    headings = [
        (heading.title, heading.level, heading.page, heading.exact) for part in parts for heading in part.headings
    ]
    assert headings[:2] == [("Chapter 1", 1, 0, False), ("Chapter 2", 1, 1, False)]
    assert len(headings) == 40
    peek = pdf.READER.peek(source, LIMITS)
    assert (peek.title, peek.author, peek.page_count) == ("The Tide Table", "A. Keeper", 40)
    assert peek.text.startswith("This is page 1.\n")
    assert warnings_of(parts) == set()


def test_an_entry_that_names_a_height_leads_to_the_line_below_it(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    sheet = canvas.Canvas(str(path), pagesize=A5)
    tops = {"Above all": 590, "Of tides": 505, "Of winds": 455, "Below all": 0}
    for height, line in ((550, "The tide table, 12"), (500, "1 Tides"), (480, "They come."), (450, "2 Winds")):
        sheet.drawString(50, height, line)
    for title, top in tops.items():
        sheet.bookmarkPage(title, fit="XYZ", left=0, top=top, zoom=0)
        sheet.addOutlineEntry(title, title)
    sheet.bookmarkPage("whole", fit="Fit")
    sheet.addOutlineEntry("The page", "whole")
    sheet.save()
    (part,) = read(source_of(path))
    text = part.pages[0].text
    lines = {heading.title: text[heading.start_char :].split("\n")[0] for heading in part.headings}
    first = "The tide table, 12"
    assert lines == {
        "Above all": first,
        "Of tides": "1 Tides",
        "Of winds": "2 Winds",
        "Below all": first,
        "The page": first,
    }


def test_page_ranges_together_give_what_one_read_gives(tmp_path: Path) -> None:
    source = source_of(make_pdf(tmp_path / "a.pdf", PAGES))
    ranges = [*read(source, range(15)), *read(source, range(15, 30)), *read(source, range(30, 128))]
    whole = read(source)
    assert text_of(ranges) == text_of(whole)
    assert [part.first_page for part in ranges] == [0, 15, 30]
    assert [h for part in ranges for h in part.headings] == [h for part in whole for h in part.headings]


def test_a_name_that_is_not_utf8_is_no_obstacle(tmp_path: Path) -> None:
    made = make_pdf(tmp_path / "a.pdf", PAGES[:1])
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.pdf")
    made.rename(os.fsdecode(path))
    source = replace(source_of(Path(os.fsdecode(path))), path=path)
    assert text_of(read(source)).startswith("This is page 1.")


def test_pages_that_only_show_pictures_ask_for_ocr_and_blank_ones_do_not(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    picture = tmp_path / "dot.ppm"
    picture.write_bytes(b"P6 2 2 255 " + bytes(12))
    sheet = canvas.Canvas(str(path), pagesize=A5)
    sheet.drawString(40, 400, "Text.")
    sheet.showPage()
    sheet.showPage()
    sheet.save()
    assert warnings_of(read(source_of(path))) == set()
    sheet = canvas.Canvas(str(path), pagesize=A5)
    sheet.drawString(40, 400, "Text.")
    sheet.showPage()
    sheet.drawImage(str(picture), 0, 0, 200, 200)
    sheet.showPage()
    sheet.save()
    parts = read(source_of(path))
    assert warnings_of(parts) == {"needs-ocr"}
    assert [bool(page.text) for page in parts[0].pages] == [True, False]


def test_a_scan_without_text_layer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    sheet = canvas.Canvas(str(path), pagesize=A5)
    for row in range(100):
        sheet.line(0, row, 100, row)
    sheet.showPage()
    sheet.save()
    with pytest.raises(errors.ReadError, match="no_text"):
        read(source_of(path))


def test_an_encrypted_book_needs_its_password(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", PAGES[:1], encrypt="sesame")
    for password in (None, "wrong"):
        with pytest.raises(errors.ReadError, match="encrypted"):
            read(source_of(path, password))
        with pytest.raises(errors.ReadError, match="encrypted"):
            pdf.READER.peek(source_of(path, password), LIMITS)
    assert text_of(read(source_of(path, "sesame"))).startswith("This is page 1.")


def test_what_pdfium_refuses_goes_to_the_second_reader(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = make_pdf(tmp_path / "a.pdf", PAGES[:6])
    # pdfium looks for the header in the first 1,024 bytes only.
    path.write_bytes(b"junk\n" * 500 + path.read_bytes())
    parts = read(source_of(path))
    assert [part.first_page for part in parts] == [0, 4]
    assert "This is page 3." in parts[0].pages[2].text
    assert [heading.title for heading in parts[0].headings][:2] == ["Chapter 1", "Chapter 2"]
    assert warnings_of(parts) == {"repaired"}
    assert pdf.READER.peek(source_of(path), LIMITS).page_count == 6
    assert capfd.readouterr().err == ""
    assert logging.getLogger("pypdf").level == logging.NOTSET


def test_what_both_refuse_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7\n" + b"nothing here\n" * 50)
    with pytest.raises(errors.ReadError, match="corrupt"):
        read(source_of(path))
    with pytest.raises(errors.ReadError, match="corrupt"):
        pdf.READER.peek(source_of(path), LIMITS)


def test_a_file_cut_short_that_can_still_be_read_says_so(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", PAGES[:3])
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.rindex(b"startxref")])
    assert "truncated" in warnings_of(read(source_of(path)))


def test_limits_on_pages_and_characters_hold(tmp_path: Path) -> None:
    source = source_of(make_pdf(tmp_path / "a.pdf", PAGES[:5]))
    for limits in (replace(LIMITS, max_pages=4), replace(LIMITS, max_book_chars=50)):
        with pytest.raises(errors.ReadError, match="limit"):
            list(pdf.READER.read(source, limits))
    parts = list(pdf.READER.read(source, replace(LIMITS, max_page_chars=4)))
    assert parts[0].pages[0].text == "This\n"
    assert warnings_of(parts) == {"page-too-long"}
    (part,) = pdf.READER.read(source, replace(LIMITS, max_outline_items=2))
    assert len(part.headings) == 2


def test_a_file_that_changes_between_two_parts_is_no_torn_book(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", PAGES)
    parts = pdf.READER.read(source_of(path), LIMITS)
    next(parts)
    os.utime(path, ns=(1, 1))
    with pytest.raises(errors.FileChanged):
        list(parts)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("the com\ufffepany of men\r\nnext", "the company\nof men\nnext\n"),
        ("au\ufffethor described,\r\n", "author\ndescribed,\n"),
        ("last\ufffeword\r\nnext", "lastword\nnext\n"),
        ("Schwarz\ufffeWeiß bleibt", "Schwarz-Weiß\nbleibt\n"),  # a capital: the hyphen belongs to the word
        ("page ends in a hy\ufffe", "page ends in a hy-\n"),
        ("one\ufffetwo\ufffethree x", "onetwothree\nx\n"),
        ("ﬁrst eﬃcient ﬂow", "first efficient flow\n"),
        ("a\x00b\ud800\x1b", "ab\ufffd\n"),
        (" \r\n ", ""),
    ],
)
def test_a_pages_text_is_cleaned(raw: str, wanted: str) -> None:
    assert pdf_text.clean_page(raw) == wanted


@pytest.mark.parametrize(
    ("text", "garbled"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 20, False),
        ("Всё смешалось в доме Облонских и Stiva не знал. " * 20, False),
        ("吾輩は猫である。名前はまだ無い。" * 20, False),
        ("Σίβυλλα τί θέλεις; respondebat illa: ἀποθανεῖν θέλω. " * 20, False),
        ("\ue001\ue002\ue003 \ue004\ue005 " * 50, True),
        ("\ufffd\ufffd\ufffdab " * 50, True),
        ("Ɍhɟ ҭuiϲk bɾοwп foӽ juмps oѵer thе lаzу dоg wіth ԁеlіɡht " * 20, True),
    ],
)
def test_text_without_meaning_is_told(text: str, garbled: bool) -> None:
    assert pdf_text.is_garbled(text) is garbled


def test_the_second_reader_gives_each_heading_with_the_part_that_holds_its_page(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", PAGES)
    source = source_of(path)
    with path.open("rb") as file:
        parts = [
            part
            for span in (range(16), range(16, 40))
            for part in pdf_fallback.read(file.fileno(), source, LIMITS, span)
        ]
    pages = [heading.page for part in parts for heading in part.headings]
    assert pages == list(range(40))
    for part in parts:
        assert {item.page for item in part.headings} <= set(range(part.first_page, part.first_page + len(part.pages)))


def test_blank_lines_above_a_place_count(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = "\r\n\r\n\r\nTides\r\nThey come.\r\nWinds"
    starts = [raw.index("Tides"), raw.index("Winds")]
    monkeypatch.setattr(pdf_heights, "places", lambda *_: starts)
    clean = pdf_text.clean_page(raw)
    assert pdf._places(None, raw, [500.0, 450.0]) == {500.0: clean.index("Tides"), 450.0: clean.index("Winds")}
