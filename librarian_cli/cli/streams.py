"""What may befall a command's streams: closed before it began, left by their reader, a full disk, Ctrl-C."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from librarian_cli.errors import EnvironmentFault

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_INTERRUPTED = 130


def require_open() -> None:
    """Open what the caller has closed: else the next file, a library perhaps, gets the number of standard output."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003  # it takes the lowest free number
            setattr(sys, name, open(number, mode))  # noqa: PTH123, SIM115  # a descriptor, for good


@contextmanager
def guarded() -> Iterator[None]:
    """End quietly where the reader of our output has left, or at Ctrl-C. Raises: EnvironmentFault: a full disk.

    What is buffered breaks only when it is flushed, and click's own `main` would end both with 1.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except OSError as exc:
        if exc.errno not in _DISK:
            raise
        _discard_output()
        raise EnvironmentFault(f"{exc.filename or 'output'}: {exc.strerror}; free some space, then run again") from exc


def _discard_output() -> None:
    """Python flushes once more at exit, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
