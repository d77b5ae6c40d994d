"""Vectors from a model of the library sentence-transformers, on this machine."""

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any

from librarian_cli.embedders import local
from librarian_cli.settings import EmbedderSettings


def check(settings: EmbedderSettings) -> None:
    """Look whether a model is named and the library installed. Raises: UsageError, EmbedderError."""
    local.check(settings, "sentence_transformers")


def open_embedder(settings: EmbedderSettings, stop: Event) -> local.LocalModel:
    """Load the model. Raises: EmbedderError, UsageError."""
    model = local.load(settings, _import)
    return local.LocalModel(partial(model.encode, convert_to_numpy=True, show_progress_bar=False), settings)


def _import() -> Callable[[str], Any]:
    from sentence_transformers import SentenceTransformer

    found: Callable[[str], Any] = SentenceTransformer
    return found
