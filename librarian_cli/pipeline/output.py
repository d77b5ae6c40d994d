"""What a worker prints: the last of it is kept, for the call that printed it.

Owns: the read end of the pipe that a worker and whatever it starts have as stdout and stderr. Must not know
futures, slots, or when a call begins and ends.

    worker, its children --fd 1, 2--> pipe --drain--> the last bytes --take--> text of one call
"""

import os

KEPT_BYTES = 4_000
_PIPE_BYTES = 1 << 20  # no unprivileged process can have a larger pipe, so one read empties it


class Output:
    """The near end of one worker's output. One thread uses it; it never blocks."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self._kept = b""

    def drain(self) -> bool:
        """Read what is there. Returns: False if nobody can print any more."""
        try:
            data = os.read(self.fd, _PIPE_BYTES)
        except BlockingIOError:
            return True
        self._kept = (self._kept + data)[-KEPT_BYTES:]
        return bool(data)

    def take(self) -> str:
        """Return the last of what was read since this was last asked; after `close`, too."""
        kept, self._kept = self._kept, b""
        return kept.decode(errors="replace")

    def close(self) -> None:
        """Read what is left, and release the pipe: a process that outlives its worker gets EPIPE."""
        self.drain()
        os.close(self.fd)
