"""Headings of many languages in plain text."""

import pytest

from librarian_cli.text.structure import chapters

LATIN = "Der Weg lief zum Hafen hinab, und keiner, der ihn in jener Nacht ging,\nwusste, warum die Lampen erloschen.\n"
RUSSIAN = "Дорога шла к гавани, и никто из шедших по ней в ту ночь\nне мог сказать, отчего погасли фонари.\n"
CHINESE = "　　路一直通到海港，那天夜里走过的人谁也说不出灯为什么熄灭。我们一直等到天亮，海上起了雾，船都停在岸边。\n"


def book(names: list[str]) -> str:
    prose = RUSSIAN if "а" in "".join(names).lower() else LATIN
    if any("\u3040" <= char <= "\u9fff" for char in "".join(names)):
        prose = CHINESE
    return "".join(f"\n\n\n{name}\n\n" + "\n".join([prose] * 18) for name in names)


@pytest.mark.parametrize(
    "names",
    [
        ["Erstes Kapitel", "Zweites Kapitel", "Drittes Kapitel", "Elftes Kapitel", "Zwölftes Kapitel"],
        ["1. Kapitel", "2. Kapitel", "3. Kapitel", "4. Kapitel"],
        ["I. Kapitel.", "II. Kapitel.", "III. Kapitel."],
        ["Kapitel eins", "Kapitel zwei", "Kapitel drei"],
        ["§ 1. Begriff", "§ 2. Wesen", "§ 3. Ende"],
        ["CHAPITRE PREMIER", "CHAPITRE DEUXIÈME", "CHAPITRE TROISIÈME"],
        ["Chapitre un", "Chapitre deux", "Chapitre trois"],
        ["Capítulo primero", "Capítulo segundo", "Capítulo tercero", "Capítulo cuarto"],
        ["Capitolo primo", "Capitolo secondo", "Capitolo terzo"],
        ["Rozdział pierwszy", "Rozdział drugi", "Rozdział trzeci", "Rozdział czwarty"],
        ["ROZDZIAŁ I", "ROZDZIAŁ II", "ROZDZIAŁ III"],
        ["Глава первая", "Глава вторая", "Глава третья", "Глава одиннадцатая"],
        ["ГЛАВА I. Гавань", "ГЛАВА II. Море", "ГЛАВА III. Конец"],
        ["EERSTE HOOFDSTUK", "TWEEDE HOOFDSTUK", "DERDE HOOFDSTUK"],
        ["第一章 故乡", "第二章 远行", "第三章 归来"],
        ["第十一回　王熙鳳", "第十二回　秦可卿", "第十三回　林黛玉"],
        ["第１章　港", "第２章　海", "第３章　山"],
        ["第一話 港", "第二話 海", "第三話 山"],
        ["一", "二", "三", "四"],
        ["一、港", "二、海", "三、山"],
        ["卷一", "卷二", "卷三"],
    ],
)
def test_numbered_chapters_are_found(names: list[str]) -> None:
    text = book(names)
    found = chapters.find_chapters(text)
    assert [text[c.start_char :].split("\n")[0] for c in found] == names
    assert {c.level for c in found} == {1}


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (["Erster Teil", "Zweiter Teil"], ["Erstes Kapitel", "Zweites Kapitel"]),
        (["PREMIÈRE PARTIE", "DEUXIÈME PARTIE"], ["I", "II", "III"]),
        (["Primera parte", "Segunda parte"], ["Capítulo I", "Capítulo II", "Capítulo III"]),
        (["Część pierwsza", "Część druga"], ["Rozdział 1", "Rozdział 2"]),
        (["ЧАСТЬ ПЕРВАЯ", "ЧАСТЬ ВТОРАЯ"], ["Глава 1", "Глава 2", "Глава 3"]),
        (["第一部 上", "第二部 下"], ["第一章 甲", "第二章 乙"]),
        (["第1章 港", "第2章 海"], ["第1節 朝", "第2節 夜"]),
    ],
)
def test_parts_hold_chapters_and_chapters_hold_sections(outer: list[str], inner: list[str]) -> None:
    found = chapters.find_chapters(book([name for part in outer for name in (part, *inner)]))
    assert [c.level for c in found] == [1, *[2] * len(inner)] * len(outer)


@pytest.mark.parametrize(
    ("front", "names", "back"),
    [
        ("Vorwort", ["Erstes Kapitel", "Zweites Kapitel", "Drittes Kapitel"], "Anmerkungen"),
        ("Préface", ["CHAPITRE I", "CHAPITRE II", "CHAPITRE III"], "Notes"),
        ("Przedmowa", ["Rozdział 1", "Rozdział 2", "Rozdział 3"], "Przypisy"),
        ("Предисловие", ["Глава 1", "Глава 2", "Глава 3"], "Примечания"),
        ("前言", ["第一章 甲", "第二章 乙", "第三章 丙"], "附录"),
        ("はじめに", ["第一章 甲", "第二章 乙", "第三章 丙"], "付録"),
    ],
)
def test_front_and_back_matter_are_found_and_told_apart(front: str, names: list[str], back: str) -> None:
    found = chapters.find_chapters(book([front, *names, back]))
    assert [c.kind for c in found] == ["front", "body", "body", "body", "back"]


def test_a_numbered_list_in_chinese_prose_gives_no_chapters() -> None:
    text = CHINESE * 20 + "\n一、先把门打开。\n二、再把灯点亮。\n三、然后等到天亮。\n\n" + CHINESE * 20
    assert chapters.find_chapters(text) == ()


def test_a_sentence_that_begins_with_a_numbered_part_is_prose() -> None:
    line = "\n\n2. Teil des Weges war versunken, und niemand sprach davon.\n\n"
    assert chapters.find_chapters(LATIN * 20 + line + LATIN * 20) == ()
