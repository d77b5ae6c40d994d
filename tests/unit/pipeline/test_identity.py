"""What it means that a content lies at a path now: moved, added, changed, returned, gone. Nothing is read for it."""

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from librarian_cli.models import Candidate
from librarian_cli.pipeline import identity
from librarian_cli.store import activity, books, files, jobs, tags
from tests.support.stored import add_book, sha256_of


class Shelf:
    """A real folder, and the rows of a library on what was seen in it."""

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self.connection = connection
        self.folder = folder
        self.job = jobs.start(connection, "watch", "me")

    def make(self, name: str, content: str = "text") -> Candidate:
        """Write a file. Returns: it, as a look finds it."""
        (self.folder / name).write_text(content)
        return self.find(name)

    def find(self, name: str) -> Candidate:
        status = (self.folder / name).stat()
        root = os.fsencode(self.folder)
        return Candidate(root, name.encode(), status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)

    def book(self, name: str, content: str = "text") -> int:
        """A book with a real file. Returns: its row."""
        row = books.add(self.connection, sha256_of(name), 4, "txt", title=name)
        identity.place(self.connection, self.make(name, content), row, self.job, is_new=True)
        return row

    def place(self, candidate: Candidate, row: int) -> None:
        identity.place(self.connection, candidate, row, self.job, is_new=False)

    def paths(self, row: int) -> list[str]:
        return [os.path.basename(os.fsdecode(path)) for path in files.paths_of(self.connection, row)]

    def logged(self) -> list[tuple[str, str]]:
        found = activity.since(self.connection, action="file")
        return [(item.action, os.path.basename(item.target or "")) for item in found]


@pytest.fixture
def shelf(connection: sqlite3.Connection, tmp_path: Path) -> Shelf:
    (tmp_path / "shelf").mkdir()
    return Shelf(connection, tmp_path / "shelf")


def test_the_first_path_of_a_new_book_is_no_news_of_a_file(shelf: Shelf) -> None:
    assert shelf.paths(shelf.book("a")) == ["a"]
    assert shelf.logged() == []


def test_a_new_path_is_a_copy_while_the_others_are_there(shelf: Shelf) -> None:
    row = shelf.book("a")
    shelf.place(shelf.make("b"), row)
    assert shelf.paths(row) == ["a", "b"]
    assert shelf.logged() == [("file.added", "b")]


def test_a_new_path_is_a_move_once_another_is_gone(shelf: Shelf) -> None:
    """As between file systems: the copy has an inode of its own."""
    row = shelf.book("a")
    copy = shelf.make("b")
    (shelf.folder / "a").unlink()
    shelf.place(copy, row)
    assert shelf.paths(row) == ["b"]
    assert shelf.logged() == [("file.moved", "b")]
    ((details,),) = shelf.connection.execute("SELECT details FROM activity WHERE action = 'file.moved'").fetchall()
    assert str(shelf.folder / "a") in details


def test_a_path_that_was_marked_missing_is_where_a_book_moved_from(shelf: Shelf) -> None:
    row = shelf.book("a")
    shelf.book("other", "another text")
    copy = shelf.make("b")
    (shelf.folder / "a").unlink()
    files.mark_gone(shelf.connection, [os.fsencode(shelf.folder / "a")])
    assert shelf.paths(row) == []
    shelf.place(copy, row)
    assert shelf.paths(row) == ["b"]
    assert shelf.logged() == [("file.moved", "b")]


def test_of_several_paths_only_one_that_is_gone_moves(shelf: Shelf) -> None:
    row = shelf.book("a")
    shelf.place(shelf.make("b"), row)
    shelf.place(shelf.make("c"), row)
    (shelf.folder / "b").unlink()
    shelf.place(shelf.make("d"), row)
    assert sorted(shelf.paths(row)) == ["a", "c", "d"]
    assert shelf.logged()[-1] == ("file.moved", "d")


def test_a_known_path_with_the_content_of_another_book_has_changed(shelf: Shelf) -> None:
    before, after = shelf.book("a"), shelf.book("b")
    shelf.place(shelf.make("a"), after)
    assert (shelf.paths(before), sorted(shelf.paths(after))) == ([], ["a", "b"])
    assert shelf.logged() == [("file.changed", "a")]


def test_a_known_path_that_was_missing_has_returned(shelf: Shelf) -> None:
    row = shelf.book("a")
    (shelf.folder / "a").unlink()
    shelf.book("other")
    files.mark_gone(shelf.connection, [os.fsencode(shelf.folder / "a")])
    shelf.place(shelf.make("a"), row)
    assert shelf.paths(row) == ["a"]
    assert shelf.logged() == [("file.returned", "a")]


def test_a_file_that_was_only_touched_is_no_news(shelf: Shelf) -> None:
    row = shelf.book("a")
    os.utime(shelf.folder / "a", (1, 1))
    shelf.place(shelf.find("a"), row)
    assert shelf.logged() == []
    (known,) = files.known(shelf.connection, [shelf.find("a")])
    assert known is not None
    assert known.same


def test_a_renamed_file_is_known_by_its_inode(shelf: Shelf) -> None:
    row = shelf.book("a")
    (shelf.folder / "a").rename(shelf.folder / "b")
    shelf.place(shelf.find("b"), row)
    assert shelf.paths(row) == ["b"]
    assert shelf.logged() == [("file.moved", "b")]


def test_a_hard_link_is_another_path_of_the_book(shelf: Shelf) -> None:
    row = shelf.book("a")
    os.link(shelf.folder / "a", shelf.folder / "b")
    shelf.place(shelf.find("b"), row)
    assert shelf.paths(row) == ["a", "b"]
    assert shelf.logged() == [("file.added", "b")]


def test_of_two_new_names_of_a_file_that_moved_one_moves_and_the_other_is_added(shelf: Shelf) -> None:
    row = shelf.book("a")
    os.link(shelf.folder / "a", shelf.folder / "b")
    (shelf.folder / "a").rename(shelf.folder / "c")
    for name in ("b", "c"):
        shelf.place(shelf.find(name), row)
    assert sorted(shelf.paths(row)) == ["b", "c"]
    assert shelf.logged() == [("file.moved", "b"), ("file.added", "c")]


@pytest.mark.parametrize("field", ["size", "mtime_ns", "device", "inode"])
def test_a_file_that_differs_in_anything_is_no_twin(shelf: Shelf, field: str) -> None:
    shelf.book("a")
    candidate = replace(shelf.find("a"), path=b"b")
    assert files.twin(shelf.connection, candidate) is not None
    assert files.twin(shelf.connection, replace(candidate, **{field: getattr(candidate, field) + 1})) is None


def test_a_twin_that_somebody_else_has_placed_is_left_alone(shelf: Shelf) -> None:
    row = shelf.book("a")
    shelf.place(shelf.find("a"), row)
    assert (shelf.paths(row), shelf.logged()) == (["a"], [])


def test_files_that_are_gone_and_back_are_logged(shelf: Shelf) -> None:
    row = shelf.book("a")
    identity.log_gone(shelf.connection, [os.fsencode(shelf.folder / "a"), b"/caf\xe9"], shelf.job)
    identity.log_returned(shelf.connection, shelf.find("a"), row, shelf.job)
    assert shelf.logged() == [("file.gone", "a"), ("file.gone", "caf\\xe9"), ("file.returned", "a")]


def test_what_was_missing_for_too_long_is_swept_and_its_book_has_no_place_left(shelf: Shelf) -> None:
    row, kept = shelf.book("a"), shelf.book("b")
    (shelf.folder / "a").unlink()
    files.mark_gone(shelf.connection, [os.fsencode(shelf.folder / "a")])
    ((missing_since,),) = shelf.connection.execute(
        "SELECT missing_since FROM files WHERE missing_since IS NOT NULL"
    ).fetchall()
    assert files.sweep(shelf.connection, missing_since - 1) == 0
    assert books.orphans(shelf.connection) == []
    assert files.sweep(shelf.connection, missing_since + 1) == 1
    assert books.orphans(shelf.connection) == [row]
    assert shelf.paths(kept) == ["b"]


def test_a_missing_mount_is_not_taken_for_a_deletion(shelf: Shelf, connection: sqlite3.Connection) -> None:
    """The empty folder on which a disk was mounted belongs to another file system."""
    row = add_book(connection, "elsewhere")
    found = replace(shelf.make("a"), device=1)
    files.record(connection, found, shelf.job, book_row=row, outcome=None)
    (shelf.folder / "a").unlink()
    assert files.mark_gone(connection, [found.absolute]) == []
    shelf.make("b")
    assert files.mark_gone(connection, [found.absolute]) == [found.absolute], "it is not empty"


def tagged(shelf: Shelf, row: int) -> tuple[str, ...]:
    return tags.of_book(shelf.connection, row)


def edit(shelf: Shelf, name: str, *, is_new: bool = True) -> int:
    """Give a file another content, of a book that is new unless said otherwise. Returns: the row of that book."""
    content = f"edited {name}"
    row = books.find_row(shelf.connection, sha256_of(content))
    row = row or books.add(shelf.connection, sha256_of(content), 4, "txt", title=content)
    identity.place(shelf.connection, shelf.make(name, content), row, shelf.job, is_new=is_new)
    return row


def test_an_edited_file_becomes_a_book_with_the_tags_of_the_one_before(shelf: Shelf) -> None:
    before = shelf.book("a")
    tags.add(shelf.connection, "sea", [before])
    after = edit(shelf, "a")
    assert (tagged(shelf, after), tagged(shelf, before)) == (("sea",), ("sea",)), "a copy of it may be elsewhere"


def test_what_replaces_a_file_keeps_its_own_tags_where_it_is_a_book_already(shelf: Shelf) -> None:
    before, other = shelf.book("a"), shelf.book("b")
    tags.add(shelf.connection, "sea", [before])
    tags.add(shelf.connection, "maps", [other])
    shelf.place(shelf.make("a", "as b"), other)
    assert tagged(shelf, other) == ("maps",)
    assert tagged(shelf, edit(shelf, "a")) == ("maps",), "what the file holds now is what counts"


def test_a_moved_file_and_a_copy_have_the_tags_of_their_book(shelf: Shelf) -> None:
    row = shelf.book("a")
    tags.add(shelf.connection, "sea", [row])
    shelf.place(shelf.make("copy"), row)
    (shelf.folder / "a").rename(shelf.folder / "moved")
    shelf.place(shelf.find("moved"), row)
    assert shelf.paths(row) == ["moved", "copy"]
    assert tagged(shelf, row) == ("sea",)


def test_a_file_that_moved_and_was_edited_later_hands_its_tags_on(shelf: Shelf) -> None:
    row = shelf.book("a")
    tags.add(shelf.connection, "sea", [row])
    (shelf.folder / "a").rename(shelf.folder / "moved")
    shelf.place(shelf.find("moved"), row)
    assert tagged(shelf, edit(shelf, "moved")) == ("sea",)


@pytest.mark.parametrize("outcome", [("failed", "changed"), ("skipped", "vanished")])
def test_a_file_that_changed_while_it_was_read_hands_its_tags_on(shelf: Shelf, outcome: tuple[str, str]) -> None:
    row = shelf.book("a")
    tags.add(shelf.connection, "sea", [row])
    files.forget_content(shelf.connection, shelf.find("a"), *outcome)
    shelf.connection.execute("DELETE FROM books WHERE id = ?", (row,))  # as at the end of a run
    assert tagged(shelf, edit(shelf, "a")) == ("sea",)


def test_a_file_that_was_edited_back_has_the_tags_that_its_book_has(shelf: Shelf) -> None:
    row = shelf.book("a")
    tags.add(shelf.connection, "sea", [row])
    after = edit(shelf, "a")
    tags.add(shelf.connection, "maps", [after])
    shelf.place(shelf.make("a"), row)
    assert tagged(shelf, row) == ("sea",)
    assert tagged(shelf, edit(shelf, "a", is_new=False)) == ("maps", "sea")
