"""Scores are fused and snippets cut as they should be, and no query whatever harms the search."""

import contextlib
import itertools
import random
import sqlite3
from pathlib import Path

import pytest

from librarian_cli.errors import UsageError
from librarian_cli.models import Chapter, Page
from librarian_cli.search import MATCH_END, MATCH_START, MODES, Query, fuse, search, snippet, terms
from librarian_cli.store import books
from librarian_cli.store.connections import open_read_only
from tests.support.stored import add_book, make_library, save_text, sha256_of

TIDES = "The tide rises in the harbour. Tidal forces pull at the sea. A clock of bronze strikes the hour. "


@pytest.mark.parametrize(
    ("words", "cosines", "weight", "expected"),
    [
        ({1: 4.0, 2: 2.0}, {}, 0.0, [(1, 1.0), (2, 0.5)]),  # words alone: the best one scores 1
        ({1: 4.0, 2: 2.0}, {2: 1.0}, 0.5, [(2, 0.75), (1, 0.5)]),  # vectors lift the second
        ({1: 4.0}, {3: 1.0}, 0.15, [(1, 0.85), (3, 0.15)]),  # and add what words alone miss
        ({1: 4.0}, {3: 1.0}, 0.0, [(1, 1.0)]),  # without weight they add nothing
        ({}, {3: 1.0, 4: 0.5}, 1.0, [(3, 1.0), (4, 0.5)]),
        ({9: 1.0, 2: 1.0, 5: 1.0}, {}, 0.0, [(2, 1.0), (5, 1.0), (9, 1.0)]),  # equal scores go by row
        ({1: 0.0, 2: 0.0}, {}, 0.0, [(1, 0.0), (2, 0.0)]),  # nothing to scale by
        ({}, {}, 0.15, []),
    ],
)
def test_two_scorings_are_merged(
    words: dict[int, float], cosines: dict[int, float], weight: float, expected: list[tuple[int, float]]
) -> None:
    found = fuse(words, cosines, weight)
    assert [row for row, _ in found] == [row for row, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Tidal forces", ["tidal", "forces"]),
        ("the force of the tide", ["force", "tide"]),  # stop words go where others remain
        ("to be or not to be", ["to", "be", "or", "not", "to", "be"]),  # and stay where none do
        ("tide tide clock", ["tide", "tide", "clock"]),  # a word asked for twice counts twice
        ("naïve Ångström 中文 3D", ["naïve", "ångström", "中文", "3d"]),
        ('"tide" AND (clock) NEAR/2 bell*', ["tide", "clock", "near", "2", "bell"]),  # no operators, but words
    ],
)
def test_a_query_is_split_into_its_telling_words(query: str, expected: list[str]) -> None:
    assert [word for word in terms(query) if word not in ("and",)] == expected


@pytest.mark.parametrize("query", ["", "   ", "?!… — ()", '"', "*", "\0", "🌊🌊", "\udcff"])
def test_a_query_without_words_is_a_usage_error(query: str) -> None:
    with pytest.raises(UsageError, match="no words"):
        terms(query)


def test_a_query_that_is_too_long_is_refused_with_both_lengths() -> None:
    with pytest.raises(UsageError, match=r"5000 characters; at most 1000"):
        terms("x" * 5000)
    assert len(terms("x" * 1000)) == 1


def test_so_many_words_of_a_query_count() -> None:
    assert len(terms(" ".join(f"word{number}" for number in range(100)))) == 32


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


def test_a_snippet_of_a_long_passage_is_cut_quickly() -> None:
    assert snippet("word " * 20_000, ["word"]).count(MATCH_START) == 32


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three books: one with pages and chapters, one by another author in German, one that holds nothing."""
    folder = tmp_path_factory.mktemp("search")
    connection = make_library(folder / "library.db")
    tides = add_book(connection, "tides", status="ok")
    chapters = (Chapter("Ebb", 1, 0, 80), Chapter("Flow", 1, 80, 3 * len(TIDES)))
    save_text(connection, tides, TIDES * 3, chapters=chapters, pages=(Page(1, "i", 0), Page(2, None, 100)))
    clocks = add_book(connection, "clocks", status="ok")
    save_text(connection, clocks, "Die Uhr schlägt. The clock of bronze strikes. " * 5)
    connection.execute("UPDATE books SET author='Ann Keeper', language='en', trust_score=0.9 WHERE title='tides'")
    connection.execute("UPDATE books SET author='Bo Smith', language='de', trust_score=0.4 WHERE title='clocks'")
    add_book(connection, "empty", status="failed")
    connection.close()
    return folder


@pytest.fixture(scope="module")
def reader(library: Path) -> sqlite3.Connection:
    return open_read_only(library / "library.db")


def ask(reader: sqlite3.Connection, query: Query) -> list[str]:
    return [hit.title for hit in search(reader, query, Path("nowhere"), 0.15)]


def noise(seed: int) -> str:
    chooser = random.Random(seed)
    letters = "ab \"'*^()-+:{}[]\\/.,;%_\0\n\t\x02\x03\ufeff\u200b\u0301é中🌊\udc80" + "İß"
    words = ("NEAR", "AND", "OR", "NOT", "heading:", "text:", "tide", '""')
    return "".join(chooser.choice(letters) if chooser.random() < 0.7 else chooser.choice(words) for _ in range(60))


WEIRD = (
    '"',
    '"unbalanced tide',
    'tide" OR "1"="1',
    "NEAR(tide clock)",
    "NEAR(tide clock, 5) AND",
    "tide NOT",
    "OR OR OR",
    "tide*",
    "^tide",
    "heading : tide",
    "rowid:1",
    "{heading text} : tide",
    "(tide",
    "-tide +clock",
    "tide\0clock",
    "\0",
    "🌊",
    "tide 🌊 clock",
    "x" * 1000,
    "x" * 5000,
    "tide " * 1000,
    "?!…—()[]{}",
    "_",
    "___ _",
    "\u0301",
    "e\u0301",
    "\u200b\u200d",
    "İstanbul",
    "ﬁ",
    "²",
    "٣",
    "\udcff tide",
    "'; DROP TABLE books; --",
    "% _ \\",
    "\r\n\t",
    "中文",
    "a" * 200 + " " + "b" * 200,
)


@pytest.mark.parametrize("text", [*WEIRD, *map(noise, range(20))], ids=itertools.count())
def test_no_query_raises_anything_but_a_usage_error(reader: sqlite3.Connection, text: str) -> None:
    for mode, book in itertools.product(MODES, (None, sha256_of("tides"))):
        with contextlib.suppress(UsageError):
            hits = search(reader, Query(text, mode=mode, book=book), Path("nowhere"), 0.15)
            assert all(0.0 <= hit.score <= 1.0 for hit in hits)


def test_a_hit_says_where_the_passage_stands(reader: sqlite3.Connection) -> None:
    hit = search(reader, Query("tidal forces", limit=1), Path("nowhere"), 0.15)[0]
    book = books.find(reader, sha256_of("tides"))
    text = (TIDES * 3)[hit.start_char : hit.end_char]
    assert (hit.book, hit.title, hit.author, hit.path) == (book.id, "tides", "Ann Keeper", b"/books/tides")
    assert hit.text == text
    assert hit.chunk == f"{book.id[:12]}:{hit.start_char}-{hit.end_char}"
    assert hit.chapter == ("Ebb" if hit.start_char < 80 else "Flow")
    assert hit.page == ("i" if hit.start_char < 100 else "2")
    assert MATCH_START in hit.snippet
    assert hit.score == 1.0


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        (Query("bronze"), {"tides", "clocks"}),
        (Query("bronze", author="keeper"), {"tides"}),  # part of the name, whatever its case
        (Query("bronze", language="de"), {"clocks"}),
        (Query("bronze", language="de-DE"), {"clocks"}),
        (Query("bronze", min_trust=0.5), {"tides"}),
        (Query("bronze", book=sha256_of("clocks")[:8]), {"clocks"}),
        (Query("bronze", author="nobody"), set()),
        (Query("bronze", author="keeper", language="de"), set()),
        (Query("walrus"), set()),
        (Query("bronze", book=sha256_of("empty")), set()),  # it holds no text
    ],
)
def test_filters_choose_the_books_that_may_answer(reader: sqlite3.Connection, query: Query, titles: set[str]) -> None:
    assert set(ask(reader, query)) == titles


def test_a_filter_is_forgotten_with_its_search(reader: sqlite3.Connection) -> None:
    assert set(ask(reader, Query("bronze", author="keeper"))) == {"tides"}
    assert set(ask(reader, Query("bronze", author="smith"))) == {"clocks"}
    assert set(ask(reader, Query("bronze"))) == {"tides", "clocks"}


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_no_more_hits_than_asked_for_and_best_first(reader: sqlite3.Connection, limit: int) -> None:
    hits = search(reader, Query("bronze clock tide", limit=limit), Path("nowhere"), 0.15)
    assert len(hits) <= limit
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_word_finds_its_other_forms_and_a_chapters_title_its_text(reader: sqlite3.Connection) -> None:
    assert "tides" in ask(reader, Query("harbours rising"))
    assert set(ask(reader, Query("ebb"))) == {"tides"}


def test_context_shows_the_neighbours_without_crossing_the_book(reader: sqlite3.Connection) -> None:
    narrow = search(reader, Query("tidal", limit=1), Path("nowhere"), 0.15)[0]
    wide = search(reader, Query("tidal", limit=1, context=20), Path("nowhere"), 0.15)[0]
    assert (narrow.start_char, narrow.end_char) == (wide.start_char, wide.end_char)
    assert wide.text == TIDES * 3


def test_an_unknown_book_is_a_usage_error(reader: sqlite3.Connection) -> None:
    with pytest.raises(UsageError, match="no book"):
        ask(reader, Query("tide", book="0" * 8))


def test_a_bad_query_is_refused_even_where_no_book_could_answer(reader: sqlite3.Connection) -> None:
    with pytest.raises(UsageError, match="no words"):
        ask(reader, Query("?!", author="nobody"))
