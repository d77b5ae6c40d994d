"""Entries of an outline at their lines: by title, by number, by the place that the file names."""

from librarian_cli.models import BookHeading
from librarian_cli.text.structure import chapters, outline
from tests.unit.text.structure.test_chapters import body, book, titles

PAGE = "Contents 4\nTides\nTides come and go.\nNothing more is known.\n3.2 Winds\nThey blow.\nTides\nAgain.\n"


def lands(title: str, near: int = 0, page: str = PAGE) -> str:
    """The line at which an entry is put that leads to the place `near` of the first of two pages."""
    found = [
        BookHeading("Contents", 1, 0, len(page), exact=False),
        BookHeading(title, 2, near, len(page), exact=False),
    ]
    place = next(p.start_char for p in outline.place_headings(page + "The next page.\n", found) if p.title == title)
    return page[place:].split("\n")[0] + ("" if place == page.index(page[place:].split("\n")[0]) else " (again)")


def test_of_two_lines_that_bear_a_title_the_one_at_the_height_that_the_file_names_counts() -> None:
    assert lands("Tides", PAGE.index("Tides")) == "Tides"
    assert lands("Tides", PAGE.index("3.2")) == "Tides (again)"


def test_a_link_below_its_title_goes_back_to_it() -> None:
    assert lands("Winds", PAGE.index("They blow")) == "3.2 Winds"


def test_a_heading_with_a_number_goes_before_prose_that_begins_with_its_title() -> None:
    page = "The index.\n3.1 Comments\nOne may write them.\nComments are not allowed elsewhere.\n"
    assert lands("Comments", page=page) == "3.1 Comments"


def test_a_title_that_the_page_does_not_hold_stands_at_the_height_that_the_file_names() -> None:
    assert lands("Ebb and flow", PAGE.index("Nothing")) == "Nothing more is known."


def test_a_title_that_the_font_does_not_spell_is_found_by_its_number() -> None:
    page = PAGE.replace("3.2 Winds", "3.2 \u1a9f\u0e76")
    assert lands("3.2 Winds", page=page).startswith("3.2 ")
    assert lands("3.2.1 Winds", PAGE.index("Nothing"), page=page) == "Nothing more is known."


def test_a_chapter_whose_label_is_in_words_is_found_by_its_title() -> None:
    assert lands("5: Piracy", page=PAGE + "CHAPTER FIVE: Piracy\nIt pays.\n") == "CHAPTER FIVE: Piracy"


def test_an_outline_that_leads_to_the_contents_list_alone_gives_way_to_chapters_of_the_text() -> None:
    listed = "".join(f"Section {number} of all\n" for number in range(1, 13))
    text = listed + book("CHAPTER I", "CHAPTER II", "CHAPTER III", paragraphs=60)
    found = [BookHeading(line, 1, 0, len(listed), exact=False) for line in listed.splitlines()]
    assert titles(chapters.find_chapters(text, found)) == ["CHAPTER I", "CHAPTER II", "CHAPTER III"]


def test_an_unsound_outline_stays_where_the_text_has_no_chapters() -> None:
    listed = "First of all\nSecond of all\n"
    found = [BookHeading(line, 1, 0, len(listed), exact=False) for line in listed.splitlines()]
    assert len(chapters.find_chapters(listed + body(400), found)) == 2


def test_an_entry_that_leads_to_an_empty_page_is_not_looked_for_on_the_page_before() -> None:
    page = "The quay\nOf all parts,\nPart Two\nis the longest, as is told below.\n"
    text = page + "The storm\nIt came at night.\n"
    found = [
        BookHeading("The quay", 2, 0, len(page), exact=False),
        BookHeading("Part Two", 1, len(page), len(page), exact=False),  # a picture
        BookHeading("The storm", 2, len(page) + 1, len(text), exact=False),
    ]
    assert [p.start_char for p in outline.place_headings(text, found) if p.title == "Part Two"] == [len(page)]
