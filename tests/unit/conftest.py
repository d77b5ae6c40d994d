"""Fixtures that the unit tests share."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from librarian_cli.store.database import Database
from tests.support import stored


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A writable connection to a new, empty library."""
    opened = stored.make_library(tmp_path / "library.db")
    yield opened
    opened.close()


@pytest.fixture
def database(tmp_path: Path, connection: sqlite3.Connection) -> Iterator[Database]:
    """That library as programs open it, beside the connection."""
    opened = Database(tmp_path)
    yield opened
    opened.close()
