"""Numbers as headings write them: digits, Roman numerals, number words of several languages, Chinese numerals.

Owns the tables and the parsing. It must not know what is being numbered.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_FOREIGN_ORDINALS = (
    "premier première erstes erster erste primero primera primo prima primeiro primeira eerste första første "
    "первая первый pierwszy první",
    "deuxième zweites zweiter zweite segundo segunda secondo seconda tweede andra вторая второй drugi druhá",
    "troisième drittes dritter dritte tercero tercera terzo terza terceiro terceira derde tredje третья третий",
    "quatrième viertes vierter vierte cuarto cuarta quarto quarta vierde fjärde fjerde четвертая четвёртая",
    "cinquième fünftes fünfter fünfte quinto quinta vijfde femte пятая",
    "sixième sechstes sechster sechste sexto sexta sesto sesta zesde sjätte sjette шестая",
    "septième siebentes siebtes siebenter siebte séptimo séptima settimo settima zevende sjunde седьмая",
    "huitième achtes achter achte octavo octava ottavo ottava achtste åttonde восьмая",
    "neuvième neuntes neunter neunte noveno novena nono nona negende nionde девятая",
    "dixième zehntes zehnter zehnte décimo décima decimo decima tiende tionde десятая",
)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_ROMAN_SHAPE = re.compile(r"(?=.)c{0,4}(?:xc|xl|l?x{0,4})(?:ix|iv|v?i{0,4})\Z")
_CHINESE = {c: i for i, c in enumerate("〇一二三四五六七八九")} | {"零": 0, "两": 2, "兩": 2, "廿": 20, "卅": 30}
_CHINESE_UNITS = {"十": 10, "百": 100, "千": 1000}


def _words() -> dict[str, int]:
    table = {word: number for words in (_UNITS, _ORDINALS) for number, word in enumerate(words.split())}
    for number, words in enumerate(_FOREIGN_ORDINALS, 1):
        table.update(dict.fromkeys(words.split(), number))
    for ten, word in enumerate(_TENS.split(), 2):
        table[word] = ten * 10
        table[word[:-1] + "ieth"] = ten * 10
    return table


def _any_of(words: Iterable[str]) -> str:
    """A pattern for these words in either case, the longest first.

    One alternative a first letter: the engine passes over the others by a look at one character, where it would
    have to try every word that ignores case.
    """
    rests: dict[str, list[str]] = defaultdict(list)
    for word in sorted(words, key=len, reverse=True):
        rests[word[0]].append(word[1:])
    return "|".join(f"[{first}{first.upper()}](?i:{'|'.join(rest)})" for first, rest in rests.items())


_NUMBER_WORDS = _words()
_BELOW_TWENTY = (_UNITS + " " + _ORDINALS).split()[1:]
WORD_PATTERN = rf"(?:(?:{_any_of(_NUMBER_WORDS)})(?:[- ](?:{_any_of(_BELOW_TWENTY)}))?|{_any_of(['last'])})"
"""A regular expression for one number in words, without anchors; it has no groups."""


def parse_number(word: str) -> int | None:
    """Read a numeral: `12`, `XII`, `xii`, `twelve`, `twenty-first`, `erstes`, `十二`.

    Returns: the number, or None for what is none (`last` included).
    """
    word = word.strip().lower()
    if word.isdecimal():
        return int(word)
    if word in _NUMBER_WORDS:
        return _NUMBER_WORDS[word]
    if word[:1] in _CHINESE or word[:1] in _CHINESE_UNITS:
        return _parse_chinese(word)
    tens, _, unit = word.replace(" ", "-").partition("-")
    if unit:
        high, low = _NUMBER_WORDS.get(tens), _NUMBER_WORDS.get(unit)
        return high + low if high is not None and low is not None and high >= 20 > low else None
    return parse_roman(word)


def parse_roman(word: str) -> int | None:
    """Read a Roman numeral up to 499 in either case, additive forms such as IIII included."""
    word = word.lower()
    if not _ROMAN_SHAPE.match(word):
        return None
    total = previous = 0
    for value in (_ROMAN[letter] for letter in reversed(word)):
        total += value if value >= previous else -value
        previous = max(previous, value)
    return total


def _parse_chinese(word: str) -> int | None:
    total = digit = 0
    for char in word:
        if char in _CHINESE_UNITS:
            total += (digit or 1) * _CHINESE_UNITS[char]
            digit = 0
        elif char in _CHINESE:
            digit = digit * 10 + _CHINESE[char] if digit else _CHINESE[char]
        else:
            return None
    return total + digit
