"""What the benchmarks share: which programs they run, in what environment, and what they report."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_VENV_PYTHON = _ROOT / ".venv/bin/python"

PYTHON = str(_VENV_PYTHON if _VENV_PYTHON.exists() else sys.executable)
LIBRARIAN = shutil.which("librarian", path=str(Path(PYTHON).parent)) or "librarian"
FLOOR = _ROOT / "scripts/bench_floor.py"


@dataclass(frozen=True, slots=True)
class Report:
    """A table for people and the figures behind it for programs."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    figures: Mapping[str, object] = field(default_factory=dict)


def environment(library: Path | None) -> dict[str, str]:
    """Return ours without a user's settings, and with a library that is none of theirs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIBRARIAN_")}
    place = str(library or os.devnull)
    return kept | {"LIBRARIAN_LIBRARY": place, "LIBRARIAN_CONFIG": f"{place}.toml"}


def cores() -> int:
    """Return how many cores we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
