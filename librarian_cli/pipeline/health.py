"""What a pool tells of its workers, for people to look at.

Owns: the words for a slot's state and for what becomes of workers. Must not know how a worker is started, watched
or ended.
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


@dataclass(frozen=True, slots=True)
class WorkerEvent:
    """A worker has started or stopped. The reason of a start is empty; a worker stops for one of these:

    recycled: it had done its share of tasks, or grown too much;
    crash: ...: it died, and how, as in `crash: killed by SIGSEGV`;
    timeout, memory: it reached a limit of its call;
    killed: its call was killed on demand, or failed on our side;
    pool closed: it was idle then, or the grace was over.
    """

    pid: int
    change: Literal["started", "stopped"]
    reason: str = ""
