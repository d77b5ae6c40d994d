"""Tags from the command line: given, taken, listed, searched by, and there still after all that befalls a file."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from librarian_cli.pipeline.intake import Request
from librarian_cli.search import Scope
from tests.support.cli import TEXT, books_of, make, said
from tests.support.ingests import ingest, open_librarian
from tests.support.program import librarian
from tests.support.trees import SAMPLES

CLOCK = "the-harbour-clock.html"


def id_of(library: Path, title: str) -> str:
    return next(str(book["id"]) for book in books_of(library).values() if book["title"].startswith(title))


def tags_of(library: Path) -> dict[str, list[str]]:
    """The tags of each book, by the name of its first file."""
    return {name: book["tags"] for name, book in books_of(library).items()}


def listed(library: Path) -> dict[str, int]:
    found = librarian("tag", "list", "--json", library=library).document["tags"]
    return {item["tag"]: item["books"] for item in found}


def test_tags_are_given_listed_shown_and_taken(own: Path) -> None:
    clock, lamp = id_of(own, "The Harbour Clock"), id_of(own, "The Lamp")
    ran = librarian("tag", "add", "To  Read", clock[:12], lamp, library=own)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"tagged  {clock[:12]}  The Harbour Clock")
    assert librarian("tag", "add", "maps", clock, "--json", library=own).document["tagged"] == [clock]
    assert librarian("tag", "list", library=own).out.split() == ["TAG", "BOOKS", "maps", "1", "To", "Read", "2"]
    assert "  tags        maps, To Read\n" in librarian("show", clock, library=own).out
    assert librarian("show", clock, "--json", library=own).document["tags"] == ["maps", "To Read"]
    assert librarian("tag", "remove", "to read", clock, "--json", library=own).document["untagged"] == [clock]
    assert librarian("tag", "remove", "maps", "1", "--json", library=own).document["untagged"] == [clock]
    assert listed(own) == {"To Read": 1}


def test_giving_again_and_taking_what_is_not_there_is_said_and_no_failure(own: Path) -> None:
    clock, lamp = id_of(own, "The Harbour Clock"), id_of(own, "The Lamp")
    assert librarian("tag", "add", "sea", clock, library=own).code == 0
    for words in (("add", "SEA", clock), ("remove", "sea", lamp)):
        ran = librarian("tag", *words, library=own)
        assert (ran.code, ran.out) == (0, "")
        assert ran.err.startswith("nothing to do: ")
    assert listed(own) == {"sea": 1}


def test_an_unknown_book_or_tag_is_named_with_the_next_step_and_nothing_is_changed(own: Path) -> None:
    clock = id_of(own, "The Harbour Clock")
    said(librarian("tag", "add", "sea", clock, "0" * 12, library=own), 2, "no book '000000000000'", "librarian books")
    said(librarian("tag", "add", "sea", "99", library=own), 2, "no job 99")
    said(librarian("tag", "remove", "sea", clock, library=own), 2, "no book has the tag 'sea'", "librarian tag list")
    said(librarian("tag", "add", b"sea\xff", clock, library=own), 2, "is no tag")
    said(librarian("tag", "add", "sea\x1b[31m", clock, library=own), 2, "is no tag")
    assert listed(own) == {}


def test_searches_and_lists_are_limited_to_books_with_all_tags(own: Path) -> None:
    clock, lamp = id_of(own, "The Harbour Clock"), id_of(own, "The Lamp")
    librarian("tag", "add", "sea", clock, lamp, library=own)
    librarian("tag", "add", "-maps", clock, library=own)  # no option
    librarian("tag", "add", "--", "-maps", clock, library=own)

    def hits(*words: str) -> set[str]:
        found = librarian("search", "the tide and the lamp", "-n", "100", "--json", *words, library=own).document
        return {hit["book"] for hit in found["hits"]}

    assert hits("--tag", "SEA") == {clock, lamp}
    assert hits("--tag", "sea", "--tag=-maps") == {clock}
    assert hits("--tag", "sea", "--author", "tolland") == {lamp}
    assert hits("--tag", "nowhere") == set()
    assert len(hits()) > 2
    shown = librarian("books", "--json", "--tag", "sea", library=own).document["books"]
    assert {book["id"] for book in shown} == {clock, lamp}
    assert clock[:12] in librarian("books", "--tag", "sea", "--tag=-maps", library=own).out
    with open_librarian(own) as opened:
        near = opened.similar(id_of(own, "Letters"), Scope(tags=("sea",)), limit=50)
        assert {item.book for item in near.books} == {hit.book for hit in near.passages} == {clock, lamp}
    near_json = librarian("similar", clock, "--tag", "sea", "-n", "50", "--json", library=own).document
    assert {item["book"] for item in near_json["books"]} == {lamp}


def test_an_ingest_tags_every_book_that_it_sees(tmp_path: Path) -> None:
    library, tree = tmp_path / "library", make(tmp_path / "books", a_txt=TEXT, b_txt=TEXT * 2, broken_pdf="%PDF-1.4\n")
    assert librarian("ingest", tree / "a.txt", library=library).code == 0
    planned = librarian("ingest", "--dry-run", "--tag", "sea", tree, library=library)
    assert (planned.code, listed(library)) == (0, {})
    assert librarian("ingest", "--tag", "Sea", "--tag", "new", tree, library=library).code == 3
    assert tags_of(library) == {name: ["new", "Sea"] for name in ("a.txt", "b.txt", "broken.pdf")}
    more = make(tmp_path / "more", c_txt=TEXT * 3)
    assert librarian("ingest", "--no-wait", "--tag", "sea", more, library=library).code == 0
    assert tags_of(library)["c.txt"] == ["Sea"], "before anything of it is read"


def test_a_watch_tags_what_it_takes_in(tmp_path: Path) -> None:
    library, tree = tmp_path / "library", make(tmp_path / "books", a_txt=TEXT)
    ran = librarian("watch", "--once", "--settle", "0", "--tag", "inbox", tree, library=library)
    assert (ran.code, tags_of(library)) == (0, {"a.txt": ["inbox"]})
    assert librarian("tag", "remove", "inbox", "1", library=library).code == 0
    make(tree, b_txt=TEXT * 2)
    assert librarian("watch", "--once", "--settle", "0", "--tag", "inbox", tree, library=library).code == 0
    assert tags_of(library) == {"a.txt": [], "b.txt": ["inbox"]}, "what a person took away is not given again"


class Shelf:
    """A tree, and ingests of it into a library, in line."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.library = make(folder / "books"), folder / "library"

    def ingest(self, *, force: str | None = None) -> dict[str, tuple[str, ...]]:
        """Take in the tree. Returns: the tags of each book that is there, by the names of its files."""
        ingest(self.library, Request((os.fsencode(self.tree),), force=force), inline=True)
        with open_librarian(self.library) as opened:
            names = {tuple(sorted(map(name_of, item.paths))): item.tags for item in opened.books()}
        return {" ".join(key): tags for key, tags in names.items()}

    def tag(self, tag: str, name: str) -> None:
        with open_librarian(self.library) as opened:
            (book,) = (item.book.id for item in opened.books() if name in map(name_of, item.paths))
            opened.tag(tag, [book])


def name_of(path: bytes) -> str:
    return os.path.basename(os.fsdecode(path))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Two books: a.txt with two tags, b.txt with one of them."""
    made = Shelf(tmp_path)
    make(made.tree, a_txt=TEXT, b_txt=TEXT * 2)
    made.ingest()
    for tag, name in (("Sea", "a.txt"), ("maps", "a.txt"), ("maps", "b.txt")):
        made.tag(tag, name)
    return made


def test_tags_outlast_every_new_reading(shelf: Shelf) -> None:
    for force in (None, "schema", "extract", "audit"):
        assert shelf.ingest(force=force) == {"a.txt": ("maps", "Sea"), "b.txt": ("maps",)}


def test_tags_go_with_a_file_that_is_moved_renamed_and_edited(shelf: Shelf) -> None:
    (shelf.tree / "sub").mkdir()
    (shelf.tree / "a.txt").rename(shelf.tree / "sub/moved.txt")
    assert shelf.ingest() == {"moved.txt": ("maps", "Sea"), "b.txt": ("maps",)}
    for edition in ("Edited.", "Edited again."):
        (shelf.tree / "sub/moved.txt").write_text(f"{TEXT}{edition}\n")
        assert shelf.ingest() == {"moved.txt": ("maps", "Sea"), "b.txt": ("maps",)}
    with open_librarian(shelf.library) as opened:
        assert opened.check(read_data=True).problems == ()


def test_a_copy_shares_the_tags_until_it_is_edited_or_replaced(shelf: Shelf) -> None:
    shutil.copy(shelf.tree / "a.txt", shelf.tree / "copy.txt")
    assert shelf.ingest() == {"a.txt copy.txt": ("maps", "Sea"), "b.txt": ("maps",)}
    (shelf.tree / "copy.txt").write_text(TEXT + "Edited.\n")
    assert shelf.ingest() == {"a.txt": ("maps", "Sea"), "copy.txt": ("maps", "Sea"), "b.txt": ("maps",)}
    shutil.copy(shelf.tree / "b.txt", shelf.tree / "copy.txt")
    assert shelf.ingest() == {"a.txt": ("maps", "Sea"), "b.txt copy.txt": ("maps",)}


def test_a_file_that_was_away_or_empty_for_a_while_has_its_tags(shelf: Shelf) -> None:
    (shelf.tree / "a.txt").unlink()
    (shelf.tree / "b.txt").write_text("")
    assert shelf.ingest() == {"": ("maps", "Sea")}
    make(shelf.tree, a_txt=TEXT, b_txt=TEXT * 5)
    assert shelf.ingest() == {"a.txt": ("maps", "Sea"), "b.txt": ("maps",)}


def test_tags_go_with_a_removed_book_and_do_not_come_back_with_it(own: Path) -> None:
    clock = id_of(own, "The Harbour Clock")
    librarian("tag", "add", "sea", clock, library=own)
    assert librarian("remove", clock, library=own).code == 0
    assert listed(own) == {}
    assert librarian("tag", "add", "sea", clock, library=own).code == 2
    assert librarian("ingest", "--force", "schema", SAMPLES / "science" / CLOCK, library=own).code == 0
    assert tags_of(own)[CLOCK] == []


def test_maintenance_cancelling_and_retrying_leave_tags_alone(own: Path, tmp_path: Path) -> None:
    librarian("tag", "add", "sea", "1", library=own)
    tree = make(tmp_path / "books", c_txt=TEXT * 3)
    librarian("ingest", "--no-wait", "--tag", "sea", tree, library=own)
    filed = str(books_of(own)["c.txt"]["id"])
    assert librarian("cancel", filed, "--json", library=own).document["cancelled"] == [filed]
    assert librarian("maintain", "reembed", library=own).code == 0
    assert librarian("retry", filed, library=own).code == 0
    assert librarian("retry", "--failed", library=own).code == 0
    assert librarian("ingest", library=own).code == 3, "one sample is damaged on purpose"
    assert listed(own) == {"sea": 14}


def test_a_tag_of_no_book_is_damage_that_check_tells_of(own: Path) -> None:
    librarian("tag", "add", "sea", "1", library=own)
    assert librarian("check", library=own).code == 0
    connection = sqlite3.connect(own / "library.db")
    connection.execute("INSERT INTO tags (key, book, name) VALUES ('sea', 999, 'sea')")
    connection.commit()
    connection.close()
    ran = librarian("check", "--json", library=own)
    assert (ran.code, ran.document["problems"]) == (4, ["tags: a row refers to nothing"])


@pytest.mark.parametrize("words", [("add", "sea", "0" * 12), ("remove", "sea", "0" * 12), ("list",)])
def test_where_there_is_no_library_none_is_made(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = librarian("tag", *words, library=tmp_path / "library")
    assert ran.code == 4
    assert not (tmp_path / "library").exists()
