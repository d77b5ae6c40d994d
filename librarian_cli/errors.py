"""Every error that Librarian raises, as one tree: what to exit with and whether to try again is on the class."""

from typing import ClassVar


class LibrarianError(Exception):
    """Something went wrong; the message names the thing and the next step."""

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False


class UsageError(LibrarianError):
    """The command, a setting or an identifier is wrong."""

    exit_code = 2


class EnvironmentFault(LibrarianError):
    """The machine refuses: disk full, permission, corrupt or foreign library."""

    exit_code = 4


class LibraryLocked(EnvironmentFault):
    """Another process holds the library's writer lock for longer than we may wait."""

    exit_code = 11
    retryable = True


class EmbedderError(LibrarianError):
    """A model for vectors cannot be used: not installed, not there, or other than it was."""

    exit_code = 4


class EndpointError(LibrarianError):
    """The server of a model refuses, and will refuse the same again: a wrong address, key, name or request."""

    exit_code = 4


class EndpointDown(EndpointError):
    """The server of a model does not answer as it should for now: later it may."""

    retryable = True


class BookError(LibrarianError):
    """One book cannot be taken in; `reason` is the short word shown as `failed:<reason>`.

    It crosses process borders, so it pickles as (reason, detail).
    """

    exit_code = 3

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


class ReadError(BookError):
    """A reader refuses a file: corrupt, empty, encrypted, drm, no_text, unsupported or limit."""


class FileChanged(BookError):
    """The file is not the one that was hashed: it grew, changed or vanished while being read."""

    retryable = True

    def __init__(self, detail: str = "") -> None:
        super().__init__("changed", detail)

    def __reduce__(self) -> tuple[type["FileChanged"], tuple[str]]:
        return type(self), (self.detail,)


class WorkerError(BookError):
    """The worker process of a task did not survive it. `parts` holds what it had sent until then."""

    retryable = True

    def __init__(self, reason: str, detail: str = "", parts: tuple[object, ...] = ()) -> None:
        super().__init__(reason, detail)
        self.parts = parts


class WorkerCrashed(WorkerError):
    """The worker died: a signal, an abort or an exit."""


class WorkerTimeout(WorkerError):
    """The worker was killed at its limit, for silence or for total time."""
