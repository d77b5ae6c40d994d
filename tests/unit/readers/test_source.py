"""The file that is read is the file that was hashed."""

import os
from pathlib import Path

import pytest

from librarian_cli import errors
from librarian_cli.readers import source as files
from tests.unit.readers.samples import source_of

ROOM = 1 << 20


def test_the_whole_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 3_000_000)
    assert files.read_all(source_of(path), max_bytes=4 << 20) == b"x" * 3_000_000
    assert files.read_head(source_of(path), 10, max_bytes=4 << 20) == b"x" * 10


def test_a_file_that_grew_since_it_was_hashed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    source = source_of(path)
    path.write_text("one two")
    with pytest.raises(errors.FileChanged):
        files.read_all(source, max_bytes=ROOM)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    with pytest.raises(errors.FileChanged), files.opened(source_of(path), max_bytes=ROOM):
        path.write_text("one two")


def test_damage_in_a_file_that_changed_is_called_a_change(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")

    def parse() -> None:
        with files.opened(source_of(path), max_bytes=ROOM):
            path.write_text("one two")
            raise errors.ReadError("corrupt")

    with pytest.raises(errors.FileChanged):
        parse()


def test_a_vanished_file_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    source = source_of(path)
    path.unlink()
    with pytest.raises(errors.FileChanged):
        files.read_all(source, max_bytes=ROOM)


def test_a_symbolic_link_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    path, other = tmp_path / "a.txt", tmp_path / "b.txt"
    path.write_text("one")
    source = source_of(path)
    path.rename(other)
    path.symlink_to(other)
    with pytest.raises(errors.FileChanged):
        files.read_all(source, max_bytes=ROOM)


def test_a_fifo_does_not_hang_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    os.mkfifo(path)
    with pytest.raises(errors.ReadError, match="unsupported"):
        files.read_all(source_of(path), max_bytes=ROOM)


def test_size_limits_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 11)
    with pytest.raises(errors.ReadError, match="limit"):
        files.read_all(source_of(path), max_bytes=10)
    path.write_bytes(b"")
    with pytest.raises(errors.ReadError, match="empty"):
        files.read_all(source_of(path), max_bytes=10)


def test_a_name_that_is_not_utf8_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_bytes(b"x")
    assert files.read_all(source_of(path), max_bytes=ROOM) == b"x"
