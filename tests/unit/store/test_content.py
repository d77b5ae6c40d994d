"""The text comes back byte for byte, and the full-text index holds exactly the chunks that there are."""

import hashlib
import sqlite3

import pytest

from librarian_cli.models import BookHeading, Chapter, Chunked, Extract, Page
from librarian_cli.store import books, content, fulltext, ranking, vectors
from tests.support.stored import CHUNK_CHARS, add_book, save_text

TEXTS = {
    "plain": "The tide table hangs beside the door. " * 9,
    "one character": "x",
    "exactly two chunks": "y" * (2 * CHUNK_CHARS),
    "beyond the first plane": "𝔸𝔹ℂ 🌊 naïve façade ﬁn\u0301 中文 עברית\n" * 9,
    "white space at the edges": "\n\n   a tide  \t \n" * 9 + " \n",
}
TIDES = "Chapter one. The tide rises.\nChapter two. The tide falls again and again, as it did before.\n"


def found(connection: sqlite3.Connection, words: str) -> int:
    return len(connection.execute("SELECT rowid FROM chunks_fts WHERE chunks_fts MATCH ?", (words,)).fetchall())


def count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def require_sound_index(connection: sqlite3.Connection) -> None:
    fulltext.check(connection)
    assert count(connection, "chunks_fts_docsize") == count(connection, "chunks")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_chunks_joined_are_the_text_byte_for_byte(connection: sqlite3.Connection, text: str) -> None:
    row = add_book(connection, "a")
    save_text(connection, row, text)
    stored = list(content.chunks(connection, row))
    assert "".join(chunk.text for chunk in stored).encode() == text.encode()
    assert [chunk.text for chunk in stored] == [text[chunk.start_char : chunk.end_char] for chunk in stored]
    assert content.text(connection, row) == text
    book = books.get(connection, row)
    assert (book.chars, book.text_bytes, book.chunks) == (len(text), len(text.encode()), len(stored))
    assert book.text_sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert ranking.indexed_rows(connection, book) == len(stored)
    require_sound_index(connection)


def test_a_text_that_is_replaced_leaves_no_trace_in_the_index(connection: sqlite3.Connection) -> None:
    row, other = add_book(connection, "a"), add_book(connection, "b")
    save_text(connection, row, "walrus " * 30)
    save_text(connection, other, "pelican " * 30)
    save_text(connection, row, "cormorant " * 10)
    assert (found(connection, "walrus"), found(connection, "cormorant") > 0) == (0, True)
    assert content.text(connection, other) == "pelican " * 30
    require_sound_index(connection)


def test_a_shorter_text_under_the_same_chapters_replaces_them(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    for title in ("Walruses", "Pelicans"):
        save_text(connection, row, TIDES, chapters=(Chapter(title, 1, 0, len(TIDES)),))
    assert found(connection, "heading : walruses") == 0
    assert found(connection, "heading : pelicans") == 3
    assert [chapter.title for chapter in content.chapters(connection, row)] == ["Pelicans"]
    require_sound_index(connection)


def test_a_deleted_book_leaves_nothing_and_its_neighbour_whole(connection: sqlite3.Connection) -> None:
    pages, headings = (Page(1, None, 0),), (BookHeading("One", 1, 0, 9, exact=True),)
    row, other = add_book(connection, "a"), add_book(connection, "b")
    chapters = (Chapter("Walruses", 1, 0, 40),)
    save_text(connection, row, "walrus " * 30, chapters=chapters, pages=pages, headings=headings)
    save_text(connection, other, "pelican " * 30)
    vectors.save(connection, "basis", [(row, 1, b"codes")])
    content.delete_all(connection, row)
    for table in ("headings", "pages", "sections", "chapters", "extracts", "vectors"):
        assert count(connection, table) == 0
    assert found(connection, "walrus") == found(connection, "walruses") == 0
    assert content.text(connection, row) == ""
    assert content.text(connection, other) == "pelican " * 30
    require_sound_index(connection)
    content.delete_all(connection, row)


def test_a_changed_row_that_the_index_does_not_know_of_is_found(connection: sqlite3.Connection) -> None:
    save_text(connection, add_book(connection, "a"), TIDES)
    connection.execute("UPDATE chunks SET text = replace(text, 'tide', 'time')")
    with pytest.raises(sqlite3.DatabaseError):
        fulltext.check(connection)


def test_an_empty_text_makes_no_chunks(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    save_text(connection, row, "")
    assert list(content.chunks(connection, row)) == []
    assert books.get(connection, row).chunks == 0
    require_sound_index(connection)


def test_a_text_waits_for_the_chunk_stage_and_is_dropped_by_its_finish(connection: sqlite3.Connection) -> None:
    row, text = add_book(connection, "a"), TEXTS["beyond the first plane"]
    extract = Extract(text, (Page(1, "i", 0),), (), (BookHeading("One", 1, 3, 9, exact=False),), 1)
    content.save_extract(connection, row, extract, keep_text=True)
    assert content.text(connection, row) == text
    assert content.headings(connection, row) == extract.headings
    content.save_chunks(connection, row, text, Chunked((), (0, len(text))))
    assert count(connection, "extracts") == 0
    assert content.text(connection, row) == text


def test_the_old_text_stays_searchable_until_the_new_one_is_chunked(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    save_text(connection, row, "walrus " * 30)
    content.save_extract(connection, row, Extract("pelican", (), (), (), None), keep_text=True)
    assert found(connection, "walrus") > 0
    content.save_chunks(connection, row, "pelican", Chunked((), (0, 7)))
    assert (found(connection, "walrus"), found(connection, "pelican")) == (0, 1)


def test_extracting_again_replaces_pages_headings_and_sections(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    first = Extract("ab", (Page(1, None, 0), Page(2, None, 1)), (0, 1), (BookHeading("One", 1, 0, 1, exact=True),), 2)
    for extract in (first, Extract("c", (Page(1, "iv", 0),), (), (), 1)):
        content.save_extract(connection, row, extract, keep_text=True)
    assert content.pages(connection, row) == (Page(1, "iv", 0),)
    assert content.headings(connection, row) == ()
    assert count(connection, "sections") == 0
    assert books.get(connection, row).page_count == 1


@pytest.mark.parametrize(
    ("start_char", "number"),
    [
        (0, 1),
        (9, 1),  # the last character of the first page
        (10, 3),  # the second page is empty: its text begins where the third's does
        (29, 3),
        (30, 4),
        (10**9, 4),
    ],
)
def test_a_character_stands_on_the_last_page_that_begins_before_it(
    connection: sqlite3.Connection, start_char: int, number: int
) -> None:
    row = add_book(connection, "a")
    pages = (Page(1, "i", 0), Page(2, "ii", 10), Page(3, "1", 10), Page(4, None, 30))
    save_text(connection, row, "p" * 40, pages=pages)
    page = content.page_at(connection, row, start_char)
    assert page is not None
    assert page == pages[number - 1]
    assert content.pages(connection, row) == pages


def test_a_book_without_pages_has_no_page_at_any_place(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    save_text(connection, row, "text", pages=())
    assert content.page_at(connection, row, 0) is None


def test_a_page_list_that_begins_later_leaves_the_beginning_without_a_page(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    save_text(connection, row, "text", pages=(Page(1, "1", 2),))
    assert content.page_at(connection, row, 1) is None


def test_a_chunk_belongs_to_the_innermost_chapter_that_is_open(connection: sqlite3.Connection) -> None:
    chapters = (
        Chapter("Part I", 1, 40, 200),
        Chapter("One", 2, 80, 120),
        Chapter("Two", 2, 160, 200),
        Chapter("Part II", 1, 240, 280),
    )
    row = add_book(connection, "a")
    save_text(connection, row, "z" * 320, chapters=chapters)
    owner = [chunk.chapter for chunk in content.chunks(connection, row)]
    #        0-40  40    80 120 160  200   240  280
    assert owner == [None, 0, 1, 0, 2, None, 3, None]
    assert content.chapters(connection, row) == chapters


def test_a_chapters_title_is_searched_but_is_no_part_of_the_text(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    save_text(connection, row, TIDES, chapters=(Chapter("Moonlight", 1, 0, len(TIDES)),))
    assert found(connection, "moonlight") == 3
    assert "Moonlight" not in content.text(connection, row)


def test_neighbours_of_a_chunk_end_at_the_book(connection: sqlite3.Connection) -> None:
    before, row = add_book(connection, "a"), add_book(connection, "b")
    save_text(connection, before, "before " * 20)
    save_text(connection, row, TIDES)
    save_text(connection, add_book(connection, "c"), "after " * 20)
    book = books.get(connection, row)
    first, *_, last = content.chunks(connection, row)
    assert content.text_around(connection, book, first, 0) == first.text
    assert content.text_around(connection, book, first, 1) == TIDES[: 2 * CHUNK_CHARS]
    assert content.text_around(connection, book, last, 20) == TIDES
    assert content.chunk_by_row(connection, last.row) == last


def test_a_passage_finds_its_own_chunk_only(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    save_text(connection, row, TIDES)
    first, second, _ = content.chunks(connection, row)
    assert ranking.finds(connection, first, 'one. The "tide"')
    assert not ranking.finds(connection, second, "Chapter one. The")


def test_a_passage_without_text_is_damage_of_the_file() -> None:
    """No schema of ours allows one, but pages of a file that were mixed up may give it."""
    with sqlite3.connect(":memory:") as connection:
        connection.executescript(
            "CREATE TABLE books (id, first_chunk, chunks); INSERT INTO books VALUES (1, 1, 2);"
            "CREATE TABLE extracts (book, text);"
            "CREATE TABLE chunks (id, book, chapter, start_char, end_char, text);"
            "INSERT INTO chunks VALUES (1, 1, NULL, 0, 4, 'tide'), (2, 1, NULL, 4, 8, NULL);"
        )
        with pytest.raises(sqlite3.DatabaseError, match="malformed: a passage has no text"):
            content.text(connection, 1)
