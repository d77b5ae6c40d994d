"""What holds for every test: the settings of whoever runs them do not count. A library of the samples, made once."""

# the variable is read when numpy loads
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in workers: sums end in other bits where threads share them

from collections.abc import Iterator
from pathlib import Path

import pytest

from librarian_cli.endpoint import client, pace
from tests.support.ingests import ingest
from tests.support.model_server import ModelServer, serving
from tests.support.trees import SAMPLES

_OURS = ("LIBRARIAN_TEST_DATA", "LIBRARIAN_FAULT_TRIALS", "LIBRARIAN_FAULT_SEED", "LIBRARIAN_WATCH_FILES")


@pytest.fixture(scope="session", autouse=True)
def default_settings() -> Iterator[None]:
    """Take the defaults for every setting."""
    with pytest.MonkeyPatch.context() as patch:
        for name in tuple(os.environ):
            if name.startswith("LIBRARIAN_") and name not in _OURS:
                patch.delenv(name)
        patch.setenv("LIBRARIAN_CONFIG", os.devnull)
        yield


@pytest.fixture(scope="session")
def sample_library(tmp_path_factory: pytest.TempPathFactory, default_settings: None) -> Path:
    """A library of the sample books, for tests that only read."""
    library = tmp_path_factory.mktemp("samples") / "library"
    assert ingest(library, SAMPLES).result.books == 12
    return library


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """The server of a model, well until a test says otherwise."""
    with serving() as found:
        yield found


@pytest.fixture
def brief_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what waits for a server wait for moments only."""
    monkeypatch.setattr(client, "_grows", lambda state: 0.01)
    monkeypatch.setattr(pace, "_REST_SECONDS", 0.05)
