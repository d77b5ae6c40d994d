"""Ingests through the Python API, each by a `Librarian` of its own, as one command after another would."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from librarian_cli import config
from librarian_cli.app import Librarian
from librarian_cli.events import Bus, Event, StageEnded
from librarian_cli.models import FileOutcome
from librarian_cli.pipeline.intake import Request
from librarian_cli.pipeline.ledger import IngestResult
from tests.support.inline import InlinePools


@dataclass(frozen=True, slots=True)
class Ingested:
    """What one ingest did: `files` by their path below its first root, and every stage of a book that ended."""

    result: IngestResult
    files: Mapping[str, FileOutcome]
    ended: tuple[StageEnded, ...]

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome of each file with its reason."""
        return {path: item.text for path, item in self.files.items()}

    def stages(self, name: str) -> tuple[str, ...]:
        """The stages that a file's book passed, in alphabetical order."""
        return tuple(sorted(item.stage for item in self.ended if os.path.basename(item.name) == name))


def open_librarian(library: Path, bus: Bus | None = None, **settings: Any) -> Librarian:
    """Open a library; in the names of settings `__` stands for the dot."""
    flags = {name.replace("__", "."): value for name, value in settings.items()}
    return Librarian(config.load({"library.path": str(library), **flags}), bus=bus)


def ingest(
    library: Path, request: Request | Path, *, jobs: int | None = None, inline: bool = False, **settings: Any
) -> Ingested:
    """Ingest one folder, or what a request says. Returns: what happened."""
    if isinstance(request, Path):
        request = Request((os.fsencode(request),))
    events: list[Event] = []
    bus = Bus()
    bus.subscribe(events.append)
    with open_librarian(library, bus, **settings) as librarian:
        pools = InlinePools(librarian.config) if inline else None
        result = librarian.ingest(request, jobs=jobs, pools=pools)
        files = {_below(request.roots[0], item.path): item for item in librarian.files(job=result.job)}
    return Ingested(result, files, tuple(event for event in events if isinstance(event, StageEnded)))


def _below(root: bytes, path: bytes) -> str:
    return os.fsdecode(os.path.relpath(path, root))
