"""Open one file safely and prove that it stayed the same while it was read.

Owns descriptors and the change test. Knows nothing of formats.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from librarian_cli import errors, models

_CHUNK_BYTES = 1 << 20
# O_NONBLOCK: opening a FIFO that took the file's place must not hang.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def opened(source: models.Source, *, max_bytes: int) -> Iterator[int]:
    """Yield a descriptor of the very file that was hashed; test it again after use.

    Raises: FileChanged: it is another file than `source` says, before or after.
        ReadError: empty, limit (larger than `max_bytes`), unsupported (not a regular file) or unreadable (permission,
        I/O error).
    """
    descriptor = _open(source)
    try:
        _verify(descriptor, source)
        if source.size == 0:
            raise errors.ReadError("empty", "the file has no bytes")
        if source.size > max_bytes:
            raise errors.ReadError("limit", f"{source.size} bytes, {max_bytes} allowed")
        try:
            yield descriptor
        except errors.ReadError:
            # What looks corrupt may be half of an old version and half of a new one.
            _verify(descriptor, source)
            raise
        _verify(descriptor, source)
    finally:
        os.close(descriptor)


def read_all(source: models.Source, *, max_bytes: int) -> bytes:
    """Return the whole file. Raises: as `opened` does."""
    return read_head(source, source.size, max_bytes=max_bytes)


def read_head(source: models.Source, count: int, *, max_bytes: int) -> bytes:
    """Return the first `count` bytes of the file, or all of it when it is shorter. Raises: as `opened` does."""
    with opened(source, max_bytes=max_bytes) as descriptor:
        pieces = bytearray()
        while len(pieces) < count:
            piece = _read(descriptor, min(_CHUNK_BYTES, count - len(pieces)))
            if not piece:
                break
            pieces += piece
        return bytes(pieces)


def descriptor_path(descriptor: int) -> bytes:
    """Return a path that names the open file itself, whatever its real name is or becomes.

    On Linux opening it makes an own file position; elsewhere it shares the descriptor's.
    """
    proc = b"/proc/self/fd/%d" % descriptor
    return proc if os.path.exists(proc) else b"/dev/fd/%d" % descriptor


def _open(source: models.Source) -> int:
    try:
        return os.open(source.path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise errors.FileChanged("the file has vanished") from exc
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise errors.FileChanged("a symbolic link has taken the file's place") from exc
        if exc.errno == errno.ENXIO:
            raise errors.ReadError("unsupported", "not a regular file") from exc
        raise _fault(exc) from exc


def _verify(descriptor: int, source: models.Source) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise errors.ReadError("unsupported", "not a regular file")
    seen = (status.st_size, status.st_mtime_ns, status.st_dev, status.st_ino)
    if seen != (source.size, source.mtime_ns, source.device, source.inode):
        raise errors.FileChanged("the file changed while it was read")


def _read(descriptor: int, count: int) -> bytes:
    try:
        return os.read(descriptor, count)
    except OSError as exc:
        raise _fault(exc) from exc


def _fault(exc: OSError) -> errors.ReadError:
    return errors.ReadError("unreadable", f"{exc.strerror or exc}; check the disk and the file's permissions")
