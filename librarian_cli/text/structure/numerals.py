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
_FOREIGN = (
    "premier première un une erstes erster erste erstem eins ein primero primera uno primo prima primeiro primeira "
    "eerste första første första первая первый pierwszy pierwsza první",
    "deuxième second seconde deux zweites zweiter zweite zwei zwo segundo segunda dos secondo seconda due tweede twee "
    "andra två вторая второй drugi druga druhá dwa два",
    "troisième trois drittes dritter dritte drei tercero tercera tres terzo terza tre terceiro terceira derde drie "
    "tredje третья третий trzeci trzecia trzy třetí три",
    "quatrième quatre viertes vierter vierte vier cuarto cuarta cuatro quarto quarta quattro vierde fjärde fjerde "
    "четвертая четвёртая четвертый четвёртый czwarty czwarta cztery čtvrtá четыре",
    "cinquième cinq fünftes fünfter fünfte fünf quinto quinta cinco cinque vijfde vijf femte пятая пятый "
    "piąty piąta pięć "
    "pátá пять",
    "sixième six sechstes sechster sechste sechs sexto sexta seis sesto sesta sei zesde zes sjätte sjette "
    "шестая шестой "
    "szósty szósta sześć šestá шесть",
    "septième sept siebentes siebtes siebenter siebter siebente siebte sieben séptimo séptima siete settimo "
    "settima sette "
    "sétimo sétima zevende zeven sjunde syvende седьмая седьмой siódmy siódma siedem sedmá семь",
    "huitième huit achtes achter achte acht octavo octava ocho ottavo ottava otto oitavo oitava achtste åttonde "
    "восьмая восьмой ósmy ósma osiem osmá восемь",
    "neuvième neuf neuntes neunter neunte neun noveno novena nueve nono nona nove negende negen nionde девятая девятый "
    "dziewiąty dziewiąta dziewięć devátá девять",
    "dixième dix zehntes zehnter zehnte zehn décimo décima diez decimo decima dieci tiende tien tionde десятая десятый "
    "dziesiąty dziesiąta dziesięć desátá десять",
    "onzième onze elftes elfter elfte elf undécimo undécima once undicesimo undicesima undici elfde одиннадцатая "
    "одиннадцатый jedenasty jedenasta",
    "douzième douze zwölftes zwölfter zwölfte zwölf duodécimo duodécima doce dodicesimo dodicesima dodici twaalfde "
    "двенадцатая двенадцатый dwunasty dwunasta",
    "treizième treize dreizehntes dreizehnter dreizehnte dreizehn trece tredicesimo tredici тринадцатая trzynasty",
    "quatorzième quatorze vierzehntes vierzehnter vierzehnte vierzehn catorce quattordicesimo четырнадцатая czternasty",
    "quinzième quinze fünfzehntes fünfzehnter fünfzehnte fünfzehn quince quindicesimo пятнадцатая piętnasty",
    "seizième seize sechzehntes sechzehnter sechzehnte sechzehn sedicesimo шестнадцатая szesnasty",
    "siebzehntes siebzehnter siebzehnte siebzehn diciassettesimo семнадцатая siedemnasty",
    "achtzehntes achtzehnter achtzehnte achtzehn diciottesimo восемнадцатая osiemnasty",
    "neunzehntes neunzehnter neunzehnte neunzehn diciannovesimo девятнадцатая dziewiętnasty",
    "vingtième vingt zwanzigstes zwanzigster zwanzigste zwanzig vigésimo veinte ventesimo двадцатая dwudziesty",
)
"""Ordinals and cardinals of other languages, a row a number, from 1."""

_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_ROMAN_SHAPE = re.compile(r"(?=.)c{0,4}(?:xc|xl|l?x{0,4})(?:ix|iv|v?i{0,4})\Z")
_CHINESE = {c: i for i, c in enumerate("〇一二三四五六七八九")} | {"零": 0, "两": 2, "兩": 2, "廿": 20, "卅": 30}
_CHINESE_UNITS = {"十": 10, "百": 100, "千": 1000}


def _words() -> dict[str, int]:
    table = {word: number for words in (_UNITS, _ORDINALS) for number, word in enumerate(words.split())}
    for number, words in enumerate(_FOREIGN, 1):
        table.update(dict.fromkeys(words.split(), number))
    for ten, word in enumerate(_TENS.split(), 2):
        table[word] = ten * 10
        table[word[:-1] + "ieth"] = ten * 10
    return table


def any_of(words: Iterable[str]) -> str:
    """A pattern for these words (or patterns that begin with a letter) in either case, the longest first.

    One alternative a first letter: the engine passes over the others by a look at one character, where it would
    have to try every word that ignores case.
    """
    rests: dict[str, list[str]] = defaultdict(list)
    for word in sorted(words, key=len, reverse=True):
        rests[word[0]].append(word[1:])
    return "|".join(f"[{first}{first.upper()}](?i:{'|'.join(rest)})" for first, rest in rests.items())


_NUMBER_WORDS = _words()
_BELOW_TWENTY = (_UNITS + " " + _ORDINALS).split()[1:]
WORD_PATTERN = rf"(?:(?:{any_of(_NUMBER_WORDS)})(?:[- ](?:{any_of(_BELOW_TWENTY)}))?|{any_of(['last'])})"
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
