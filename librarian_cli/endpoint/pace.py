"""When a server may be asked next: rates that are kept, and rest for one that fails. Clocks are injected.

Both are for several threads. Neither sleeps: they say how long to wait.
"""

import threading
from collections.abc import Callable

_FAILURES = 5
_REST_SECONDS = 5.0


class Rate:
    """So many units a minute, spread evenly, so that no window of a minute sees more; 0 is no limit."""

    def __init__(self, per_minute: float, clock: Callable[[], float]) -> None:
        self._seconds_each = 60 / per_minute if per_minute else 0.0
        self._clock = clock
        self._free_at = 0.0
        self._lock = threading.Lock()  # guards _free_at

    def reserve(self, units: float) -> float:
        """Take units from the rate. Returns: seconds to wait before they may be used."""
        with self._lock:
            now = self._clock()
            start = max(now, self._free_at)
            self._free_at = start + units * self._seconds_each
            return start - now

    def correct(self, units: float) -> None:
        """Take more units after the fact, or give back those (negative) that were not used."""
        with self._lock:
            self._free_at += units * self._seconds_each


class Breaker:
    """Keeps callers from a server that fails: after 5 failures in a row one call in 5 seconds is let through."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._asked_until = 0.0
        self._lock = threading.Lock()  # guards the three above

    def admit(self) -> float:
        """Ask to call the server. Returns: 0, or seconds to wait before asking again."""
        with self._lock:
            now = self._clock()
            wait = max(self._open_until, self._asked_until) - now
            if wait <= 0 and self._failures >= _FAILURES:
                self._open_until = now + _REST_SECONDS  # for the others, until this trial has ended
            return max(0.0, wait)

    def succeeded(self) -> None:
        """The server answered as it should."""
        with self._lock:
            self._failures = 0
            self._open_until = 0.0

    def failed(self) -> None:
        """The server did not answer as it should."""
        with self._lock:
            self._failures += 1
            if self._failures >= _FAILURES:
                self._open_until = self._clock() + _REST_SECONDS

    def rest(self, seconds: float) -> None:
        """The server asks to be left alone for so long."""
        with self._lock:
            self._asked_until = max(self._asked_until, self._clock() + seconds)
