"""Fixtures that the unit tests share."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import stored


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A writable connection to a new, empty library."""
    opened = stored.make_library(tmp_path / "library.db")
    yield opened
    opened.close()
