"""The index holds each book in the form of its language, forgets it whole, and can be checked against the chunks."""

import random
import sqlite3
from pathlib import Path

import pytest

from librarian_cli.models import Chapter
from librarian_cli.store import content, embedders, fulltext, migrations, ranking, vectors
from librarian_cli.text import analysis
from tests.support.characters import random_character
from tests.support.stored import add_book, save_text

GERMAN = "Die alten Häuser stehen am Fluss, und die Bücher liegen in den Häusern. " * 5
JAPANESE = "図書館で本を借りました。Linuxの本もありました。" * 8
ENGLISH = "The old houses stand by the river, and the books lie in the houses. " * 5
OLDER_STEMS = "de 0 0.1"


def found(connection: sqlite3.Connection, word: str) -> set[int]:
    """The books that a word finds, in any of the library's analyses."""
    match = " OR ".join(analysis.anywhere(word, fulltext.analyses(connection)))
    return {content.chunk_by_row(connection, row).book_row for row in ranking.rank(connection, match, 99, None)}


def indexed(connection: sqlite3.Connection) -> list[str]:
    connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.held USING fts5vocab(main, chunks_fts, row)")
    return [row[0] for row in connection.execute("SELECT term FROM held")]


@pytest.fixture
def shelf(connection: sqlite3.Connection) -> dict[str, int]:
    """One book a language; the German one has a chapter."""
    rows = {name: add_book(connection, name) for name in ("en", "de", "ja")}
    save_text(connection, rows["en"], ENGLISH, language="en")
    save_text(connection, rows["de"], GERMAN, language="de", chapters=(Chapter("Von Städten", 1, 0, len(GERMAN)),))
    save_text(connection, rows["ja"], JAPANESE, language="ja")
    return rows


def test_books_are_found_by_other_inflections_of_their_words(
    connection: sqlite3.Connection, shelf: dict[str, int]
) -> None:
    assert found(connection, "Haus") == found(connection, "BUCH") == found(connection, "Stadt") == {shelf["de"]}
    assert found(connection, "図書館") == found(connection, "書館") == found(connection, "館") == {shelf["ja"]}
    assert found(connection, "house") == {shelf["en"]}
    assert found(connection, "linux") == {shelf["ja"]}
    fulltext.check(connection)


def test_the_check_leaves_the_library_as_it_was(connection: sqlite3.Connection, shelf: dict[str, int]) -> None:
    before = list(connection.iterdump())
    fulltext.check(connection)
    assert list(connection.iterdump()) == before
    assert connection.execute("SELECT count(*) FROM indexed_texts").fetchone() == (0,)
    assert not connection.in_transaction


@pytest.mark.parametrize("language", ["en", "de", "ja"])
def test_the_check_finds_a_letter_that_was_changed_in_a_book_of_any_language(
    connection: sqlite3.Connection, shelf: dict[str, int], language: str
) -> None:
    letters = {"en": ("river", "rover"), "de": ("Fluss", "Floss"), "ja": ("図", "地")}[language]
    connection.execute("UPDATE chunks SET text = replace(text, ?, ?) WHERE book = ?", (*letters, shelf[language]))
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        fulltext.check(connection)
    assert connection.execute("SELECT count(*) FROM indexed_texts").fetchone() == (0,)


def test_the_check_finds_a_book_that_is_indexed_otherwise_than_its_row_says(
    connection: sqlite3.Connection, shelf: dict[str, int]
) -> None:
    connection.execute("UPDATE books SET analysis = '' WHERE id = ?", (shelf["de"],))
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        fulltext.check(connection)


def test_vectors_count_english_as_it_stands_and_others_by_their_telling_forms(
    connection: sqlite3.Connection, shelf: dict[str, int]
) -> None:
    first, texts = fulltext.telling_chunks(connection, shelf["en"])
    assert "".join(texts) == ENGLISH
    assert fulltext.telling_texts(connection, [first + 1, first]) == [texts[1], texts[0]]
    _, german = fulltext.telling_chunks(connection, shelf["de"])
    words = {word for text in german for word in text.split()}
    assert "hausˢ" in words
    assert words.isdisjoint({"die", "und", "dieˢ", "undˢ"})
    _, japanese = fulltext.telling_chunks(connection, shelf["ja"])
    assert "図書 書館" in japanese[0]


def test_renewing_a_book_in_other_forms_retires_the_vectors_made_of_the_old_ones(
    connection: sqlite3.Connection, shelf: dict[str, int]
) -> None:
    vectors.activate(connection, "basis", 9)
    _index_by_other_stems(connection, shelf["de"])
    while fulltext.renew(connection):
        pass
    assert vectors.active_basis(connection) is None


def test_renewing_keeps_the_vectors_of_a_model_from_outside(
    connection: sqlite3.Connection, shelf: dict[str, int]
) -> None:
    embedders.add(connection, signature="s", kind="openai", model="m", dimensions=1, canary=b"c")
    basis = embedders.id_of("s", b"c")
    first = fulltext.telling_chunks(connection, shelf["de"])[0]
    vectors.save(connection, basis, [(shelf["de"], first, b"codes")])
    vectors.activate(connection, basis, 9)
    _index_by_other_stems(connection, shelf["de"])
    while fulltext.renew(connection):
        pass
    assert vectors.active_basis(connection) == (basis, 9)
    assert [item.codes for item in vectors.stored(connection, basis)] == [b"codes"]


def test_removed_books_leave_no_word_in_the_index(connection: sqlite3.Connection, shelf: dict[str, int]) -> None:
    for row in shelf.values():
        content.delete_all(connection, row)
        fulltext.check(connection)
    assert indexed(connection) == []


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("language", ["", "de", "ru", "zh"])
def test_any_text_goes_into_the_index_and_out_again(connection: sqlite3.Connection, seed: int, language: str) -> None:
    chooser = random.Random(seed)
    row, other = add_book(connection, "a"), add_book(connection, "b")
    save_text(connection, other, "x", language="de")
    text = "".join(random_character(chooser) for _ in range(400))
    save_text(connection, row, text, language=language, chapters=(Chapter(text[:30], 1, 0, 200),))
    fulltext.check(connection)
    content.delete_all(connection, row)
    fulltext.check(connection)
    assert indexed(connection) == ["xˢ"]


def test_a_book_whose_language_changes_leaves_no_trace_of_the_first(
    connection: sqlite3.Connection, shelf: dict[str, int]
) -> None:
    save_text(connection, shelf["de"], "Les chevaux des églises.", language="fr")
    fulltext.check(connection)
    assert found(connection, "Haus") == set()
    assert found(connection, "cheval") == {shelf["de"]}


def test_a_book_indexed_by_forms_that_no_stemmer_here_gives_is_still_forgotten_whole(
    connection: sqlite3.Connection, shelf: dict[str, int]
) -> None:
    _index_by_other_stems(connection, shelf["de"])
    assert not fulltext.is_known(connection)
    content.delete_all(connection, shelf["de"])
    fulltext.check(connection)
    assert "häusererˢ" not in indexed(connection)
    assert found(connection, "house") == {shelf["en"]}
    assert found(connection, "図書館") == {shelf["ja"]}


def test_renewing_brings_a_book_indexed_by_other_stems_to_those_of_today(
    connection: sqlite3.Connection, shelf: dict[str, int]
) -> None:
    _index_by_other_stems(connection, shelf["de"])
    while fulltext.renew(connection):
        pass
    assert fulltext.is_current(connection)
    fulltext.check(connection)
    assert found(connection, "Haus") == {shelf["de"]}


def test_a_library_that_knew_no_languages_is_sound_at_once_and_renewed_book_by_book(tmp_path: Path) -> None:
    older = sqlite3.connect(tmp_path / "older.db", isolation_level=None)
    migrations.apply(older, tmp_path / "backups", migrations.MIGRATIONS[:1])
    texts = {add_book(older, name): text for name, text in (("en", ENGLISH), ("de", GERMAN), ("ja", JAPANESE))}
    for row, text in texts.items():
        older.execute("INSERT INTO chunks (id, book, start_char, end_char, text) VALUES (?,?,0,?,?)",
                      (row, row, len(text), text))  # fmt: skip
        older.execute("UPDATE books SET first_chunk = ?, chunks = 1 WHERE id = ?", (row, row))
    older.execute("INSERT INTO chunks_fts (rowid, heading, text) SELECT id, heading, text FROM chunk_texts")
    migrations.apply(older, tmp_path / "backups")
    fulltext.check(older)
    _, german, japanese = texts
    assert found(older, "Haus") == found(older, "書館") == set()
    assert found(older, "Häuser") == {german}
    assert not fulltext.is_current(older)
    while fulltext.renew(older):
        pass
    fulltext.check(older)
    assert fulltext.is_current(older)
    assert found(older, "Haus") == {german}
    assert found(older, "書館") == {japanese}
    older.close()


def test_an_index_in_many_segments_is_merged_into_one_and_finds_as_before(connection: sqlite3.Connection) -> None:
    assert not fulltext.is_scattered(connection)
    rows = [add_book(connection, str(number)) for number in range(5)]
    for number, row in enumerate(rows):
        save_text(connection, row, f"{ENGLISH} number{number}", language="en")  # a commit each, so a segment each
    assert fulltext.is_scattered(connection)
    fulltext.merge(connection)
    assert not fulltext.is_scattered(connection)
    assert [found(connection, f"number{number}") for number in range(5)] == [{row} for row in rows]
    fulltext.check(connection)


def test_the_index_of_a_large_library_is_left_in_its_segments(connection: sqlite3.Connection) -> None:
    rows = [add_book(connection, str(number)) for number in range(5)]
    for row in rows:
        save_text(connection, row, ENGLISH, language="en")
    connection.execute("UPDATE books SET text_bytes = ? WHERE id = ?", (1 << 30, rows[0]))
    assert not fulltext.is_scattered(connection)


def _index_by_other_stems(connection: sqlite3.Connection, row: int) -> None:
    """Leave a book as a program with another stemmer would."""
    first, count = connection.execute("SELECT first_chunk, chunks FROM books WHERE id = ?", (row,)).fetchone()
    fulltext.forget(connection, row)
    connection.executemany(
        "INSERT INTO chunks_fts (rowid, heading, text) VALUES (?, '', 'häusererˢ')",
        ((chunk,) for chunk in range(first, first + count)),
    )
    connection.execute("UPDATE books SET analysis = ? WHERE id = ?", (OLDER_STEMS, row))
