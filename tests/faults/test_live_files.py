"""Files that grow, change and vanish while they are read: no book is ever made of half a version."""

import hashlib
import itertools
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Start
from tests.support import running, trees
from tests.support.digest import Digest, digest

FILES = 6
RUNS = 4
SEED = 11


class Actor(threading.Thread):
    """Changes files of a folder all the time. `versions` has every content that was ever complete."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.versions: set[bytes] = set()
        self._stop_asked = threading.Event()
        self._chooser = random.Random(SEED)
        self._paths = [folder / f"{number}.txt" for number in range(FILES)]
        for number, path in enumerate(self._paths):
            self._replace(path, number)

    def run(self) -> None:
        for turn in itertools.count(FILES):
            if self._stop_asked.wait(0.02):  # paces the changes, so that some readings come through
                return
            path = self._chooser.choice(self._paths)
            self._chooser.choice((self._replace, self._rewrite, self._append, self._remove))(path, turn)

    def stop(self) -> None:
        """End the changes, with every file there."""
        self._stop_asked.set()
        self.join()
        for number, path in enumerate(self._paths):
            self._replace(path, f"last {number}")

    def _replace(self, path: Path, seed: object) -> None:
        fresh = path.with_name(f".{path.name}")
        trees.write_text(fresh, seed, paragraphs=60)
        self.versions.add(fresh.read_bytes())
        fresh.replace(path)

    def _rewrite(self, path: Path, seed: object) -> None:
        """Write in place, in two steps: the first half alone is a version as well."""
        source = path.with_name(f".{path.name}")
        data = trees.write_text(source, seed, paragraphs=60).encode()
        half = len(data) // 2
        self.versions |= {b"", data[:half], data}
        with path.open("wb", buffering=0) as stream:
            stream.write(data[:half])
            self._stop_asked.wait(0.001)  # a slow writer
            stream.write(data[half:])

    def _append(self, path: Path, seed: object) -> None:
        before = path.read_bytes() if path.exists() else b""
        more = f"\nAnd so it went on, the {seed}th time.\n".encode()
        self.versions |= {before, before + more}
        with path.open("ab", buffering=0) as stream:
            stream.write(more)

    def _remove(self, path: Path, seed: object) -> None:
        path.unlink(missing_ok=True)


@pytest.fixture
def actor(tmp_path: Path) -> Iterator[Actor]:
    """Something that changes files of `tmp_path / "tree"` until it is stopped."""
    (tmp_path / "tree").mkdir()
    live = Actor(tmp_path / "tree")
    live.start()
    yield live
    live.stop()


def assert_whole(found: Digest, versions: set[bytes]) -> None:
    """Every book is a version that was complete once, and its text is that version's."""
    by_hash = {hashlib.sha256(data).hexdigest(): data for data in versions}
    for sha256, book in found.items():
        assert sha256 in by_hash
        if book["text_sha256"]:
            assert book["text_sha256"] == sha256  # these texts are stored as they stand


@pytest.mark.slow
def test_no_book_is_torn_by_changes_while_it_is_read(tmp_path: Path, library: Path, actor: Actor) -> None:
    tree = tmp_path / "tree"
    for number in range(RUNS):
        ran = running.run(tmp_path / f"run{number}", "ingest", tree, "--json", library=library)
        assert {item["reason"] for item in ran.document["files"]} <= {
            "",
            "changed",
            "vanished",
            "empty",
            "approval",
        } | {item["reason"] for item in ran.document["files"] if item["outcome"] == "duplicate"}
        assert_whole(digest(library), set(actor.versions))
    actor.stop()
    last = running.run(tmp_path / "last", "ingest", tree, "--json", library=library)
    assert [item["outcome"] for item in last.document["files"]] == ["ok"] * FILES
    assert_whole(digest(library), actor.versions)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("touch", "ok:"),  # the same bytes with another date
        ("grow", "ok:"),  # other bytes: another book takes the place of the one that was to be read
        ("vanish", "skipped:vanished"),
    ],
)
def test_a_file_that_changes_once_while_it_is_read_is_taken_up_again(
    tmp_path: Path, library: Path, start: Start, kind: str, outcome: str
) -> None:
    tree = tmp_path / "tree"
    trees.write_text(tree / "live.txt", 1, head=f"FAULT:{kind}\n")
    trees.write_text(tree / "other.txt", 2)
    ran = start("ingest", tree, "--json").wait()
    ended = {Path(item["path"]).name: f"{item['outcome']}:{item['reason']}" for item in ran.document["files"]}
    assert ended == {"live.txt": outcome, "other.txt": "ok:"}
    assert ran.code == 0
    now = {hashlib.sha256(path.read_bytes()).hexdigest() for path in tree.iterdir()}
    assert set(digest(library)) == now
