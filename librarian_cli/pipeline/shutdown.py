"""How a run is asked to end, or to say how it is.

SIGINT, SIGTERM --handler--> Shutdown.level 1, 2 --wake--> coordinator: claims nothing / kills workers
                             a third time: the process ends at once; the next run takes over what it left
time is up --timer--> level 1 without a signal, if nobody has asked before
SIGHUP  --handler--> as a first SIGTERM, for those that read their settings anew (`reloads`)
SIGUSR1 --handler--> Shutdown.report_asked --wake--> coordinator: prints what waits and what runs
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Shutdown:
    """The wish to end, as it grows. Handlers only set it and wake the coordinator."""

    def __init__(self, *, reloads: bool = False) -> None:
        self._reloads = reloads
        self.reload_asked = False
        self.level = 0
        self.signal: int | None = None
        self.out_of_time = False
        self.report_asked = False
        self._wake: Callable[[], None] = lambda: None
        # Guards level, signal and out_of_time. A handler may interrupt another one that holds it.
        self._lock = threading.RLock()

    @property
    def exit_code(self) -> int:
        """128 + the signal, as shells expect."""
        return 128 + (self.signal or signal.SIGINT)

    def on_change(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever the level rises. It must be safe inside a signal handler."""
        self._wake = wake

    def request(self, signum: int | None = None) -> None:
        """Raise the level by one."""
        with self._lock:
            self.level += 1
            self.signal = self.signal or signum
        self._wake()

    def expire(self) -> None:
        """Say that the time is up; where an end was asked for already, that one stands."""
        with self._lock:
            if self.level:
                return
            self.level, self.out_of_time = 1, True
        self._wake()

    @contextmanager
    def after(self, seconds: float | None) -> Iterator[None]:
        """Let the time be up so many seconds from now (None: never), by the monotonic clock, unless the block ends."""
        if seconds is None:
            yield
            return
        timer = threading.Timer(seconds, self.expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Take the signals above while the block runs; does nothing outside the main thread.

        A shell starts `command &` with SIGINT ignored; whoever sends it on purpose still means it.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]
        signals += [signal.SIGHUP] if self._reloads else []
        previous = [signal.signal(number, self._handle) for number in signals]
        try:
            yield
        finally:
            for number, handler in zip(signals, previous, strict=True):
                signal.signal(number, handler)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if signum == signal.SIGUSR1:
            self.report_asked = True
            self._wake()
            return
        if signum == signal.SIGHUP:
            if not self.level:  # a second one asks for no more than the first, and none undoes a SIGTERM
                self.reload_asked = True
                self.level = 1
            self._wake()
            return
        self.reload_asked = False
        self.request(signum)
        if self.level > 2:
            os._exit(self.exit_code)  # the kernel ends the workers, and SQLite what was not committed
