"""Texts full of short lines, numbers and capitals that are no chapters."""

import pytest

from librarian_cli.text.structure import chapters

PROSE = "The boats came in at dusk, and the keeper counted them twice before he lit the lamp on the wall.\n"


def play() -> str:
    speech = "\n\n".join(f"{name}.\n{PROSE}" for name in ("MARTHA", "THE KEEPER", "FIRST SAILOR", "MARTHA") * 4)
    scenes = "".join(f"\n\nSCENE {n}. The quay.\n\n{speech}" for n in ("I", "II"))
    return "".join(f"\n\n\nACT {n}\n{scenes}" for n in ("I", "II", "III"))


def speakers_only() -> str:
    return "\n\n".join(f"{name}.\n\n{PROSE}" for name in ("MARTHA", "THE KEEPER", "FIRST SAILOR", "SECOND SAILOR") * 40)


def dictionary() -> str:
    words = ("Abaft", "Ballast", "Capstan", "Davit", "Ebb", "Fathom", "Gunwale", "Hawser")
    entries = [f"{word.upper()}, n. {PROSE}" for word in words]
    return "\n\n".join(entries * 12)


def sonnets() -> str:
    line = "The sea is grey, the sea is wide, and we\n"
    return "".join(f"\n\n{number}\n\n{line * 4}" for number in range(1, 60))


def ballad() -> str:
    stanza = "The tide is out, the tide is low,\nAnd none may say where sailors go\n"
    return "\n\n".join(f"{n}.\n\n{stanza * 2}" for n in ("I", "II", "III", "IV", "V", "VI", "VII", "VIII"))


def table() -> str:
    return "PORT        DEPTH   RANGE\n\n" + "".join(
        f"{n}   Harbour {n:<4}  {n * 7 % 23}.{n % 10}   {n * 3 % 11}\n" for n in range(1, 400)
    )


def code() -> str:
    block = "\n\ndef part_{n}(tide):\n    # Part {n}\n    if tide > {n}:\n        return TABLE[{n}]\n    return None\n"
    return "".join(block.format(n=n) for n in range(1, 200))


def log() -> str:
    return "".join(
        f"2021-03-{n % 28 + 1:02} 10:{n % 60:02}:00 INFO Section {n} written\nERROR\nSTEP {n}\n" for n in range(1, 400)
    )


def statutes_of_one_line() -> str:
    return "\n\n".join(f"§ {n}. The keeper shall light the lamp." for n in range(1, 120))


def questions() -> str:
    return "\n\n".join(f"{n}. What is the range of the tide?\n\nAnswer {n}. About {n} feet." for n in range(1, 120))


def endnotes() -> str:
    return PROSE * 300 + "\n\n" + "\n\n".join(f"{n}. See the pilot's book, p. {n * 3}." for n in range(1, 200))


@pytest.mark.parametrize(
    "text",
    [dictionary(), sonnets(), ballad(), table(), code(), log(), statutes_of_one_line(), questions(), endnotes()],
    ids=["dictionary", "sonnets", "ballad", "table", "code", "log", "statutes", "questions", "endnotes"],
)
def test_it_gives_no_chapters(text: str) -> None:
    assert chapters.find_chapters(text) == ()


def test_a_play_gives_its_acts_and_scenes_and_no_speaker() -> None:
    found = chapters.find_chapters(play())
    assert [c.title.split()[0] for c in found] == ["ACT", "SCENE", "SCENE"] * 3
    assert [c.level for c in found] == [1, 2, 2] * 3


def test_a_dialogue_without_acts_gives_no_chapters() -> None:
    assert chapters.find_chapters(speakers_only()) == ()


def test_letters_are_chapters_and_their_salutations_are_not() -> None:
    letter = f"THE LIGHTHOUSE, 3rd March.\n\nMY DEAR MARTHA,\n\n{PROSE * 12}\nYours ever,\n\nTHE KEEPER.\n"
    text = "".join(f"\n\n\nLETTER {n}\n\n{letter}" for n in ("I", "II", "III", "IV", "V"))
    assert [c.title.split(".")[0] for c in chapters.find_chapters(text)] == [
        f"LETTER {n}" for n in ("I", "II", "III", "IV", "V")
    ]


def test_a_code_listing_inside_a_chapter_leaves_the_chapters_alone() -> None:
    text = "".join(f"\n\n\nChapter {n}\n\n{PROSE * 20}{code()}" for n in range(1, 6))
    assert [c.title for c in chapters.find_chapters(text)] == [f"Chapter {n}" for n in range(1, 6)]


def test_stanzas_inside_chapters_leave_the_chapters_alone() -> None:
    text = "".join(f"\n\n\nCHAPTER {n}\n\n{PROSE * 30}\n\n{ballad()}" for n in ("I", "II", "III", "IV"))
    assert [c.title for c in chapters.find_chapters(text)] == [f"CHAPTER {n}" for n in ("I", "II", "III", "IV")]
