"""Books in other languages are found by other inflections of their words, and English ones as ever."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from librarian_cli.search import Query
from tests.support.ingests import ingest, open_librarian
from tests.support.program import librarian
from tests.support.tongues import BOOKS, QUESTIONS


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with one book a language."""
    folder = tmp_path_factory.mktemp("tongues")
    (folder / "books").mkdir()
    for code, text in BOOKS.items():
        (folder / "books" / f"{code}.txt").write_text(text, encoding="utf-8")
    assert ingest(folder / "library", folder / "books").result.books == len(BOOKS)
    return folder / "library"


def test_each_book_is_known_by_its_language(library: Path) -> None:
    with open_librarian(library) as opened:
        assert sorted(item.book.language for item in opened.books()) == sorted(BOOKS)


@pytest.mark.parametrize(("code", "question"), [(code, text) for code, texts in QUESTIONS.items() for text in texts])
@pytest.mark.parametrize("mode", ["text", "hybrid"])
def test_a_question_in_another_inflection_finds_its_book_first(
    library: Path, code: str, question: str, mode: str
) -> None:
    with open_librarian(library) as opened:
        hits = opened.search(Query(question, mode=mode))
        filtered = opened.search(Query(question, mode=mode, language=code))
    assert hits
    assert Path(hits[0].path.decode()).stem == code
    assert {Path(hit.path.decode()).stem for hit in filtered} == {code}


def test_an_english_question_finds_english_words_only(library: Path) -> None:
    with open_librarian(library) as opened:
        hits = opened.search(Query("the man at war with the police", mode="text"))
    assert hits == []


def test_the_check_finds_the_library_sound(library: Path) -> None:
    done = librarian("check", "--read-data", library=library)
    assert done.code == 0, done.out + done.err


def test_an_ingest_renews_the_index_of_an_older_program(library: Path, tmp_path: Path) -> None:
    older = tmp_path / "library"
    older.mkdir()
    with (
        closing(sqlite3.connect(library / "library.db")) as source,
        closing(sqlite3.connect(older / "library.db")) as copy,
    ):
        source.backup(copy)
        copy.execute("INSERT INTO chunks_fts (chunks_fts) VALUES ('delete-all')")
        copy.execute("INSERT INTO chunks_fts (rowid, heading, text) SELECT id, heading, text FROM chunk_texts")
        copy.execute("UPDATE books SET analysis = NULL")
        copy.commit()
    with open_librarian(older) as opened:
        assert opened.search(Query("Haus", mode="text")) == []
    (tmp_path / "nothing").mkdir()
    done = librarian("ingest", tmp_path / "nothing", library=older)
    assert "full-text index" in done.err, done.err
    with open_librarian(older) as opened:
        assert opened.search(Query("Haus", mode="text"))
    assert librarian("check", library=older).code == 0
    again = librarian("ingest", tmp_path / "nothing", library=older)
    assert "full-text index" not in again.err


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ('"alten Häusern"', {"de"}),  # phrases hold in the forms of each language
        ('"Häusern alten"', set()),
        ('"图书馆" 书', {"zh"}),
        ('"館があります"', {"ja"}),
        ('"館をあります"', set()),
        ("Häus*", {"de"}),
        ("图书*", {"zh"}),
        ("Haus -Bäcker", set()),  # one passage holds both
        ("Haus -книги", {"de"}),
        ("図書館 -漁師", set()),
        ("図書館" * 1300, {"ja"}),  # as long as a query may be
        (" ".join(["Häuser", *(f"x{number}" for number in range(200))]), {"de"}),
    ],
)
def test_the_query_language_holds_in_every_language(library: Path, query: str, codes: set[str]) -> None:
    with open_librarian(library) as opened:
        hits = opened.search(Query(query, mode="text"))
    assert {Path(hit.path.decode()).stem for hit in hits} == codes


def test_expansion_brings_no_error_in_a_library_of_many_languages(library: Path) -> None:
    with open_librarian(library) as opened:
        hits = opened.search(Query("Haus", expand=True))
    assert Path(hits[0].path.decode()).stem == "de"
