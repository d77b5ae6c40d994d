"""Terms of texts: what counts as one, and that the vectorised pass agrees with plain Python and with SQLite."""

import random
import re
import sqlite3
from collections import Counter

import pytest

from librarian_cli.text import language, terms


def rows_of(counts: terms.TermCounts) -> list[dict[str, int]]:
    rows = []
    for start, end in zip(counts.indptr[:-1].tolist(), counts.indptr[1:].tolist(), strict=True):
        names = [counts.terms[number] for number in counts.ids[start:end].tolist()]
        rows.append(dict(zip(names, counts.counts[start:end].tolist(), strict=True)))
    return rows


def terms_of(text: str) -> dict[str, int]:
    return rows_of(terms.count_terms([text]))[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Whales swim. The whale SWIMS!", {"whale": 2, "swim": 2}),
        ("the and of which a I 7 x", {}),  # stop words and single characters
        ("", {}),
        ("  \n\t--- ", {}),
        ("captain", {"captain": 1}),  # a word at both ends of the text
        ("in 1984, 42 ships", {"1984": 1, "42": 1, "ship": 1}),
        ("snake_case half-life", {"snake": 1, "case": 1, "half": 1, "life": 1}),
        ("“Ship”—whale’s… «mast»", {"ship": 1, "whale": 1, "mast": 1}),  # typographic punctuation
        ("café CAFÉ cafe\u0301", {"cafe": 3}),  # composed, upper case, decomposed
        ("КИТ кит", {"кит": 2}),
        ("й", {}),  # a single letter of two bytes
        ("йод", {"йод": 1}),  # only Latin letters lose their marks
        ("北京，上海。", {"北京": 1, "上海": 1}),
        ("north→south north→south", {"north": 2, "south": 2}),  # a rare mark: the raw word holds two terms
        ("ship\x00whale", {"ship": 1, "whale": 1}),
        ("ship \ud800 whale", {"ship": 1, "whale": 1}),  # a lone surrogate
        ("q" * 64 + " " + "z" * 65, {"q" * 64: 1}),  # runs longer than 64 bytes are no words
        ("possibly possible apology apologies", {"possibl": 2, "apolog": 2}),
        ("us ay is", {"ay": 1}),  # two letters are not stemmed
    ],
)
def test_terms_are_folded_stemmed_words(text: str, expected: dict[str, int]) -> None:
    assert terms_of(text) == expected


def test_each_text_has_its_own_row_in_order() -> None:
    texts = ["whale whale", "", "ship", "çà — whale", ""]
    assert rows_of(terms.count_terms(texts)) == [{"whale": 2}, {}, {"ship": 1}, {"ca": 1, "whale": 1}, {}]
    assert rows_of(terms.count_terms([])) == []


def test_ids_of_a_row_ascend_and_occur_once() -> None:
    counts = terms.count_terms(["sea ship sea mast whale ship", "whale north→sea mast sea"])
    for start, end in zip(counts.indptr[:-1], counts.indptr[1:], strict=True):
        row = counts.ids[start:end].tolist()
        assert row == sorted(set(row))


def test_ids_stay_the_same_over_the_batches_of_a_lexicon() -> None:
    lexicon = terms.Lexicon()
    first = terms.count_terms(["ship whale"], lexicon)
    names = [first.terms[number] for number in first.ids.tolist()]
    second = terms.count_terms(["mast ships whales harpoon"], lexicon)
    assert [second.terms[number] for number in first.ids.tolist()] == names
    assert rows_of(second) == [{"mast": 1, "ship": 1, "whale": 1, "harpoon": 1}]


def test_a_fixed_lexicon_counts_only_its_terms() -> None:
    lexicon = terms.Lexicon(["whale", "mast"], grows=False)
    counts = terms.count_terms(["whales ship mast whale", "ship"], lexicon)
    assert (counts.ids.tolist(), counts.counts.tolist(), counts.indptr.tolist()) == ([0, 1], [2, 1], [0, 2, 2])
    assert lexicon.terms == ["whale", "mast"]


def test_a_full_word_table_is_emptied_and_terms_keep_their_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "_MAX_TABLE_WORDS", 3)
    lexicon = terms.Lexicon()
    texts = ["ship whale mast sail", "north→south ship", "whale sail east→west", "north→south mast"]
    alone = [rows_of(terms.count_terms([text]))[0] for text in texts]
    assert [rows_of(terms.count_terms([text], lexicon))[0] for text in texts] == alone


def test_counts_agree_with_plain_python_on_many_distinct_words() -> None:
    draw = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyzéßø"
    words = ["".join(draw.choices(letters, k=draw.randint(1, 20))) for _ in range(6_000)]
    texts = [" ".join(draw.choices(words, k=200)) for _ in range(100)]
    lexicon = terms.Lexicon()
    batches = (texts[:7], texts[7:50], texts[50:])
    found = [row for batch in batches for row in rows_of(terms.count_terms(batch, lexicon))]
    assert found == [Counter(plain_terms(text)) for text in texts]


def plain_terms(text: str) -> list[str]:
    words = [word for word in re.findall(r"[^\W_]+", text.replace("é", "e")) if len(word) > 1]
    stop = language.STOP_WORDS["en"]
    return [stem for word, stem in zip(words, terms.stem_words(words), strict=True) if word not in stop]


def test_terms_agree_with_the_full_text_index() -> None:
    text = (
        "Ponies and relational conditioning: the valency of hesitant vileness, digitizers, conformably; "
        "radically different analogously, callousness, formality, sensibilities. Élan naïve Übermut señor "
        "electrical hopefulness adjustable defensible irritant replacement adoption homologous effective bowdlerize "
        "don’t can't rate cease controll rolling hopping tanned falling hissing fizzed failing filing happy sky"
    )
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE f USING fts5(body, tokenize='porter unicode61')")
    database.execute("INSERT INTO f VALUES (?)", (text,))
    database.execute("CREATE VIRTUAL TABLE v USING fts5vocab(f, 'row')")
    indexed = {term: count for term, count in database.execute("SELECT term, cnt FROM v") if len(term) > 1}
    database.close()
    counts = terms.count_terms([text], terms.Lexicon(stop_words=frozenset()))
    assert rows_of(counts) == [indexed]


def test_stem_words_keeps_stop_words_and_order() -> None:
    assert terms.stem_words(["The", "Ships", "Élan"]) == ["the", "ship", "elan"]
