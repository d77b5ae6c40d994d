"""A disk that is full and a library that is damaged, locked or read-only: said clearly, blamed on no book, kept."""

import fcntl
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import running, trees
from tests.support.digest import digest
from tests.support.ingests import ingest
from tests.support.program import LIBRARIAN, Ran, clean_environment, librarian

SMALL_DISK_BYTES = 3 << 20
"""Room for an empty library with its log, which all migrations together make 2 MB."""
IMPATIENT = {"LIBRARIAN_LIMITS_LOCK_WAIT_SECONDS": "0.3"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ("-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "tmpfs")
    if os.geteuid() != 0 or subprocess.run(["mount", *options, folder], capture_output=True, check=False).returncode:
        pytest.skip("a small file system takes the right to mount one")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Books that do not fit on the small disk."""
    for number in range(40):
        trees.write_text(tmp_path / f"tree/{number:02}.txt", number, paragraphs=100)
    return tmp_path / "tree"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library of two books, not closed for ever."""
    for number in range(2):
        trees.write_text(tmp_path / f"few/{number}.txt", number)
    ingest(tmp_path / "library", tmp_path / "few", inline=True)
    return tmp_path / "library"


def outcomes(library: Path) -> set[str]:
    """Return what became of the files seen so far."""
    return {item["outcome"] for item in librarian("files", "--json", library=library).document["files"]}


def test_a_full_disk_stops_the_run_and_blames_no_book(tmp_path: Path, small_disk: Path, tree: Path) -> None:
    library = small_disk / "library"
    full = running.run(tmp_path / "full", "ingest", tree, library=library)
    assert full.code == 4
    assert "no space left on the disk" in full.err
    assert "Traceback" not in full.err
    assert outcomes(library) <= {"ok", "waiting"}
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    again = running.run(tmp_path / "again", "ingest", tree, library=library)
    assert again.code == 0, again.err
    ingest(tmp_path / "other", tree)
    assert digest(library) == digest(tmp_path / "other")
    assert librarian("check", "--read-data", library=library).code == 0


def test_a_file_that_may_not_grow_stops_the_run_and_blames_no_book(tmp_path: Path, tree: Path) -> None:
    library = tmp_path / "library"
    full = limited(library, tree, SMALL_DISK_BYTES)
    assert full.code == 4
    assert full.err.startswith("librarian: ")
    assert "Traceback" not in full.err
    assert outcomes(library) <= {"ok", "waiting"}
    assert running.run(tmp_path / "again", "ingest", tree, library=library).code == 0
    assert librarian("check", "--read-data", library=library).code == 0


def limited(library: Path, tree: Path, max_file_bytes: int) -> Ran:
    """Ingest where no file may grow beyond a size."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))

    done = subprocess.run(
        [LIBRARIAN, "--library", library, "ingest", tree],
        capture_output=True,
        text=True,
        env=clean_environment(),
        timeout=60,
        preexec_fn=limit,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_damaged_header_is_found_and_not_made_anew(tmp_path: Path, library: Path) -> None:
    damage(library / "library.db", 0)
    damaged = (library / "library.db").read_bytes()
    for command in (("check",), ("ingest", tmp_path / "few"), ("search", "harbour"), ("books",)):
        ran = librarian(*command, library=library)
        assert ran.code == 4, command
        assert "Traceback" not in ran.err, command
        assert "restore it from a backup" in ran.err, command
    assert (library / "library.db").read_bytes() == damaged


@pytest.mark.parametrize("table", ["books", "chunks", "files", "tasks", "chunks_fts_data"])
def test_a_damaged_page_is_found_and_ends_no_command_in_a_traceback(tmp_path: Path, library: Path, table: str) -> None:
    path = library / "library.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    damage(path, (page - 1) * page_bytes)
    for command in (("search", "harbour"), ("books",), ("ingest", tmp_path / "few")):
        ran = librarian(*command, library=library)
        assert ran.code in (0, 4), (command, ran.err)
        assert "Traceback" not in ran.err, command
    checked = librarian("check", "--read-data", library=library)
    assert checked.code == 4
    assert "Traceback" not in checked.err


def damage(path: Path, at: int) -> None:
    """Put 64 random bytes, always the same, into a file."""
    data = bytearray(path.read_bytes())
    data[at : at + 64] = random.Random(1).randbytes(64)
    path.write_bytes(data)


def test_64_damaged_bytes_in_a_passage_are_found_by_a_check(library: Path) -> None:
    path = library / "library.db"
    data = bytearray(path.read_bytes())
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        (text,) = connection.execute("SELECT text FROM chunks ORDER BY id LIMIT 1").fetchone()
    spot = data.index(text.encode()) + 100
    data[spot : spot + 64] = b"q" * 64
    path.write_bytes(data)
    checked = librarian("check", "--read-data", library=library)
    assert checked.code == 4
    assert "its text is not what was stored" in checked.err


def test_a_file_that_is_no_library_is_left_alone(tmp_path: Path) -> None:
    tree, library = tmp_path / "tree", tmp_path / "library"
    trees.write_text(tree / "one.txt", 1)
    library.mkdir()
    (library / "library.db").write_text("These are my notes about libraries.\n" * 100)
    ran = librarian("ingest", tree, library=library)
    assert ran.code == 4
    assert "not a library" in ran.err
    assert (library / "library.db").read_text().startswith("These are my notes")


def test_another_program_s_database_is_left_alone(tmp_path: Path) -> None:
    tree, library = tmp_path / "tree", tmp_path / "library"
    trees.write_text(tree / "one.txt", 1)
    library.mkdir()
    with closing(sqlite3.connect(library / "library.db")) as connection:
        connection.execute("CREATE TABLE notes (text)")
    ran = librarian("ingest", tree, library=library)
    assert ran.code == 4
    assert "not a Librarian library" in ran.err
    with closing(sqlite3.connect(library / "library.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("notes",)]


@pytest.mark.parametrize("command", ["check", "search", "books", "status", "text", "show", "files", "remove"])
def test_commands_that_need_a_library_do_not_make_one(tmp_path: Path, command: str) -> None:
    needs_word = command in ("search", "text", "show", "remove")
    ran = librarian(command, *(["0123456789ab"] if needs_word else []), library=tmp_path / "none")
    assert ran.code == 4
    assert "no library here" in ran.err
    assert not (tmp_path / "none").exists()


def test_a_library_whose_writer_lock_is_held_is_locked_for_writing_only(tmp_path: Path, library: Path) -> None:
    with (library / "writer.lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ran = librarian("ingest", tmp_path / "few", library=library, env=IMPATIENT)
        assert ran.code == 11
        assert "another Librarian process has been writing" in ran.err
        assert librarian("search", "harbour", library=library).code == 0
    assert librarian("ingest", tmp_path / "few", library=library).code == 0


@pytest.mark.slow
def test_a_library_that_another_program_writes_to_is_locked(tmp_path: Path, library: Path) -> None:
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN IMMEDIATE'); print(1); input()"
    command: list[str | Path] = [sys.executable, "-uc", code, library / "library.db"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"1\n"
        ran = librarian("ingest", tmp_path / "few", library=library, env=IMPATIENT)
        other.communicate(b"\n")
    assert ran.code == 11
    assert "another program holds the library" in ran.err
    assert librarian("ingest", tmp_path / "few", library=library).code == 0


def test_a_read_only_library_can_be_searched_and_not_changed(tmp_path: Path, library: Path) -> None:
    shutil.rmtree(library / "owners")
    for path in (*library.rglob("*"), library):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        assert librarian("search", "harbour", library=library, privileged=False).code == 0
        assert librarian("books", library=library, privileged=False).code == 0
        ran = librarian("ingest", tmp_path / "few", library=library, privileged=False)
        assert ran.code == 4
        assert "Traceback" not in ran.err
        assert "permissions" in ran.err
    finally:
        for path in (library, *library.rglob("*")):
            path.chmod(0o700)
