"""What waits, what runs, and how those who work on a library are: read from its rows, whichever process wrote them."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from librarian_cli import capacity
from librarian_cli.models import OUTCOMES
from librarian_cli.settings import Config
from librarian_cli.stages import QUEUES, STAGE_BY_NAME, embed
from librarian_cli.store import activity, books, embedders, files, order_groups, owners, pauses, tasks, vectors
from librarian_cli.store.owners import Owner, Worker

RATE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Group:
    """One order group with work left or failures: its books by what they do. `health` is ok or failing."""

    name: str
    waiting: int
    running: int
    failed: int

    @property
    def health(self) -> str:
        """Whether any of its books failed for good."""
        return "failing" if self.failed else "ok"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one server was asked for one model since the library was made, without queries.

    `cost` is by the price in the settings, 0 for a model that they do not name.
    """

    host: str
    model: str
    calls: int
    failures: int
    limited: int
    tokens: int
    cost: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Vectors:
    """Whose vectors searches use ("" for none), whose the settings want, and how many books have and lack them.

    `changing`: the library is on its way to those that are wanted. `problem`: why they could not be made lately.
    """

    embedder: str
    wanted: str
    changing: bool
    books: int
    missing: int
    problem: str
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """What waits, what runs, what the library holds.

    `status` is up (a process is at work, and its workers are well), degraded (one of them is not, or something is
    paused) or down (no process is at work).
    """

    status: str
    queues: Mapping[str, int]
    active_agents: Mapping[str, int]
    running: int
    cap: int
    paused: tuple[str, ...]
    owners: tuple[Owner, ...]
    groups: tuple[Group, ...]
    books_per_minute: float
    megabytes_per_second: float
    outcomes: Mapping[str, int]
    books: int
    chunks: int
    text_bytes: int
    vectors: Vectors

    @property
    def workers(self) -> tuple[Worker, ...]:
        """Every worker of every process."""
        return tuple(worker for owner in self.owners for worker in owner.workers)


def read(reader: sqlite3.Connection, config: Config, is_alive: Callable[[str], bool]) -> Status:
    """Put the status together; `is_alive` tells of an owner's name whether its process lives."""
    queues, active = _counts(reader)
    living = tuple(owner for owner in owners.every(reader) if is_alive(owner.name))
    paused = tuple(sorted(pauses.current(reader)))
    done, size = activity.rate(reader, RATE_SECONDS)
    return Status(
        _word(living, paused),
        queues,
        active,
        sum(active.values()),
        capacity.book_caps(config, capacity.worker_counts(config))["total"],
        paused,
        living,
        tuple(_groups(order_groups.counts(reader))),
        round(done * 60 / RATE_SECONDS, 1),
        round(size / 1e6 / RATE_SECONDS, 2),
        totals(files.reason_counts(reader)),
        *books.totals(reader),
        _vectors(reader, config),
    )


def totals(reasons: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Files by outcome, every outcome named."""
    return {word: sum(reasons.get(word, {}).values()) for word in OUTCOMES}


def _counts(reader: sqlite3.Connection) -> tuple[dict[str, int], dict[str, int]]:
    """Tasks that are ready, by queue, and those that are under way, by agent."""
    queues, active = dict.fromkeys(QUEUES, 0), dict.fromkeys(QUEUES.values(), 0)
    for stage, state, count in tasks.state_counts(reader):
        if stage in STAGE_BY_NAME:
            queue = STAGE_BY_NAME[stage].queue
            queues[queue] += count if state == "ready" else 0
            active[QUEUES[queue]] += count if state == "leased" else 0
    return queues, active


def _vectors(reader: sqlite3.Connection, config: Config) -> Vectors:
    active = vectors.active_basis(reader)
    missing = len(vectors.books_without(reader, active[0] if active else ""))
    asked = embedders.usage(reader)
    prices = {item.model: item.price_per_million_tokens / 1e6 for item in (config.llm, config.embedder)}
    return Vectors(
        embed.name_in_force(reader) if active else "",
        embed.name(config.embedder),
        bool(vectors.target(reader)),
        books.totals(reader)[0] - missing,
        missing,
        next((item.last_error for item in asked if item.model == config.embedder.model), ""),
        tuple(
            Endpoint(
                item.host,
                item.model,
                item.calls,
                item.failures,
                item.limited,
                item.tokens,
                round(item.tokens * prices.get(item.model, 0.0), 6),
                round(item.seconds, 3),
            )
            for item in asked
            if item.calls
        ),
    )


def _word(living: tuple[Owner, ...], paused: tuple[str, ...]) -> str:
    if not living:
        return "down"
    ill = any(worker.health == "unhealthy" for owner in living for worker in owner.workers)
    return "degraded" if ill or paused else "up"


def _groups(counts: Iterable[tuple[str, str, int]]) -> list[Group]:
    found: dict[str, dict[str, int]] = {}
    for name, state, count in counts:
        found.setdefault(name, {})[state] = count
    return [
        Group(name, waiting=states.get("waiting", 0), running=states.get("leased", 0), failed=states.get("failed", 0))
        for name, states in found.items()
    ]
