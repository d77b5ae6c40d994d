"""The doctor of a watch names what is in its way: one finding for each thing that it looks at."""

import os
import sys
import time
from pathlib import Path

import pytest
from watchdog.events import FileSystemEvent

from librarian_cli import watch_doctor
from librarian_cli.settings import Config
from librarian_cli.watch_doctor import Finding
from tests.support import program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells")
EXAMINER = """
import os, sys
from librarian_cli import settings, watch_doctor
for found in watch_doctor.examine(os.fsencode(sys.argv[1]), settings.Config()):
    print(found.verdict, found.text)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree/shelf").mkdir(parents=True)
    (tmp_path / "tree/shelf/a.txt").write_text("text")
    return tmp_path / "tree"


def examine(tree: Path) -> list[Finding]:
    return list(watch_doctor.examine(os.fsencode(tree), Config()))


def texts(tree: Path, verdict: str) -> list[str]:
    return [found.text for found in examine(tree) if found.verdict == verdict]


def test_a_sound_folder_is_well_in_every_respect_and_unchanged(tree: Path) -> None:
    before = (tree / "shelf/a.txt").stat()
    found = examine(tree)
    assert {item.verdict for item in found} == {"ok"}
    assert [text.removeprefix(f"{tree}: ") for text in texts(tree, "ok")][0::3] == [
        "every folder can be listed and every file read",
        "events arrive",
    ]
    assert (tree / "shelf/a.txt").stat().st_mtime_ns == before.st_mtime_ns
    assert sorted(path.name for path in tree.rglob("*")) == ["a.txt", "shelf"]


def test_a_file_is_no_folder(tree: Path) -> None:
    (found,) = examine(tree / "shelf/a.txt")
    assert (found.verdict, "name the folder that holds the file" in found.text) == ("bad", True)


@pytest.mark.parametrize(
    ("mode_of", "text"),
    [
        ("shelf", "{tree}/shelf: cannot be listed (Permission denied); what is in it is not seen"),
        ("shelf/a.txt", "{tree}: 1 files may not be read; check their permissions"),
        (".", "{tree}: cannot be listed; give yourself the right to"),
    ],
)
def test_what_may_not_be_read_is_named(tree: Path, mode_of: str, text: str) -> None:
    place = tree / mode_of
    place.chmod(0)
    ran = program.python(EXAMINER, tree, privileged=False)
    place.chmod(0o700)
    assert ran.code == 0, ran.err
    assert f"bad {text.format(tree=tree)}" in ran.out.splitlines()


def test_a_network_file_system_is_polled(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_doctor, "filesystem_type", lambda path: "nfs4")
    assert texts(tree, "note") == [f"{tree}: on nfs4, which does not tell what others change: it is polled"]


@pytest.mark.parametrize(
    ("allowed", "verdict", "text"),
    [
        ("2\n", "ok", "2 folders to watch, 2 inotify watches allowed to this user"),
        ("1\n", "bad", "2 folders to watch, 1 inotify watches allowed to this user: raise fs.inotify.max_user_watches"),
        (None, "note", "2 folders to watch; this system does not tell how many may be"),
    ],
)
def test_the_budget_of_watches_is_compared_with_the_folders(
    tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, allowed: str | None, verdict: str, text: str
) -> None:
    if allowed:
        (tmp_path / "max_user_watches").write_text(allowed)
    monkeypatch.setattr(watch_doctor, "_INOTIFY", tmp_path)
    assert any(found.startswith(text) for found in texts(tree, verdict))


def test_a_folder_from_which_no_event_arrives_is_bad(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hear_nothing(self: object, event: FileSystemEvent) -> None:
        """As on a file system that tells nothing."""

    monkeypatch.setattr(watch_doctor._Bell, "on_any_event", hear_nothing)
    monkeypatch.setattr(watch_doctor, "_PROBE_SECONDS", 0.3)
    assert texts(tree, "bad") == [f"{tree}: no event arrived within 0.3 s; use --poll"]


def test_a_folder_that_the_system_refuses_to_watch_is_bad(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def schedule(self, *arguments: object, **options: object) -> None:
            raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(watch_doctor, "Observer", Refusing)
    assert texts(tree, "bad") == [f"{tree}: cannot be watched (inotify watch limit reached): it is polled"]


def test_a_folder_without_a_file_cannot_be_tried(tree: Path) -> None:
    (tree / "shelf/a.txt").unlink()
    assert texts(tree, "note") == [f"{tree}: no file to try whether events arrive"]


def test_a_file_from_the_future_is_named(tree: Path) -> None:
    os.utime(tree / "shelf/a.txt", (time.time() + 3600,) * 2)
    assert texts(tree, "note") == [f"1 files have a time in the future, such as {tree}/shelf/a.txt; check the clock"]


def test_hidden_files_count_only_where_they_are_taken(tree: Path) -> None:
    (tree / ".hidden").write_text("text")
    os.utime(tree / ".hidden", (time.time() + 3600,) * 2)
    assert texts(tree, "note") == []


def test_examining_leaves_nothing_open(tree: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    examine(tree)
    assert len(os.listdir("/proc/self/fd")) <= before
