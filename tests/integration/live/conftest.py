"""What tests of live control share: commands that run beside the test, on a library of their own."""

from pathlib import Path

import pytest

from tests.faults.conftest import library, start
from tests.support.trees import SAMPLES, copy_samples, write_text

__all__ = ["healthy", "library", "start"]

_UNHEALTHY = ("manuals/the-grey-of-the-page.pdf", "fiction/unsorted/untitled download.epub")
"""One that is damaged on purpose, and one that is a copy."""
HEALTHY_BOOKS = 14


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 14 healthy books: the samples without those that do not become one, and two more. To be read only."""
    folder = copy_samples(tmp_path_factory.mktemp("healthy") / "books")
    for name in _UNHEALTHY:
        assert (SAMPLES / name).exists()
        (folder / name).unlink()
    for number in range(2):
        write_text(folder / f"more{number}.txt", number)
    return folder
