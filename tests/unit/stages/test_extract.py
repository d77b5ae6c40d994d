"""Parts in any order become one text with its pages and headings; what a killed worker sent is kept."""

import random
import sqlite3
from dataclasses import replace

import pytest

from librarian_cli.models import BookHeading, Chunked, Heading, Page, PageMark, PageText, Part
from librarian_cli.settings import Config
from librarian_cli.stages import Saved, extract
from librarian_cli.store import books, content
from tests.support.stored import add_book


def pages(first: int, *texts: str, headings: tuple[Heading, ...] = (), warnings: tuple[str, ...] = ()) -> Part:
    return Part(first, tuple(PageText(text) for text in texts), headings, warnings=warnings, paged=True)


THREE = (pages(0, "one\n", "two\n"), pages(2, "three\n"), pages(3, "four\n", "five\n"))


@pytest.mark.parametrize("seed", range(5))
def test_parts_are_put_together_in_page_order_however_they_came(seed: int) -> None:
    shuffled = list(THREE)
    random.Random(seed).shuffle(shuffled)
    found = extract.assemble(shuffled)
    assert found.text == "one\ntwo\nthree\nfour\nfive\n"
    assert [(page.number, page.start_char) for page in found.pages] == [(1, 0), (2, 4), (3, 8), (4, 14), (5, 19)]
    assert (found.page_count, found.sections) == (5, ())


@pytest.mark.parametrize(
    ("parts", "text", "starts"),
    [
        (THREE[::2], "one\ntwo\nfour\nfive\n", [0, 4, 8, 8, 13]),  # a hole in the middle
        (THREE[1:], "three\nfour\nfive\n", [0, 0, 0, 6, 11]),  # the beginning is missing
        (THREE[:1], "one\ntwo\n", [0, 4]),  # the end is missing: nobody can tell
        ((), "", []),
    ],
)
def test_missing_pages_are_kept_as_empty_ones(parts: tuple[Part, ...], text: str, starts: list[int]) -> None:
    found = extract.assemble(parts)
    assert found.text == text
    if parts:
        assert [page.start_char for page in found.pages] == starts
        assert found.page_count == len(starts)


def test_headings_are_placed_in_the_books_text_and_stay_on_their_page() -> None:
    late = pages(
        1,
        "second\n",
        "third\n",
        headings=(
            Heading("Exact", 1, 1, 3),
            Heading("Somewhere", 2, 2, exact=False),
            Heading("Beyond its page", 3, 1, 99),
            Heading("On no page", 1, 7),
        ),
    )
    found = extract.assemble((late, pages(0, "first\n", headings=(Heading("First", 1, 0),))))
    assert found.headings == (
        BookHeading("First", 1, 0, 6, exact=True),
        BookHeading("Exact", 1, 9, 13, exact=True),
        BookHeading("Somewhere", 2, 13, 19, exact=False),
        BookHeading("Beyond its page", 3, 13, 13, exact=True),
    )


def test_labels_stay_with_their_pages() -> None:
    labelled = Part(1, (PageText("b\n", "ii"), PageText("c\n", "1")), paged=True)
    found = extract.assemble((labelled,))
    assert found.pages == (Page(1, None, 0), Page(2, "ii", 0), Page(3, "1", 2))


def test_sections_are_no_pages_and_a_page_list_is_placed_in_them() -> None:
    first = Part(0, (PageText("cover\n"), PageText("chapter\n")), page_marks=(PageMark("2", 1, 4),))
    second = Part(2, (PageText("end\n"),), page_marks=(PageMark("1", 0, 0),))
    found = extract.assemble((second, first))
    assert found.sections == (0, 6, 14)
    assert found.pages == (Page(1, "1", 0), Page(2, "2", 10))
    assert found.page_count == 2


def test_a_file_of_one_piece_has_neither_pages_nor_sections() -> None:
    found = extract.assemble((Part(0, (PageText("all of it\n"),)),))
    assert (found.pages, found.sections, found.page_count) == ((), (), None)


def test_a_warning_is_told_once() -> None:
    found = extract.assemble(
        (pages(0, "a\n", warnings=("needs-ocr", "repaired")), pages(1, "b\n", warnings=("needs-ocr",)))
    )
    assert found.warnings == ("needs-ocr", "repaired")


def test_what_a_killed_worker_had_sent_is_kept_and_marked() -> None:
    sent = ((pages(0, "one\n"), pages(1, "two\n", warnings=("repaired",))), (), (Chunked((), (0, 4)),))
    (kept,) = extract.partial(sent, "timeout")
    assert extract.assemble(kept).text == "one\ntwo\n"
    assert set(extract.assemble(kept).warnings) == {"repaired", "partial_timeout"}


@pytest.mark.parametrize("sent", [(), ((),), ((pages(0, "", " \n"),),), ((Chunked((), (0, 4)),),)])
def test_nothing_is_salvaged_where_no_text_came(sent: tuple[tuple[Part | Chunked, ...], ...]) -> None:
    assert extract.partial(sent, "crash") == ()


def save(connection: sqlite3.Connection, row: int, *outputs: tuple[Part | Chunked, ...]) -> Saved:
    return extract.STAGE.save(connection, books.get(connection, row), outputs, Config())


def test_ranges_of_a_big_book_are_stored_as_one_text(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a.txt")
    saved = save(connection, row, THREE[2:], THREE[:1], THREE[1:2])
    assert (saved.fused, saved.failure) == ((), None)
    assert content.text(connection, row) == "one\ntwo\nthree\nfour\nfive\n"
    assert len(content.pages(connection, row)) == 5


def test_chunks_that_came_along_are_stored_with_the_text(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a.txt")
    saved = save(connection, row, (Part(0, (PageText("all of it\n"),)), Chunked((), (0, 4, 10))))
    assert saved.fused == ("chunk",)
    assert [chunk.text for chunk in content.chunks(connection, row)] == ["all ", "of it\n"]


@pytest.mark.parametrize(("book_format", "reason"), [("pdf", "no_text"), ("txt", "empty")])
def test_a_book_without_text_fails_by_its_formats_word(
    connection: sqlite3.Connection, book_format: str, reason: str
) -> None:
    row = add_book(connection, "a.txt")
    connection.execute("UPDATE books SET format = ?", (book_format,))
    failure = save(connection, row, (pages(0, "", " \n\n"),)).failure
    assert failure is not None
    assert failure[0] == reason


@pytest.mark.parametrize(
    ("page_count", "ranges"),
    [
        (None, [None]),
        (128, [None]),
        (192, [None]),  # a little more than a range goes in one
        (193, [range(128), range(128, 193)]),
        (400, [range(128), range(128, 256), range(256, 384), range(384, 400)]),
    ],
)
def test_a_big_pdf_is_read_in_ranges_that_cover_every_page_once(
    connection: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
    page_count: int | None,
    ranges: list[range | None],
) -> None:
    monkeypatch.setattr("os.path.lexists", lambda _: True)
    row = add_book(connection, "a.txt")
    book = replace(books.get(connection, row), format="pdf", page_count=page_count)
    calls = extract.STAGE.load(connection, book, Config())
    assert [call.pages for call in calls] == ranges
    assert [call.chunking is None for call in calls] == [len(calls) > 1] * len(calls), "only a whole text is chunked"
