"""What the system says of the file systems and folders that are to be watched."""

import os
from pathlib import Path

import pytest

from librarian_cli import watch_limits

MOUNTINFO = rb"""23 29 0:21 / / rw,relatime shared:1 - ext4 /dev/root rw
24 23 0:22 / /mnt rw shared:2 - xfs /dev/sdb rw
25 24 0:23 / /mnt/nas rw shared:3 master:1 - nfs4 server:/books rw
26 24 0:24 / /mnt/two\040words\134 rw - cifs //server/share rw
27 24 0:25 / /mnt/caf""" + b"\xc3\xa9 \xff".replace(b" ", b"\\040") + rb""" rw - fuse.sshfs host: rw
28 24 0:26 / /mnt/over rw - tmpfs tmpfs rw
29 28 0:27 / /mnt/over rw - nfs server:/over rw
"""  # fmt: skip


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"/home/me", "ext4"),
        (b"/", "ext4"),
        (b"/mnt", "xfs"),
        (b"/mnt/nas", "nfs4"),
        (b"/mnt/nas/books/a", "nfs4"),
        (b"/mnt/nasty", "xfs"),  # its name only begins alike
        (b"/mnt/two words\\/books", "cifs"),
        (b"/mnt/caf\xc3\xa9 \xff/books", "fuse.sshfs"),
        (b"/mnt/over/books", "nfs"),  # the last mount hides the one below
    ],
)
def test_the_type_is_that_of_the_deepest_mount(path: bytes, kind: str) -> None:
    assert watch_limits.type_in(MOUNTINFO, path) == kind


def test_a_mount_table_without_the_path_says_nothing() -> None:
    assert watch_limits.type_in(b"", b"/home") == ""


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="there is no mount table")
def test_the_type_here_is_what_the_system_says_through_links(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc")
    assert watch_limits.filesystem_type(os.fsencode(tmp_path / "link")) == "proc"


def test_a_folder_can_be_watched_where_nothing_is_used_up(tmp_path: Path) -> None:
    assert not watch_limits.is_exhausted(os.fsencode(tmp_path))
    assert not watch_limits.is_exhausted(os.fsencode(tmp_path / "gone")), "that it is gone is another matter"
