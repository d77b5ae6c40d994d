"""What is like a book or a passage is found by what it speaks of, and shown with where it stands."""

from pathlib import Path

import pytest

from librarian_cli.errors import UsageError
from librarian_cli.search import Query, Scope
from tests.support.ingests import open_librarian
from tests.support.program import librarian
from tests.support.stored import add_book, make_library, save_text, sha256_of


@pytest.fixture
def by_title(sample_library: Path) -> dict[str, str]:
    with open_librarian(sample_library) as opened:
        return {item.book.title.split(":")[0]: item.book.id for item in opened.books()}


def test_a_book_is_like_others_and_not_like_itself(sample_library: Path, by_title: dict[str, str]) -> None:
    own = by_title["The Harbour Clock"]
    with open_librarian(sample_library) as opened:
        found = opened.similar(own[:12], limit=5)
    assert 0 < len(found.books) <= 5
    assert 0 < len(found.passages) <= 5
    assert own not in {item.book for item in found.books} | {hit.book for hit in found.passages}
    for scores in ([item.score for item in found.books], [hit.score for hit in found.passages]):
        assert scores == sorted(scores, reverse=True)
        assert all(0.0 < score <= 1.0 for score in scores)


def test_a_passage_is_most_like_what_speaks_of_the_same(sample_library: Path) -> None:
    with open_librarian(sample_library) as opened:
        hit = opened.search(query("feeding a sourdough starter"))[0]
        found = opened.similar(hit.chunk, limit=5)
        assert hit.chunk not in {item.chunk for item in found.passages}
        assert found.passages[0].title.startswith("Bread and Time"), "others of its book may be like it"
        assert hit.book not in {item.book for item in found.books}


def query(text: str) -> Query:
    return Query(text, limit=1)


def test_filters_leave_only_books_that_match(sample_library: Path, by_title: dict[str, str]) -> None:
    with open_librarian(sample_library) as opened:
        found = opened.similar(by_title["The Harbour Clock"], Scope(author="tolland"), limit=50)
        titles = {item.title for item in found.books} | {hit.title for hit in found.passages}
        assert titles == {"The Lamp at Skerrin"}
        none = opened.similar(by_title["The Harbour Clock"], Scope(author="nobody"))
        assert (none.books, none.passages) == ((), ())


@pytest.mark.parametrize(
    "target", ["0" * 8, "abc", "{own}:5-3", "{own}:0-99999999", "{own}:x-y", "{own}:", "{own}:²-³"]
)
def test_what_is_no_book_and_no_passage_is_a_usage_error(
    sample_library: Path, by_title: dict[str, str], target: str
) -> None:
    with open_librarian(sample_library) as opened, pytest.raises(UsageError):
        opened.similar(target.format(own=by_title["The Harbour Clock"]))


def test_the_command_prints_what_the_api_finds(sample_library: Path, by_title: dict[str, str]) -> None:
    own = by_title["The Harbour Clock"][:12]
    with open_librarian(sample_library) as opened:
        found = opened.similar(own, limit=3)
    shown = librarian("similar", own, "-n", "3", "--json", library=sample_library).document
    assert (shown["version"], shown["like"]) == (1, own)
    assert [set(item) for item in shown["books"]] == [{"book", "title", "author", "score"}] * 3
    assert [item["book"] for item in shown["books"]] == [item.book for item in found.books]
    assert [item["chunk"] for item in shown["hits"]] == [hit.chunk for hit in found.passages]
    ran = librarian("similar", own, "-n", "3", library=sample_library)
    assert all(item.book[:12] in ran.out for item in found.books)
    assert all(hit.chunk in ran.out for hit in found.passages)


def test_a_library_without_vectors_says_so(tmp_path: Path) -> None:
    connection = make_library(tmp_path / "library.db")
    save_text(connection, add_book(connection, "a", status="ok"), "The tide rises. " * 9)
    connection.close()
    ran = librarian("similar", sha256_of("a"), library=tmp_path)
    assert ran.code == 4
    assert "no vectors" in ran.err
