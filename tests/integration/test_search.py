"""Searches of the sample books find the passage that answers, with the place where it stands."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from librarian_cli.models import Hit
from librarian_cli.search import Query
from tests.support.ingests import ingest, open_librarian
from tests.support.program import librarian
from tests.support.trees import write_text

SKERRIN, STARS, MAPS = "The Lamp at Skerrin", "A Year of Clear Nights", "Flattening the Globe"
Search = Callable[..., list[Hit]]


@pytest.fixture
def search(sample_library: Path) -> Search:
    """Search the sample books."""

    def run(text: str, **options: object) -> list[Hit]:
        with open_librarian(sample_library) as opened:
            return opened.search(Query(text, **options))  # type: ignore[arg-type]  # the tests name its fields

    return run


@pytest.mark.parametrize(
    ("query", "title", "chapter", "page"),
    [
        ("bell rung for thirteen hours in fog", SKERRIN, "3. What the Log Left Out", "3"),  # EPUB 3 with a page list
        ("Betelgeuse the red supergiant", STARS, "2. Winter: The Hunter’s Court", "1"),  # PDF in two columns
        ("rhumb line of the Mercator projection", MAPS, "3. The Sailor’s Straight Line", "3"),  # PDF with an outline
        ("patch for a puncture of the inner tube", "Roadside Repairs", "Chapter 1. The Flat Tyre", "1"),  # without
        ("feeding a sourdough starter", "Bread and Time", "The Jar on the Windowsill", None),  # Markdown
        ("spring tides and neap tides", "The Harbour Clock", "1. Two Swellings", None),  # HTML
        ("seven long-case clocks of Sir Barnabas", "The Clockmender’s Alibi", "", None),  # plain text
        ("the meteorologist shares a room with Pettersen", "Letters from Hollow Bay", "", None),  # EPUB 2
        ("Glocke aus Bronze gießen", "Kleine Glockenkunde", "Kapitel 1", None),  # German, in Latin-1
    ],
)
def test_a_question_finds_the_passage_that_answers_it_first(
    search: Search, query: str, title: str, chapter: str, page: str | None
) -> None:
    hit = search(query)[0]
    assert hit.title.startswith(title)
    assert hit.chapter.startswith(chapter)
    assert hit.chapter
    assert hit.page == page


@pytest.mark.parametrize("mode", ["hybrid", "text", "vector"])
def test_every_mode_finds_the_book_that_is_meant(search: Search, mode: str) -> None:
    assert search("the queen and the swarm of bees in the hive", mode=mode)[0].title.startswith("The Beekeeper")


def test_vectors_find_passages_that_share_no_word_with_the_query(search: Search) -> None:
    hits = search("telescope planets", mode="vector", limit=10)
    assert hits[0].title.startswith(STARS)
    assert any("telescope" not in hit.text.lower() and "planet" not in hit.text.lower() for hit in hits)


def test_vectors_take_part_in_a_hybrid_search(search: Search) -> None:
    hybrid, words = (search("lamp lit in fog", mode=mode, limit=20) for mode in ("hybrid", "text"))
    assert [(hit.chunk, hit.score) for hit in hybrid] != [(hit.chunk, hit.score) for hit in words]


def test_hits_come_best_first_with_scores_between_0_and_1(search: Search) -> None:
    scores = [hit.score for hit in search("the sea and the river in winter", limit=50)]
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 for score in scores)


def test_a_search_says_the_same_every_time(search: Search) -> None:
    assert search("wind over the harbour") == search("wind over the harbour")


def test_a_limit_keeps_the_best(search: Search) -> None:
    assert search("the clock", limit=3) == search("the clock", limit=10)[:3]


@pytest.mark.parametrize(
    ("options", "titles"),
    [
        ({"author": "tolland"}, {SKERRIN}),
        ({"language": "de"}, {"Kleine Glockenkunde für Anfänger"}),
        ({"author": "nobody"}, set()),
        ({"language": "de", "author": "tolland"}, set()),
    ],
)
def test_filters_leave_only_books_that_match(search: Search, options: dict[str, object], titles: set[str]) -> None:
    assert {hit.title for hit in search("Glocke bell lamp", limit=50, **options)} == titles


def test_a_search_within_a_book_finds_only_its_passages(search: Search) -> None:
    book = search("Betelgeuse")[0].book
    hits = search("winter", book=book[:12], limit=50)
    assert hits
    assert {hit.book for hit in hits} == {book}


def test_a_filter_by_trust_leaves_out_what_is_below(tmp_path: Path) -> None:
    sound = write_text(tmp_path / "tree/sound.txt", 1)
    (tmp_path / "tree/damaged.txt").write_text(sound.replace("e", "(cid:31)"))
    ingest(tmp_path / "library", tmp_path / "tree", inline=True)
    with open_librarian(tmp_path / "library") as opened:
        by_trust = sorted(opened.books(), key=lambda item: item.book.trust_score or 0.0)
        (worse, score), (_, better) = ((item.book.id, item.book.trust_score or 0.0) for item in by_trust)
        word = next(word for word in sound.split() if "e" not in word)
        found = [{hit.book for hit in opened.search(Query(word, min_trust=least, limit=100))} for least in (0.0, 0.5)]
    assert score < 0.5 < better
    assert (len(found[0]), found[1]) == (2, found[0] - {worse})


def test_context_adds_the_text_around_a_passage(search: Search) -> None:
    alone, wide = search("Betelgeuse")[0], search("Betelgeuse", context=1)[0]
    assert alone.chunk == wide.chunk
    assert alone.text in wide.text
    assert len(wide.text) > len(alone.text)


def test_the_passage_that_a_hit_names_is_its_text(search: Search, sample_library: Path) -> None:
    for hit in search("the light on the sea", limit=3):
        shown = librarian("text", hit.chunk, library=sample_library)
        assert shown.code == 0
        assert shown.out.rstrip("\n") == hit.text.rstrip("\n")


def test_the_offsets_of_a_hit_lie_in_its_book_s_text(search: Search, sample_library: Path) -> None:
    with open_librarian(sample_library) as opened:
        for hit in search("the light on the sea", limit=12):
            assert opened.text(hit.book)[hit.start_char : hit.end_char] == hit.text


def test_a_page_and_a_chapter_of_a_book_can_be_read_alone(search: Search, sample_library: Path) -> None:
    hit = search("Betelgeuse the red supergiant")[0]
    with open_librarian(sample_library) as opened:
        titles = [chapter.title for chapter in opened.show(hit.book).chapters]
        assert hit.text in opened.text(hit.book, chapter=titles.index(hit.chapter) + 1)
        assert "Betelgeuse" in opened.text(hit.book, page=hit.page)


def test_the_command_prints_what_the_api_finds(search: Search, sample_library: Path) -> None:
    ran = librarian("search", "--json", "-n", "3", "lamp", "in", "fog", library=sample_library)
    shown, hits = json.loads(ran.out), search("lamp in fog", limit=3)
    assert ran.code == 0
    assert shown["query"] == "lamp in fog"
    assert [item["chunk"] for item in shown["hits"]] == [hit.chunk for hit in hits]
    assert [item["text"] for item in shown["hits"]] == [hit.text for hit in hits]
    assert {"book", "title", "author", "chapter", "page", "chunk", "start_char", "end_char", "score", "text",
            "snippet", "path"} <= shown["hits"][0].keys()  # fmt: skip


def test_a_search_without_hits_says_so_and_ends_well(sample_library: Path) -> None:
    ran = librarian("search", "--mode", "text", "xylophonequux", library=sample_library)
    assert (ran.code, ran.out) == (0, "")
    assert "No passage found" in ran.err
    assert librarian("search", "--mode", "text", "--exit-code", "xylophonequux", library=sample_library).code == 3


def test_only_a_terminal_gets_marks_of_colour(sample_library: Path) -> None:
    plain = librarian("search", "lamp", library=sample_library)
    coloured = librarian("search", "lamp", library=sample_library, env={"FORCE_COLOR": "1"})
    assert "\x1b" not in plain.out
    assert "\x02" not in plain.out
    assert "\x1b[33m" in coloured.out


@pytest.mark.parametrize("query", ['"', "NEAR(", "a OR", "* ^ : -", "text : x", "'; DROP TABLE books; --", "(((("])
def test_what_looks_like_syntax_is_searched_as_words(search: Search, query: str) -> None:
    if any(letter.isalnum() for letter in query):
        search(query)
    else:
        with pytest.raises(Exception, match="no words"):
            search(query)


def test_phrases_and_exclusions_hold_for_what_vectors_find_too(search: Search) -> None:
    for mode in ("hybrid", "vector"):
        plain = search("telescope planets", mode=mode, limit=50)
        without = search("telescope planets -moon -planet*", mode=mode, limit=50)
        assert any("moon" in hit.text.lower() for hit in plain)
        assert without
        assert not any("moon" in hit.text.lower() or "planet" in hit.text.lower() for hit in without)
        phrase = search('"high water" tide', mode=mode, limit=50)
        assert phrase
        assert all("high water" in " ".join(hit.text.lower().split()) for hit in phrase)


def test_a_field_of_the_query_restricts_books_in_every_mode(search: Search) -> None:
    for mode in ("hybrid", "text", "vector"):
        assert {hit.title for hit in search("lamp in fog title:lamp author:maeve", mode=mode)} == {SKERRIN}
        assert SKERRIN not in {hit.title for hit in search("lamp in fog -title:lamp", mode=mode, limit=50)}


@pytest.mark.parametrize("mode", ["hybrid", "text", "vector"])
def test_expansion_keeps_to_the_query_and_finds_more(search: Search, mode: str) -> None:
    plain = search("stars of the winter sky", mode=mode, limit=100)
    wide = search("stars of the winter sky", mode=mode, limit=100, expand=True)
    assert wide[0].title.startswith(STARS)
    assert {hit.chunk for hit in plain[:3]} <= {hit.chunk for hit in wide}
    assert [hit.chunk for hit in wide] != [hit.chunk for hit in plain]
    assert not any("orion" in hit.text.lower() for hit in search("winter sky stars -orion", mode=mode, expand=True))


def test_results_by_book_for_programs_and_people(sample_library: Path) -> None:
    shown = librarian("search", "--by-book", "--json", "-n", "2", "clock", "tower", library=sample_library).document
    assert len(shown["books"]) == 2
    for item in shown["books"]:
        assert 1 <= len(item["hits"]) <= 3
        assert {hit["book"] for hit in item["hits"]} == {item["book"]}
        assert item["score"] == item["hits"][0]["score"]
    ran = librarian("search", "--by-book", "-n", "2", "clock", "tower", library=sample_library)
    for item in shown["books"]:
        assert ran.out.count(item["title"].splitlines()[0]) == 1
        assert all(hit["chunk"] in ran.out for hit in item["hits"])
    none = librarian("search", "--by-book", "--exit-code", "--mode", "text", "xylophonequux", library=sample_library)
    assert (none.code, none.out) == (3, "")


def test_snippets_begin_and_end_with_sentences(search: Search) -> None:
    hits = search("the lamp in the fog", limit=10)
    whole = [hit.snippet for hit in hits if "…" not in hit.snippet]
    assert len(whole) >= len(hits) // 2
    assert sum(snippet.rstrip('"”’').endswith((".", "!", "?")) for snippet in whole) >= len(whole) - 1
