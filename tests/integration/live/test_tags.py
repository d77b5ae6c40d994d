"""Books are tagged from a second terminal while an `ingest` runs, and keep that whatever it makes of them."""

from pathlib import Path

import pytest

from tests.faults.conftest import Start
from tests.support.filed import rows
from tests.support.ingests import open_librarian
from tests.support.live import book_id, write_faulty, write_texts
from tests.support.program import librarian
from tests.support.running import wait_until

NAMES = [f"{number:02}.txt" for number in range(30)]


def listed(library: Path) -> dict[str, int]:
    found = librarian("tag", "list", "--json", library=library).document["tags"]
    return {item["tag"]: item["books"] for item in found}


def test_books_are_tagged_while_an_ingest_reads_them(tmp_path: Path, library: Path, start: Start) -> None:
    tree = write_faulty(write_texts(tmp_path / "tree", NAMES), "bad.txt", "hang")
    running = start("ingest", "--json", tree)
    log = tmp_path / "readings"
    wait_until(lambda: log.exists() and "begin bad.txt " in log.read_text(), 20.0, lambda: running.err)
    bad = book_id(library, "bad.txt")
    assert librarian("tag", "add", "slow", bad, "--json", library=library).document["tagged"] == [bad]
    assert len(librarian("tag", "add", "Sea", "1", "--json", library=library).document["tagged"]) > 0
    assert running.process.poll() is None, "it is at work still"
    librarian("cancel", bad, library=library)
    assert running.wait(20.0).code == 0
    assert librarian("tag", "add", "SEA", "1", library=library).code == 0
    assert listed(library) == {"slow": 1, "Sea": len(NAMES) + 1}
    with open_librarian(library) as opened:
        assert opened.check(read_data=True).problems == ()


@pytest.mark.parametrize("kind", ["touch", "grow"])
def test_a_file_that_changes_while_it_is_read_again_keeps_its_tags(
    tmp_path: Path, library: Path, start: Start, kind: str
) -> None:
    tree = write_faulty(tmp_path / "tree", "bad.txt", kind)
    assert librarian("ingest", "--tag", "sea", tree, library=library).code == 0
    before = book_id(library, "bad.txt")
    assert start("ingest", "--force", "extract", tree).wait().code == 0
    assert (book_id(library, "bad.txt") == before) == (kind == "touch")
    assert listed(library) == {"sea": 1}
    assert rows(library, "SELECT * FROM kept_tags") == []
