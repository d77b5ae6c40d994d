"""Folders of books to ingest: the samples, distinct copies of them, and small healthy texts."""

import os
import random
import re
import shutil
import zipfile
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "sample_books"
_WORDS = re.findall(
    r"\w+",
    "the of and a to in is was that it he for on with as his they at be this from have or by one had not but what"
    " all were when we there can an your which their said if do will each about how up out them then she many some"
    " so these would other into has more her two like him see time could no make than first been its who now people"
    " harbour lantern orchard winter river letter garden captain window mountain silver kitchen story morning road",
)


def data_folder(*parts: str) -> Path:
    """Return a folder of the test data; skip where there is none."""
    place = os.environ.get("LIBRARIAN_TEST_DATA")
    if not place:
        pytest.skip("LIBRARIAN_TEST_DATA names no folder of test data")
    folder = Path(place, *parts)
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


def copy_samples(folder: Path) -> Path:
    """Copy the sample books, without their sources. Returns: the folder."""
    return Path(shutil.copytree(SAMPLES, folder, ignore=shutil.ignore_patterns("sources", "README.md")))


def write_variants(folder: Path, copies: int) -> Path:
    """Write so many copies of the sample books, each with bytes of its own. Returns: the folder."""
    for number in range(copies):
        for path in copy_samples(folder / f"shelf{number}").rglob("*.*"):
            if path.is_file() and not path.name.startswith("."):
                _make_distinct(path, f"copy {number} of {path.name}")
    return folder


def write_text(path: Path, seed: object, *, paragraphs: int = 12, head: str = "") -> str:
    """Write a small English text that depends on the seed. Returns: the text."""
    chooser = random.Random(str(seed))
    lines = [" ".join(chooser.choices(_WORDS, k=60)).capitalize() + "." for _ in range(paragraphs)]
    text = head + "\n\n".join(lines) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return text


def _make_distinct(path: Path, note: str) -> None:
    if path.suffix == ".epub" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = note.encode()
        return
    marks = {".pdf": f"\n% {note}\n", ".html": f"\n<!-- {note} -->\n"}
    with path.open("ab") as stream:
        stream.write(marks.get(path.suffix, f"\n\nThis is {note}.\n").encode())
