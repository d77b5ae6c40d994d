"""The vector of a query, from the very model that made the vectors which it is compared with."""

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from librarian_cli.embedders import open_embedder
from librarian_cli.embedders.base import CANARY, Embedder
from librarian_cli.embedders.base import signature as signature_of
from librarian_cli.errors import EmbedderError
from librarian_cli.settings import EmbedderSettings

if TYPE_CHECKING:
    from librarian_cli.embedders.codes import Floats


class QueryEmbedder:
    """Embeds queries by the model of the settings, which it opens for the first one. Not for several threads."""

    def __init__(self, settings: EmbedderSettings) -> None:
        patience = settings.query_timeout_seconds
        self._settings = replace(
            settings, timeout_seconds=min(settings.timeout_seconds, patience), patience_seconds=patience, concurrency=1
        )
        self._model: Embedder | None = None
        self._last: tuple[tuple[str, bytes], Floats] | None = None

    def embed(self, text: str, *, signature: str, canary: bytes) -> "Floats":
        """Embed a query, and the canary along with it, to see that it is the model which made the stored vectors.

        `signature` and `canary` are those of that model.

        Returns: float32 array (dimensions,) of unit length, or zeros.
        Raises: EmbedderError: it is another model, or cannot be opened; EndpointError: its server; UsageError.
        """
        if signature != signature_of(self._settings):
            raise EmbedderError("the library's vectors are those of a model that [embedder] does not name")
        if self._last is None or self._last[0] != (text, canary):
            self._last = (text, canary), self._ask(text, canary)
        return self._last[1]

    def close(self) -> None:
        """Close the model, if it was opened."""
        if self._model:
            self._model.close()
            self._model = None

    def _ask(self, text: str, canary: bytes) -> "Floats":
        from librarian_cli.embedders import codes

        if self._model is None:
            self._model = open_embedder(self._settings, threading.Event())
        settings = self._settings
        rows = self._model.embed([settings.document_prefix + CANARY, settings.query_prefix + text])
        if not codes.is_same_model(codes.quantise(rows[:1]).to_bytes(), canary):
            raise EmbedderError(
                f"the model {settings.model!r} is another than the one that made the library's vectors;"
                " `librarian maintain reembed` renews them"
            )
        row: Floats = rows[1]
        return row
