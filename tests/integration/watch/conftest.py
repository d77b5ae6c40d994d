"""A folder that is watched for real."""

from pathlib import Path

import pytest

from tests.faults.conftest import Start, library, start
from tests.support.watched import Watched

__all__ = ["library", "start"]


@pytest.fixture
def watched(tmp_path: Path, start: Start) -> Watched:
    """An empty folder, and the means to watch it."""
    return Watched(tmp_path, start)
