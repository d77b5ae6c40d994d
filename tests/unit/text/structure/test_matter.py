"""Front matter, body and back matter by name and place."""

import pytest

from librarian_cli.text.structure import matter


def kinds(*titles: str, levels: tuple[int, ...] = ()) -> str:
    """One letter a heading: f, o (body), b(ack)."""
    found = matter.kinds_of(titles, levels or (1,) * len(titles))
    return "".join({"front": "f", "body": "o", "back": "b"}[kind] for kind in found)


def test_what_comes_before_and_after_the_chapters_is_matter() -> None:
    assert kinds("Dedication", "Contents", "Preface", "1. The Tide", "2. The Moon", "Appendix A", "Notes", "Index") == (
        "fffoobbb"
    )


@pytest.mark.parametrize("title", ["Introduction", "Prologue", "Epilogue", "Afterword", "Conclusion", "Einleitung"])
def test_parts_of_the_text_itself_are_body(title: str) -> None:
    assert kinds("Preface", title, "Chapter 1", "Chapter 2") == "fooo"
    assert kinds("Chapter 1", "Chapter 2", title, "Index") == "ooob"


@pytest.mark.parametrize(
    ("front", "back"),
    [
        ("Vorwort zur zweiten Auflage", "Literaturverzeichnis"),
        ("Avant-propos", "Bibliographie"),
        ("Dedicatoria", "Índice alfabético"),
        ("Prefazione", "Appendice"),
        ("Przedmowa", "Przypisy"),
        ("От издателя", "Примечания"),
        ("序言", "附录一"),
        ("はじめに", "索引"),
        ("Voorwoord", "Bijlage 1"),
    ],
)
def test_matter_is_known_in_several_languages(front: str, back: str) -> None:
    assert kinds(front, "1", "2", back) == "foob"


def test_a_name_in_the_midst_of_the_body_decides_nothing() -> None:
    assert kinds("Chapter 1", "Preface", "Notes", "Chapter 2", "Chapter 3") == "ooooo"


def test_acknowledgements_stand_at_either_end() -> None:
    assert kinds("Acknowledgments", "Chapter 1", "Chapter 2", "Acknowledgements") == "foob"


def test_notes_at_the_end_of_the_last_chapter_are_back_matter_only_in_a_book_without_numbered_chapters_after() -> None:
    assert kinds("Chapter 1", "Notes", "Chapter 2", "Notes", levels=(1, 2, 1, 2)) == "ooob"


def test_what_stands_inside_matter_belongs_to_it() -> None:
    levels = (1, 2, 1, 2, 1, 2, 2)
    titles = ("Preface", "Who should read it", "Chapter 1", "A Walk", "Appendices", "Tables", "A Proof")
    assert kinds(*titles, levels=levels) == "ffoobbb"


def test_the_books_title_above_its_preface_is_passed_over() -> None:
    assert kinds("The Tide Tables", "Preface", "Chapter 1", "Chapter 2", levels=(1, 2, 2, 2)) == "ofoo"


def test_appendices_may_carry_their_letter_alone() -> None:
    assert kinds("1 Basics", "2 Builtins", "A Reporting Bugs", "B Differences", "Index") == "oobbb"
    assert kinds("1 A Tale", "A Tale of the Sea", "2 Another") == "ooo"


def test_numbers_before_a_name_do_not_hide_it() -> None:
    assert kinds("1. Preface", "2. The Tide", "3. The Moon", "12. Index of Functions") == "foob"


def test_letters_inside_a_name_are_no_numbers() -> None:
    assert kinds("LIST OF ILLUSTRATIONS", "Chapter 1", "Chapter 2", "LIST OF REFERENCES") == "foob"


def test_a_text_that_is_nothing_but_matter_is_body() -> None:
    assert kinds("Glossary") == "o"
    assert kinds("Preface", "Index") == "oo"
    assert kinds() == ""


def test_an_introduction_before_the_preface_is_front_matter() -> None:
    assert kinds("Introduction", "Preface", "Chapter 1", "Chapter 2") == "ffoo"


def test_indexes_of_many_things_are_back_matter() -> None:
    assert kinds("1 Uses", "2 Ends", "Editor Functions Index", "VI Index", "Index, general", "Index of Commands") == (
        "oobbbb"
    )


def test_what_stands_before_the_contents_list_is_front_matter_whatever_its_name() -> None:
    for contents in ("Contents", "CONTENTS OF VOLUME II.", "Contents and List of Maps", "Inhaltsverzeichnis"):
        assert kinds("The Harbour Books", "A. Keeper", contents, "The Tide", "1. Ebb", "2. Flow") == "fffooo"


def test_a_title_that_holds_the_contents_list_and_the_chapters_is_no_matter() -> None:
    assert kinds("The Harbour", "Preface", "Contents", "1. Ebb", "2. Flow", levels=(1, 2, 2, 2, 2)) == "offoo"


def test_a_contents_list_after_a_chapter_says_nothing_of_it() -> None:
    assert kinds("1. Ebb", "Flow", "Contents", "Moon") == "oooo"


def test_what_follows_the_line_that_ends_the_book_is_back_matter() -> None:
    titles = ["Chapter 1", "Chapter 2", "Other Books", "The Lamp Series"]
    assert matter.kinds_of(titles, [1] * 4, ended=2) == ["body", "body", "back", "back"]
    assert matter.kinds_of([*titles, "Chapter 3"], [1] * 5, ended=2) == ["body"] * 5


def test_a_title_that_only_begins_like_a_contents_list_is_a_chapter() -> None:
    assert kinds("The Jar", "Contents Under Pressure", "The Road", "Home") == "oooo"
