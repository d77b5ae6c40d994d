"""All real books of the test data go through: every file with a recorded outcome, and nothing twice."""

import os
from pathlib import Path

import pytest

from tests.support import running, trees
from tests.support.program import Ran

LONG_SECONDS = 600.0
FORMATS = {".pdf", ".epub", ".txt", ".md", ".html"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the library and the output of commands go."""
    return tmp_path_factory.mktemp("books")


@pytest.fixture(scope="module")
def books() -> Path:
    """The real books."""
    return trees.data_folder("books", "dev")


@pytest.fixture(scope="module")
def first(folder: Path, books: Path) -> Ran:
    """How the first ingest ended."""
    return ingest(folder, books, "first")


def ingest(folder: Path, books: Path, name: str) -> Ran:
    return running.run(folder / name, "ingest", books, "--json", library=folder / "library", seconds=LONG_SECONDS)


def test_every_file_has_an_outcome(first: Ran, books: Path) -> None:
    found = {item["path"] for item in first.document["files"]}
    assert found == {str(path) for path in books.rglob("*") if path.is_file() and not path.name.startswith(".")}
    assert sum(first.document["outcomes"].values()) == len(found)


def test_no_failure_is_a_fault_of_ours(first: Ran) -> None:
    ours = ("internal", "audit", "crash", "timeout", "memory", "changed")
    assert [item for item in first.document["files"] if item["reason"] in ours] == []
    assert "Traceback" not in first.err
    assert first.code == 3  # encrypted and scanned ones


def test_no_real_book_waits_for_a_person(first: Ran) -> None:
    assert [item["path"] for item in first.document["files"] if item["outcome"] == "waiting"] == []


def test_only_formats_without_a_reader_are_skipped(first: Ran) -> None:
    skipped = [item for item in first.document["files"] if item["outcome"] == "skipped"]
    assert {item["reason"] for item in skipped} == {"unsupported"}
    assert not {os.path.splitext(item["path"])[1] for item in skipped} & FORMATS


def test_almost_all_books_of_a_supported_format_can_be_searched(first: Ran) -> None:
    failed = {item["path"]: item["reason"] for item in first.document["files"] if item["outcome"] == "failed"}
    assert set(failed.values()) <= {"no_text", "encrypted", "corrupt"}
    assert not [path for path in failed if "/pdf-odd/" not in path and "svg-in-spine" not in path]


def test_everything_that_was_stored_is_sound(first: Ran, folder: Path) -> None:
    checked = running.run(folder / "check", "check", "--read-data", library=folder / "library")
    assert checked.code == 0, checked.err


def test_a_second_run_finds_all_unchanged(first: Ran, folder: Path, books: Path) -> None:
    second = ingest(folder, books, "second").document
    assert second["outcomes"]["unchanged"] == len(first.document["files"])
    assert (second["books"], second["chunks"]) == (first.document["books"], first.document["chunks"])
