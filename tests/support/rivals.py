"""Several commands over one library, disturbed at random instants: killed and begun anew, stopped and continued.

Only the commands' own processes are hit, as a person or a supervisor would hit them; their workers are not.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable

from tests.support.program import Ran
from tests.support.running import PATIENCE_SECONDS, Running

ORPHAN_SECONDS = 5.0


def new_chooser() -> random.Random:
    """Return the random choices of one trial; their seed is shown when it fails, and LIBRARIAN_FAULT_SEED sets it."""
    seed = os.environ.get("LIBRARIAN_FAULT_SEED") or str(random.randrange(1 << 32))
    print(f"LIBRARIAN_FAULT_SEED={seed}")  # noqa: T201  # pytest shows it with a failure
    return random.Random(seed)


class Rivals:
    """Commands that run at the same time; `begin` starts one more of them."""

    def __init__(self, chooser: random.Random, begin: Callable[[], Running], count: int, stop_seconds: float) -> None:
        self.kills = 0
        self.stops = 0
        self._chooser = chooser
        self._begin = begin
        self._stop_seconds = stop_seconds
        self._families = [begin() for _ in range(count)]
        self._killed: list[Running] = []
        self._until: dict[Running, float] = {}  # the stopped ones, and when they go on

    @property
    def at_work(self) -> list[Running]:
        """Those that have not ended, stopped ones among them."""
        return [family for family in self._families if family.process.poll() is None]

    def let_pass(self, seconds: float) -> None:
        """Let them run for so long, or until all have ended; whoever was stopped long enough goes on."""
        end = time.monotonic() + seconds
        pause = threading.Event()
        while self.at_work and time.monotonic() < end:
            self._continue(time.monotonic())
            pause.wait(min(0.02, seconds))

    def kill_one(self) -> None:
        """Kill -9 one of them, and begin another in its place."""
        if not self.at_work:
            return
        victim = self._chooser.choice(self.at_work)
        victim.signal(signal.SIGKILL)
        victim.process.wait()
        self._until.pop(victim, None)
        self._families.remove(victim)
        self._killed.append(victim)
        self._families.append(self._begin())
        self.kills += 1

    def stop_one(self) -> None:
        """Stop one of them, for longer than a lease; one always stays awake."""
        awake = [family for family in self.at_work if family not in self._until]
        if len(awake) < 2:
            return
        victim = self._chooser.choice(awake)
        victim.signal(signal.SIGSTOP)
        self._until[victim] = time.monotonic() + self._stop_seconds
        self.stops += 1

    def finish(self) -> list[Ran]:
        """Let all of them run to their ends, which leave no process. Returns: how those ended that were not killed."""
        while self._until:
            self.let_pass(0.1)
            self._continue(time.monotonic())
        ended = [family.wait(2 * PATIENCE_SECONDS) for family in self._families]
        for family in (*self._families, *self._killed):
            family.wait_for_none(ORPHAN_SECONDS)
        return ended

    def _continue(self, now: float) -> None:
        for family in [family for family, until in self._until.items() if until <= now]:
            del self._until[family]
            family.signal(signal.SIGCONT)
