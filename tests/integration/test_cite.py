"""A citation says where a passage stands, and can be proved against its file or refuted with what differs."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from librarian_cli import cite as citing
from librarian_cli.app import Librarian
from librarian_cli.errors import BookError, UsageError
from librarian_cli.search import Query
from tests.support.ingests import ingest, open_librarian
from tests.support.program import librarian
from tests.support.trees import SAMPLES

TEXT = "The keeper climbs to the lamp at dusk. The quick tide turns below the quay and carries the boats out. "
TEXT += "Nobody on the pier looks up; the fog bell rings twice, and once more when the last boat has gone. " * 4


@pytest.fixture
def place(tmp_path: Path) -> tuple[Path, Path]:
    """A library with one book, and its file."""
    path = tmp_path / "books" / "tide.txt"
    path.parent.mkdir()
    path.write_text(TEXT + "\n")
    assert ingest(tmp_path / "library", path.parent).result.books == 1
    return tmp_path / "library", path


@pytest.fixture
def opened(place: tuple[Path, Path]) -> Iterator[Librarian]:
    with open_librarian(place[0]) as librarian:
        yield librarian


def passage(library: Path, start: int = 39, end: int = 101) -> str:
    with open_librarian(library) as opened:
        (book,) = opened.books()
        return f"{book.book.id[:12]}:{start}-{end}"


@pytest.mark.parametrize(
    "query",
    [
        "bell rung for thirteen hours in fog",  # EPUB
        "Betelgeuse the red supergiant",  # PDF
        "feeding a sourdough starter",  # Markdown
        "spring tides and neap tides",  # HTML
        "Glocke aus Bronze gießen",  # text in Latin-1
    ],
)
def test_a_passage_of_every_format_is_cited_and_proved(sample_library: Path, query: str) -> None:
    with open_librarian(sample_library) as opened:
        hit = opened.search(Query(query, limit=1))[0]
        citation = opened.cite(hit.chunk)
        assert (citation.book, citation.title, citation.author) == (hit.book, hit.title, hit.author)
        assert (citation.chapter, citation.page) == (hit.chapter, hit.page)
        assert citation.text == hit.text
        assert citation.text_sha256 == hashlib.sha256(hit.text.encode()).hexdigest()
        proof = opened.verify(citation)
        assert (proof.holds, proof.differences) == (True, ())
        assert proof.path in citation.paths


def test_a_big_pdf_is_read_again_in_ranges(tmp_path: Path) -> None:
    tree = tmp_path / "books"
    tree.mkdir()
    source = next(
        path for path in SAMPLES.rglob("*.pdf") if "globe" in path.name.lower() or "night" in path.name.lower()
    )
    shutil.copy(source, tree)
    ingest(tmp_path / "library", tree)
    with open_librarian(tmp_path / "library", ingest__pages_per_range=1) as opened:
        (book,) = opened.books()
        end = book.book.chars
        assert opened.verify(opened.cite(f"{book.book.id}:{end - 200}-{end}")).holds


def test_a_touched_moved_or_copied_file_still_proves(place: tuple[Path, Path]) -> None:
    library, path = place
    os.utime(path, (1, 1))
    assert librarian("cite", "--verify", passage(library), library=library).code == 0
    copy = path.with_name("copy.txt")
    shutil.copy(path, copy)
    ingest(library, path.parent)
    path.write_text("Something else.\n")
    ran = librarian("cite", "--verify", passage(library), library=library)
    assert ran.code == 0
    assert f"verified {copy}" in ran.out


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("The quick tide", "The quick tidE", "differs from character"),
        ("The keeper", "Now the keeper", "stands at characters"),
        (TEXT[60:], "", "the text ends at character"),
    ],
)
def test_a_changed_file_refutes_with_what_differs(
    place: tuple[Path, Path], before: str, after: str, words: str
) -> None:
    library, path = place
    path.write_text((TEXT + "\n").replace(before, after, 1))
    ran = librarian("cite", "--verify", passage(library), library=library)
    assert ran.code == 3
    assert "its bytes changed" in ran.err
    assert words in ran.err
    shown = librarian("cite", "--verify", "--json", passage(library), library=library)
    assert shown.code == 3
    assert shown.document["verification"]["holds"] is False
    assert any(words in text for text in shown.document["verification"]["differences"])


def test_bytes_that_changed_elsewhere_are_no_proof(place: tuple[Path, Path]) -> None:
    library, path = place
    path.write_text(TEXT + "And one more sentence.\n")
    ran = librarian("cite", "--verify", passage(library), library=library)
    assert (ran.code, ran.err.count("not verified")) == (3, 1)
    assert "its bytes changed" in ran.err


def test_a_missing_or_broken_file_is_named(place: tuple[Path, Path], opened: Librarian) -> None:
    library, path = place
    citation = opened.cite(passage(library))
    path.write_bytes(b"\0\1\2" * 100)
    proof = opened.verify(citation)
    assert not proof.holds
    assert "cannot be read" in " ".join(proof.differences)
    path.unlink()
    with pytest.raises(BookError, match=r"missing: no file of this book is there \('.*tide\.txt'\)"):
        opened.verify(citation)
    ran = librarian("cite", "--verify", citation.chunk, library=library)
    assert (ran.code, ran.out) == (3, "")
    assert str(path) in ran.err
    assert librarian("cite", citation.chunk, library=library).code == 0, "the citation itself needs no file"


def test_a_file_that_kills_its_reader_is_a_refusal(place: tuple[Path, Path]) -> None:
    library, path = place
    chunk = passage(library)
    path.write_text("<html><body>" + "<div>" * 100_000 + "</html>")
    ran = librarian("cite", "--verify", chunk, library=library, env={"LIBRARIAN_STAGES_EXTRACT_TOTAL_SECONDS": "0.01"})
    assert ran.code == 3
    assert "not verified" in ran.err


@pytest.mark.parametrize("name", ["0" * 8 + ":1-2", "{own}", "{own}:5-3", "{own}:0-99999999", "{own}:x-y", "{own}:"])
def test_what_is_no_passage_is_a_usage_error(place: tuple[Path, Path], opened: Librarian, name: str) -> None:
    with pytest.raises(UsageError):
        opened.cite(name.format(own=passage(place[0]).partition(":")[0]))


def test_json_has_all_of_a_citation(place: tuple[Path, Path]) -> None:
    library, path = place
    shown = librarian("cite", "--json", passage(library), library=library).document
    assert set(shown) == {
        "version", "chunk", "book", "title", "author", "kind", "chapter", "page", "start_char", "end_char", "text",
        "text_sha256", "paths", "citation", "verification",
    }  # fmt: skip
    assert (shown["text"], shown["paths"], shown["verification"]) == (TEXT[39:101], [str(path)], None)
    assert shown["book"] == hashlib.sha256(path.read_bytes()).hexdigest()


def citation(**changes: object) -> citing.Citation:
    values: dict[str, object] = {
        "chunk": "5695949e0289:10-20", "book": "5695949e0289" + "0" * 52, "title": "The Harbour Clock",
        "author": "Gwendal Pryce", "kind": "book", "chapter": "Slack", "page": "iv", "start_char": 10, "end_char": 20,
        "text": "slack tide", "text_sha256": "7" * 64, "paths": (),
    }  # fmt: skip
    return citing.Citation(**{**values, **changes})  # type: ignore[arg-type]  # the tests name its fields


def test_plain_text_leaves_out_what_is_not_known() -> None:
    assert citing.plain(citation()).splitlines()[0] == (
        "Gwendal Pryce, The Harbour Clock, “Slack”, p. iv, characters 10–20."
    )
    bare = citing.plain(citation(author="", chapter="", page=None))
    assert bare.splitlines()[0] == "The Harbour Clock, characters 10–20."
    assert "passage  sha256:" + "7" * 64 in bare


def test_bibtex_is_escaped_and_has_a_key_of_its_own() -> None:
    entry = citing.bibtex(citation(title="50% of C# & {\\ ~^_$", author="Jörg Färber-Süß", kind="paper"))
    assert entry.startswith("@misc{")
    assert "{50\\% of C\\# \\& \\{\\textbackslash{} \\textasciitilde{}\\textasciicircum{}\\_\\$}" in entry
    assert citing.bibtex(citation()).startswith("@book{pryce-5695949e-10,\n")
    assert "pages" not in citing.bibtex(citation(page=None))
    assert citing.bibtex(citation(author="", title="中文")).startswith("@book{book-")
