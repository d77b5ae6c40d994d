"""`ingest` takes lists of paths from standard input and from files."""

import os
from pathlib import Path

import pytest

from tests.support.cli import LATIN_NAME, TEXT, make, said, write_bytes_name
from tests.support.program import Ran, librarian

NEWLINE_NAME = b"two\nlines.txt"


def taken(ran: Ran) -> set[bytes]:
    """The names of the files in the document of an ingest, in bytes."""
    return {os.path.basename(os.fsencode(item["path"])) for item in ran.document["files"]}


@pytest.mark.parametrize("words", [("-",), ("--files-from", "-"), ("--files-from=-", "-")])
def test_paths_on_standard_input_are_those_of_the_command_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    tree = make(tmp_path / "books", a_txt=TEXT, b_txt=TEXT * 2, c_txt=TEXT * 3)
    listed = f"{tree}/a.txt\n{tree}/b.txt\n".encode()
    ran = librarian("ingest", *words, "--json", library=tmp_path / "library", stdin=listed)
    assert (ran.code, taken(ran)) == (0, {b"a.txt", b"b.txt"})


def test_a_list_in_a_file_joins_paths_relative_to_the_current_folder(tmp_path: Path) -> None:
    tree = make(tmp_path / "books", a_txt=TEXT, b_txt=TEXT * 2, c_txt=TEXT * 3)
    (tmp_path / "list").write_text("b.txt\nb.txt\n")
    words = ("ingest", "a.txt", "--files-from", tmp_path / "list", "--json")
    ran = librarian(*words, library=tmp_path / "library", cwd=tree)
    assert (ran.code, taken(ran)) == (0, {b"a.txt", b"b.txt"})


@pytest.mark.parametrize("flag", ["-0", "--null"])
def test_any_name_survives_in_a_list_that_ends_paths_with_nul(tmp_path: Path, flag: str) -> None:
    tree, names = make(tmp_path / "books"), {LATIN_NAME, NEWLINE_NAME, b" spaced .txt", b"~tilde.txt"}
    for number, name in enumerate(sorted(names), 1):
        write_bytes_name(tree, name, TEXT * number)
    listed = b"".join(os.fsencode(tree) + b"/" + name + b"\0" for name in names)
    ran = librarian("ingest", flag, "-", "--json", library=tmp_path / "library", stdin=listed)
    assert (ran.code, taken(ran)) == (0, names)


def test_a_name_that_is_no_utf_8_survives_in_a_list_of_lines(tmp_path: Path) -> None:
    write_bytes_name(make(tmp_path / "books"), LATIN_NAME, TEXT)
    ran = librarian("ingest", "-", "--json", library=tmp_path / "library", stdin=LATIN_NAME, cwd=tmp_path / "books")
    assert (ran.code, taken(ran)) == (0, {LATIN_NAME})


@pytest.mark.parametrize("words", [(), ("--no-wait",), ("--force",), ("-0",)])
def test_an_empty_list_is_nothing_to_do_and_touches_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    library = tmp_path / "library"
    assert librarian("ingest", "-", *words, library=library) == Ran(0, "", "")
    assert not library.exists()
    ran = librarian("-v", "ingest", "-", *words, "--json", library=library)
    assert (ran.code, ran.document["job"]) == (0, None)
    assert "list of paths is empty" in librarian("-v", "ingest", "-", *words, library=library).err


def test_an_empty_list_does_not_mean_all_that_waits(tmp_path: Path) -> None:
    library = tmp_path / "library"
    librarian("ingest", "--no-wait", make(tmp_path / "books", a_txt=TEXT), library=library)
    ran = librarian("ingest", "-", "--json", library=library)
    assert (ran.code, ran.document["files"]) == (0, [])
    assert librarian("status", "--json", library=library).document["queue_depth"] == 1


def test_a_listed_path_that_is_not_there_is_named_before_anything_is_done(tmp_path: Path) -> None:
    tree = make(tmp_path / "books", a_txt=TEXT)
    listed = f"{tree}/a.txt\n{tree}/nowhere.txt\n".encode()
    said(librarian("ingest", "-", library=tmp_path / "library", stdin=listed), 2, "nowhere.txt: no such file")
    said(librarian("ingest", "--files-from", tmp_path / "no-list", library=tmp_path / "library"), 2, "no-list")
    assert not (tmp_path / "library").exists()


def test_a_list_of_nuls_without_the_option_is_refused_with_the_next_step(tmp_path: Path) -> None:
    said(librarian("ingest", "-", library=tmp_path / "library", stdin=b"a\0b\0"), 2, "--null")


def test_a_file_whose_name_is_a_dash_can_be_named(tmp_path: Path) -> None:
    write_bytes_name(make(tmp_path / "books"), b"-", TEXT)
    ran = librarian("ingest", "./-", "--json", library=tmp_path / "library", cwd=tmp_path / "books")
    assert (ran.code, taken(ran)) == (0, {b"-"})
