"""A file that was refused is tried again once what stood in its way is gone, without --force."""

from pathlib import Path

import pypdf

from tests.support.program import librarian
from tests.support.trees import SAMPLES


def outcome(books: Path, library: Path, **settings: str) -> str:
    """Ingest the one file of a folder. Returns: its outcome as it stands now."""
    librarian("ingest", books, library=library, env=settings, privileged=False)
    (found,) = librarian("files", "--json", library=library).document["files"]
    return f"{found['outcome']}:{found['reason']}" if found["reason"] else str(found["outcome"])


def test_a_file_over_a_limit_is_read_once_the_limit_is_raised(tmp_path: Path) -> None:
    books, library = tmp_path / "books", tmp_path / "library"
    books.mkdir()
    (books / "tale.txt").write_text("Once upon a time there was a lamp. " * 100)
    assert outcome(books, library, LIBRARIAN_READ_MAX_TEXT_BYTES="1000") == "failed:limit"
    assert outcome(books, library) == "ok"


def test_a_file_that_may_not_be_read_is_read_once_it_may(tmp_path: Path) -> None:
    books, library = tmp_path / "books", tmp_path / "library"
    books.mkdir()
    file = books / "tale.txt"
    file.write_text("Once upon a time there was a lamp. " * 100)
    file.chmod(0)
    assert outcome(books, library) == "failed:unreadable"
    file.chmod(0o600)
    assert outcome(books, library) == "ok"


def test_an_encrypted_pdf_is_read_once_its_password_is_given(tmp_path: Path) -> None:
    books, library, settings = tmp_path / "books", tmp_path / "library", tmp_path / "config.toml"
    books.mkdir()
    writer = pypdf.PdfWriter(clone_from=SAMPLES / "science/flattening-the-globe.pdf")
    writer.encrypt("sesame", algorithm="RC4-128")
    writer.write(books / "globe.pdf")
    assert outcome(books, library) == "failed:encrypted"
    settings.write_text('[passwords]\n"globe*.pdf" = "sesame"\n')
    assert outcome(books, library, LIBRARIAN_CONFIG=str(settings)) == "ok"
