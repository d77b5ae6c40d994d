"""Libraries that the tests of the command line share, made by the program itself."""

import shutil
from pathlib import Path

import pytest

from tests.support.cli import EVIL_NAME, EVIL_TITLE, LATIN_NAME, TEXT, make, write_bytes_name
from tests.support.program import Ran, librarian
from tests.support.trees import SAMPLES


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """The samples in a library of their own, with what the command said."""
    library = tmp_path_factory.mktemp("cli") / "library"
    return library, librarian("ingest", SAMPLES, "--json", library=library)


@pytest.fixture(scope="session")
def library(ingested: tuple[Path, Ran]) -> Path:
    return ingested[0]


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A library of files with hostile names and titles. Returns: (library, tree)."""
    folder = tmp_path_factory.mktemp("odd")
    tree = make(folder / "books", sound_txt=TEXT)
    write_bytes_name(tree, LATIN_NAME, TEXT + "One.\n")
    write_bytes_name(tree, EVIL_NAME, TEXT + "Two.\n")
    heading = EVIL_TITLE.replace("\x1b", "&#27;").replace("\x07", "&#7;")
    body = f"<html><head><title>{heading}</title></head><body><h1>{heading}</h1><p>{TEXT}</p></body></html>"
    make(tree, evil_html=body)
    ran = librarian("ingest", tree, library=folder / "library")
    assert ran.code == 0, ran.err
    return folder / "library", tree


@pytest.fixture
def own(library: Path, tmp_path: Path) -> Path:
    """A copy of the samples' library that may be changed."""
    return Path(shutil.copytree(library, tmp_path / "own"))
