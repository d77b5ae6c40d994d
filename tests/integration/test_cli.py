"""What else the command line promises: help, forcing, removing, reading, and choosing."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from librarian_cli import __version__
from tests.support.cli import TEXT, books_of, make, said
from tests.support.program import Ran, librarian
from tests.support.trees import SAMPLES


def test_version_and_help_in_both_spellings(tmp_path: Path) -> None:
    for flag in ("--version", "-V"):
        assert librarian(flag) == Ran(0, f"librarian, version {__version__}\n", "")
    assert librarian("-h").out == librarian("--help").out
    assert librarian("-h").out.startswith("Usage: librarian [OPTIONS] COMMAND")
    assert "Exit codes:" in librarian("-h").out


@pytest.mark.parametrize(
    ("words", "stages_again"),
    [
        (("--force", "PATH"), 4),  # before a path, without a value: everything
        (("PATH", "--force"), 4),
        (("--force", "chunk", "PATH"), 2),  # with a stage: from there on
        (("--force=audit", "PATH"), 1),
        (("PATH",), 0),
    ],
)
def test_force_may_stand_before_a_path(
    odd: tuple[Path, Path], tmp_path: Path, words: tuple[str, ...], stages_again: int
) -> None:
    library, tree = shutil.copytree(odd[0], tmp_path / "library"), odd[1]
    sound = tree / "sound.txt"
    arguments = [str(sound) if word == "PATH" else word for word in words]
    found = librarian("ingest", *arguments, "--json", library=library)
    assert found.code == 0, found.err
    (item,) = found.document["files"]
    assert item["outcome"] == ("ok" if stages_again else "unchanged")
    connection = sqlite3.connect(library / "library.db")
    query = "SELECT count(*) FROM tasks JOIN files USING (book) WHERE files.path = 'sound.txt' AND deliveries > 1"
    count = connection.execute(query.replace("'sound.txt'", "CAST('sound.txt' AS BLOB)")).fetchone()[0]
    connection.close()
    # A fused stage is never delivered by itself, so a whole run delivers one less.
    assert count in (stages_again, stages_again - 1)
    assert (count > 0) == (stages_again > 0)


def test_after_two_dashes_force_is_a_path(tmp_path: Path) -> None:
    ran = librarian("ingest", "--", "--force", library=tmp_path / "library", cwd=tmp_path)
    said(ran, 2, "--force: no such file or folder")


def test_a_removed_book_stays_away_until_it_is_forced(own: Path) -> None:
    book = books_of(own)["bread-and-time.md"]
    removed = librarian("remove", book["id"][:8], library=own)
    assert removed == Ran(0, f"removed {book['id'][:12]}  {book['title']}\n", "")
    assert "bread-and-time.md" not in books_of(own)
    assert librarian("search", "sourdough bread", "--book", book["id"], library=own).code == 2
    path = SAMPLES / "manuals" / "bread-and-time.md"
    assert librarian("ingest", path, library=own).code == 0
    assert "bread-and-time.md" not in books_of(own)
    assert librarian("ingest", "--force", path, library=own).code == 0
    assert books_of(own)["bread-and-time.md"]["chunks"] == book["chunks"]
    assert librarian("check", "--read-data", library=own).code == 0


def test_text_of_a_chapter_of_a_page_and_of_a_passage(library: Path) -> None:
    book = books_of(library)["bicycle.pdf"]["id"]
    whole = librarian("text", book, library=library).out
    shown = librarian("show", book, "--json", library=library).document
    first = librarian("text", book, "--chapter", "1", library=library).out
    assert whole.startswith(librarian("text", book, "--page", "1", library=library).out.rstrip("\n"))
    assert first.rstrip("\n") in whole
    chapter = shown["chapter_list"][0]
    passage = librarian("text", f"{book[:8]}:{chapter['start_char']}-{chapter['end_char']}", library=library).out
    assert passage == first
    for bad in (("--chapter", "999"), ("--page", "xvii")):
        said(librarian("text", book, *bad, library=library), 2, bad[1])
    for bad_span in ("5-5", "0-99999999", "a-b"):
        said(librarian("text", f"{book}:{bad_span}", library=library), 2, bad_span)


def test_text_of_a_book_that_failed_says_why_there_is_none(library: Path) -> None:
    book = books_of(library)["the-grey-of-the-page.pdf"]["id"]
    said(librarian("text", book, library=library), 2, "no text", "corrupt")


def test_a_trust_score_below_the_bound_ends_with_3(odd: tuple[Path, Path]) -> None:
    library, tree = odd
    assert librarian("ingest", tree, "--min-trust", "0.1", library=library).code == 0
    connection = sqlite3.connect(library / "library.db")
    lowest = connection.execute("SELECT min(trust_score) FROM books").fetchone()[0]
    connection.close()
    expected = 3 if lowest < 1 else 0
    assert librarian("ingest", tree, "--min-trust", "1", library=library).code == expected


def test_books_can_be_sorted_and_chosen_by_status(library: Path) -> None:
    by_size = librarian("books", "--sort", "size", "--json", library=library).document["books"]
    assert len(by_size) == 13
    failed = librarian("books", "--status", "failed", "--json", library=library).document["books"]
    assert [Path(book["paths"][0]).name for book in failed] == ["the-grey-of-the-page.pdf"]


def test_a_search_keeps_to_its_filters(library: Path) -> None:
    book = books_of(library)["Kleine Glockenkunde für Anfänger.txt"]
    assert book["language"] == "de"
    found = librarian("search", "Glocke", "--language", "de", "--json", library=library).document["hits"]
    assert {hit["book"] for hit in found} == {book["id"]}
    wide = librarian("search", "Glocke", "--book", book["id"], "--context", "1", "--json", library=library).document
    assert len(wide["hits"][0]["text"]) > len(found[0]["text"])


def test_the_library_may_be_named_by_the_environment(library: Path) -> None:
    assert librarian("books", env={"LIBRARIAN_LIBRARY": str(library)}) == librarian("books", library=library)


def test_a_single_file_and_a_relative_path_will_do(tmp_path: Path) -> None:
    tree = make(tmp_path / "books", a_txt=TEXT, b_txt=TEXT * 2)
    ran = librarian("ingest", "a.txt", "--json", library=tmp_path / "library", cwd=tree)
    assert [item["path"] for item in ran.document["files"]] == [str(tree / "a.txt")]


def test_a_folder_with_the_library_in_it_takes_only_the_books(tmp_path: Path) -> None:
    tree = make(tmp_path / "books", a_txt=TEXT)
    for _ in range(2):
        ran = librarian("ingest", tree, "--json", library=tree / "library")
        assert [Path(item["path"]).name for item in ran.document["files"]] == ["a.txt"]


def test_source_files_are_never_written(tmp_path: Path) -> None:
    tree, library = make(tmp_path / "books", a_txt=TEXT, broken_pdf="%PDF-1.4\nnothing more"), tmp_path / "library"

    def state() -> list[tuple[str, bytes, int, int]]:
        found = [(path.name, path.read_bytes(), path.stat()) for path in sorted(tree.iterdir())]
        return [(name, content, status.st_mtime_ns, status.st_mode) for name, content, status in found]

    before = state()
    assert librarian("ingest", tree, library=library).code == 3
    assert librarian("ingest", "--force", tree, library=library).code == 3
    assert librarian("remove", books_of(library)["a.txt"]["id"], library=library).code == 0
    assert state() == before
