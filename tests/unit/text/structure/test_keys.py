"""Keys by which a title and its line compare equal."""

import pytest

from librarian_cli.text.structure import keys


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("The Tide", "T H E  T I D E"),  # letters set wide
        ("Co-operation", "Coop\u00aderation"),  # a soft hyphen
        ("“Piracy”", '"PIRACY"'),
        ("The Tide", "The Tide [12]"),  # a footnote's mark
        ("Straße", "STRASSE"),
        ("Об уме", "ОБ УМЕ."),
    ],
)
def test_one_title_in_two_settings_has_one_key(title: str, line: str) -> None:
    assert keys.letters(title) == keys.letters(line) != ""


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("3.1 Foo", "foo"),
        ("A.2 Foo", "foo"),
        ("Appendix B: Foo", "foo"),
        ("CHAPTER FIVE: Foo", "foo"),
        ("IV. Foo", "foo"),
        ("Partial sums", "partialsums"),
        ("GNU tools", "gnutools"),
        ("12", ""),
    ],
)
def test_a_label_before_a_title_is_left_out(line: str, key: str) -> None:
    assert keys.letters_without_label(line) == key


def test_every_line_keeps_its_own_key() -> None:
    text = "3.1 Tides – of 2\n\n§ 4\n2.6.14 Lists\n2.6 \n3.4x\n"
    assert keys.letters(text) == "tidesof\n\n\nlists\n\nx\n"
    assert keys.letters_and_digits(text) == "31tidesof2\n\n4\n2614lists\n26\n34x\n"
    assert keys.without_label(text) == "tidesof2\n\n4\nlists\n26\n34x\n"
    assert keys.numbers(text) == "3.1;\n\n\n2.6.14;\n2.6;\n\n"


def test_a_line_of_signs_of_all_kinds_is_reduced_to_its_letters() -> None:
    signs = "".join(map(chr, range(0x2190, 0x2600)))
    assert keys.letters(f"{signs}a{signs}\nж{signs}") == "a\nж"
