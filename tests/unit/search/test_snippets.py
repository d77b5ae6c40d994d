"""Snippets are whole sentences where these fit, with the query's words marked."""

import pytest

from librarian_cli.search.snippets import MATCH_END, MATCH_START, snippet
from librarian_cli.text import analysis


def marked(text: str) -> str:
    return text.replace(MATCH_START, "[").replace(MATCH_END, "]")


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("The tide rises.", ["tide"], "The [tide] rises."),
        ("The tides, Tidal.", ["tide"], "The [tides], [Tidal]."),  # by a common beginning, as the index stems
        ("THE TIDE", ["tide"], "THE [TIDE]"),
        ("An art. Start.", ["art"], "An [art]. Start."),  # from the beginning of a word only
        ("two\n\nlines  and\ttabs", ["lines"], "two [lines] and tabs"),
        ("nothing of it", ["tide"], "nothing of it"),
        ("… — !", ["tide"], "… — !"),  # no word at all
        ("", ["tide"], ""),
        ("Straße, STRASSE", ["straße"], "[Straße], [STRASSE]"),
    ],
)
def test_matches_are_marked_in_the_snippet(text: str, words: list[str], expected: str) -> None:
    assert marked(snippet(text, words)) == expected


def test_a_prefix_is_marked_as_it_is() -> None:
    assert marked(snippet("Harbour, harp, hare.", [], ["harb"])) == "[Harbour], harp, hare."


@pytest.mark.parametrize(
    ("text", "phrase", "expected"),
    [
        (
            "Slack ropes. At slack water the tide waits.",
            "slack water",
            "Slack ropes. At [slack] [water] the tide waits.",
        ),
        ("Water is slack here.", "slack water", "[Water] is [slack] here."),  # the title holds the phrase
        ("slack slack water water", "slack water", "slack [slack] [water] water"),
    ],
)
def test_a_phrase_is_marked_where_it_stands(text: str, phrase: str, expected: str) -> None:
    assert marked(snippet(text, [], phrases=[phrase.split()])) == expected


def test_the_snippet_of_a_phrase_shows_the_phrase() -> None:
    text = "Slack here and water there, water and slack. " * 5 + "Then came slack water at last."
    assert "[slack] [water]" in marked(snippet(text, [], phrases=[["slack", "water"]]))


def test_the_snippet_is_the_stretch_with_the_most_matches() -> None:
    text = "tide " + "filler " * 100 + "tide clock tide " + "filler " * 100
    found = marked(snippet(text, ["tide", "clock"]))
    assert "[tide] [clock] [tide]" in found
    assert found.startswith("… ")
    assert found.endswith(" …")
    assert len(found) < 400


def test_among_equal_stretches_the_first_is_shown() -> None:
    found = marked(snippet("start tide " + "filler " * 100 + "tide end", ["tide"]))
    assert found.startswith("start [tide]")
    assert found.endswith(" …")


def test_whole_sentences_are_shown_with_their_marks() -> None:
    text = "One two three. " * 12 + "“The tide falls!” Then a clock (of bronze) strikes. " + "Four five six. " * 12
    found = marked(snippet(text, ["tide", "bronze"]))
    assert "“The [tide] falls!” Then a clock (of [bronze]) strikes." in found
    assert "…" not in found
    assert found[0] in "O“"
    assert found.endswith(".")
    assert len(found.split()) <= 32


def test_a_sentence_too_long_to_show_is_cut_only_where_it_is_too_long() -> None:
    text = "Short one. " + "filler " * 40 + "tide clock. Next one."
    found = marked(snippet(text, ["tide", "clock"]))
    assert found.startswith("… filler")
    assert "[tide] [clock]." in found


def test_a_snippet_of_a_long_passage_is_cut_quickly() -> None:
    assert snippet("word " * 20_000, ["word"]).count(MATCH_START) == 32
    assert snippet("Word. " * 20_000, ["word"]).count(MATCH_START) == 32


@pytest.mark.parametrize(
    ("text", "words", "language", "expected"),
    [
        ("Alte Häuser, hautnah.", ["haus"], "de", "Alte [Häuser], hautnah."),
        ("Deux églises.", ["eglise"], "fr", "Deux [églises]."),
        ("Старые книги.", ["книга"], "ru", "Старые [книги]."),
        ("新しい図書館です。", ["図書館"], "ja", "新しい[図書館]です。"),
        ("我在图书馆看书。", ["图书馆", "书"], "zh", "我在[图书馆]看[书]。"),
        ("Linuxの本。", ["linux", "本"], "ja", "[Linux]の[本]。"),
        ("The word 图书馆.", ["图书馆", "word"], "en", "The [word] [图书馆]."),
    ],
)
def test_words_are_marked_in_the_inflections_of_their_language(
    text: str, words: list[str], language: str, expected: str
) -> None:
    assert marked(snippet(text, words, name=analysis.choose(text, language))) == expected


def test_sentences_of_chinese_end_at_its_full_stop() -> None:
    text = "今天下雨。" + "我们去图书馆看书！" + "明天天气会很好吗？" * 12
    found = marked(snippet(text, ["图书馆"], name=analysis.choose(text, "zh")))
    assert found.startswith("今天下雨。我们去[图书馆]看书！明天")
    assert found.endswith(("吗？ …", "吗？"))
    assert len(found) < 90
