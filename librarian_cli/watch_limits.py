"""What the system lets us watch: the type of a file system, and whether any more folders may be watched."""

import ctypes
import errno
import os
import sys
from pathlib import Path

NETWORK_TYPES = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "lustre", "fuse", "vboxsf", "davfs")
"""Beginnings of the names of file systems on which others make changes that this machine is not told of."""


def filesystem_type(path: bytes) -> str:
    """The type of the file system that a path lies on, as the system names it; empty where it does not say."""
    try:
        mountinfo = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return ""
    return type_in(mountinfo, os.path.realpath(path))


def type_in(mountinfo: bytes, path: bytes) -> str:
    """The type of the file system of a real path, by the lines of a mountinfo file: that mounted last, and deepest.

    Source: proc(5), which writes blanks and backslashes of paths as octal numbers.
    """
    best = (b"", b"")
    for line in mountinfo.splitlines():
        before, _, after = line.partition(b" - ")
        mounted = before.split()[4].decode("unicode_escape").encode("latin-1")
        holds = path == mounted or path.startswith(mounted.rstrip(b"/") + b"/")
        if holds and len(mounted) >= len(best[0]):
            best = (mounted, after.split()[0])
    return best[1].decode()


def is_exhausted(folder: bytes) -> bool:
    """Whether the system refuses to watch one more folder.

    Watchdog passes over folders below a root that it may not watch, and does not tell.
    """
    if sys.platform != "linux":
        return False
    from watchdog.observers import inotify_c

    descriptor = inotify_c.inotify_init()
    if descriptor < 0:
        return False  # too many instances: that says nothing of folders
    try:
        mask = inotify_c.InotifyConstants.IN_DELETE_SELF
        return inotify_c.inotify_add_watch(descriptor, folder, mask) < 0 and ctypes.get_errno() == errno.ENOSPC
    finally:
        os.close(descriptor)
