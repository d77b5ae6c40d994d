"""This process at work on the library: an owner with its heartbeat, pools, coordinator and jobs, while a block runs."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from librarian_cli.events import Bus, Notice
from librarian_cli.hooks import Describe, Hooks
from librarian_cli.models import Candidate
from librarian_cli.pipeline import ledger
from librarian_cli.pipeline.coordinator import Coordinator
from librarian_cli.pipeline.intake import Intake, Request
from librarian_cli.pipeline.leases import Heartbeat, Owner
from librarian_cli.pipeline.ledger import IngestResult
from librarian_cli.pipeline.memory import share_arenas
from librarian_cli.pipeline.pools import Pools
from librarian_cli.pipeline.shutdown import Shutdown
from librarian_cli.pipeline.slotpool import WorkerEvent
from librarian_cli.settings import Config
from librarian_cli.store import activity, fulltext, tasks
from librarian_cli.store.database import Database

_RESCANS = 3


@dataclass(frozen=True, slots=True)
class Engine:
    """Does the tasks of the library, this process's own and whatever else is ready."""

    database: Database
    config: Config
    bus: Bus
    command: str
    coordinator: Coordinator
    owner: Owner

    def open_job(self, priority: str = "medium") -> int:
        """Begin a job and its run. Returns: its number."""
        return ledger.open_job(
            self.database, self.config, command=self.command, owner=self.owner.name, priority=priority
        )

    def close_job(
        self, job: int, started: float, *, interrupted: bool = False, out_of_time: bool = False
    ) -> IngestResult:
        """End a job's run, which `started` at a time of the monotonic clock."""
        return ledger.close_job(
            self.database,
            self.config,
            self.bus,
            job=job,
            started=started,
            interrupted=interrupted,
            out_of_time=out_of_time,
        )

    def intake(self, job: int, *, defer: Callable[[Candidate], bool] = lambda _: False) -> Intake:
        """What scans for a job and wakes us when it finds something; `defer` as for `Intake`."""
        return Intake(self.database, self.config, self.bus, job=job, wake=self.coordinator.wake, defer=defer)

    def run(self, job: int, request: Request, shutdown: Shutdown) -> None:
        """Scan and work side by side; files that changed meanwhile are taken up again, a few times at most."""
        intake, coordinator = self.intake(job), self.coordinator
        with ThreadPoolExecutor(1, thread_name_prefix="librarian-scan") as scanner:
            scan: Future[None] = scanner.submit(
                intake.run, request, coordinator.slots["schema"], lambda: shutdown.level > 0
            )
            self._until_done(job, scan, shutdown)
            for _ in range(_RESCANS):
                if not coordinator.changed or shutdown.level:
                    return
                changed, coordinator.changed = coordinator.changed, []
                self._until_done(job, scanner.submit(intake.rescan, changed), shutdown)

    def renew_vectors(self, job: int, shutdown: Shutdown) -> None:
        """Work until the library's vectors are up to date, or cannot be for now."""

        def reached(idle: bool) -> bool:  # the coordinator's question
            return idle and not self.coordinator.file_index(job)

        self.coordinator.run(self.owner, shutdown, reached)

    def _until_done(self, job: int, scan: "Future[None]", shutdown: Shutdown) -> None:
        reader = self.database.reader()

        def reached(idle: bool) -> bool:  # the coordinator's question
            if not scan.done():
                return False
            self.coordinator.file_index_beside(job)
            if not idle:
                return False
            scan.result()
            return not tasks.unfinished(reader, job) and not self.coordinator.file_index(job)

        scan.add_done_callback(lambda _: self.coordinator.wake())
        self.coordinator.run(self.owner, shutdown, reached)


@contextmanager
def at_work(
    database: Database,
    config: Config,
    bus: Bus,
    *,
    folder: Path,
    command: str,
    approve: bool,
    jobs: int | None = None,
    pools: Pools | None = None,
) -> Iterator[Engine]:
    """Make this process one of those that work on the library in `folder`.

    `jobs` caps the workers of each stage; `pools` replaces the pools.
    """
    share_arenas()
    with ExitStack() as stack:
        owner = Owner(folder / "owners")
        stack.callback(owner.close)
        owner.sweep()
        pools = pools or Pools(config, jobs, on_worker=partial(_log_worker, database))
        lease = config.limits.lease_seconds
        heartbeat = Heartbeat(database, owner, command=command, lease_seconds=lease, workers=pools.workers)
        stack.callback(heartbeat.close)
        coordinator = Coordinator(database, config, bus, folder=folder, pools=pools, approve=approve)
        stack.callback(coordinator.close)
        _renew_index(database, bus)
        yield Engine(database, config, bus, command, coordinator, owner)


@contextmanager
def hooked(config: Config, bus: Bus, *, folder: Path, describe: Describe, shutdown: Shutdown) -> Iterator[None]:
    """Run the user's commands while the block runs, and those that are left after it; a signal cuts that short."""
    settings = config.hooks
    hooks = Hooks(bus, settings, library=folder, describe=describe)
    patience = 0.0
    try:
        yield
        grace = config.limits.grace_seconds if shutdown.level else settings.timeout_seconds
        patience = min(grace, settings.timeout_seconds) if shutdown.level < 2 else 0.0
    finally:
        shutdown.on_change(hooks.hurry)
        hooks.close(patience)


def _renew_index(database: Database, bus: Bus) -> None:
    """Bring over what an older program indexed, some megabytes a transaction."""
    if fulltext.is_current(database.reader()):
        return
    bus.publish(Notice("the full-text index is brought up to date first: some languages are indexed otherwise now"))
    while database.write_now(fulltext.renew):
        continue


def _log_worker(database: Database, pool: str, event: WorkerEvent) -> None:
    operation = partial(
        activity.record, action=f"worker.{event.change}", target=f"{pool} {event.pid}", reason=event.reason
    )
    database.write(operation, durable=False)
