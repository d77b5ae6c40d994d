"""Front and back matter: which chapters stand around a book's body, as editors divide it.

Owns the names and their rules of place. It must not know how headings are found.

    front   what comes before the body: dedication, contents, foreword, preface, a translator's note, ...
    back    what comes after it: appendix, notes, glossary, bibliography, index, colophon, licence, ...
    body    all else, with introductions, prologues, conclusions, epilogues and afterwords

The division is the Chicago Manual of Style's (part 1, "The Parts of a Book"), which counts an introduction to the
subject, a conclusion, an epilogue and an afterword as text. A name alone decides nothing: a preface to the second
volume is body, and so are the notes at the end of a chapter.
"""

import re
from collections.abc import Sequence
from itertools import islice

from librarian_cli.models import ChapterKind

_PERSON = r"(?:(?:the )?(?:author|editor|translator|publisher|printer)s?[’']?s?[’']?)"
_FRONT = (
    rf"cover(?: page)?|(?:half[- ]?)?title(?:[- ]?page)?|frontispiece|imprint|copyright\b.*|dedication|epigraph|"
    rf"(?:brief |short |full |detailed |summary |general )?(?:table of )?contents(?: (?:of|and) .*)?|"
    rf"(?:list of |the )?(?:illustrations|figures|tables|plates|maps|algorithms|listings)|"
    rf"(?:general |original )?(?:preface|foreword|prefatory note)s?\b.*|"
    rf"{_PERSON} (?:note|preface|foreword|introduction)|"
    rf"(?:a )?note (?:on|to) .*|(?:publication )?history of this book|to the reader|advertisement|disclaimer|"
    rf"introduction (?:by|to the .* edition)\b.*|about this (?:book|edition)|"
    r"how to (?:read|use) this .*|"
    rf"dramatis person(?:ae|æ)|persons? (?:of the play|represented)|characters|abstract|notice|transcriber.*note.*|"
    rf"inhalt(?:sverzeichnis|sübersicht)?|vorwort\b.*|vorrede\b.*|geleitwort|widmung|titelblatt|impressum|"
    rf"(?:abbildungs|tabellen)verzeichnis|personen(?:verzeichnis)?|zum geleit|"
    rf"table des (?:matières|chapitres|illustrations)|sommaire|préface\b.*|avant-propos|avertissement\b.*|dédicace|"
    rf"au lecteur|personnages|liste des (?:figures|tableaux|illustrations)|page de titre|couverture|"
    rf"índice general|prefacio\b.*|dedicatoria|advertencia|al lector|portada|personajes|prólogo (?:de|a) .*|"
    rf"prefazione\b.*|dedica|sommario|indice|avvertenza|prefácio|dedicatória|sumário|"
    rf"voorwoord|voorrede|inhoud(?:sopgave)?|opdracht|förord|innehåll|forord|indhold|innhold|"
    rf"przedmowa\b.*|spis treści|dedykacja|od (?:autora|wydawcy|tłumacza)|słowo wstępne|předmluva|obsah|"
    rf"предисловие\b.*|оглавление|содержание|посвящение|от (?:автора|издателя|переводчика|редактора)|действующие лица|"
    rf"序|序言|序文|前言|自序|序章?文|目录|目錄|目次|はしがき|はじめに|まえがき|献辞|扉|凡例|表紙|封面|扉页|版权页?"
)
_BACK = (
    r"(?:the )?append(?:ix|ices)\b.*|annex(?:e|es)?\b.*|addend(?:um|a)|supplement\b.*|"
    r"(?:end|foot)?notes?(?: (?:on|to) .*)?|"
    r"glossar(?:y|ies)\b.*|(?:select(?:ed)? |annotated )?bibliograph(?:y|ies)\b.*|"
    r"(?:list of )?references(?: cited)?|works cited|"
    r"(?:list of )?(?:sources|contributors)|further reading|(?:suggested|recommended) reading|"
    r"(?:[\w&,/-]+ ){0,5}ind(?:ex|exes|ices)|ind(?:ex|exes|ices)(?:,| (?:of|to)) .*|colophon|"
    r"about the (?:author|translator|editor|type)s?|also by .*|"
    r"(?:the )?(?:full )?(?:project gutenberg )?(?:™ )?licen[cs]e\b.*|"
    r".*\blicen[cs]e|uncopyright|answers?(?: to .*)?|solutions(?: to .*)?|"
    r"anhang\b.*|anhänge|anmerkungen\b.*|glossar|literatur(?:verzeichnis|angaben)?|quellen(?:verzeichnis)?|"
    r"(?:sach|namen|personen|stichwort)?(?:register|index)|stichwortverzeichnis|lizenz|"
    r"appendices?|glossaire|bibliographie|références|achevé d.imprimer|notes et .*|"
    r"apéndices?\b.*|anexos?\b.*|notas|glosario|bibliografía|"
    r"índice (?:alfabético|analítico|onomástico|de nombres)|colofón|"
    r"appendici|note|glossario|bibliografia|indice (?:analitico|dei nomi)|apêndices?\b.*|glossário|índice remissivo|"
    r"bijlagen?\b.*|aantekeningen|noten|woordenlijst|literatuur|trefwoordenregister|bilagor|bilag\b.*|noter|ordlista|"
    r"dodat(?:ek|ki)\b.*|aneks\b.*|przypisy|słowni(?:k|czek)|indeks\b.*|skorowidz|dodatek|přílohy?\b.*|poznámky|rejstřík|slovníček|"
    r"приложени[ея]\b.*|примечани[ея]\b.*|комментарии|глоссарий|словарь|библиография|список литературы|литература|"
    r"(?:алфавитный|именной|предметный) указатель|указатель|выходные данные|"
    r"附录.*|附錄.*|付録.*|注释|註釋|注釈|参考文献|參考文獻|索引|用語集|词汇表|奥付|版权信息"
)
_EITHER = (
    r"acknowledge?ments?\b.*|credits|errata|corrigenda|index"
    r"|abbreviations|list of (?:abbreviations|symbols)|notation|chronology|"
    r"danksagung|abkürzungs?(?:verzeichnis|en)|remerciements|abréviations|agradecimientos|abreviaturas|ringraziamenti|"
    r"agradecimentos|dankwoord|podziękowania|благодарности|список сокращений|致谢|致謝|謝辞"
)
_IS_FRONT = re.compile(rf"(?i)(?:{_FRONT}|{_EITHER})")
_IS_BACK = re.compile(rf"(?i)(?:{_BACK}|{_EITHER})")
_NUMBER = re.compile(
    r"(?i)\A(?:\d+(?:\.\d+)*|[ivxlc]{1,6}(?=[.):])|(?-i:[IVXLC]{1,6}|[A-H])(?= ))[.):]?[ \t\xa0]+(?=[^\W\d])"
)
_LETTERED = re.compile(r"([A-H])(?:[.:)]|(?=[ \t\xa0]))[ \t\xa0]*[^\W\da-z_]")
_NUMBERED = re.compile(
    r"(?i)\W*(?:\d|[ivxlc]{1,6}\b|第|(?:chapter|part|book|kapitel|teil|chapitre|partie|cap[íi]tulo|parte|capitolo|"
    r"hoofdstuk|rozdział|część|глава|часть)\b)"
)
_CONTENTS = re.compile(
    r"(?i)(?:table of )?contents(?: of (?:the |this )?(?:volume|vol|book|part)\b.*)?"
    r"(?: and (?:list of )?(?:illustrations|plates|figures|tables|maps))?|inhalt(?:sverzeichnis)?|"
    r"table des (?:matières|chapitres)|sommaire|sumário|inhoud|innehåll|índice general|spis treści|obsah|"
    r"оглавление|содержание|目录|目錄|目次"
)
_MOST_BEFORE_CONTENTS = 8
_EDGES = " \t\xa0.:;*_[]()—–-"


def is_named(title: str) -> bool:
    """Tell whether a title names a part of a book's front or back matter."""
    name = _name(title)
    return bool(_IS_FRONT.fullmatch(name) or _IS_BACK.fullmatch(name))


def kinds_of(titles: Sequence[str], levels: Sequence[int], *, ended: int | None = None) -> list[ChapterKind]:
    """Tell front matter, body and back matter apart; `titles` and `levels` are of one book's headings in order.

    Front matter ends at the first heading that is none; back matter begins after the last that is surely body, or
    with the heading `ended`, before which the text says that it ends, unless numbered ones follow. What lies inside
    of either belongs to it. A book that were nothing but matter is body.
    """
    parents = _parents(levels)
    front = _front_end(titles, levels, parents)
    back = _back_start(titles, levels, parents, max(front, default=-1) + 1)
    if ended and not any(map(_NUMBERED.match, titles[ended:])):
        back = min(back, ended)
    if len(front) + len(titles) - back == len(titles):
        return ["body"] * len(titles)
    return ["back" if i >= back else "front" if i in front else "body" for i in range(len(titles))]


def _front_end(titles: Sequence[str], levels: Sequence[int], parents: Sequence[int]) -> set[int]:
    """The headings of front matter, with what stands unnumbered right before one of them.

    One that only holds front matter, such as the book's title, is passed over. What stands before the contents list
    is front matter whatever its name, for only title pages and advertisements do.
    """
    first = _contents_end(titles)
    found = {index for index in range(first) if index == first - 1 or _closes(levels, index) < first}
    for index, title in islice(enumerate(titles), first, None):
        before = index + 1 < len(titles) and levels[index + 1] == levels[index] and not _NUMBERED.match(title)
        if parents[index] in found or any(
            _IS_FRONT.fullmatch(_name(name)) for name in titles[index : index + 1 + before]
        ):
            found.add(index)
        elif not (
            index + 1 < len(titles)
            and levels[index + 1] > levels[index]
            and _IS_FRONT.fullmatch(_name(titles[index + 1]))
        ):
            break
    return found


def _closes(levels: Sequence[int], index: int) -> int:
    """Index of the heading with which what this one holds has ended."""
    return next((i for i in range(index + 1, len(levels)) if levels[i] <= levels[index]), len(levels))


def _contents_end(titles: Sequence[str]) -> int:
    """How many headings there are up to the contents list, if it is among the first and none before it is numbered."""
    for count, title in enumerate(titles[:_MOST_BEFORE_CONTENTS], 1):
        if _CONTENTS.fullmatch(_name(title)):
            return count
        if _NUMBERED.match(title):
            break
    return 0


def _back_start(titles: Sequence[str], levels: Sequence[int], parents: Sequence[int], first: int) -> int:
    """Where back matter begins: unnamed headings may stand amid the named, numbered chapters may not."""
    named = [_IS_BACK.fullmatch(_name(title)) is not None for title in titles]
    for index in _lettered(titles, levels):
        named[index] = True
    for index, parent in enumerate(parents):
        named[index] = named[index] or (parent >= 0 and named[parent])
    start, hits, misses = len(titles), 0, 0
    for index in range(len(titles) - 1, first - 1, -1):
        hits, misses = hits + named[index], misses + (not named[index])
        if not named[index] and (_NUMBERED.match(titles[index]) or misses > max(1, hits)):
            break
        if named[index]:
            start = index
    return start


def _lettered(titles: Sequence[str], levels: Sequence[int]) -> list[int]:
    """Appendices that carry their letter alone: A, B, ... at the level of chapters with numbers."""
    found: list[int] = []
    numbered: set[int] = set()
    for index, (title, level) in enumerate(zip(titles, levels, strict=True)):
        letter = _LETTERED.match(title)
        if title[:1].isdigit():
            numbered.add(level)
        elif letter and level in numbered and letter[1] == "ABCDEFGH"[len(found) : len(found) + 1]:
            found.append(index)
    return found if len(found) >= 2 else []


def _parents(levels: Sequence[int]) -> list[int]:
    """For each heading the index of the one that holds it, or -1."""
    parents: list[int] = []
    path: list[int] = []
    for index, level in enumerate(levels):
        while path and levels[path[-1]] >= level:
            path.pop()
        parents.append(path[-1] if path else -1)
        path.append(index)
    return parents


def _name(title: str) -> str:
    return _NUMBER.sub("", " ".join(title.split()).strip(_EDGES), count=1)
