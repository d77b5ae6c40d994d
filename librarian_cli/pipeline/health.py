"""What a pool tells of its workers, for people to look at.

Owns: the words for a slot's state. Must not know how a worker is started, watched or ended.
"""

from dataclasses import dataclass
from typing import Literal

Health = Literal["starting", "healthy", "busy", "unhealthy", "restarting"]
"""starting: its first worker is being started. restarting: another one, in place of one that ended.
busy: a call runs. healthy: idle; its worker lives, or it needs none yet.
unhealthy: the last start failed, or its worker was found dead or killed at a limit and is not replaced yet."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One slot as it is now. The pid is None while it has no worker; a restart replaces a worker."""

    pid: int | None
    health: Health
    tasks_done: int
    restarts: int
    peak_rss_bytes: int
    last_cpu_seconds: float
