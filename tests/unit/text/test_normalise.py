"""What a book's text and its metadata may hold after normalisation."""

import pytest

from librarian_cli.text.normalise import clean_field, normalise


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),  # every kind of line end
        ("a\x00b\x1b[0m\x7f", "ab[0m"),  # controls go, TAB and LF stay
        ("a\tb\n", "a\tb\n"),
        ("one\x0ctwo\x0bthree", "one\ntwo\nthree"),  # page breaks are line ends
        ("é\x85ü\u2028ö\u2029", "é\nü\nö\n"),
        ("\ufeffé", "é"),
        ("é\x9b", "é"),  # C1: terminals obey it
        ("so\u00adft", "soft"),
        ("co\u00ad\noperate", "cooperate"),  # the word continues on the next line
        ("end\u00ad\n\nnew", "end\n\nnew"),
        ("\ud83d\ude00 \ud800", "\U0001f600 \ufffd"),  # a pair is a character, a lone half is not
        ("", ""),
    ],
)
def test_text_is_made_safe(raw: str, wanted: str) -> None:
    assert normalise(raw) == wanted


def test_clean_text_is_returned_as_it_is() -> None:
    for text in ("plain\n" * 100, "naïve – 名前 – 😀\n"):
        assert normalise(text) is text


def test_normalising_twice_changes_nothing() -> None:
    once = normalise("a\r\n\x00é\u00ad\nb\ud800\u2028\x0c")
    assert normalise(once) == once


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("  A \n Title\t", "A Title"),
        ("x\x1b]0;evil\x07y", "x]0;evily"),  # the escape is gone, harmless letters stay
        ("abc\u202edef\u2066", "abcdef"),  # bidi marks
        ("\ud800", "\ufffd"),
        ("a" * 5000, "a" * 20),
    ],
)
def test_a_field_becomes_one_printable_line(raw: str, wanted: str) -> None:
    assert clean_field(raw, 20) == wanted
