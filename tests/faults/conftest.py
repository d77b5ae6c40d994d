"""What fault trials share: commands that run beside the test, whose families are ended with it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support import running
from tests.support.running import Running

Start = Callable[..., Running]

FAULTS = Path(__file__).parents[1] / "support" / "faults"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Where the trial's library will be."""
    return tmp_path / "library"


@pytest.fixture
def start(tmp_path: Path, library: Path) -> Iterator[Start]:
    """Start `librarian` with the reader of plain text that obeys FAULT lines."""
    families: list[Running] = []

    def start_command(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Running:
        ours = {"PYTHONPATH": str(FAULTS), "FAULT_LOG": str(tmp_path / "readings")} | dict(env or {})
        family = running.start(tmp_path / f"run{len(families)}", *arguments, library=library, env=ours)
        families.append(family)
        return family

    yield start_command
    for family in families:
        family.end()
