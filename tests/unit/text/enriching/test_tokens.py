"""Words, the marks between them, sentences and windows."""

import numpy as np
import pytest

from librarian_cli.text.enriching import sentences as cutting
from librarian_cli.text.enriching import tokens
from librarian_cli.text.enriching.tokens import Tokens


def shown(found: Tokens) -> list[str]:
    return [found.text[a:b] for a, b in zip(found.starts.tolist(), found.ends.tolist(), strict=True)]


def sentences(text: str) -> list[str]:
    found = cutting.find_sentences(tokens.read(text, "en"))
    return [text[a:b] for a, b in zip(found.starts.tolist(), found.ends.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's a well-known fact, isn't it?", ["It", "a", "well-known", "fact", "isn't", "it"]),  # possessives go
        ("Darcy’s house", ["Darcy", "house"]),
        ("東京 is big", ["東", "京", "is", "big"]),  # each ideograph is a word
        ("'quoted' -dash-", ["quoted", "dash"]),  # marks at the edges are none of the word
        ("naïve Ŝafo 3rd", ["naïve", "Ŝafo", "3rd"]),
        ("", []),
        (" \n\n ...", []),
    ],
)
def test_words_stand_where_the_text_has_them(text: str, words: list[str]) -> None:
    assert shown(tokens.read(text, "en")) == words


def test_a_text_of_several_blocks_reads_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "The cat, said Tom, sat. On the mat!\n\nIt purred “loudly”, NASA’s cat.\n- an item\n- 東京 図書館。\n" * 20
    text += "x" * 70 + "y X" + "x" * 69 + "z"
    whole = tokens.read(text, "en")
    monkeypatch.setattr(tokens, "_BLOCK_CHARS", 150)
    cut = tokens.read(text, "en")
    assert shown(cut) == shown(whole)
    assert [cut.words[i] for i in cut.ids] == [whole.words[i] for i in whole.ids]
    assert np.array_equal(cut.shouted, whole.shouted)
    assert np.array_equal(cut.gaps, whole.gaps)


@pytest.mark.parametrize("unread", ["x" * 1000, "." * 1000, "図" * 1000])
def test_what_has_no_place_to_be_cut_at_is_cut_anywhere(unread: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_BLOCK_CHARS", 150)
    monkeypatch.setattr(tokens, "_LOOKED_BACK", 20)
    text = f"before {unread} after"
    found = shown(tokens.read(text, "en"))
    assert (found[0], found[-1]) == ("before", "after")
    assert "".join(found[1:-1]) == unread.strip(".")


def test_words_that_differ_beyond_what_is_hashed_by_place_are_told_apart() -> None:
    long = "x" * 70
    found = tokens.read(f"{long}ab {long}ac {long}ab", "en")
    assert found.ids.tolist() == [0, 1, 0] or found.ids.tolist() == [1, 0, 1]


def test_words_of_one_spelling_share_an_id() -> None:
    found = tokens.read("Cat cat CAT cat’s dog", "en")
    assert found.ids.tolist() == [0, 0, 0, 0, 1]
    assert found.words == ["cat", "dog"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One is here. Two is there.", ["One is here.", "Two is there."]),
        ("Mr. Darcy met Dr. No. He left.", ["Mr. Darcy met Dr. No. He left."]),  # "no." may be "number"
        ("By J. R. Smith of Leeds. All rights.", ["By J. R. Smith of Leeds.", "All rights."]),
        ("He paid 3.50 for it. “Fine,” she said.", ["He paid 3.50 for it.", "“Fine,” she said."]),
        ("A heading\n\nThen a text.", ["A heading", "Then a text."]),  # a paragraph ends a sentence
        ("これは文です。次の文です。", ["これは文です。", "次の文です。"]),
        ("潮は満ちます。Debian は動く。make を呼ぶ。", ["潮は満ちます。", "Debian は動く。", "make を呼ぶ。"]),
    ],
)
def test_sentences_end_at_full_stops_but_not_at_abbreviations(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_speech_is_known_though_its_marks_stand_in_other_sentences() -> None:
    found = cutting.find_sentences(tokens.read('"Come in. Sit down. Be quiet," he said. The door fell shut.', "en"))
    assert found.quoted.tolist() == [True, True, True, False]


def test_windows_begin_at_paragraphs_and_in_long_ones_after_a_sentence() -> None:
    read = tokens.read("Short one.\n\n" + "Ten words are in this sentence of the long paragraph. " * 10, "en")
    starts = cutting.window_starts(read, cutting.find_sentences(read), 30)
    assert starts.tolist() == [0, 2, 32, 62, 92]
