"""Files that grow, change and vanish while they are read: no book is ever made of half a version."""

import hashlib
import itertools
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import trees
from tests.support.digest import Digest, digest
from tests.support.ingests import ingest

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
            if self._stop_asked.wait(0.002):  # paces the changes, so that some readings come through
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
def test_no_book_is_torn_by_changes_while_it_is_read(tmp_path: Path, actor: Actor) -> None:
    tree, library = tmp_path / "tree", tmp_path / "library"
    for _ in range(RUNS):
        seen = ingest(library, tree)
        reasons = {item.text for item in seen.files.values()}
        assert not {reason for reason in reasons if "internal" in reason or "crash" in reason}
        assert_whole(digest(library), set(actor.versions))
    actor.stop()
    last = ingest(library, tree)
    assert last.outcomes == {f"{number}.txt": "ok" for number in range(FILES)}
    assert_whole(digest(library), actor.versions)


def test_a_file_that_vanishes_before_it_is_read_is_blamed_on_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from librarian_cli.stages import extract

    tree, library = tmp_path / "tree", tmp_path / "library"
    trees.write_text(tree / "one.txt", 1)
    trees.write_text(tree / "two.txt", 2)
    load = extract.STAGE.load

    def losing(*arguments: object) -> object:
        (tree / "one.txt").unlink(missing_ok=True)
        return load(*arguments)  # type: ignore[arg-type]  # it is passed on as it came

    spoilt = type(extract.STAGE)(
        **{name: getattr(extract.STAGE, name) for name in extract.STAGE.__slots__} | {"load": losing}
    )
    monkeypatch.setattr("librarian_cli.pipeline.coordinator.STAGE_BY_NAME", {**_stages(), "extract": spoilt})
    done = ingest(library, tree)
    assert done.outcomes == {"one.txt": "skipped:vanished", "two.txt": "ok"}


def _stages() -> dict[str, object]:
    from librarian_cli.stages import STAGE_BY_NAME

    return dict(STAGE_BY_NAME)
