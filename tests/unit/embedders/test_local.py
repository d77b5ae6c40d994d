"""Models on this machine: a tiny static one that is made here, and a stand-in for sentence-transformers."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from librarian_cli import embedders
from librarian_cli.embedders.base import signature
from librarian_cli.errors import EmbedderError, UsageError
from librarian_cli.settings import EmbedderSettings
from tests.support.static_model import WORDS, make_model

never = threading.Event()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model") / "tiny")


def settings(kind: str, model: Path | str, **more: Any) -> EmbedderSettings:
    return EmbedderSettings(kind=kind, model=str(model), **more)


def test_a_static_model_is_loaded_from_its_folder_and_gives_unit_rows(folder: Path) -> None:
    chosen = settings("model2vec", folder)
    embedders.check(chosen)
    rows = embedders.open_embedder(chosen, never).embed(["tide harbour", "bread oven", "harbour tide"])
    assert rows.dtype == np.float32
    assert rows.shape == (3, 8)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    assert float(rows[0] @ rows[2]) == pytest.approx(1, abs=1e-5)
    assert float(rows[0] @ rows[1]) < 0.9


def test_a_text_of_which_a_static_model_knows_no_word_gets_zeros(folder: Path) -> None:
    rows = embedders.open_embedder(settings("model2vec", folder), never).embed(["", WORDS[0]])
    assert not rows[0].any()
    assert rows[1].any()


def test_dimensions_that_are_not_the_models_are_an_error(folder: Path) -> None:
    with pytest.raises(EmbedderError, match="8 dimensions, not the 16"):
        embedders.open_embedder(settings("model2vec", folder, dimensions=16), never).embed(["tide"])


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.write_text("no model")])
def test_a_folder_that_holds_no_model_is_said_by_name(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "none")
    with pytest.raises(EmbedderError, match=r"none: not a model that model2vec can load"):
        embedders.open_embedder(settings("model2vec", tmp_path / "none"), never)


@pytest.mark.parametrize("kind", ["model2vec", "sentence-transformers"])
def test_a_library_that_is_not_installed_is_said_with_the_command_that_installs_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, kind.replace("-", "_"), None)  # as Python itself marks what cannot be imported
    chosen = settings(kind, "somewhere")
    for attempt in (embedders.check, lambda found: embedders.open_embedder(found, never)):
        with pytest.raises(EmbedderError, match=f'pip install "librarian-cli\\[{kind}\\]"'):
            attempt(chosen)


@pytest.mark.parametrize("kind", ["model2vec", "sentence-transformers", "openai"])
def test_a_model_has_to_be_named(kind: str) -> None:
    with pytest.raises(UsageError, match=r"embedder\.model"):
        embedders.check(settings(kind, ""))


def test_the_adapter_of_sentence_transformers_asks_for_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a stand-in: the real library needs PyTorch, which is too heavy for these tests."""
    asked: list[dict[str, Any]] = []

    class SentenceTransformer:
        def __init__(self, name: str) -> None:
            assert name == "a-model"

        def encode(self, texts: list[str], **options: Any) -> "np.ndarray[Any, Any]":
            asked.append(options)
            return np.array([[float(len(text)), 1.0] for text in texts])

    module = ModuleType("sentence_transformers")
    module.SentenceTransformer = SentenceTransformer  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    rows = embedders.open_embedder(settings("sentence-transformers", "a-model"), never).embed(["ab", ""])
    assert rows == pytest.approx(np.array([[2 / 5**0.5, 1 / 5**0.5], [0.0, 1.0]]))
    assert asked == [{"convert_to_numpy": True, "show_progress_bar": False}]


def test_numbers_that_are_not_finite_are_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from model2vec import StaticModel

    monkeypatch.setattr(StaticModel, "encode", lambda self, texts, **_: np.full((len(texts), 8), np.inf))
    with pytest.raises(EmbedderError, match="not finite"):
        embedders.open_embedder(settings("model2vec", folder), never).embed(["tide"])


def test_what_vectors_depend_on_is_in_the_signature() -> None:
    one = EmbedderSettings(kind="openai", model="words", url="http://127.0.0.1/v1")
    same = [EmbedderSettings(kind="openai", model="words", url="http://[::1]/v1", batch_size=7, concurrency=1)]
    other = [
        EmbedderSettings(kind="openai", model="letters"),
        EmbedderSettings(kind="model2vec", model="words"),
        EmbedderSettings(kind="openai", model="words", dimensions=64),
        EmbedderSettings(kind="openai", model="words", document_prefix="d: "),
        EmbedderSettings(kind="openai", model="words", query_prefix="q: "),
        EmbedderSettings(),
    ]
    assert {signature(found) for found in same} == {signature(one)}
    assert len({signature(found) for found in (one, *other)}) == len(other) + 1
