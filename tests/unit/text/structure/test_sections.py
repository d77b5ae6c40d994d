"""Chapters of texts that number their sections through, underline their titles, or set headings in other ways."""

import time

import pytest

from librarian_cli.models import BookHeading, Chapter
from librarian_cli.text.structure import chapters
from tests.unit.text.structure.test_chapters import body, book

NUMBERS = ["1", "1.1", "1.2", "2", "2.1", "2.1.1", "2.1.2", "2.2", "3", "4", "4.1", "4.2", "5"]
WORDS = ["Tides", "Ebb", "Flow", "Winds", "Gales", "Storms", "Squalls", "Calms", "Moon", "Lamps", "Oil", "Wicks", "End"]
NAMES = dict(zip(NUMBERS, WORDS, strict=True))


def manual(blank: str = "\n", mark: str = "") -> str:
    return "".join(f"{blank}{n}{mark} {NAMES[n]}\n{body(6)}" for n in NUMBERS)


def named(found: tuple[Chapter, ...]) -> list[tuple[str, int]]:
    return [(chapter.title.split()[0].rstrip("."), chapter.level) for chapter in found]


EXPECTED = [(number, number.count(".") + 1) for number in NUMBERS]


@pytest.mark.parametrize("blank", ["", "\n", "\n\n"])
@pytest.mark.parametrize("mark", ["", "."])
def test_sections_numbered_through_a_book_are_chapters_with_sections(blank: str, mark: str) -> None:
    assert named(chapters.find_chapters("A title\n" + manual(blank, mark))) == EXPECTED


def test_the_contents_list_before_them_and_running_heads_between_them_are_none() -> None:
    listed = "".join(f"{n} {NAMES[n]} {page}\n" for page, n in enumerate(NUMBERS))
    text = "Contents\n" + listed + manual().replace("2.1.1 Storms\n", "12\n2.1. GALES 13\n2.1.1 Storms\n")
    assert named(chapters.find_chapters(text)) == EXPECTED


def test_numbers_that_continue_nothing_are_no_sections() -> None:
    text = manual().replace(
        "nobody", "nobody\n9.9 Metres was the range of it\nand 2.5 Million people,\n1.4 Knots, and\n"
    )
    assert named(chapters.find_chapters(text)) == EXPECTED


def test_sections_stand_in_chapters_that_a_keyword_numbers() -> None:
    text = "".join(
        f"\n\nChapter {n}\n{NAMES[n]}\n{body(4)}" if "." not in n else f"\n{n} {NAMES[n]}\n{body(6)}" for n in NUMBERS
    )
    found = chapters.find_chapters(text)
    assert [c.level for c in found] == [level for _, level in EXPECTED]
    assert [c.title[:9] for c in found if c.level == 1] == [f"Chapter {n}" for n in "12345"]


def test_lines_that_stay_missing_do_not_end_the_chain() -> None:
    text = manual().replace("2.1 Gales", "Gales").replace("2 Winds", "Winds").replace("4 Lamps", "Lamps")
    assert [name for name, _ in named(chapters.find_chapters(text))][-4:] == ["3", "4.1", "4.2", "5"]


def test_sayings_that_are_numbered_so_are_no_sections() -> None:
    text = "\n\n".join(f"{a}.{b} The tide is all that is the case." for a in range(1, 8) for b in range(1, 9))
    assert chapters.find_chapters(text) == ()


def test_releases_in_falling_order_are_no_sections() -> None:
    text = "\n".join(f"{9 - a}.{9 - b} Version of spring\n{body(3)}" for a in range(5) for b in range(9))
    assert chapters.find_chapters(text) == ()


def test_titles_with_a_row_below_are_chapters_whose_sign_tells_the_level() -> None:
    text = "".join(f"\n{t}\n{s * len(t)}\n\n{body(4)}" for t, s in (("Tides", "="), ("Ebb", "-"), ("Flow", "-")) * 3)
    assert named(chapters.find_chapters(text)) == [("Tides", 1), ("Ebb", 2), ("Flow", 2)] * 3


def test_the_head_of_a_table_is_no_title() -> None:
    table = "Port      | Depth\n----------------\nAran      | 7\n\n"
    assert chapters.find_chapters("".join(body(5) + table for _ in range(9))) == ()


@pytest.mark.parametrize(
    "headings",
    [
        ["-- CHAPTER I --", "-- CHAPTER II --", "-- CHAPTER III --"],
        ["*** CHAPTER I ***", "*** CHAPTER II ***", "*** CHAPTER III ***"],
        ["_CHAPTER I._", "_CHAPTER II._", "_CHAPTER III._"],
        ["1. Bölüm", "2. Bölüm", "3. Bölüm"],
        ["1. fejezet", "2. fejezet", "3. fejezet"],
        ["Article 1", "Article 2", "Article 3"],
        ["Act 1, Scene 1", "Act 1, Scene 2", "Act 2, Scene 1", "Act 2, Scene 2"],
        ["ACT I. SCENE I.", "ACT I. SCENE II.", "ACT II. SCENE I.", "ACT II. SCENE II."],
    ],
)
def test_headings_may_be_marked_or_joined(headings: list[str]) -> None:
    assert len(chapters.find_chapters("A title.\n" + book(*headings))) == len(headings)


def test_a_running_head_on_each_page_is_no_chapter() -> None:
    text = "".join(f"\n\n\nCHAPTER {n}\n\n" + f"{body(6)}\nCHAPTER {n}\n" * 4 for n in ("I", "II", "III", "IV"))
    assert len(chapters.find_chapters(text)) == 4


def test_a_contents_list_at_the_end_and_one_with_arguments_give_no_chapters() -> None:
    names = ["CHAPTER I", "CHAPTER II", "CHAPTER III", "CHAPTER IV", "CHAPTER V"]
    detailed = "\n\n".join(f"{name}\n  The road; the harbour; the lamp" for name in names)
    text = f"CONTENTS\n\n{detailed}" + book(*names) + "\n\n\nCONTENTS\n\n" + "\n".join(names)
    assert len(chapters.find_chapters(text)) == 5


def test_two_novels_in_one_file_keep_the_chapters_of_both() -> None:
    names = ["CHAPTER I", "CHAPTER II", "CHAPTER III", "CHAPTER IV"]
    text = book(*names) + "\n\n\n\nThe second novel\n" + book(*names)
    assert [c.title for c in chapters.find_chapters(text) if c.title in names] == names * 2


def test_books_that_are_advertised_after_the_end_are_back_matter() -> None:
    lines = ["CHAPTER I", "CHAPTER II", "CHAPTER III", "CHAPTER IV", "CHAPTER V", "Other books"]
    text = book(*lines[:5], paragraphs=6) + "\nTHE END.\n" + book(lines[5], paragraphs=6)
    found = [BookHeading(line, 1, text.index(line + "\n"), len(text), exact=True) for line in lines]
    assert [c.kind for c in chapters.find_chapters(text, found)] == ["body"] * 5 + ["back"]
    twice = text.replace("CHAPTER IV", "THE END\n\n\nCHAPTER IV")
    found = [BookHeading(line, 1, twice.index(line + "\n"), len(twice), exact=True) for line in lines]
    assert {c.kind for c in chapters.find_chapters(twice, found)} == {"body"}


def test_the_end_of_one_story_among_others_ends_no_book() -> None:
    lines = ["The Jar", "The Lamp", "The Quay", "The Road", "Home"]
    text = book(*lines[:3], paragraphs=6) + "\nTHE END.\n" + book(*lines[3:], paragraphs=6)
    found = [BookHeading(line, 1, text.index(line + "\n"), len(text), exact=True) for line in lines]
    assert {c.kind for c in chapters.find_chapters(text, found)} == {"body"}


def test_running_heads_with_roman_page_numbers_are_no_sections() -> None:
    sections = [f"{a}.{b} Tides of the {b}th harbour" for a in range(1, 4) for b in range(1, 5)]
    text = book(*sections, paragraphs=2).replace(sections[2] + "\n", f"{sections[2]} xii\n\n{sections[2]}\n")
    assert [c.title for c in chapters.find_chapters(text)] == [c.title for c in chapters.find_chapters(book(*sections))]


def test_days_and_months_of_a_diary_are_no_sections() -> None:
    days = [f"{day}.{month}. Wir gingen an den Hafen" for month in range(1, 13) for day in range(1, 29)]
    assert chapters.find_chapters(book(*days, paragraphs=1)) == ()


def test_a_text_of_nothing_but_numbers_takes_no_time() -> None:
    numbers = [f"{a}.{b}" for a in range(1, 999) for b in range(1, 31)]
    text = "".join(f"{n} Tides\n{n.split('.')[0]} Winds\n" for n in numbers)
    start = time.process_time()
    chapters.find_chapters(text + body(3))
    assert time.process_time() - start < 5


def test_titles_with_a_row_above_and_below_hold_those_with_a_row_below() -> None:
    names = ["Harbours", "Tides", "Winds", "Charts", "Lamps", "Bells"]
    text = "".join(
        (f"{'=' * len(name)}\n" if number % 3 == 0 else "") + f"{name}\n{'=' * len(name)}\n\n{body(2)}\n"
        for number, name in enumerate(names)
    )
    found = chapters.find_chapters(text)
    assert [(c.title, c.level) for c in found] == [(name, 1 + (n % 3 > 0)) for n, name in enumerate(names)]
    assert text[found[3].start_char :].startswith("======\nCharts\n======\n")
