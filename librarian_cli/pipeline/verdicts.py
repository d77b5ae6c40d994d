"""What the end of an execution means: a write operation that makes it so, chosen without touching the library."""

import logging
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from librarian_cli.models import Candidate
from librarian_cli.pipeline import retry, settle
from librarian_cli.pipeline.execution import Execution
from librarian_cli.pipeline.pools import settings_of
from librarian_cli.settings import Config
from librarian_cli.stages import OPTIONAL, fingerprints

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be written, and what people hear: ok, retry or failed, with the reason.

    `changed` is a file that must be taken up anew, because it is no longer what was hashed.
    """

    operation: Callable[..., Any]
    outcome: str
    reason: str = ""
    changed: Candidate | None = None


class Judge:
    """Gives verdicts by the settings of one run; `approve` speaks for a person."""

    def __init__(self, config: Config, *, approve: bool) -> None:
        self._config = config
        self._approve = approve
        self._fingerprints = settle.Fingerprints(fingerprints(config), fingerprints(config, failed=True))
        self._jitter = random.Random()

    def judge(self, item: Execution) -> Verdict:
        """Decide what becomes of a task whose calls have ended."""
        if item.error is None:
            return self._complete(item, item.outputs)
        decision = self._decide(item, item.error)
        if decision.action == "retry":
            later = partial(settle.retry_later, task=item.task, decision=decision, cost=item.cost)
            return Verdict(later, "retry", decision.reason)
        if decision.action == "changed":
            return _forget_changed(item)
        salvaged = item.salvage(decision.reason)
        if salvaged:
            return self._complete(item, salvaged)
        give_up = partial(
            settle.give_up, task=item.task, decision=decision, fingerprints=self._fingerprints, cost=item.cost
        )
        outcome = "ok-with-warning" if item.stage.name in OPTIONAL else "failed"
        return Verdict(give_up, outcome, decision.reason)

    def _decide(self, item: Execution, error: BaseException) -> retry.Decision:
        decision = retry.decide(item.task, error, settings_of(self._config, item.stage.name), self._jitter)
        if decision.reason == "internal":
            logger.error("%s of %s failed", item.stage.name, item.book.id[:12], exc_info=error)
        return decision

    def _complete(self, item: Execution, outputs: tuple[Any, ...]) -> Verdict:
        operation = partial(
            settle.complete,
            task=item.task,
            outputs=outputs,
            config=self._config,
            fingerprints=self._fingerprints,
            cost=item.cost,
            approve=self._approve,
        )
        return Verdict(operation, "ok")


def _forget_changed(item: Execution) -> Verdict:
    gone = item.candidate is None or not os.path.lexists(item.candidate.absolute)
    operation = partial(settle.forget_changed, task=item.task, candidate=item.candidate, vanished=gone, cost=item.cost)
    return Verdict(operation, "failed", "changed", changed=None if gone else item.candidate)
