"""How much may be under way at once, as the settings and this machine have it: workers a pool, books a queue."""

import os
from collections.abc import Mapping

from librarian_cli.settings import Config

POOLS = ("schema", "extract", "chunk", "enrich", "audit", "index")
"""Every pool, named after the stage that sizes it."""

_GENTLE = {"schema": 2, "ingestion": 3, "trust_audit": 2, "total": 5}


def worker_counts(config: Config, jobs: int | None = None) -> dict[str, int]:
    """How many workers each pool gets: as set, or one a core; never more than `jobs`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    counts = {}
    for name in POOLS:
        setting = getattr(config.stages, name).workers
        wanted = setting if isinstance(setting, int) else cores
        counts[name] = max(1, min(wanted, jobs or wanted))
    return counts


def book_caps(config: Config, workers: Mapping[str, int]) -> dict[str, int]:
    """How many books may be under way in each queue, and in `total`, over every process."""
    # Books whose text waits for the writer count too; what bounds memory are the bytes in flight.
    auto = {"schema": 8 * workers["extract"], "ingestion": 32 * workers["extract"], "trust_audit": 8 * workers["audit"]}
    auto["total"] = sum(auto.values())
    chosen = _GENTLE if config.limits.profile == "gentle" else auto
    settings = {name: getattr(config.limits, name) for name in chosen}
    return {name: chosen[name] if setting == "auto" else int(setting) for name, setting in settings.items()}
