"""Lines of plain text that look like headings: a keyword with a number, a bare number, capitals, isolated titles.

Owns the look of one line (words, numerals, blank lines around it). It must not know which candidates are chapters:
that follows from their sequence, which chapters.py judges.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from librarian_cli.text.structure import keys, numerals

_FAMILIES = {
    "volume": "volume vol tome tomo band tom том",
    "book": "book livre libro buch boek bok liber książka kniha kirja книга βιβλίο",
    "part": "part partie teil theil parte deel del część díl osa часть частина μέρος",
    "act": "act acte akt aufzug atto acto akten näytös действие",
    "chapter": "chapter chap chapitre kapitel kap capitulo capítulo capitolo hoofdstuk kapittel kapitola rozdział "
    "kapitlet luku caput глава розділ κεφάλαιο bölüm fejezet capitolul poglavlje поглавље",
    "letter": "letter epistle lettre brief lettera carta письмо",
    "scene": "scene scène szene auftritt scena escena явление",
    "article": "article artículo articolo artigo artikel artykuł статья стаття член článek madde",
    "appendix": "appendix anhang appendice apéndice apêndice annexe приложение",
}
_FAMILY_OF = {word: family for family, words in _FAMILIES.items() for word in words.split()}
_CAPTIONS = (
    "figure fig figures table tab tabelle tableau tabla plate illustration abbildung abb bild theorem lemma satz "
    "proposition corollary korollar definition equation algorithm listing example beispiel exemple exercise problem "
    "aufgabe übung bemerkung remark note proof page seite step item version question answer verse stanza line"
)
_CAPTION_WORDS = frozenset(_CAPTIONS.split())
_CHINESE_FAMILY_OF = (
    dict.fromkeys("章回話话", "chapter")
    | dict.fromkeys("卷部篇編编", "part")
    | {"幕": "act"}
    | dict.fromkeys("節节", "section")
)
_PERSONS = "author", "editor", "translator", "publisher"
_BY_PERSONS = [f"{person}[’']?s[’']? (?:note|preface|introduction|foreword)" for person in _PERSONS]
_FRONT_NAMES = (
    "preface|foreword|introduction|introductory|prologue|epilogue|conclusion|afterword|postscript|glossary|"
    "bibliography|etymology|extracts|dedication|proem|prelude|acknowledge?ments|abstract|references|appendix|"
    "notes|endnotes|index|general index|"
    "vorwort|vorrede|einleitung|nachwort|anhang|anmerkungen|prolog|epilog|schluß|literaturverzeichnis|"
    "préface|avant-propos|épilogue|postface|prólogo|prefacio|introducción|epílogo|introduzione|prefazione|epilogo|"
    "voorwoord|inleiding|nawoord|förord|forord|przedmowa|wstęp|zakończenie|posłowie|przypisy|předmluva|doslov|"
    "предисловие|введение|вступление|заключение|послесловие|эпилог|пролог|примечания|приложение|"
    "序章|終章|终章|序言?|前言|楔子|引子|尾声|尾聲|後記|后记|はじめに|おわりに|あとがき|まえがき|附录|付録"
)
_FRONT_WORDS = numerals.any_of([*_FRONT_NAMES.split("|"), *_BY_PERSONS])
_NO_CHAPTER = re.compile(
    r"(?i)(?:table of )?contents\b.*|.*\bcontents|list of .*|(?:list of )?illustrations|errata|finis|the end|end|"
    r"end of .*|footnotes?:?|transcriber.*|by|copyright.*|advertisements?|"
    r"inhalt(?:sverzeichnis)?|table des (?:matières|chapitres).*|[íi]ndice.*|fin|ende|fine|оглавление|содержание"
)
_ROMAN = r"[IVXLC]{1,8}"
_NUMBER = rf"(?:\d{{1,4}}|{_ROMAN}|[ivxlc]{{1,8}}|{numerals.WORD_PATTERN})(?![^\W_])"
_THE = r"(?:(?i:the)[ \t\xa0]+)?"
_KEYWORD_FIRST = rf"{_THE}[^\W\d_]{{3,15}}\.?[ \t\xa0]+{_THE}{_NUMBER}"
_ORDINAL_FIRST = rf"{_THE}{numerals.WORD_PATTERN}[ \t\xa0]+[^\W\d_]{{3,15}}"
_BARE = (
    rf"(?:\d{{1,4}}|{_ROMAN})[.\])]?(?:[ \t\xa0]?\[\d+\])?"
    r"(?=[ \t\xa0]*\n|[ \t\xa0]?[.:—–-]{0,4}[ \t\xa0]{1,20}[\"“'‘«(_]?[^\W\da-z_]|[.:—–-]+[\"“'‘«(_]?[^\W\da-z_])"
)
_LETTER_ALONE = r"[A-Z]\.?(?=[ \t\xa0]*\n)"
_CHINESE_NUMBER = r"[〇零一二三四五六七八九十百千两兩廿卅\d]{1,7}"
_CHINESE = rf"第[ \t\xa0]?{_CHINESE_NUMBER}[ \t\xa0]?[章回節节卷部篇幕話话集編编]"
_CHINESE_FIRST = rf"(?:[卷部篇回]|その){_CHINESE_NUMBER}(?=[ \t\u3000]*\n|[ \t\u3000])"
_CHINESE_BARE = r"[一二三四五六七八九十百]{1,4}(?=[ \t\u3000]*\n|[、．.\u3000 ])"
_SECTION_SIGN = r"§{1,2}[ \t\xa0]?\d{1,3}"
_NUMBER_FIRST = rf"(?:\d{{1,3}}|{_ROMAN})(?:\.|-?[а-яª-ſº]{{1,3}})?[ \t\xa0]+[^\W\d_]{{3,15}}"
_NUMBERED_LINE = re.compile(
    r"\n(?![a-z\n\"“])[ \t\xa0\u3000]{0,80}(?:[_*=\[#>~]{1,8}|-{2,8})?[ \t\xa0]{0,8}(?=[^\Wa-z_]|§)"
    rf"((?:{_KEYWORD_FIRST}|{_ORDINAL_FIRST}|{_NUMBER_FIRST}|{_BARE}|{_LETTER_ALONE}|{_SECTION_SIGN}"
    rf"|{_CHINESE}|{_CHINESE_FIRST}|{_CHINESE_BARE}|(?i:{_FRONT_WORDS})(?!\w))"
    r"[^\n]{0,140})(?=\n)"
)
_CAPITALS_LINE = re.compile(
    r"\n[ \t\xa0]*[_*=]*((?:[^\Wa-z_]|[\"“‘«(](?=[^\Wa-z_]))[^\na-zà-öø-ÿß]{2,80})(?:\[\d+\])?[_*]*(?=\n)"
)
_ISOLATED_LINE = re.compile(r"\n[ \t\xa0]*\n[ \t\xa0]*\n[ \t\xa0]*([^\s][^\n]{1,80})(?=\n[ \t\xa0]*\n)")
_KEYWORD_PARTS = re.compile(rf"{_THE}([^\W\d_]{{3,15}})\.?[ \t\xa0]+{_THE}({_NUMBER})(.*)")
_ORDINAL_PARTS = re.compile(rf"{_THE}({numerals.WORD_PATTERN})[ \t\xa0]+([^\W\d_]{{3,15}})(?![^\W_])(.*)")
_BARE_PARTS = re.compile(rf"(\d{{1,4}}|{_ROMAN})(?![^\W_])(?:[ \t\xa0]?\[\d+\])?(.*)")
_NUMBER_FIRST_PARTS = re.compile(
    rf"(\d{{1,3}}|{_ROMAN})(?:\.|-?[а-яª-ſº]{{1,3}})?[ \t\xa0]+([^\W\d_]{{3,15}})(?![^\W_])(.*)"
)
_SECTION_PARTS = re.compile(r"§{1,2}[ \t\xa0]?(\d{1,3})(?!\d)(.*)")
_CHINESE_FIRST_PARTS = re.compile(rf"([卷部篇回]|その)({_CHINESE_NUMBER})(?![^\W_])(.*)")
_CHINESE_BARE_PARTS = re.compile(r"([一二三四五六七八九十百]{1,4})(?![^\W_])(.*)")
_CHINESE_PARTS = re.compile(r"第[ \t\xa0]?(.{1,7}?)[ \t\xa0]?([章回節节卷部篇幕話话集編编])(.*)")
_FRONT = re.compile(rf"(?i)(?:{_FRONT_WORDS})(?!\w).{{0,30}}")
_CONTENTS_ENTRY = re.compile(r"(?:\.{3,}|(?: \.){3,}|[ \t\xa0]{3,}|\t|…)[ \t.]*(?:\d{1,4}|[ivxlc]{1,7})[ \t.]*\Z")
_SEPARATED = re.compile(r"[ \t\xa0]*[.:)\]—–-]")
_FOOTNOTE_MARK = re.compile(r"[ \t\xa0]*\[(?:\d+|[A-Z])\]")
_PROSE_END = re.compile(r"[.!?:;…\"'”’»)\]*_=—-][ \t\xa0]*\Z")
_MAX_BARE_CHARS = 70
_MAX_CHINESE_CHARS = 25
_MAX_BLANKS = 9
_SURROUNDING_CHARS = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """One line that may be a heading.

    `family` is chapter, part, book, ..., `word:` and any other keyword, or roman, arabic, chinese, initial, front,
    capitals, isolated. `title` is what follows the number; `blanks` counts the blank lines before; `apart`: one
    comes after.
    """

    start: int
    end: int
    text: str
    family: str
    number: int | None
    title: str
    blanks: int
    apart: bool


def find_numbered(text: str) -> Iterator[Candidate]:
    """Find lines that begin with a numbered keyword, a bare number, a single letter or a word such as Preface.

    Yields: candidates in order of `start`. Entries of a contents list (leaders or a column, then a page number)
    and lines that go on as prose are left out.
    """
    padded = f"\n{text}\n"
    for match in _NUMBERED_LINE.finditer(padded):
        line = match[1].rstrip(" \t\xa0_*=#~-")
        if _CONTENTS_ENTRY.search(line):
            continue
        blanks, apart = surroundings(padded, match.start(), match.end())
        for family, number, title in _classify(line):
            if family.removeprefix("word:") in _CAPTION_WORDS:
                continue
            candidate = Candidate(match.start(1) - 1, match.end() - 1, line, family, number, title, blanks, apart)
            if _reads_as_heading(candidate, padded, match.start()):
                yield candidate


def find_titles(text: str) -> list[Candidate]:
    """Find lines in capitals, and short lines set apart by two blank lines before and one after.

    Returns: candidates of the families capitals and isolated, in order of `start`.
    """
    padded = f"\n{text}\n"
    found: dict[int, Candidate] = {}
    for family, pattern in (("isolated", _ISOLATED_LINE), ("capitals", _CAPITALS_LINE)):
        for match in pattern.finditer(padded):
            line, start = match[1].strip(" \t\xa0_*=#"), match.start(1)
            if _may_be_title(line, capitals=family == "capitals"):
                blanks, apart = surroundings(padded, start - 1, match.end())
                found[start] = Candidate(start - 1, match.end() - 1, line, family, None, line, blanks, apart)
    return [found[start] for start in sorted(found)]


def title_key(title: str) -> str:
    """Reduce a title to its letters, so that the same title in two settings compares equal."""
    return keys.letters(title).replace("\n", "")


def is_no_chapter(title: str) -> bool:
    """Tell whether a heading names apparatus (contents, index, the end) rather than a chapter."""
    return _NO_CHAPTER.fullmatch(title.strip(" .:_*[]")) is not None


def is_contents_entry(line: str) -> bool:
    """Tell whether a line ends as entries of a contents list do: leaders or a column, then a page number."""
    return _CONTENTS_ENTRY.search(line) is not None


def is_numbered(title: str) -> bool:
    """Tell whether a title begins with a number, or a keyword and its number; `Her Twelfth Birthday` does not."""
    return any(
        number is not None and not (family.startswith("word:") and title_key(rest) and not _SEPARATED.match(rest))
        for family, number, rest in _classify(title)
    )


def is_number_alone(title: str) -> bool:
    """Tell whether a title is nothing but a number, or a keyword and its number: the title may stand below."""
    return any(
        number is not None and not title_key(rest) and not (family.startswith("word:") and _ORDINAL_PARTS.match(title))
        for family, number, rest in _classify(title)
    )


def _classify(line: str) -> Iterator[tuple[str, int | None, str]]:
    if match := _CHINESE_PARTS.fullmatch(line):
        family = _CHINESE_FAMILY_OF.get(match[2], "word:" + match[2])
        yield family, numerals.parse_number(match[1]), match[3]
    elif match := _CHINESE_FIRST_PARTS.fullmatch(line):
        yield _CHINESE_FAMILY_OF.get(match[1], "part"), numerals.parse_number(match[2]), match[3]
    elif (match := _CHINESE_BARE_PARTS.fullmatch(line)) and len(line) <= _MAX_BARE_CHARS:
        yield "chinese", numerals.parse_number(match[1]), match[2]
    elif match := _SECTION_PARTS.fullmatch(line):
        yield "section", numerals.parse_number(match[1]), match[2]
    elif (match := _NUMBER_FIRST_PARTS.fullmatch(line)) and match[2].lower() in _FAMILY_OF and _stands(match[3]):
        yield _family(match[2]), numerals.parse_number(match[1]), match[3]
    elif _FRONT.fullmatch(line):
        yield "front", None, ""
    elif bare := list(_classify_bare(line)):
        yield from bare
    elif match := _ORDINAL_PARTS.fullmatch(line):
        yield _family(match[2]), numerals.parse_number(match[1]), match[3]
    elif match := _KEYWORD_PARTS.fullmatch(line):
        yield _family(match[1]), numerals.parse_number(match[2]), match[3]


def _classify_bare(line: str) -> Iterator[tuple[str, int | None, str]]:
    if len(line.rstrip(".")) == 1 and line[0].isalpha():
        yield "initial", ord(line[0]) - 64, ""
    match = _BARE_PARTS.fullmatch(line)
    if match and len(line) <= _MAX_BARE_CHARS:
        number = numerals.parse_number(match[1])
        if number is not None:
            yield "arabic" if match[1].isdecimal() else "roman", number, match[2]


def _stands(rest: str) -> bool:
    """Whether what follows a keyword is a title or nothing: `2. Teil: Das Meer`, not `2. Part of it is lost`."""
    return not title_key(rest) or _SEPARATED.match(rest) is not None


def _family(word: str) -> str:
    word = word.lower()
    return _FAMILY_OF.get(word) or "word:" + word


def _reads_as_heading(candidate: Candidate, padded: str, line_start: int) -> bool:
    rest = candidate.title.strip()
    free = candidate.blanks > 0 or _closes_paragraph(padded, line_start)
    if candidate.family in ("front", "initial"):
        return candidate.blanks > 0 and (candidate.apart or candidate.text.isupper())
    if not _FOOTNOTE_MARK.sub("", rest).strip(" .:)]"):
        return free or candidate.family not in ("roman", "arabic")
    if candidate.family == "chinese":
        return candidate.blanks > 0 and len(rest) <= _MAX_CHINESE_CHARS and rest[-1] not in "。，；！？"
    if candidate.family in ("roman", "arabic"):
        return free and _bare_title_fits(candidate, rest)
    start = rest.lstrip(" \t.:—–-)]")[:1]
    if (start in (",", ";") and candidate.family != "act") or (
        not candidate.blanks and (start.islower() or rest[-1] in ",;")
    ):
        return False
    if _SEPARATED.match(rest) or rest.isupper():
        return free
    return candidate.blanks > 0 and not start.islower() and (len(rest) < 80 or candidate.apart)


def _bare_title_fits(candidate: Candidate, rest: str) -> bool:
    """A line that opens with a number is more often a list item or a table row than a heading."""
    start = rest.lstrip(" .:—–-")[:1]
    if start.islower() or start.isdigit() or rest[-1] in ",;":
        return False
    if candidate.family == "roman":
        return candidate.blanks > 0
    if candidate.blanks:
        return candidate.apart
    return not _PROSE_END.search(rest)


def _may_be_title(line: str, *, capitals: bool) -> bool:
    letters = sum(map(str.isalpha, line))
    if letters < 3 or letters < 0.5 * len(line) or line.startswith("[") or _CONTENTS_ENTRY.search(line):
        return False
    if capitals:
        return line.isupper()
    return len(line) <= 60 and line[-1] not in ".!?,;:-\"'”’" and line[0] not in "\"“'‘" and not line[0].islower()


def _closes_paragraph(padded: str, line_start: int) -> bool:
    """Whether the line before ends like a paragraph, for texts that have no blank lines."""
    before = padded[max(0, line_start - 200) : line_start]
    last = before[before.rfind("\n") + 1 :]
    return len(last) < 50 or _PROSE_END.search(last) is not None


def surroundings(padded: str, line_start: int, line_end: int) -> tuple[int, bool]:
    """Blank lines before, up to 9 (the most also at the start of the text), and whether one or a rule follows."""
    before = padded[max(0, line_start - _SURROUNDING_CHARS) : line_start]
    blanks = before[len(before.rstrip()) :].count("\n") if before.strip() else _MAX_BLANKS
    after = padded[line_end + 1 : line_end + _SURROUNDING_CHARS].partition("\n")
    return min(blanks, _MAX_BLANKS), not after[0].strip(" \t\xa0=*~^#-")
