"""Order groups in real runs: the books of one folder are ingested in order, one at a time; folders side by side."""

import itertools
from pathlib import Path

from tests.faults.conftest import Start
from tests.support.filed import rows
from tests.support.live import entries, most_at_once, write_faulty, write_texts
from tests.support.program import librarian

BY_FOLDER = {"LIBRARIAN_INGEST_ORDER_GROUPS": "folder", "LIBRARIAN_STAGES_EXTRACT_WORKERS": "4"}
NAMES = ["1.txt", "2.txt", "3.txt", "4.txt"]
INGESTIONS = """
SELECT path, started_at, ended_at FROM agents JOIN book_paths ON book_paths.book = agents.book
WHERE type = 'ingestion_runner' ORDER BY started_at
"""


def ingestions(library: Path) -> dict[str, list[tuple[str, float, float]]]:
    """Folder -> its books as they were ingested: name, begin, end."""
    found: dict[str, list[tuple[str, float, float]]] = {}
    for path, start, end in rows(library, INGESTIONS):
        found.setdefault(Path(path).parent.name, []).append((Path(path).name, start, end))
    return found


def test_books_of_a_folder_follow_each_other_and_folders_overlap(tmp_path: Path, library: Path, start: Start) -> None:
    """A reader that takes a second keeps two folders at work at once, unless they wait for each other."""
    for folder in ("a", "b"):
        write_faulty(write_texts(tmp_path / "tree" / folder, NAMES[1:]), "1.txt", "slow")
    assert start("ingest", tmp_path / "tree", env=BY_FOLDER).wait().code == 0
    found = ingestions(library)
    assert set(found) == {"a", "b"}
    for books in found.values():
        assert [name for name, _, _ in books] == NAMES
        for (_, _, end), (_, begin, _) in itertools.pairwise(books):
            assert end <= begin
    assert most_at_once((begin, end) for books in found.values() for _, begin, end in books) == 2


def test_without_order_groups_the_books_of_a_folder_overlap(tmp_path: Path, library: Path) -> None:
    """Else the order above would hold by itself."""
    write_texts(tmp_path / "tree/a", NAMES)
    assert librarian("ingest", tmp_path / "tree", library=library).code == 0
    assert most_at_once((begin, end) for _, begin, end in ingestions(library)["a"]) > 1


def test_a_failed_book_lets_its_group_go_on_and_a_notice_says_so(tmp_path: Path, library: Path, start: Start) -> None:
    folder = write_texts(tmp_path / "tree/a", ["1.txt", "3.txt"])
    write_faulty(folder, "2.txt", "error")
    ran = start("ingest", tmp_path / "tree", env=BY_FOLDER).wait()
    assert ran.code == 3
    assert f"a/2.txt failed (internal); its order group {folder} goes on" in ran.err
    assert [name for name, _, _ in ingestions(library)["a"]] == ["1.txt", "2.txt", "3.txt"]
    (entry,) = entries(library, "--action", "group.advanced")
    assert (entry["target"], entry["details"]) == (str(folder), {"after": "internal"})
    groups = librarian("status", "--json", library=library).document["groups"]
    assert groups == [{"name": str(folder), "waiting": 0, "running": 0, "failed": 1, "health": "failing"}]


def test_folders_of_one_concurrency_group_share_its_limit(tmp_path: Path, library: Path) -> None:
    for folder in ("a", "b", "c"):
        write_texts(tmp_path / "tree" / folder, NAMES[:2])
    settings = tmp_path / "config.toml"
    settings.write_text(f'[concurrency_groups]\n"{tmp_path}/tree/*" = "nas"\n')
    ran = librarian("ingest", tmp_path / "tree", library=library, env=BY_FOLDER | {"LIBRARIAN_CONFIG": str(settings)})
    assert ran.code == 0, ran.err
    found = ingestions(library)
    assert set(found) == {"a", "b", "c"}
    assert most_at_once((begin, end) for books in found.values() for _, begin, end in books) == 1
