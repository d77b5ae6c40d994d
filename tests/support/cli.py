"""What the tests of the command line share: small trees, hostile names, and how a refusal looks."""

import os
import re
from pathlib import Path
from typing import Any

from tests.support.program import Ran, librarian

TEXT = "The tide table hangs beside the door of the harbour office, and nobody reads it but the cat.\n" * 20
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
EVIL_NAME = b"evil\x1b]0;owned\x07\nname \xe2\x80\xae.md"
LATIN_NAME = b"caf\xe9 \xff.txt"
PAGE_BYTES = 16384
EVIL_TITLE = "Red \x1b[31mAlert\x07 \u202egnp"


def make(tree: Path, **files: str) -> Path:
    """Write small files; an underscore in a name stands for its dot."""
    tree.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (tree / name.replace("_", ".")).write_text(text)
    return tree


def write_bytes_name(tree: Path, name: bytes, text: str) -> None:
    """Write a file whose name need not be UTF-8."""
    with open(os.fsencode(tree) + b"/" + name, "w", encoding="utf-8") as stream:  # noqa: PTH123  # a name in bytes
        stream.write(text)


def books_of(library: Path) -> dict[str, dict[str, Any]]:
    """Return the books as JSON shows them, by the name of their first file."""
    found = librarian("books", "--json", library=library).document["books"]
    return {Path(book["paths"][0]).name: book for book in found}


def files_of(library: Path) -> list[dict[str, Any]]:
    """Return the files as JSON shows them."""
    found: list[dict[str, Any]] = librarian("files", "--json", library=library).document["files"]
    return found


def said(ran: Ran, code: int, *words: str) -> None:
    """Require that a command failed in a way that people can act on."""
    assert ran.code == code, ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err, ran.err
