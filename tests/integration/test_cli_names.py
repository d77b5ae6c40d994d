"""Names that others chose are kept to the byte, and shown without being obeyed."""

import os
import re
from pathlib import Path

import pytest

from tests.support.cli import (
    EVIL_NAME,
    LATIN_NAME,
    TEXT,
    UNSAFE,
    files_of,
    make,
    write_bytes_name,
)
from tests.support.program import librarian


def test_a_name_that_is_no_utf_8_survives_the_way_through_json(odd: tuple[Path, Path]) -> None:
    library, tree = odd
    wanted = {os.fsencode(tree) + b"/" + name for name in (LATIN_NAME, EVIL_NAME, b"sound.txt", b"evil.html")}
    files = librarian("files", "--json", library=library).document["files"]
    books = librarian("books", "--json", library=library).document["books"]
    hits = librarian("search", "tide", "--json", library=library).document["hits"]
    assert {os.fsencode(item["path"]) for item in files} == wanted
    assert {os.fsencode(path) for item in books for path in item["paths"]} == wanted
    assert {os.fsencode(item["path"]) for item in hits} == wanted
    assert all(os.path.lexists(path) for path in wanted)


def test_a_path_in_bytes_can_be_typed(tmp_path: Path) -> None:
    tree = make(tmp_path / "books")
    write_bytes_name(tree, LATIN_NAME, TEXT)
    path = os.fsencode(tree) + b"/" + LATIN_NAME
    ran = librarian("ingest", path, "--json", library=tmp_path / "library")
    assert [(os.fsencode(item["path"]), item["outcome"]) for item in ran.document["files"]] == [(path, "ok")]


@pytest.mark.parametrize("color", [{}, {"FORCE_COLOR": "1"}])
def test_control_characters_are_shown_and_not_obeyed(odd: tuple[Path, Path], color: dict[str, str]) -> None:
    library, _ = odd
    evil = next(item["book"] for item in files_of(library) if "owned" in item["path"])
    for command in (("books",), ("files",), ("search", "tide alert"), ("show", evil)):
        out = librarian(*command, library=library, env=color).out
        assert not UNSAFE.search(re.sub(r"\x1b\[\d+m", "", out) if color else out), command
        assert "\x1b[31m" not in out, command
    listed = librarian("files", library=library).out
    assert r"evil\x1b]0;owned\x07\nname \u202e.md" in listed
    assert r"caf\xe9 \xff.txt" in listed


@pytest.mark.parametrize("name", [b"no\x07such\x1b]0;x\x07", b"no\rsuch\xff", b"no\nsuch"])
def test_names_in_error_messages_are_escaped_too(tmp_path: Path, name: bytes) -> None:
    ran = librarian("ingest", name, library=tmp_path / "library")
    assert ran.code == 2
    assert not UNSAFE.search(ran.err)
    assert len(ran.err.splitlines()) == 1


def test_a_title_is_no_way_to_write_to_a_terminal(odd: tuple[Path, Path]) -> None:
    titles = [book["title"] for book in librarian("books", "--json", library=odd[0]).document["books"]]
    assert not any("\x1b" in title or "\x07" in title for title in titles)
    assert any("Alert" in title for title in titles)


def test_a_terminal_that_lacks_a_character_still_gets_the_rest(library: Path) -> None:
    ran = librarian("books", library=library, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) == 14
