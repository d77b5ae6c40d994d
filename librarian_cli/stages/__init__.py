"""The pipeline, readable at a glance. A new stage is one new file and one entry here.

schema -> extract -> chunk -> enrich, audit    every book
index                                          the library, once a batch (stages/index.py)
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from operator import attrgetter

from librarian_cli import readers
from librarian_cli.settings import Config
from librarian_cli.stages import audit, chunk, enrich, extract, schema
from librarian_cli.stages.base import Saved, Stage

__all__ = [
    "NEEDS",
    "OPTIONAL",
    "QUEUES",
    "QUEUE_STAGES",
    "STAGES",
    "STAGE_BY_NAME",
    "THREAD_POOLS",
    "Saved",
    "Stage",
    "dependents",
    "fingerprints",
    "ingredients",
    "planned",
]

STAGES: tuple[Stage, ...] = (schema.STAGE, extract.STAGE, chunk.STAGE, enrich.STAGE, audit.STAGE)
STAGE_BY_NAME: Mapping[str, Stage] = {stage.name: stage for stage in STAGES}
NEEDS: Mapping[str, tuple[str, ...]] = {stage.name: stage.needs for stage in STAGES}
THREAD_POOLS = ("audit",)
OPTIONAL = ("enrich",)
"""Stages that can be switched off (`[stages.NAME] enabled`), and whose failure is a warning."""

QUEUES: Mapping[str, str] = {"schema": "schema_scout", "ingestion": "ingestion_runner", "trust_audit": "trust_auditor"}
"""Each queue of books with the agent that works on it."""
QUEUE_STAGES: Mapping[str, tuple[str, ...]] = {
    queue: tuple(stage.name for stage in STAGES if stage.queue == queue) for queue in QUEUES
}
"""Each queue with the stages that an agent of it passes, in order."""


def planned(config: Config) -> dict[str, tuple[str, ...]]:
    """The stages that books pass under these settings, with what each needs."""
    return {
        name: needs for name, needs in NEEDS.items() if name not in OPTIONAL or getattr(config.stages, name).enabled
    }


def dependents(name: str) -> tuple[str, ...]:
    """Every stage that needs this one, directly or not, in the order of the pipeline."""
    found: list[str] = []
    for stage in STAGES:
        if name in stage.needs or any(other in stage.needs for other in found):
            found.append(stage.name)
    return tuple(found)


def fingerprints(config: Config, *, failed: bool = False) -> dict[tuple[str, str], str]:
    """What each stage's result depends on beside the book's bytes, by (stage, format).

    A stage's fingerprint holds those of the stages it needs: what changes upstream changes everything below.
    That of a failure holds every limit too: whichever was in the way, a higher one may let the book pass.
    """
    limits = (asdict(config.read), asdict(config.stages)) if failed else ()
    found: dict[tuple[str, str], str] = {}
    for reader in readers.READERS:
        for stage in STAGES:
            needed = [found[name, reader.format] for name in stage.needs if name != "schema"]
            settings = [attrgetter(key)(config) for key in stage.settings]
            parts = [stage.name, stage.version, reader.version, settings, needed, limits]
            found[stage.name, reader.format] = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return found


def ingredients(config: Config) -> dict[str, dict[str, object]]:
    """What the fingerprints in force are made of, by name, so that a person can be told which of it changed.

    What a stage takes from those that it needs is among their ingredients, not its own.
    """
    limits = _limits(config)
    found: dict[str, dict[str, object]] = {}
    for failed in (False, True):
        prints = fingerprints(config, failed=failed)
        for reader in readers.READERS:
            for stage in STAGES:
                own = {"reader version": reader.version, "stage version": stage.version}
                own |= {key: attrgetter(key)(config) for key in stage.settings}
                found[prints[stage.name, reader.format]] = own | limits if failed else own
    return found


def _limits(config: Config) -> dict[str, object]:
    """The settings that may stand between a book and its success, by key."""
    found: dict[str, object] = {f"read.{name}": value for name, value in asdict(config.read).items()}
    for stage, settings in asdict(config.stages).items():
        found |= {f"stages.{stage}.{name}": value for name, value in settings.items()}
    return found
