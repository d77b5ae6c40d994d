"""A book has any number of tags; names are compared without case, and what is no name is refused."""

import sqlite3
from collections.abc import Callable

import pytest

from librarian_cli.errors import UsageError
from librarian_cli.store import activity, books, content, files, jobs, tags
from tests.support.stored import add_book, candidate


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("maps", "maps"),
        (" to  read\u00a0later ", "to read later"),
        ("Cafe\u0301", "Café"),  # NFC
        ("地図", "地図"),
        ("!", "!"),
        ("\U0001f469\u200d\U0001f680", "\U0001f469\u200d\U0001f680"),  # joined to one sign
        ("x" * tags.MAX_CHARS, "x" * tags.MAX_CHARS),
    ],
)
def test_a_name_is_normalised_and_may_have_any_script(text: str, name: str) -> None:
    assert tags.name_of(text) == name


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "give it a letter"),
        (" \u3000 ", "give it a letter"),
        ("\u200d", "give it a letter"),  # nothing to be seen
        ("\u0301", "give it a letter"),
        ("a,b", "without commas"),
        ("a\nb", "without commas and control characters"),
        ("a\x1b[31m", "control characters"),
        ("a\u202eb", "control characters"),  # turns the direction of what follows
        ("a\udcff", "control characters"),  # a byte that is no UTF-8
        ("x" * (tags.MAX_CHARS + 1), "shorten it to 100"),
    ],
)
def test_what_cannot_be_a_name_is_refused_everywhere(connection: sqlite3.Connection, text: str, complaint: str) -> None:
    row = add_book(connection, "a")
    acts: tuple[Callable[[], object], ...] = (
        lambda: tags.name_of(text),
        lambda: tags.add(connection, text, [row]),
        lambda: tags.remove(connection, text, [row]),
        lambda: tags.members(connection, [text]),
        lambda: tags.as_shown(connection, text),
    )
    for act in acts:
        with pytest.raises(UsageError, match=complaint):
            act()
    assert tags.counts(connection) == []


def test_a_book_has_many_tags_and_a_tag_many_books(connection: sqlite3.Connection) -> None:
    first, second, third = (add_book(connection, name) for name in "abc")
    assert tags.add(connection, "sea", [first, second]) == [first, second]
    assert tags.add(connection, "Maps", [second, third]) == [second, third]
    assert tags.of_book(connection, second) == ("Maps", "sea")
    assert tags.counts(connection) == [("Maps", 2), ("sea", 2)]
    assert tags.members(connection, ["sea"]) == {first, second}
    assert tags.members(connection, ["maps", "SEA"]) == {second}
    assert tags.members(connection, ["maps", "sea", "other"]) == frozenset()


def test_a_tag_is_shown_as_it_was_first_written(connection: sqlite3.Connection) -> None:
    first, second = (add_book(connection, name) for name in "ab")
    tags.add(connection, "Straße", [first])
    assert tags.add(connection, "STRASSE", [first, second]) == [second]
    assert tags.of_book(connection, second) == ("Straße",)
    assert tags.as_shown(connection, "strasse") == "Straße"
    assert tags.remove(connection, "sTRASSE", [first, second]) == [first, second]
    tags.add(connection, "STRASSE", [first])
    assert tags.counts(connection) == [("STRASSE", 1)], "once it was gone, it is written for the first time again"


def test_adding_and_removing_again_changes_nothing_and_is_not_logged(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    assert tags.add(connection, "sea", [row, row]) == [row]
    assert tags.add(connection, "sea", [row]) == []
    assert tags.remove(connection, "Sea", [row]) == [row]
    assert tags.remove(connection, "sea", [row]) == []
    logged = [(item.action, item.details) for item in activity.since(connection, action="tag")]
    assert logged == [("tag.added", {"tag": "sea"}), ("tag.removed", {"tag": "sea"})]


def test_a_removed_or_unknown_book_gets_no_tag(connection: sqlite3.Connection) -> None:
    gone = add_book(connection, "gone", status="removed")
    assert tags.add(connection, "sea", [gone, 999]) == []
    assert tags.counts(connection) == []


def test_tags_go_with_their_book_and_stay_when_its_text_goes(connection: sqlite3.Connection) -> None:
    first, second = (add_book(connection, name) for name in "ab")
    tags.add(connection, "sea", [first, second])
    content.delete_all(connection, first)
    assert tags.of_book(connection, first) == ("sea",), "as when it is cancelled, or read again"
    tags.clear(connection, first)
    assert tags.counts(connection) == [("sea", 1)]
    connection.execute("DELETE FROM files WHERE book = ?", (second,))
    books.delete(connection, second)
    assert tags.counts(connection) == []


def test_what_a_file_kept_goes_to_its_next_new_book_in_the_spelling_that_is_shown(
    connection: sqlite3.Connection,
) -> None:
    before, after, other = (add_book(connection, name) for name in "abc")
    tags.add(connection, "sea", [before])
    (known,) = files.known(connection, [candidate(b"a")])
    assert known is not None
    tags.keep(connection, known.id, before)
    tags.clear(connection, before)
    tags.add(connection, "Sea", [other])
    tags.hand_on(connection, known.id, after, is_new=True)
    tags.hand_on(connection, known.id, other, is_new=True)
    assert tags.of_book(connection, after) == ("Sea",)
    assert tags.counts(connection) == [("Sea", 2)]


def test_what_a_file_kept_is_forgotten_where_it_holds_an_older_book(connection: sqlite3.Connection) -> None:
    before, older = add_book(connection, "a"), add_book(connection, "b")
    tags.add(connection, "sea", [before])
    (known,) = files.known(connection, [candidate(b"a")])
    assert known is not None
    tags.keep(connection, known.id, before)
    tags.hand_on(connection, known.id, older, is_new=False)
    assert tags.of_book(connection, older) == ()
    assert connection.execute("SELECT count(*) FROM kept_tags").fetchone() == (0,)


def test_a_file_that_was_forgotten_keeps_nothing(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    tags.add(connection, "sea", [row])
    files.forget_content(connection, candidate(b"a"), "skipped", "vanished")
    assert connection.execute("SELECT name FROM kept_tags").fetchall() == [("sea",)]
    connection.execute("UPDATE files SET missing_since = 1")
    assert files.sweep(connection, 2.0) == 1
    assert connection.execute("SELECT count(*) FROM kept_tags").fetchone() == (0,)


def test_tags_of_a_file_that_becomes_no_book_for_a_while_are_kept(connection: sqlite3.Connection) -> None:
    row, job = add_book(connection, "a"), jobs.start(connection, "ingest", "me")
    tags.add(connection, "sea", [row])
    files.record(connection, candidate(b"a", size=0), job, book_row=None, outcome=None)
    assert connection.execute("SELECT name FROM kept_tags").fetchall() == [("sea",)]


@pytest.mark.parametrize(
    "question", ["SELECT book FROM tags WHERE key = 'sea'", "SELECT name FROM tags WHERE book = 1 ORDER BY key"]
)
def test_no_tag_is_looked_for_row_by_row(connection: sqlite3.Connection, question: str) -> None:
    plan = " ".join(str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {question}"))
    assert "SEARCH" in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan


def test_tags_are_offered_by_how_they_begin_whatever_their_case(connection: sqlite3.Connection) -> None:
    row = add_book(connection, "a")
    for tag in ("Sea", "seafaring", "maps"):
        tags.add(connection, tag, [row])
    assert tags.counts(connection, "SEA") == [("Sea", 1), ("seafaring", 1)]
