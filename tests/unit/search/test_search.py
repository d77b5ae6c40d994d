"""Scores are fused, filters and operators hold, and no query whatever harms the search."""

import contextlib
import itertools
import random
import sqlite3
from pathlib import Path

import pytest

from librarian_cli.errors import UsageError
from librarian_cli.models import Chapter, Page
from librarian_cli.search import MATCH_START, MODES, Query, Searcher, fuse, syntax, words
from librarian_cli.settings import Config
from librarian_cli.store import books, jobs, ranking, tags
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


def bench_queries() -> list[str]:
    lines = (Path(__file__).parents[3] / "scripts/queries.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def searcher(reader: sqlite3.Connection) -> Searcher:
    return Searcher(reader, Path("nowhere"), Config())


def ask(reader: sqlite3.Connection, query: Query) -> list[str]:
    return [hit.title for hit in searcher(reader).search(query)]


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
    # those that are given to every place where text may enter
    "'; DROP TABLE books;--",
    '" OR 1=1 --',
    "Robert'); DELETE FROM docs;--",
    "%' AND 1=0 UNION SELECT sql FROM sqlite_master--",
    "a AND OR b",
    "col:term",
    "{a b}:c",
    "^foo",
    "*",
    "-",
    "(",
    ")",
    "NOT",
    "a NOT",
    '""',
    "''",
    # our own syntax, broken
    "title:",
    "title:tide",
    "-title:",
    'tide title:"',
    "--tide clock",
    "-- tide",
    "tide -",
    'tide -"',
    'tide -""',
    'title:"" tide',
    "title:title:tide tide",
    "tide -title:-author:x",
    "tide**",
    'tide "*"',
    '"tide"*',
    "tide -tide",
    '"_ _" tide',
    '"\u0301" tide',
    "tide -\U0001f30a",
    "𐐀 𞤀 ꟺ tide",  # letters that an older Unicode does not know
    '"𞤀" tide',
    "tide -𞤀",
)


@pytest.mark.parametrize("text", [*WEIRD, *map(noise, range(200))], ids=itertools.count())
def test_no_query_raises_anything_but_a_usage_error(reader: sqlite3.Connection, text: str) -> None:
    for mode, book, expand in itertools.product(MODES, (None, sha256_of("tides")), (False, True)):
        with contextlib.suppress(UsageError):
            hits = searcher(reader).search(Query(text, mode=mode, book=book, expand=expand))
            assert all(0.0 <= hit.score <= 1.0 for hit in hits)


def test_a_hit_says_where_the_passage_stands(reader: sqlite3.Connection) -> None:
    hit = searcher(reader).search(Query("tidal forces", limit=1))[0]
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
    hits = searcher(reader).search(Query("bronze clock tide", limit=limit))
    assert len(hits) <= limit
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_word_finds_its_other_forms_and_a_chapters_title_its_text(reader: sqlite3.Connection) -> None:
    assert "tides" in ask(reader, Query("harbours rising"))
    assert set(ask(reader, Query("ebb"))) == {"tides"}


def test_context_shows_the_neighbours_without_crossing_the_book(reader: sqlite3.Connection) -> None:
    narrow = searcher(reader).search(Query("tidal", limit=1))[0]
    wide = searcher(reader).search(Query("tidal", limit=1, context=20))[0]
    assert (narrow.start_char, narrow.end_char) == (wide.start_char, wide.end_char)
    assert wide.text == TIDES * 3


def test_an_unknown_book_is_a_usage_error(reader: sqlite3.Connection) -> None:
    with pytest.raises(UsageError, match="no book"):
        ask(reader, Query("tide", book="0" * 8))


def test_a_bad_query_is_refused_even_where_no_book_could_answer(reader: sqlite3.Connection) -> None:
    with pytest.raises(UsageError, match="no words"):
        ask(reader, Query("?!", author="nobody"))


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ('bronze "die uhr"', {"clocks"}),  # a phrase has to occur
        ('"bronze of clock"', set()),  # in its order
        ('"CLOCK of, bronze!"', {"tides", "clocks"}),  # whatever stands between its words, and their case
        ("harb*", {"tides"}),
        ("bronze -uhr", {"tides", "clocks"}),  # a passage is left out, not its book
        ("uhr -uhr", set()),
        ("bronze title:tides", {"tides"}),
        ("bronze -title:tides", {"clocks"}),
        ("bronze author:keeper", {"tides"}),
        ("bronze author:kee*", {"tides"}),
        ("bronze author:kee", set()),  # a whole word of the name
        ('bronze author:"bo smith"', {"clocks"}),
        ('bronze author:"smith bo"', set()),
        ("bronze title:tides author:smith", set()),
    ],
)
def test_operators_restrict_what_answers(reader: sqlite3.Connection, query: str, titles: set[str]) -> None:
    assert set(ask(reader, Query(query))) == titles


@pytest.mark.parametrize("query", ["-tide", "title:tides", 'author:"ann keeper" -clock'])
def test_a_query_that_only_restricts_is_refused_with_advice(reader: sqlite3.Connection, query: str) -> None:
    with pytest.raises(UsageError, match="add words to search for"):
        ask(reader, Query(query))


def test_a_collection_holds_those_below_it_and_a_group_its_books(tmp_path: Path) -> None:
    connection = make_library(tmp_path / "library.db")
    for name, collection in (("a", "Sea"), ("b", "Sea/Tides"), ("c", "Seaside")):
        save_text(connection, add_book(connection, name, status="ok"), TIDES)
        connection.execute("UPDATE books SET collection=? WHERE title=?", (collection, name))
    job = jobs.start(connection, "test", "owner")
    first = books.find(connection, sha256_of("a")).row
    connection.execute(
        "INSERT INTO tasks (book, stage, job, state, priority, order_key, order_group, created_at)"
        " VALUES (?, 'extract', ?, 'done', 5, 0, 'series', 0)",
        (first, job),
    )
    assert set(ask(connection, Query("tide", limit=50, collection="sea"))) == {"a", "b"}
    assert set(ask(connection, Query("tide", limit=50, collection="Sea/Tides/"))) == {"b"}
    assert set(ask(connection, Query("tide", limit=50, group="series"))) == {"a"}
    assert ask(connection, Query("tide", group="other")) == []


def test_a_tag_leaves_the_books_that_have_it_and_several_those_that_have_all(tmp_path: Path) -> None:
    connection = make_library(tmp_path / "library.db")
    rows = {name: add_book(connection, name, status="ok") for name in ("a", "b", "c", "empty")}
    for name in ("a", "b", "c"):
        save_text(connection, rows[name], TIDES)
    tags.add(connection, "Sea", [rows["a"], rows["b"], rows["empty"]])
    tags.add(connection, "maps", [rows["b"], rows["c"]])
    assert set(ask(connection, Query("tide", limit=50, tags=("sea",)))) == {"a", "b"}
    assert set(ask(connection, Query("tide", limit=50, tags=("sea", "Maps")))) == {"b"}
    assert set(ask(connection, Query("tide title:b", limit=50, tags=("sea",)))) == {"b"}
    assert ask(connection, Query("tide", tags=("other",))) == []
    assert ask(connection, Query("tide", tags=("sea", "other"))) == []
    with pytest.raises(UsageError, match="is no tag"):
        ask(connection, Query("tide", tags=("sea, maps",)))


def test_books_come_by_their_best_passage_with_the_next_ones_below(reader: sqlite3.Connection) -> None:
    found = searcher(reader).search_books(Query("clock bronze uhr", limit=5))
    hits = searcher(reader).search(Query("clock bronze uhr", limit=100))
    assert [item.title for item in found] == list(dict.fromkeys(hit.title for hit in hits))
    for item in found:
        assert item.hits == tuple(hit for hit in hits if hit.title == item.title)[:3]
        assert item.score == item.hits[0].score
    assert len(searcher(reader).search_books(Query("clock bronze uhr", limit=1))) == 1


def test_words_in_many_chunks_are_dropped_where_rarer_ones_remain(
    reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = syntax.parse("clock ebb clock")
    assert [term.words for term in words.telling(reader, common)] == [("clock",), ("ebb",), ("clock",)]  # so few chunks
    monkeypatch.setattr(words, "MIN_COMMON_CHUNKS", 0)
    assert [term.words for term in words.telling(reader, common)] == [("ebb",)]
    assert [term.words for term in words.telling(reader, syntax.parse("clock bronze"))] == [("clock",), ("bronze",)]
    assert words.telling(reader, syntax.parse('clock "die uhr"')) == []  # the phrase remains
    assert [term.words for term in words.telling(reader, syntax.parse("clock"))] == [("clock",)]


def test_no_more_matches_are_scored_than_a_bound_unless_one_word_alone_has_more(
    reader: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept(text: str) -> list[str]:
        return [term.words[0] for term in words.telling(reader, syntax.parse(text))]

    counts = {word: ranking.count_matching(reader, f'"{word}"') for word in ("ebb", "uhr", "clock")}
    assert counts["ebb"] < counts["uhr"] < counts["clock"]
    monkeypatch.setattr(words, "MOST_MATCHES", counts["ebb"] + counts["uhr"])
    assert kept("clock ebb uhr ebb") == ["ebb", "uhr", "ebb"]
    monkeypatch.setattr(words, "MOST_MATCHES", 0)
    assert kept("clock uhr") == ["uhr"]
    assert kept("clock clock") == ["clock", "clock"]


@pytest.mark.parametrize("text", bench_queries())
def test_what_the_benchmark_asks_is_answered_or_refused(reader: sqlite3.Connection, text: str) -> None:
    if any(char.isalnum() for char in text):
        assert len(ask(reader, Query(text))) <= 10
    else:
        with pytest.raises(UsageError):
            ask(reader, Query(text))


def test_expansion_finds_passages_that_speak_of_the_same_without_the_word(tmp_path: Path) -> None:
    connection = make_library(tmp_path / "library.db")
    for number, text in enumerate(
        [
            "A walrus rests on drifting floes of ice.",
            "A walrus has tusks, on floes of ice.",
            "Tusks and floes in the ice.",
        ]
        + [f"Nothing of the kind: chapter {number} on trains." for number in range(40)]
    ):
        save_text(connection, add_book(connection, f"{number}", status="ok"), text)
    assert ask(connection, Query("walrus", limit=50)) == ["0", "1"]
    assert ask(connection, Query("walrus", limit=50, expand=True)) == ["1", "0", "2"]
    assert ask(connection, Query("walrus -tusks", limit=50, expand=True)) == ["0"]
