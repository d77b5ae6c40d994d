"""Snippets are whole sentences where these fit, with the query's words marked."""

import pytest

from librarian_cli.search.snippets import MATCH_END, MATCH_START, snippet


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
