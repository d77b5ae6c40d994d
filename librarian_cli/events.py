"""What happens while Librarian works, as frozen events, and the bus that carries them.

    coordinator, app --publish--> Bus --> progress bars, log lines, hooks

Subscribers are called in the publishing thread, so they must be quick and must not call back into the pipeline.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FilesFound:
    """The scan has come this far: files seen, and files that hold new or changed content."""

    seen: int
    new: int
    finished: bool = False


@dataclass(frozen=True, slots=True)
class StagePlanned:
    """`books` more books will pass `stage`, of `size_bytes` on disk."""

    stage: str
    books: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StageAdvanced:
    """A part of one book's stage arrived (`share` of it, 0 to 1): the sign of life of a long book."""

    stage: str
    book: str
    share: float


@dataclass(frozen=True, slots=True)
class StageEnded:
    """One book left a stage, durably. `outcome` is ok, retry or failed."""

    stage: str
    book: str
    name: str
    outcome: str
    reason: str
    size_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class VectorsAdvanced:
    """The library's vectors are so far: `done` of `total` units (books, or passages) that lacked them."""

    done: int
    total: int
    unit: str


@dataclass(frozen=True, slots=True)
class WatchBegan:
    """From now on a change below these folders is noticed."""

    folders: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should read now: a wait for a lock, a drain, a fallback."""

    text: str


@dataclass(frozen=True, slots=True)
class FileRefused:
    """A file failed in this run that never became a book: too large, unreadable, damaged at its beginning."""

    job: int
    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run is over and stored. `outcomes` counts its files; `interrupted`: something is left to do."""

    job: int
    outcomes: Mapping[str, int]
    seconds: float
    interrupted: bool


Event = (
    FilesFound
    | StagePlanned
    | StageAdvanced
    | StageEnded
    | VectorsAdvanced
    | WatchBegan
    | Notice
    | FileRefused
    | RunEnded
)
Subscriber = Callable[[Event], None]


class Bus:
    """Hands each event to every subscriber, in the order of subscription."""

    def __init__(self) -> None:
        self._subscribers: tuple[Subscriber, ...] = ()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with every later event."""
        self._subscribers = (*self._subscribers, subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Call it no more; nothing happens where it was not subscribed."""
        self._subscribers = tuple(other for other in self._subscribers if other != subscriber)

    def publish(self, event: Event) -> None:
        """Hand `event` to all subscribers."""
        for subscriber in self._subscribers:
            subscriber(event)
