"""Vectors for chunks and queries. One file per embedder, registered in EMBEDDERS.

lsa                    built in, fitted on the library itself (stages/index.py)
openai                 a server that speaks OpenAI's /v1/embeddings
model2vec              a static model, from a folder
sentence-transformers  a model of that library, from a folder
codes                  how vectors are stored and compared, whoever made them

A new one from outside is a module with `check(settings)`, `open_embedder(settings, stop)`, and a line here.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event

from librarian_cli.embedders.base import Embedder
from librarian_cli.settings import EmbedderSettings

BUILT_IN = "lsa"


@dataclass(frozen=True, slots=True)
class Kind:
    """Which module makes an embedder, and whether it computes here, for which it gets processes, or waits elsewhere."""

    module: str
    computes: bool


EMBEDDERS: Mapping[str, Kind] = {
    BUILT_IN: Kind("lsa", computes=True),
    "openai": Kind("openai", computes=False),
    "model2vec": Kind("model2vec", computes=True),
    "sentence-transformers": Kind("sentence_transformers", computes=True),
}


def check(settings: EmbedderSettings) -> None:
    """Look whether the settings name an embedder that can be opened, without opening it.

    Raises: UsageError: what they say; EmbedderError: its library is not installed.
    """
    if settings.kind != BUILT_IN:
        importlib.import_module(f"librarian_cli.embedders.{EMBEDDERS[settings.kind].module}").check(settings)


def open_embedder(settings: EmbedderSettings, stop: Event) -> Embedder:
    """Open the embedder from outside that the settings name; `stop` ends its waits.

    Raises: UsageError: the settings; EmbedderError: its library or model is missing.
    """
    module = importlib.import_module(f"librarian_cli.embedders.{EMBEDDERS[settings.kind].module}")
    embedder: Embedder = module.open_embedder(settings, stop)
    return embedder
