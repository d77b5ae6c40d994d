"""How long a running call may take, and the clock that tells.

Owns: the two limits and what counts against them. Must not know processes beyond the outcome Overdue.
"""

import math
import time
from dataclasses import dataclass

from librarian_cli.pipeline import process


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a running call is killed: after so long without a part, and after so long in all. None: never.

    The time that `on_part` takes is the caller's and does not count.
    """

    silence_seconds: float | None = None
    total_seconds: float | None = None


class Watch:
    """The clock of one running call."""

    __slots__ = ("_deadline", "_silence_end", "_total_end")

    def __init__(self, deadline: Deadline) -> None:
        now = time.monotonic()
        self._deadline = deadline
        self._total_end = now + or_for_ever(deadline.total_seconds)
        self._silence_end = now + or_for_ever(deadline.silence_seconds)

    @property
    def until(self) -> float:
        """Return the monotonic time of the next limit."""
        return min(self._total_end, self._silence_end)

    def part_taken(self, heard_at: float) -> None:
        """Begin a new silence; the caller's time since the part was heard does not count. Raises: Overdue."""
        if heard_at > self._total_end:
            raise process.Overdue
        now = time.monotonic()
        self._total_end += now - heard_at
        self._silence_end = now + or_for_ever(self._deadline.silence_seconds)

    def verdict(self) -> str:
        """Name the limit that was reached."""
        if self._silence_end < self._total_end:
            return f"nothing for {self._deadline.silence_seconds:g} s"
        return f"not done in {self._deadline.total_seconds:g} s"


def or_for_ever(seconds: float | None) -> float:
    """Return the seconds, or infinity where there is no limit."""
    return math.inf if seconds is None else seconds
