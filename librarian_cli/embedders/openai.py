"""Vectors from any server that speaks OpenAI's /v1/embeddings: Ollama, llama.cpp, vLLM, LM Studio, OpenAI.

    texts --POST embeddings--> {"data": [{"index": 0, "embedding": [...]}, ...]} --checked--> rows

Owns: the request, and what makes an answer good. How it is sent, paced and tried again is endpoint/client.py.
Source: OpenAI API reference, "Create embeddings".
"""

from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING, Any

from librarian_cli.embedders.base import require_model, unit_rows
from librarian_cli.endpoint import address, client
from librarian_cli.settings import EmbedderSettings

if TYPE_CHECKING:
    from librarian_cli.embedders.codes import Floats

_BYTES_PER_TOKEN = 4
_FEWEST_CHARS = 200


def check(settings: EmbedderSettings) -> None:
    """Look whether the settings name a server and a model. Raises: UsageError."""
    require_model(settings)
    address.resolve(settings, "embedder")


def open_embedder(settings: EmbedderSettings, stop: Event) -> "OpenAI":
    """Open the server that the settings name. Raises: UsageError."""
    require_model(settings)
    return OpenAI(settings, client.Endpoint(settings, address.resolve(settings, "embedder"), stop=stop))


class OpenAI:
    """An embedder behind an endpoint, for several threads."""

    def __init__(self, settings: EmbedderSettings, endpoint: client.Endpoint) -> None:
        self._settings = settings
        self._endpoint = endpoint

    def embed(self, texts: Sequence[str]) -> "Floats":
        """Embed texts, in order; one that the server refuses by itself, even cut short, gets zeros."""
        import numpy as np

        try:
            return self._ask(texts)
        except client.Refused as refusal:
            found = [self._ask_for_one(text) for text in texts]
            known = [row for row in found if row is not None]
            if not known:
                raise refusal  # the whole request is at fault, not one of its texts
        zeros = np.zeros_like(known[0])
        return np.concatenate([zeros if row is None else row for row in found])

    def take_usage(self) -> client.Usage:
        """What the server was asked for since the last time."""
        return self._endpoint.take_usage()

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _ask_for_one(self, text: str) -> "Floats | None":
        """Embed one text of a batch that was refused, or as much of its beginning as the server takes."""
        while True:
            try:
                return self._ask([text])
            except client.Refused:
                text = text[: len(text) // 2]
                if len(text) < _FEWEST_CHARS:
                    return None

    def _ask(self, texts: Sequence[str]) -> "Floats":
        settings = self._settings
        body: dict[str, Any] = {"model": settings.model, "input": list(texts), "encoding_format": "float"}
        if settings.dimensions != "auto":
            body["dimensions"] = settings.dimensions
        tokens = sum(len(text.encode()) // _BYTES_PER_TOKEN + 1 for text in texts)

        def accept(answer: Any) -> "Floats":
            return _rows(answer, len(texts), settings.dimensions)

        return self._endpoint.post("embeddings", body, tokens=tokens, accept=accept)


def _rows(answer: Any, count: int, dimensions: int | str) -> "Floats":
    """Check an answer. Raises: BadAnswer."""
    import numpy as np

    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise client.BadAnswer("it has no list of embeddings")
    if sorted(item.get("index", place) for place, item in enumerate(data)) != list(range(count)):
        raise client.BadAnswer(f"{len(data)} embeddings for {count} texts")
    ordered = sorted(enumerate(data), key=lambda pair: pair[1].get("index", pair[0]))
    try:
        rows = np.array([item["embedding"] for _, item in ordered], np.float64)
        return unit_rows(rows, count, dimensions)
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        raise client.BadAnswer(f"embeddings that are none ({exc})") from exc
