"""Chapters from a file's structure and from bare text."""

import json
import os
import re
import time
from pathlib import Path

import pytest

from librarian_cli.models import BookHeading, Chapter
from librarian_cli.text.structure import chapters, numerals

PROSE = (
    "The road ran down to the harbour, and nobody who walked it that night could say\n"
    "afterwards what had made the lamps go out. We waited until the morning came.\n"
)


def body(paragraphs: int = 8) -> str:
    return "\n".join([PROSE] * paragraphs)


def book(*headings: str, paragraphs: int = 12, blanks: str = "\n\n\n") -> str:
    return "".join(f"{blanks}{heading}\n\n{body(paragraphs)}" for heading in headings)


def titles(found: tuple[Chapter, ...]) -> list[str]:
    return [chapter.title for chapter in found]


@pytest.mark.parametrize(
    ("headings", "expected"),
    [
        (["CHAPTER I.", "CHAPTER II.", "CHAPTER III."], 3),
        (["Chapter One", "Chapter Two", "Chapter Three"], 3),
        (["1. The Inn", "2. The Road", "3. The Sea", "4. The End of It"], 4),  # a number before the title
        (["I", "II", "III", "IV"], 4),  # nothing but the numeral
        (["Erstes Kapitel", "Zweites Kapitel", "Drittes Kapitel"], 3),  # German: the ordinal comes first
        (["CHAPITRE PREMIER", "CHAPITRE II", "CHAPITRE III"], 3),
        (["Глава первая", "Глава вторая", "Глава третья"], 3),
        (["第一章 故乡", "第二章 远行", "第三章 归来"], 3),
        (["THE FIRST DAY", "THE SECOND DAY", "THE THIRD DAY"], 3),  # any word counts once it is numbered
        (["PREFACE", "CHAPTER I", "CHAPTER II", "CHAPTER III", "EPILOGUE"], 5),
    ],
)
def test_headings_of_many_kinds_are_found_in_plain_text(headings: list[str], expected: int) -> None:
    text = book(*headings)
    found = chapters.find_chapters(text)
    assert len(found) == expected
    assert [text[c.start_char : c.start_char + len(h)] for c, h in zip(found, headings, strict=True)] == headings


def test_chapters_reach_to_the_next_of_their_level_and_tile_the_rest_of_the_book() -> None:
    text = "A title page.\n" + book("CHAPTER I", "CHAPTER II", "CHAPTER III")
    found = chapters.find_chapters(text)
    assert [c.end_char for c in found] == [*(c.start_char for c in found[1:]), len(text)]
    assert found[0].start_char > 0


def test_parts_hold_their_chapters_one_level_below() -> None:
    text = "".join(f"\n\n\nPART {part}\n" + book("CHAPTER I", "CHAPTER II", "CHAPTER III") for part in ("I", "II"))
    found = chapters.find_chapters(text)
    assert [c.level for c in found] == [1, 2, 2, 2, 1, 2, 2, 2]
    assert found[0].end_char == found[4].start_char == found[3].end_char


def test_a_number_alone_takes_its_title_from_the_line_below() -> None:
    text = book("CHAPTER I\n\nThe Harbour Lamps", "CHAPTER II.\n\nA MORNING", "CHAPTER III")
    assert titles(chapters.find_chapters(text)) == [
        "CHAPTER I. The Harbour Lamps",
        "CHAPTER II. A MORNING",
        "CHAPTER III",
    ]


def test_a_contents_list_is_not_taken_for_the_chapters() -> None:
    names = [f"CHAPTER {n}" for n in ("I", "II", "III", "IV", "V")]
    contents = "CONTENTS\n\n" + "\n".join(names) + "\n"
    text = contents + book(*names)
    found = chapters.find_chapters(text)
    assert titles(found) == names
    assert found[0].start_char > len(contents)


def test_titles_without_numbers_are_found_when_a_contents_list_names_them() -> None:
    names = ["The Mermaid of Zennor", "The Stone Men", "The Lost Child", "The Giants of the Mount"]
    text = "CONTENTS\n\n" + "\n".join(f"{name} ..... {5 + i}" for i, name in enumerate(names)) + "\n" + book(*names)
    assert titles(chapters.find_chapters(text)) == names


def test_prose_that_mentions_chapters_gives_none() -> None:
    lines = "\nChapter II of that book, which I have never read, says otherwise; and in\nChapter 3 he denies it.\n"
    assert chapters.find_chapters(body(20) + lines + body(20) + lines) == ()


def test_a_list_of_numbered_steps_gives_no_chapters() -> None:
    recipe = "\n\n".join(f"{n}. Take the next bowl and stir it well." for n in range(1, 9))
    assert chapters.find_chapters(f"{body()}\n\n{recipe}\n\n{body()}") == ()


def test_numbered_stanzas_give_no_chapters() -> None:
    stanza = "The sea is grey, the sea is wide,\nAnd we who walk beside the tide\n"
    poem = "\n\n".join(f"{numeral}.\n\n{stanza}" for numeral in ("I", "II", "III", "IV", "V", "VI", "VII"))
    assert chapters.find_chapters(poem) == ()


def test_a_play_divides_into_acts_and_scenes_and_not_at_its_speakers() -> None:
    speech = "\n\n".join(f"HAMLET.\n\n{PROSE}\nOPHELIA.\n\n{PROSE}" for _ in range(3))
    scenes = "".join(f"\n\nSCENE {scene}. A room.\n\n{speech}" for scene in ("I", "II", "III"))
    play = "".join(f"\n\n\nACT {act}\n{scenes}" for act in ("I", "II", "III"))
    found = chapters.find_chapters(play)
    assert [c.level for c in found] == [1, 2, 2, 2] * 3


def test_page_numbers_are_no_chapters() -> None:
    text = "".join(f"{n}\n{body(12)}" for n in range(1, 40))
    assert chapters.find_chapters(text) == ()


def test_the_notices_around_a_gutenberg_text_hold_no_chapters() -> None:
    licence = "\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\n" + book("Section 1. Terms", "Section 2. Mission")
    text = "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n" + book("CHAPTER I", "CHAPTER II", "CHAPTER III") + licence
    assert len(chapters.find_chapters(text)) == 3


def test_an_empty_book_and_one_without_headings_give_no_chapters() -> None:
    assert chapters.find_chapters("") == ()
    assert chapters.find_chapters(body(30)) == ()


def heading(text: str, title: str, level: int = 1) -> BookHeading:
    return BookHeading(title, level, text.index(title), text.index(title) + len(title), exact=True)


def test_structure_comes_before_text() -> None:
    text = book("CHAPTER I", "CHAPTER II", "CHAPTER III", "Coda")
    structure = [heading(text, "CHAPTER III"), heading(text, "Coda")]
    assert len(chapters.find_chapters(text, structure)) == 2


def test_levels_of_structure_begin_at_one_without_gaps() -> None:
    text = book("Alpha", "Beta", "Gamma")
    structure = [heading(text, "Alpha", 2), heading(text, "Beta", 4), heading(text, "Gamma", 2)]
    assert [c.level for c in chapters.find_chapters(text, structure)] == [1, 2, 1]


def test_an_outline_entry_is_put_at_its_line_on_the_page() -> None:
    text = book("2.1 The Harbour", "2.2 The\nLamps", "Tail")
    page = (0, text.index("2.2"))
    structure = [
        BookHeading("The Harbour", 1, *page, exact=False),
        BookHeading("2.2. The Lamps", 1, page[1] - 40, text.index("Tail"), exact=False),
        BookHeading("Not printed", 1, text.index("Tail"), len(text), exact=False),
    ]
    starts = [c.start_char for c in chapters.find_chapters(text, structure)]
    assert starts == [text.index("2.1"), text.index("2.2"), text.index("Tail")]


def test_outline_entries_that_differ_in_their_numbers_keep_their_own_lines() -> None:
    text = book("Version 2.0", "Version 2.1", "Tail")
    page = (0, text.index("Tail"))
    structure = [BookHeading(f"Version 2.{n}", 1, *page, exact=False) for n in (0, 1)]
    starts = [c.start_char for c in chapters.find_chapters(text, structure)]
    assert starts == [text.index("Version 2.0"), text.index("Version 2.1")]


def test_a_link_to_the_foot_of_the_page_before_finds_its_title_at_the_top_of_the_next() -> None:
    text = book("Alpha", "2.2 Omega Point", "Tail")
    page_end = text.index("2.2")
    structure = [
        BookHeading("Alpha", 1, 0, page_end, exact=False),
        BookHeading("Omega Point", 1, page_end - 500, page_end, exact=False),
        BookHeading("Tail", 1, text.index("Tail"), len(text), exact=False),
    ]
    assert chapters.find_chapters(text, structure)[1].start_char == page_end


def test_an_outline_names_an_appendix_without_the_label_that_is_printed() -> None:
    text = book("1 Alpha", "A.2 t3: Extruded Meshes", "Tail")
    structure = [
        BookHeading("Alpha", 1, 0, len(text), exact=False),
        BookHeading("t3: Extruded Meshes", 1, 0, len(text), exact=False),
        BookHeading("Tail", 1, 0, len(text), exact=False),
    ]
    assert chapters.find_chapters(text, structure)[1].start_char == text.index("A.2")


def test_ten_thousand_outline_entries_of_one_page_take_no_time() -> None:
    text = "a line\n" * 150_000 + "Omega Point\n"
    structure = [BookHeading(f"Zeta {n:05} x", 1 + n % 9, 0, len(text), exact=False) for n in range(10_000)]
    structure.append(BookHeading("Omega Point", 1, 0, len(text), exact=False))
    start = time.process_time()
    chapters.find_chapters(text, structure)
    assert time.process_time() - start < 5


def test_chapters_that_are_roman_numbers_are_no_page_names() -> None:
    names = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "Coda of it all"]
    text = book(*names)
    starts = [text.index(f"\n{name}\n") + 1 for name in names]
    structure = [BookHeading(n, 1, s, s + len(n), exact=True) for n, s in zip(names, starts, strict=True)]
    assert [c.start_char for c in chapters.find_chapters(text, structure)] == starts


def test_the_notices_around_a_gutenberg_text_belong_to_no_chapter_of_its_structure_either() -> None:
    text = "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n" + book("Alpha", "Beta")
    end = len(text)
    text += "\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\n" + book("Terms of use")
    structure = [heading(text, "Alpha"), heading(text, "Beta"), heading(text, "Terms of use")]
    found = chapters.find_chapters(text, structure)
    assert titles(found) == ["Alpha", "Beta"]
    assert found[-1].end_char == end


def test_chapters_say_whether_they_are_front_matter_body_or_back_matter() -> None:
    text = book("PREFACE", "CHAPTER I", "CHAPTER II", "CHAPTER III", "APPENDIX")
    assert [c.kind for c in chapters.find_chapters(text)] == ["front", "body", "body", "body", "back"]


@pytest.mark.parametrize(
    "names",
    [
        ["Whole book"],  # one entry divides nothing
        ["Cover", "Title page"],  # all at the front
        [f"Page {n}" for n in range(1, 13)],  # what a scanner writes
        [f"scan-{n:03}.tif" for n in range(1, 13)],
    ],
)
def test_a_junk_outline_gives_way_to_the_text(names: list[str]) -> None:
    text = book(*(f"CHAPTER {n}" for n in ("I", "II", "III", "IV", "V", "VI")), paragraphs=40)
    step = len(text) // len(names) if len(names) > 2 else 10
    structure = [BookHeading(n, 1, i * step, (i + 1) * step, exact=False) for i, n in enumerate(names)]
    assert len(chapters.find_chapters(text, structure)) == 6


def test_the_books_own_title_is_no_chapter_above_all_others() -> None:
    text = "The Harbour\n" + book("Alpha", "Beta")
    structure = [heading(text, "The Harbour", 1), heading(text, "Alpha", 2), heading(text, "Beta", 2)]
    assert titles(chapters.find_chapters(text, structure, title="The harbour")) == ["Alpha", "Beta"]


def test_two_headings_at_one_place_are_one_chapter() -> None:
    text = book("Alpha", "Beta")
    structure = [heading(text, "Alpha", 2), heading(text, "Alpha", 1), heading(text, "Beta", 1)]
    found = chapters.find_chapters(text, structure)
    assert [(c.title, c.level) for c in found] == [("Alpha", 1), ("Beta", 1)]


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("XIV", 14),
        ("iiii", 4),
        ("99", 99),
        ("twenty-first", 21),
        ("Erstes", 1),
        ("二十三", 23),
        ("第", None),
        ("mill", None),
    ],
)
def test_numerals_are_read(word: str, number: int | None) -> None:
    assert numerals.parse_number(word) == number


DATA = os.environ.get("LIBRARIAN_TEST_DATA")


@pytest.mark.skipif(not DATA, reason="LIBRARIAN_TEST_DATA is not set")
def test_chapters_of_the_development_books_are_found_with_f1_of_95_percent() -> None:
    scores, hits, total = [], 0, 0
    for truth_file in sorted((Path(DATA or "") / "quality/dev/books").glob("*.chapters.json")):
        text = truth_file.with_name(truth_file.name.split(".")[0] + ".txt").read_text("utf-8-sig")
        truth = [entry[0] for entry in json.loads(truth_file.read_text())["chapters"]]
        found = [c.start_char for c in chapters.find_chapters(text)]
        matched = count_matches(found, truth)
        scores.append(2 * matched / (len(found) + len(truth)))
        hits, total = hits + 2 * matched, total + len(found) + len(truth)
    assert sum(scores) / len(scores) >= 0.95
    assert hits / total >= 0.95


NUMBERED = re.compile(r"^([ \t]*)(?:CHAPTER|Chapter|LETTER|Letter)[ \t]+([IVXLC]+|\d+)\b", re.M)


@pytest.mark.skipif(not DATA, reason="LIBRARIAN_TEST_DATA is not set")
@pytest.mark.parametrize("shape", ["Kapitel {0}", "ГЛАВА {0}", "Stave {0}", "第{1}章", "{0}", "{1}", "## Chapter {1}"])
def test_chapters_of_the_development_books_are_found_however_they_are_numbered(shape: str) -> None:
    scores = []
    for truth_file in sorted((Path(DATA or "") / "quality/dev/books").glob("*.chapters.json")):
        text = truth_file.with_name(truth_file.name.split(".")[0] + ".txt").read_text("utf-8-sig")
        truth = [entry[0] for entry in json.loads(truth_file.read_text())["chapters"]]
        named = sum(bool(NUMBERED.match(text[start : start + 40].lstrip("\n"))) for start in truth)
        if 2 * named > len(truth):
            other, truth = renumbered(text, truth, shape)
            found = [c.start_char for c in chapters.find_chapters(other)]
            scores.append(2 * count_matches(found, truth) / (len(found) + len(truth)))
    assert len(scores) >= 8
    assert sum(scores) / len(scores) >= 0.95


def renumbered(text: str, truth: list[int], shape: str) -> tuple[str, list[int]]:
    pieces, moves, last = [], [(0, 0)], 0
    for match in NUMBERED.finditer(text):
        heading = match[1] + shape.format(match[2], numerals.parse_number(match[2]))
        pieces += [text[last : match.start()], heading]
        moves.append((match.end(), moves[-1][1] + len(heading) - len(match[0])))
        last = match.end()
    pieces.append(text[last:])
    return "".join(pieces), [start + max(move for move in moves if move[0] <= start)[1] for start in truth]


def count_matches(found: list[int], truth: list[int]) -> int:
    left, matched = sorted(found), 0
    for start in sorted(truth):
        near = min((f for f in left if abs(f - start) <= 200), key=lambda f: abs(f - start), default=None)
        if near is not None:
            left.remove(near)
            matched += 1
    return matched
