"""Keys by which a title and the line that holds it compare equal, for single titles and for whole pages.

Owns what of a line counts: its letters, and its digits or its label where they tell titles apart. It must not know
where lines stand. Every key keeps the line ends (LF), so that one call reduces all lines of a page.
"""

import re
from collections.abc import Callable

_MARK = re.compile(r"\[(?:\d+|[A-Z])\]")
_LABEL = re.compile(
    r"\n[ \t\xa0]*(?=[A-Z\dacpsb])(?:(?:[IVXLC]+|[A-Z]?\d+|[A-Z])(?:\.\d+)*"
    r"|(?i:appendix|chapter|annex|part|section|book)[ \t\xa0]+\w{1,12})[.:]?[ \t\xa0]+(?=[^\n])"
)
_NUMBERED_LINE = re.compile(r"(?m)^[ \t\xa0]*(\d+(?:\.\d+)+)(?![^\s.])[^\n]*|^[^\n]+")
_FEW = 20
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha() and code != 10)
_NO_SIGNS = bytes(code for code in range(128) if not chr(code).isalnum() and code != 10)


def letters(text: str) -> str:
    """Reduce each line of a text to its letters, footnote marks left out."""
    return _reduced(_MARK.sub("", text) if "[" in text else text, _NO_LETTERS, str.isalpha)


def letters_and_digits(text: str) -> str:
    """Reduce each line of a text to its letters and digits: `Version 2.1` is not `Version 2.0`."""
    return _reduced(text, _NO_SIGNS, str.isalnum)


def without_label(text: str) -> str:
    """Reduce each line of a text to its letters and digits, a label before it left out: `A.2`, `Part 3`, `3.1`."""
    return letters_and_digits(_unlabelled(text))


def letters_without_label(text: str) -> str:
    """Reduce each line of a text to its letters, a label before it left out."""
    return letters(_unlabelled(text))


def numbers(text: str) -> str:
    """Reduce each line of a text to the number of several parts before it (`2.6.14;`), or to nothing."""
    return _NUMBERED_LINE.sub(lambda found: f"{found[1]};" if found[1] else "", text)


def _unlabelled(text: str) -> str:
    return _LABEL.sub("\n", f"\n{text}")[1:]


def _reduced(text: str, unwanted: bytes, is_wanted: Callable[[str], bool]) -> str:
    """Fold case and drop characters: those of ASCII as bytes, which is ten times as fast, then the others.

    Of the others most texts have a few kinds, such as quotation marks, which are replaced one by one.
    """
    folded = text.casefold().encode("utf-8", "surrogatepass").translate(None, unwanted).decode("utf-8", "surrogatepass")
    if folded.isascii():
        return folded
    others = [char for char in set(folded) if not (char.isascii() or is_wanted(char))]
    if len(others) > _FEW:
        return folded.translate(dict.fromkeys(map(ord, others)))
    for char in others:
        folded = folded.replace(char, "")
    return folded
