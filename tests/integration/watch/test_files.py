"""What happens to single files while they are watched: each change is seen once it is over, and costs what it must."""

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.support.cli import LATIN_NAME
from tests.support.filed import rows
from tests.support.live import stays
from tests.support.program import librarian
from tests.support.trees import write_text
from tests.support.watched import SETTLE_SECONDS, Watched

LATER_SECONDS = 3 * SETTLE_SECONDS


def texts_read(watched: Watched) -> list[str]:
    """The names of the texts that were read, in order."""
    lines = watched.readings.read_text().splitlines() if watched.readings.exists() else []
    return [line.split()[1] for line in lines if line.startswith("begin")]


def text_of(watched: Watched, name: str) -> str:
    """The stored text of the book at a path."""
    found = rows(
        watched.library,
        "SELECT sha256 FROM books JOIN files ON files.book = books.id WHERE files.path = ?",
        os.fsencode(name),
    )
    return librarian("text", found[0][0], library=watched.library).out


def test_a_file_that_is_there_at_the_start_is_taken(watched: Watched) -> None:
    watched.write("early.txt")
    watched.begin()
    watched.wait_for_all({"early.txt": "ok"})


def test_a_file_that_is_dropped_is_taken(watched: Watched) -> None:
    watched.begin()
    watched.write("new.txt")
    watched.wait_for_all({"new.txt": "ok"})
    assert texts_read(watched) == ["new.txt"]


@pytest.mark.slow
def test_a_file_that_is_written_slowly_is_read_once_and_whole(watched: Watched) -> None:
    """It pauses for less than it takes to settle, and is written for much longer than that."""
    watched.begin(settle=SETTLE_SECONDS)
    text = write_text(watched.tree.parent / "source.txt", 1, paragraphs=40)
    parts = [text[start : start + len(text) // 8] for start in range(0, len(text), len(text) // 8)]
    with (watched.tree / "slow.txt").open("w") as stream:
        for part in parts:
            stream.write(part)
            stream.flush()
            stays(lambda: watched.outcomes() == {}, SETTLE_SECONDS / 2)
    watched.wait_for_all({"slow.txt": "ok"})
    assert text_of(watched, "slow.txt") == text
    assert texts_read(watched) == ["slow.txt"]
    assert rows(watched.library, "SELECT count(*) FROM books") == [(1,)]


def test_a_file_that_is_edited_is_read_again_and_its_old_text_goes(watched: Watched) -> None:
    watched.write("a.txt", "old")
    watched.begin()
    watched.wait_for_all({"a.txt": "ok"})
    text = watched.write("a.txt", "new")
    watched.wait(lambda: text_of(watched, "a.txt") == text)
    watched.wait(lambda: rows(watched.library, "SELECT count(*) FROM books") == [(1,)])
    assert watched.actions("file") == [("file.changed", "a.txt")]


def test_a_renamed_file_costs_a_row_and_no_reading(watched: Watched) -> None:
    watched.write("old.txt")
    watched.begin()
    watched.wait_for_all({"old.txt": "ok"})
    before = watched.agents()
    (watched.tree / "old.txt").rename(watched.tree / "new.txt")
    watched.wait_for_all({"new.txt": "ok"})
    assert watched.actions("file") == [("file.moved", "new.txt")]
    assert (watched.agents(), texts_read(watched)) == (before, ["old.txt"])


@pytest.mark.slow
def test_a_file_that_is_replaced_by_a_rename_is_read_again(watched: Watched) -> None:
    watched.write("a.txt", "old")
    watched.begin()
    watched.wait_for_all({"a.txt": "ok"})
    text = watched.write(".a.txt.swp", "new")
    (watched.tree / ".a.txt.swp").replace(watched.tree / "a.txt")
    watched.wait(lambda: text_of(watched, "a.txt") == text)
    watched.wait_for_all({"a.txt": "ok"})
    assert ("file.changed", "a.txt") in watched.actions("file")


def test_a_file_that_is_moved_out_is_gone_and_back_where_it_returns(watched: Watched, tmp_path: Path) -> None:
    watched.write("a.txt")
    watched.write("stays.txt")
    watched.begin()
    watched.wait_for_all({"a.txt": "ok", "stays.txt": "ok"})
    before = watched.agents()
    (watched.tree / "a.txt").rename(tmp_path / "a.txt")
    watched.wait_for_all({"stays.txt": "ok"})
    (tmp_path / "a.txt").rename(watched.tree / "a.txt")
    watched.wait_for_all({"a.txt": "ok", "stays.txt": "ok"})
    assert watched.actions("file") == [("file.gone", "a.txt"), ("file.returned", "a.txt")]
    assert watched.agents() == before


@pytest.mark.slow
def test_a_file_that_is_moved_in_with_an_old_date_is_taken(watched: Watched, tmp_path: Path) -> None:
    watched.begin()
    write_text(tmp_path / "old.txt", 1)
    os.utime(tmp_path / "old.txt", (1e9, 1e9))
    (tmp_path / "old.txt").rename(watched.tree / "old.txt")
    watched.wait_for_all({"old.txt": "ok"})


@pytest.mark.slow
def test_a_file_from_the_future_is_taken_once_it_stands_still(watched: Watched) -> None:
    watched.begin()
    watched.write("ahead.txt")
    os.utime(watched.tree / "ahead.txt", (time.time() + 1e6,) * 2)
    watched.wait_for_all({"ahead.txt": "ok"})


def test_a_link_and_a_copy_are_further_paths_of_the_book(watched: Watched) -> None:
    """A hard link has no close event; a copy has to be read to be known, but becomes no second book."""
    watched.write("a.txt")
    watched.begin()
    watched.wait_for_all({"a.txt": "ok"})
    before = watched.agents()
    os.link(watched.tree / "a.txt", watched.tree / "link.txt")
    shutil.copy(watched.tree / "a.txt", watched.tree / "copy.txt")
    watched.wait(lambda: len(watched.outcomes()) == 3)
    found = watched.outcomes()
    assert found.pop("a.txt") == "ok"
    assert [text.split(":")[0] for text in found.values()] == ["duplicate", "duplicate"]
    assert sorted(watched.actions("file")) == [("file.added", "copy.txt"), ("file.added", "link.txt")]
    assert watched.agents() == before


@pytest.mark.slow
def test_a_deleted_file_is_marked_and_returns_unread(watched: Watched) -> None:
    text = watched.write("a.txt")
    watched.write("stays.txt")
    watched.begin()
    watched.wait_for_all({"a.txt": "ok", "stays.txt": "ok"})
    before = watched.agents()
    (watched.tree / "a.txt").unlink()
    watched.wait_for_all({"stays.txt": "ok"})
    assert rows(watched.library, "SELECT count(*) FROM books") == [(2,)], "it is kept for some time"
    (watched.tree / "a.txt").write_text(text)
    watched.wait_for_all({"a.txt": "ok", "stays.txt": "ok"})
    assert watched.actions("file") == [("file.gone", "a.txt"), ("file.returned", "a.txt")]
    assert watched.agents() == before


@pytest.mark.slow
def test_files_of_one_name_in_two_folders_are_two_books(watched: Watched) -> None:
    watched.begin()
    texts = {name: watched.write(name) for name in ("one/notes.txt", "two/notes.txt")}
    watched.wait_for_all({"one/notes.txt": "ok", "two/notes.txt": "ok"})
    assert {name: text_of(watched, name) for name in texts} == texts


def test_a_name_that_is_no_utf_8_is_taken_renamed_and_missed(watched: Watched) -> None:
    watched.write("stays.txt")
    watched.begin()
    name, later = os.fsdecode(LATIN_NAME), os.fsdecode(b"\xff" + LATIN_NAME)
    watched.write(name)
    watched.wait_for_all({name: "ok", "stays.txt": "ok"})
    (watched.tree / name).rename(watched.tree / later)
    watched.wait_for_all({later: "ok", "stays.txt": "ok"})
    (watched.tree / later).unlink()
    watched.wait_for_all({"stays.txt": "ok"})


def test_a_file_that_fails_is_named_in_one_line_and_the_rest_goes_on(watched: Watched) -> None:
    running = watched.begin()
    watched.write("bad.txt", head="FAULT:segfault\n")
    watched.write("good.txt")
    watched.wait_for_all({"bad.txt": "failed:crash", "good.txt": "ok"})
    watched.wait(lambda: "good.txt" in running.err)
    lines = running.err.splitlines()
    assert len([line for line in lines if "bad.txt" in line]) == 1
    assert len([line for line in lines if "good.txt" in line]) == 1
    assert next(line for line in lines if "bad.txt" in line).startswith("failed:crash  ")


@pytest.mark.slow
def test_a_file_that_failed_is_tried_again_once_it_changes(watched: Watched) -> None:
    watched.begin()
    watched.write("a.txt", head="FAULT:error\n")
    watched.wait_for_all({"a.txt": "failed:internal"})
    watched.write("a.txt", "healthy")
    watched.wait_for_all({"a.txt": "ok"})


def test_a_file_that_fails_for_good_leaves_no_job_at_every_look(watched: Watched) -> None:
    (watched.tree / "empty.txt").touch()
    watched.begin(LIBRARIAN_WATCH_RESCAN_SECONDS="0.3")
    watched.wait_for_all({"empty.txt": "failed:empty"})
    watched.write("next.txt")
    watched.wait_for_all({"empty.txt": "failed:empty", "next.txt": "ok"})
    jobs = "SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL"
    watched.wait(lambda: rows(watched.library, jobs) == [(2,)])
    stays(lambda: rows(watched.library, jobs) == [(2,)], LATER_SECONDS)


@pytest.mark.slow
def test_a_book_that_changes_while_it_is_read_settles_and_is_read_whole(watched: Watched) -> None:
    watched.begin()
    watched.write("a.txt", head="FAULT:grow\n")
    watched.wait(lambda: list(watched.outcomes().values()) == ["ok"] and len(texts_read(watched)) == 2)
    assert text_of(watched, "a.txt") == (watched.tree / "a.txt").read_text()
