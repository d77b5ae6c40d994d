"""Words are indexed and asked for in one form a language; English stands as it is."""

import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from librarian_cli.text import analysis
from tests.support.characters import random_character

INFLECTED = {
    "de": [("Haus", "Häuser"), ("Häuser", "HAEUSER"), ("Buch", "Bücher"), ("lesen", "lese"), ("Straße", "Strassen")],
    "fr": [("cheval", "chevaux"), ("nation", "nations"), ("église", "églises"), ("continuer", "continuait")],
    "es": [("canción", "canciones"), ("libro", "libros"), ("cantar", "cantando"), ("niño", "niños")],
    "pl": [("książka", "książki"), ("domu", "domem"), ("drzewo", "drzewa")],
    "ru": [("книга", "книги"), ("книгами", "книгу"), ("читать", "читала"), ("ёлка", "елки")],
}
PAIRS = [(code, *pair) for code, pairs in INFLECTED.items() for pair in pairs]


@pytest.fixture
def index() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE texts USING fts5 (text, tokenize='porter unicode61')")
    yield connection
    connection.close()


def finds(index: sqlite3.Connection, text: str, match: str, code: str) -> bool:
    index.execute("DELETE FROM texts")
    index.execute("INSERT INTO texts VALUES (?)", (analysis.indexed_form(text, analysis.choose(text, code)),))
    return bool(index.execute("SELECT 1 FROM texts WHERE texts MATCH ?", (match,)).fetchall())


def asks(word: str, text: str, code: str) -> str:
    return " OR ".join(analysis.anywhere(word, {analysis.choose(text, code)}))


@pytest.mark.parametrize(("code", "stored", "asked"), PAIRS)
def test_one_inflection_finds_another(index: sqlite3.Connection, code: str, stored: str, asked: str) -> None:
    text = f"x {stored} y"
    assert finds(index, text, asks(asked, text, code), code)
    assert finds(index, f"x {asked} y", asks(stored, text, code), code)
    assert not finds(index, "x walrus y", asks(asked, text, code), code)


@pytest.mark.parametrize("text", ["", "The houses' doors.", "naïve façade", "a_b 3.14"])
@pytest.mark.parametrize("code", ["en", "", "la"])
def test_english_and_unknown_texts_are_indexed_as_they_stand(text: str, code: str) -> None:
    assert analysis.choose(text, code) == analysis.AS_IT_STANDS
    assert analysis.indexed_form(text, analysis.AS_IT_STANDS) is text
    assert analysis.anywhere("houses", {analysis.AS_IT_STANDS}) == ['"houses"']


@pytest.mark.parametrize("char", "〇あア㐀一가豈ｦ𠀀𰀀ヿ鿿힣𲎯")
def test_one_such_character_in_a_text_is_noticed(char: str) -> None:
    assert analysis.choose(f"“{'naïve ' * 50}”{char}", "en") == analysis.choose("図書館", "ja")


@pytest.mark.parametrize("text", ["“naïve” façade", "ﬁrst 😀", "全角", "слово"])
def test_a_text_in_english_is_indexed_as_pairs_only_where_it_holds_such_characters(text: str) -> None:
    assert (analysis.choose(text, "en") != analysis.AS_IT_STANDS) == any(map(analysis.is_cjk, text))


def test_chinese_and_japanese_become_pairs_and_latin_words_stay(index: sqlite3.Connection) -> None:
    text = "図書館でLinuxを学ぶ。"
    name = analysis.choose(text, "ja")
    assert analysis.indexed_form(text, name) == "図書 書館 館で でˢ linux を 学ぶ ぶˢ"
    for word in ("図書館", "書館", "学ぶ", "Linux", "ぶ", "図", "学"):
        assert finds(index, text, asks(word, text, "ja"), "ja"), word
    for word in ("図館", "市", "館を"):
        assert not finds(index, text, analysis.phrase(word, name), "ja"), word


@pytest.mark.parametrize("seed", range(20))
def test_just_the_stretches_of_a_text_are_found_as_phrases(index: sqlite3.Connection, seed: int) -> None:
    chooser = random.Random(seed)
    text = "".join(chooser.choices("のを的是数据語ア。", k=60))
    name = analysis.choose(text, "ja")
    asked = [text[at : at + 3] for at in range(57)] + ["".join(chooser.choices(text, k=3)) for _ in range(57)]
    index.execute("INSERT INTO texts VALUES (?)", (analysis.indexed_form(text, name),))
    for stretch in (piece[:size] for piece in asked for size in (1, 2, 3) if "。" not in piece[:size]):
        match = analysis.phrase(stretch, name)
        rows = index.execute("SELECT 1 FROM texts WHERE texts MATCH ?", (match,)).fetchall()
        assert bool(rows) == (stretch in text), (text, stretch)


@pytest.mark.parametrize(
    "phrase", ["図書館で", "館でLinux", "Linuxを", "linux を学", "学ぶ", "ぶ", "図書館でlinuxを学ぶ"]
)
def test_any_stretch_of_a_text_finds_it_as_a_phrase(index: sqlite3.Connection, phrase: str) -> None:
    text = "図書館でLinuxを学ぶ。"
    assert finds(index, text, analysis.phrase(phrase, analysis.choose(text, "ja")), "ja")


def test_an_english_text_that_quotes_chinese_has_its_pairs_beside_its_words(index: sqlite3.Connection) -> None:
    text = "The word 图书馆 means libraries."
    assert finds(index, text, asks("书馆", text, "en"), "en")
    assert finds(index, text, asks("library", text, "en"), "en")


def test_full_and_half_width_letters_are_the_same(index: sqlite3.Connection) -> None:
    text = "ｶﾀｶﾅと１２３"
    assert finds(index, text, asks("カタカナ", text, "ja"), "ja")
    assert finds(index, text, asks("123", text, "ja"), "ja")


def test_english_words_in_a_russian_book_are_found_as_english(index: sqlite3.Connection) -> None:
    text = "Установите packages в систему"
    assert finds(index, text, asks("package", text, "ru"), "ru")


def test_stems_do_not_meet_english_words(index: sqlite3.Connection) -> None:
    assert not finds(index, "the police came", " OR ".join(analysis.anywhere("policías", {es_name()})), "en")
    assert not finds(index, "The Gift of the Magi", " OR ".join(analysis.anywhere("Gift", {de_name()})), "en")


def test_a_stop_word_is_dropped_in_its_language_only() -> None:
    english, german = analysis.AS_IT_STANDS, de_name()
    words = ["the", "house", "und", "die"]
    assert analysis.telling(words, {english, german}) == {english: {"house", "die"}, german: {"the", "house"}}
    assert analysis.telling(words, {english}) == {english: {"house", "und", "die"}}
    assert analysis.telling(["the"], {english, german}) == {english: {"the"}, german: {"the"}}


def test_telling_words_are_those_that_are_no_stop_words() -> None:
    assert analysis.telling_form("Der Hund und die Katzen", de_name()).split() == ["hundˢ", "katzˢ"]


def test_an_analysis_of_another_version_is_not_known() -> None:
    assert analysis.is_known(de_name())
    assert analysis.is_known(analysis.AS_IT_STANDS)
    assert analysis.is_known(analysis.choose("図書館", "ja"))
    for name in ("de 0 1.0", "de", "xx 1 3.1.0", "cjk 99"):
        assert not analysis.is_known(name), name


@pytest.mark.parametrize("seed", range(20))
def test_any_stretch_between_spaces_of_any_text_finds_it(index: sqlite3.Connection, seed: int) -> None:
    chooser = random.Random(seed)
    text = "".join(random_character(chooser) for _ in range(300))
    words = text.split()
    for code in ("de", "ru", "ja", ""):
        name = analysis.choose(text, code)
        at = chooser.randrange(len(words) - 1)
        if match := analysis.phrase(" ".join(words[at : at + 2]), name):
            assert finds(index, text, match, code), (code, words[at : at + 2])


def test_threads_get_the_forms_that_one_gets_alone() -> None:
    text = " ".join(f"Häuser{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}ungen" for n in range(600))
    alone = analysis.indexed_form(text, de_name())
    analysis._forms.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: analysis.indexed_form(text, de_name()), range(16))) == {alone}


def de_name() -> str:
    return analysis.choose("", "de")


def es_name() -> str:
    return analysis.choose("", "es")
