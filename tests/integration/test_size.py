"""A library grows by no more than 2.4 times the text that comes, in short files and in scripts without spaces."""

import random
from pathlib import Path

import pytest

from tests.support.ingests import ingest, open_librarian

SYLLABLES = ("ka", "to", "mi", "re", "so", "ni", "va", "lu", "pe", "do")
PARTICLES = {
    "ja": ("の", "を", "に", "は", "が", "して", "された", "である"),
    "zh": ("的", "了", "是", "在", "和", "不"),
}


def prose(chooser: random.Random, words: list[str], size: int, space: str, stop: str) -> str:
    """Sentences of so many bytes, whose words are as unequal in number as those of a language (Zipf)."""
    weights = [1 / (rank + 3) for rank in range(len(words))]
    sentences: list[str] = []
    while size > 0:
        sentences.append(space.join(chooser.choices(words, weights, k=chooser.randrange(6, 18))).capitalize() + stop)
        size -= len(sentences[-1].encode())
    return "".join(sentences)


def short_texts(count: int) -> list[str]:
    chooser = random.Random(1)
    words = ["".join(chooser.choices(SYLLABLES, k=1 + number % 4)) for number in range(6000)]
    return [prose(chooser, words, 6000, " ", ". ") for _ in range(count)]


def of_characters(code: str) -> str:
    chooser = random.Random(1)
    characters = [chr(0x4E00 + 7 * number) for number in range(900)]
    words = ["".join(chooser.choices(characters, k=2)) for _ in range(3000)]
    mixed = [word + particle for word, particle in zip(words, PARTICLES[code] * 500, strict=False)]
    return prose(chooser, mixed, 600_000, "", "。")


def ratio(folder: Path, texts: list[str]) -> float:
    """The bytes of a library of these books, beyond those of an empty one, to those of the text in it."""
    (folder / "books").mkdir()
    (folder / "nothing").mkdir()
    for number, text in enumerate(texts):
        (folder / "books" / f"{number}.txt").write_text(text, encoding="utf-8")
    sizes = []
    for name in ("nothing", "books"):
        ingest(folder / f"library-{name}", folder / name, inline=True)
        sizes.append((folder / f"library-{name}" / "library.db").stat().st_size)
    with open_librarian(folder / "library-books") as librarian:
        assert librarian.status().books == len(texts)
    return (sizes[1] - sizes[0]) / sum(len(text.encode()) for text in texts)


def test_short_files(tmp_path: Path) -> None:
    found = ratio(tmp_path, short_texts(120))
    assert found <= 2.2


@pytest.mark.parametrize(("code", "bound"), [("ja", 2.05), ("zh", 2.1)])
def test_a_book_in_a_script_without_spaces(tmp_path: Path, code: str, bound: float) -> None:
    found = ratio(tmp_path, [of_characters(code)])
    assert found <= bound
