"""Headings of a file's structure made one a chapter."""

import pytest

from librarian_cli.text.structure import trimming
from librarian_cli.text.structure.outline import Placed

PROSE = "The tide came in over the flats, and the boats lifted one after the other.\n" * 12


def trimmed(*lines: tuple[int, str] | str) -> list[str]:
    """Headings, as (level, title), and prose in the order of the book; gives the titles that stay."""
    text, placed = "", []
    for line in lines:
        if isinstance(line, str):
            text += line + "\n\n"
        else:
            placed.append(Placed(line[1], line[0], len(text)))
            text += line[1] + "\n\n"
    return [p.title for p in trimming.trim(text, placed)]


def test_a_number_and_the_title_below_it_are_one_heading() -> None:
    assert trimmed((2, "CHAPTER I."), (3, "The Tide"), PROSE, (2, "CHAPTER II."), (3, "The Moon"), PROSE) == [
        "CHAPTER I. The Tide",
        "CHAPTER II. The Moon",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ((1, "Part I"), (2, "Chapter 1"), PROSE, (2, "Chapter 2"), PROSE),  # both are numbered
        ((1, "Chapter 1"), PROSE, (2, "The Moon"), PROSE),  # text stands between
        ((2, "Chapter 1"), (1, "The Moon"), PROSE, (2, "Chapter 2"), PROSE),  # the title would be the outer one
        ((1, "Getting started"), (2, "Installing"), PROSE, (1, "Using"), (2, "Starting"), PROSE),
    ],
)
def test_two_chapters_stay_two(lines: tuple[tuple[int, str] | str, ...]) -> None:
    assert trimmed(*lines) == [line[1] for line in lines if not isinstance(line, str)]


def test_a_title_page_is_no_chapter() -> None:
    page: tuple[tuple[int, str], ...] = ((1, "A HISTORY"), (3, "OF THE"), (1, "TIDES"), (3, "BY"), (2, "A. B. MARSH"))
    assert trimmed(*page, (2, "PREFACE"), PROSE, (2, "I. The Moon"), PROSE, (2, "II. The Sun"), PROSE) == [
        "PREFACE",
        "I. The Moon",
        "II. The Sun",
    ]


def test_a_half_title_before_the_first_chapter_is_no_chapter() -> None:
    found = trimmed((1, "Preface"), PROSE, (1, "THE TIDES"), (1, "Chapter 1"), PROSE, (1, "Chapter 2"), PROSE)
    assert found == ["Preface", "Chapter 1", "Chapter 2"]


def test_captions_that_are_set_as_headings_are_no_chapters() -> None:
    chapters: list[tuple[int, str] | str] = []
    for number in range(1, 6):
        chapters += [(2, f"Chapter {number}"), PROSE, (5, "Original"), PROSE]
    assert trimmed(*chapters) == [f"Chapter {n}" for n in range(1, 6)]


def test_a_part_that_repeats_in_every_chapter_and_says_what_it_is_stays() -> None:
    chapters: list[tuple[int, str] | str] = []
    for number in range(1, 6):
        chapters += [(2, f"Chapter {number}"), PROSE, (3, "Notes"), PROSE]
    assert trimmed(*chapters).count("Notes") == 5


def test_headings_of_a_short_text_all_stay_when_all_would_go() -> None:
    assert trimmed((1, "One line"), "x", (1, "And another"), "y") == ["One line", "And another"]


def test_the_books_title_set_again_above_its_chapters_is_no_part() -> None:
    found = trimmed(
        (1, "THE TIDES"), (2, "Preface"), PROSE, (1, "THE TIDES"), (2, "Chapter 1"), PROSE, (2, "Chapter 2"), PROSE
    )
    assert found == ["Preface", "Chapter 1", "Chapter 2"]
