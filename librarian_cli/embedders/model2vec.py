"""Vectors from a static model of the library model2vec, on this machine: a lookup and a mean."""

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any

from librarian_cli.embedders import local
from librarian_cli.settings import EmbedderSettings


def check(settings: EmbedderSettings) -> None:
    """Look whether a model is named and the library installed. Raises: UsageError, EmbedderError."""
    local.check(settings, "model2vec")


def open_embedder(settings: EmbedderSettings, stop: Event) -> local.LocalModel:
    """Load the model. Raises: EmbedderError, UsageError."""
    model = local.load(settings, _import)
    return local.LocalModel(partial(model.encode, use_multiprocessing=False), settings)


def _import() -> Callable[[str], Any]:
    from model2vec import StaticModel

    return partial(StaticModel.from_pretrained, force_download=False)
