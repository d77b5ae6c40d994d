"""Queries are parsed as documented, and whatever is typed FTS5 takes the expression that comes of it."""

import random
import sqlite3

import pytest

from librarian_cli.errors import UsageError
from librarian_cli.search import syntax
from librarian_cli.search.syntax import MAX_WORDS, BookRule, Parsed, Term, parse


def terms(*texts: str) -> tuple[Term, ...]:
    """Terms by how they are typed: words with spaces between them, a star at the end for a prefix."""
    return tuple(Term(tuple(text.rstrip("*").split()), text.endswith("*")) for text in texts)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Tidal forces", Parsed(terms("tidal", "forces"))),
        ("the force of the tide", Parsed(terms("force", "tide"))),  # stop words go where others remain
        ("to be or not to be", Parsed(terms("to", "be", "or", "not", "to", "be"))),  # and stay where none do
        ("tide tide clock", Parsed(terms("tide", "tide", "clock"))),  # a word asked for twice counts twice
        ("naïve Ångström 中文 3D", Parsed(terms("naïve", "ångström", "中文", "3d"))),
        ("cafe\u0301", Parsed(terms("café"))),
        ("tide (clock) NEAR/2 bell", Parsed(terms("tide", "clock", "near", "2", "bell"))),  # no operators, but words
        ("tide AND clock OR NOT bell", Parsed(terms("tide", "clock", "bell"))),  # nor these, which are stop words
        ('"high water" quay', Parsed(terms("quay"), terms("high water"))),
        ("“high water” „low water“", Parsed((), terms("high water", "low water"))),
        ('"to be"', Parsed((), terms("to be"))),  # a phrase keeps its stop words
        ('the "to be"', Parsed((), terms("to be"))),
        ('"tide', Parsed(terms("tide"))),  # a quotation mark that is not closed is none
        ('a 5" pipe or 6" pipe', Parsed(terms("5", "pipe", "6", "pipe"))),  # nor is one after a word
        ('"?!" tide', Parsed(terms("tide"))),
        ("harb* clock", Parsed(terms("harb*", "clock"))),
        ("a* clock", Parsed(terms("clock"))),  # too short to be a beginning
        ("self-made*", Parsed(terms("self made*"))),
        ("*", None),
        ("tide -clock", Parsed(terms("tide"), (), terms("clock"))),
        ('tide -"high water" -harb*', Parsed(terms("tide"), (), terms("high water", "harb*"))),
        ("tide -self-made", Parsed(terms("tide"), (), terms("self made"))),
        ("well-known tide", Parsed(terms("well", "known", "tide"))),  # a hyphen within a word excludes nothing
        ("tide - clock", Parsed(terms("tide", "clock"))),
        ("tide -the", Parsed(terms("tide"), (), terms("the"))),
        ("-clock", None),
        ("tide title:harbour", Parsed(terms("tide"), (), (), (BookRule("title", Term(("harbour",))),))),
        ('tide AUTHOR:"Ann Kéeper"', Parsed(terms("tide"), (), (), (BookRule("author", Term(("ann", "keeper"))),))),
        (
            "tide -title:harb*",
            Parsed(terms("tide"), (), (), (BookRule("title", Term(("harb",), prefix=True), excluded=True),)),
        ),
        ("title: tide", Parsed(terms("title", "tide"))),
        ("subtitle:tide", Parsed(terms("subtitle", "tide"))),
        ("isbn:123", Parsed(terms("isbn", "123"))),
        ("title:harbour", None),
    ],
)
def test_a_query_is_taken_apart(query: str, expected: Parsed | None) -> None:
    if expected is None:
        with pytest.raises(UsageError):
            parse(query)
    else:
        assert parse(query) == expected


@pytest.mark.parametrize("query", ["", "   ", "?!… — ()", '"', "*", "\0", "🌊🌊", "\udcff", "_", "-", '""', "title:"])
def test_a_query_without_words_is_a_usage_error(query: str) -> None:
    if query == "title:":
        assert parse(query) == Parsed(terms("title"))  # a field without a word is a word
        return
    with pytest.raises(UsageError, match="no words"):
        parse(query)


def test_a_query_that_is_too_long_is_refused_with_both_lengths() -> None:
    with pytest.raises(UsageError, match=r"5000 characters; at most 4000"):
        parse("x" * 5000)
    assert len(parse("x" * 1000).optional) == 1


def test_so_many_words_of_a_query_count_and_no_restriction_is_dropped_in_silence() -> None:
    assert len(parse(" ".join(f"word{number}" for number in range(100))).optional) == MAX_WORDS
    assert len(parse("tide " + " ".join(f"-x{number}" for number in range(MAX_WORDS))).excluded) == MAX_WORDS
    with pytest.raises(UsageError, match="65 words in phrases, exclusions and fields; at most 64"):
        parse("tide " + " ".join(f"-x{number}" for number in range(MAX_WORDS + 1)))


@pytest.mark.parametrize(
    ("term", "text", "stands"),
    [
        ("harbour", "The Harbour Clock", True),
        ("harb", "The Harbour Clock", False),
        ("harb*", "The Harbour Clock", True),
        ("harbour clock", "The Harbour-Clock", True),
        ("clock harbour", "The Harbour Clock", False),
        ("harbour cl*", "The Harbour Clock", True),
        ("angstrom", "Ångström", True),
        ("clock", "", False),
    ],
)
def test_a_term_stands_in_a_title_or_not(term: str, text: str, stands: bool) -> None:
    assert terms(term)[0].stands_in(syntax.split_words(text)) is stands


PIECES = (
    *"\"'*-:()^+{}[]|&!.,;\\/_ \t\n\0", "“", "”", "«", "title:", "author:", "-title:", "TITLE:", "AND", "OR", "NOT",
    "NEAR(", "tide", "clock*", '"high water"', "-", "é", "e\u0301", "\u0301", "中文", "हिन्दी", "İ", "ß", "ﬁ", "²", "٣",
    "🌊", "\u200b", "\u202e", "\ufeff", "\udc80", "𞤀", "ꟺ", "x" * 70, "rowid", "rank", "chunks_fts",
)  # fmt: skip


def made_up(seed: int) -> str:
    chooser = random.Random(seed)
    return "".join(chooser.choice(PIECES) + chooser.choice(("", " ")) for _ in range(chooser.randrange(1, 30)))


@pytest.fixture(scope="module")
def index() -> sqlite3.Connection:
    """An index like the library's, with documents of the words that the queries are made of."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE f USING fts5 (text, heading, tokenize='porter unicode61')")
    chooser = random.Random(7)
    words = [
        "tide",
        "clock",
        "clocks",
        "high",
        "water",
        "rank",
        "rowid",
        "é",
        "中文",
        "हिन्दी",
        "ß",
        "near",
        "title",
        "x",
    ]
    for _ in range(300):
        connection.execute("INSERT INTO f VALUES (?, '')", (" ".join(chooser.choices(words, k=6)),))
    return connection


def rows(index: sqlite3.Connection, match: str) -> set[int]:
    return {row[0] for row in index.execute("SELECT rowid FROM f WHERE f MATCH ?", (match,))}


@pytest.mark.parametrize("block", range(20))
def test_whatever_is_typed_the_expression_means_what_the_parts_mean(index: sqlite3.Connection, block: int) -> None:
    understood = 0
    for seed in range(block * 200, (block + 1) * 200):
        try:
            parsed = parse(made_up(seed))
        except UsageError:
            continue
        understood += 1
        found = rows(index, syntax.expression(parsed.optional, parsed.required, parsed.excluded))
        expected = set().union(*(rows(index, term.fts) for term in parsed.wanted))
        for term in parsed.required:
            expected &= rows(index, term.fts)
        for term in parsed.excluded:
            expected -= rows(index, term.fts)
        assert found == expected, made_up(seed)
    assert understood > 100


@pytest.mark.parametrize("block", range(10))
def test_parsing_what_was_parsed_says_the_same(block: int) -> None:
    for seed in range(block * 200, (block + 1) * 200):
        try:
            parsed = parse(made_up(seed))
        except UsageError:
            continue
        assert parse(written(parsed)) == parsed, made_up(seed)


def written(parsed: Parsed) -> str:
    """Type a query as it was understood."""
    plain = [" ".join(term.words) if not term.prefix else "-".join(term.words) + "*" for term in parsed.optional]
    phrases = [f'"{" ".join(term.words)}"' for term in parsed.required]
    excluded = [f"-{typed(term)}" for term in parsed.excluded]
    fields = [f"{'-' * rule.excluded}{rule.field}:{typed(rule.term)}" for rule in parsed.rules]
    return " ".join([*plain, *phrases, *excluded, *fields])


def typed(term: Term) -> str:
    return "-".join(term.words) + "*" if term.prefix else f'"{" ".join(term.words)}"'
