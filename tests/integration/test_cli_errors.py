"""Whatever is wrong, the message names it and the next step, and the exit code says whose fault it is."""

import fcntl
import os
import re
import sqlite3
from pathlib import Path

import pytest

from tests.support.cli import (
    PAGE_BYTES,
    TEXT,
    make,
    said,
)
from tests.support.program import Ran, librarian
from tests.support.trees import SAMPLES


def test_a_missing_path_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    library = tmp_path / "library"
    said(librarian("ingest", "no/such/folder", library=library), 2, "no/such/folder", "no such file or folder")
    assert not library.exists()


def test_one_missing_path_among_others_stops_before_anything_is_done(tmp_path: Path) -> None:
    tree = make(tmp_path / "books", a_txt=TEXT)
    said(librarian("ingest", tree, tmp_path / "nowhere", library=tmp_path / "library"), 2, "nowhere")
    assert not (tmp_path / "library").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("search", "tide"),
        ("books",),
        ("show", "0123456789"),
        ("text", "0123456789"),
        ("files",),
        ("remove", "0123456789"),
        ("status",),
        ("check",),
    ],
    ids=lambda command: command[0],
)
def test_where_no_library_is_yet_every_command_says_so_and_makes_none(tmp_path: Path, command: tuple[str, ...]) -> None:
    said(librarian(*command, library=tmp_path / "library"), 4, str(tmp_path / "library"), "librarian ingest")
    assert not (tmp_path / "library").exists()


@pytest.mark.parametrize(
    ("command", "book", "words"),
    [
        ("show", "0123456789abcdef", "no book"),  # unknown
        ("show", "abc", "at least 8"),  # too short
        ("show", "not-an-id-at-all", "no book id"),
        ("text", "0123456789abcdef", "no book"),
        ("remove", "0123456789abcdef", "no book"),
        ("remove", "abc", "at least 8"),
    ],
)
def test_a_bad_book_id_is_a_usage_error_that_names_it(library: Path, command: str, book: str, words: str) -> None:
    said(librarian(command, book, library=library), 2, book, words, "librarian books")


def test_an_ambiguous_book_id_is_refused(own: Path) -> None:
    connection = sqlite3.connect(own / "library.db")
    connection.execute("UPDATE books SET sha256 = 'aaaaaaaa' || substr(sha256, 9) WHERE id IN (1, 2)")
    connection.commit()
    connection.close()
    said(librarian("show", "aaaaaaaa", library=own), 2, "more than one", "aaaaaaaa")


def test_a_book_that_a_search_is_limited_to_must_exist(library: Path) -> None:
    said(librarian("search", "tide", "--book", "0" * 8, library=library), 2, "no book")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("search", "?!"), "no words"),
        (("search", "x" * 5000), "at most 4000"),
        (("search",), "QUERY"),
        (("search", "tide", "--limit", "0"), "--limit"),
        (("search", "tide", "--mode", "magic"), "--mode"),
        (("ingest", "--no-wait"), "at least one path"),
        (("ingest", "--force"), "at least one path"),
        (("ingest", "--force=dance", "."), "--force"),
        (("ingest", "--jobs", "0", "."), "--jobs"),
        (("books", "--sort", "colour"), "--sort"),
        (("dance",), "dance"),
        (("--dance",), "--dance"),
        (("config", "set", "search.limit", "ten"), "search.limit"),
        (("config", "set", "serach.limit", "10"), "serach.limit"),
    ],
)
def test_wrong_usage_ends_with_2_and_names_what_is_wrong(library: Path, arguments: tuple[str, ...], words: str) -> None:
    said(librarian(*arguments, library=library), 2, words)


def test_a_bad_value_in_the_file_is_named_with_file_and_key(library: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[search]\nlimit = 0\n")
    said(librarian("books", library=library, env={"LIBRARIAN_CONFIG": str(file)}), 2, str(file), "search.limit")


def test_a_bad_value_in_the_environment_is_named_by_its_variable(library: Path) -> None:
    ran = librarian("books", library=library, env={"LIBRARIAN_STAGES_EXTRACT_WORKERS": "many"})
    said(ran, 2, "LIBRARIAN_STAGES_EXTRACT_WORKERS", "many")


def test_config_set_and_path_speak_of_one_file_and_keep_comments(tmp_path: Path) -> None:
    file = tmp_path / "settings" / "config.toml"
    env = {"LIBRARIAN_CONFIG": str(file)}
    assert librarian("config", "path", env=env).out == f"{file}\n"
    make(file.parent, config_toml="# mine\n[search]\nlimit = 3\n")
    assert librarian("config", "set", "search.limit", "4", env=env) == Ran(0, "", "")
    assert file.read_text() == "# mine\n[search]\nlimit = 4\n"
    assert "search.limit = 4  # file\n" in librarian("config", "show", "--origin", env=env).out


def test_a_configuration_that_cannot_be_written_is_a_fault_that_names_it(tmp_path: Path) -> None:
    folder = make(tmp_path / "settings", config_toml="[search]\nlimit = 3\n")
    folder.chmod(0o500)
    env = {"LIBRARIAN_CONFIG": str(folder / "config.toml")}
    ran = librarian("config", "set", "search.limit", "4", env=env, privileged=False)
    folder.chmod(0o700)
    said(ran, 4, str(folder / "config.toml"), "permissions")


def test_passwords_are_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[passwords]\n"*.pdf" = "sesame"\n')
    for arguments in (("config", "show"), ("config", "show", "--json")):
        ran = librarian(*arguments, env={"LIBRARIAN_CONFIG": str(file)})
        assert "passwords.*.pdf" in ran.out
        assert "sesame" not in ran.out + ran.err


def test_a_locked_library_ends_with_11_and_reading_goes_on(own: Path) -> None:
    descriptor = os.open(own / "writer.lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    ran = librarian("ingest", SAMPLES, library=own, env={"LIBRARIAN_LIMITS_LOCK_WAIT_SECONDS": "0.1"})
    found = librarian("search", "tide", library=own)
    os.close(descriptor)
    said(ran, 11, str(own), "lock_wait_seconds")
    assert found.code == 0


@pytest.fixture(params=["a newer library", "another program's database", "noise", "damaged pages"])
def spoilt(request: pytest.FixtureRequest, own: Path) -> Path:
    path = own / "library.db"
    if request.param == "noise":
        path.write_bytes(os.urandom(100_000))
    elif request.param == "damaged pages":
        content = bytearray(path.read_bytes())
        content[PAGE_BYTES:] = b"\xa5" * (len(content) - PAGE_BYTES)  # the first page, with the schema, stays whole
        path.write_bytes(content)
    else:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA " + ("user_version = 99" if "newer" in request.param else "application_id = 7"))
        connection.close()
    return own


@pytest.mark.parametrize("command", [("books",), ("search", "tide"), ("check",), ("ingest", SAMPLES)])
def test_a_spoilt_library_ends_with_4_and_a_clear_message(spoilt: Path, command: tuple[str, ...]) -> None:
    ran = librarian(*command, library=spoilt)
    said(ran, 4)
    assert re.search("library|database", ran.err), ran.err


def test_check_finds_a_text_that_is_not_the_one_that_was_stored(own: Path) -> None:
    connection = sqlite3.connect(own / "library.db")
    connection.execute("UPDATE chunks SET text = 'X' || substr(text, 2) WHERE id = 1")
    connection.commit()
    connection.close()
    ran = librarian("check", "--read-data", "--json", library=own)
    assert ran.code == 4
    assert len(ran.document["problems"]) >= 1


def test_a_read_only_library_can_be_searched_and_says_why_it_cannot_grow(own: Path) -> None:
    everything = [own, *own.rglob("*")]
    for path in everything:
        path.chmod(0o500 if path.is_dir() else 0o400)
    found = librarian("search", "tide", "--json", library=own, privileged=False)
    refused = librarian("ingest", SAMPLES, library=own, privileged=False)
    for path in everything:
        path.chmod(0o700)
    assert (found.code, found.err) == (0, "")
    assert len(found.document["hits"]) > 0
    said(refused, 4, str(own), "ermission")


def test_an_unreadable_folder_is_reported_by_its_path_and_the_rest_is_taken(tmp_path: Path) -> None:
    tree = make(tmp_path / "books", a_txt=TEXT)
    make(tree / "sub" / "closed", b_txt=TEXT).chmod(0)
    ran = librarian("ingest", tree, "--json", library=tmp_path / "library", privileged=False)
    (tree / "sub" / "closed").chmod(0o700)
    outcomes = {item["path"]: (item["outcome"], item["reason"]) for item in ran.document["files"]}
    assert outcomes == {f"{tree}/a.txt": ("ok", ""), f"{tree}/sub/closed": ("skipped", "unreadable")}


def test_an_unreadable_root_is_a_fault_that_names_it(tmp_path: Path) -> None:
    tree = make(tmp_path / "books", a_txt=TEXT)
    tree.chmod(0)
    ran = librarian("ingest", tree, library=tmp_path / "library", privileged=False)
    tree.chmod(0o700)
    said(ran, 4, str(tree), "ermission")


def test_an_unreadable_file_fails_alone_and_is_taken_once_it_can_be_read(tmp_path: Path) -> None:
    tree, library = make(tmp_path / "books", a_txt=TEXT, b_txt=TEXT * 2), tmp_path / "library"
    (tree / "b.txt").chmod(0)
    ran = librarian("ingest", tree, "--json", library=library, privileged=False)
    assert (ran.code, ran.document["outcomes"]["ok"], ran.document["outcomes"]["failed"]) == (3, 1, 1)
    (tree / "b.txt").chmod(0o600)
    again = librarian("ingest", tree, "--json", library=library)
    assert (again.code, again.document["outcomes"]["ok"]) == (0, 1)


def test_a_link_that_goes_round_is_named(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path / "round")
    said(librarian("ingest", tmp_path / "round", library=tmp_path / "library"), 2, "round")
