"""Results go to standard output, all else to standard error, and a reader who leaves is no fault."""

import re
import subprocess
from pathlib import Path

from tests.support.cli import (
    TEXT,
    books_of,
    make,
)
from tests.support.program import LIBRARIAN, PATIENCE_SECONDS, Ran, clean_environment, librarian
from tests.support.trees import SAMPLES


def test_success_is_silent_without_a_terminal(tmp_path: Path) -> None:
    ran = librarian("ingest", make(tmp_path / "books", a_txt=TEXT), library=tmp_path / "library")
    assert ran == Ran(0, "", "")


def test_a_failure_goes_to_standard_error_with_reason_and_next_step(tmp_path: Path) -> None:
    tree = make(tmp_path / "books", a_txt=TEXT, broken_pdf="%PDF-1.4\nnothing more")
    ran = librarian("ingest", tree, library=tmp_path / "library")
    assert (ran.code, ran.out) == (3, "")
    (line,) = ran.err.splitlines()
    assert line.startswith(f"failed  {tree}/broken.pdf: corrupt")
    assert line.endswith("get a fresh copy")


def test_verbose_tells_more_and_quiet_nothing_on_standard_error(own: Path) -> None:
    ran = librarian("-v", "ingest", SAMPLES, library=own)
    assert ran.out == ""
    assert re.search(r"^unchanged +14$", ran.err, re.MULTILINE)
    assert librarian("-q", "ingest", SAMPLES, library=own) == Ran(0, "", "")


def test_bars_are_drawn_only_when_asked_for_where_there_is_no_terminal(tmp_path: Path) -> None:
    tree = make(tmp_path / "books", a_txt=TEXT)
    ran = librarian("ingest", "--progress", tree, library=tmp_path / "library")
    assert (ran.code, ran.out) == (0, "")
    assert all(word in ran.err for word in ("schema", "extract", "chunk", "enrich", "audit", "total"))
    assert re.search(r"^ok +1$", ran.err, re.MULTILINE)


def test_lists_for_people_name_every_book_and_file(library: Path) -> None:
    books = librarian("books", library=library)
    assert len(books.out.splitlines()) == 1 + 13
    files = librarian("files", library=library)
    assert len(files.out.splitlines()) == 14
    assert (books.err, files.err) == ("", "")


def test_a_pipe_that_is_closed_in_the_middle_ends_quietly_with_0(odd: tuple[Path, Path], tmp_path: Path) -> None:
    tree = make(tmp_path / "books", long_txt="word " * 200_000)
    library = tmp_path / "library"
    assert librarian("ingest", tree, library=library).code == 0
    (book,) = books_of(library).values()
    text = subprocess.Popen(
        [LIBRARIAN, "--library", library, "text", book["id"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
    )
    assert text.stdout is not None
    assert text.stderr is not None
    assert text.stdout.read(4) == b"word"
    text.stdout.close()
    said = text.stderr.read().decode()
    assert (text.wait(PATIENCE_SECONDS), said) == (0, "")
