"""What an embedder from outside is, and what its vectors depend on."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from librarian_cli.errors import UsageError
from librarian_cli.settings import EmbedderSettings

if TYPE_CHECKING:
    import numpy.typing as npt

    from librarian_cli.embedders.codes import Floats
    from librarian_cli.endpoint.client import Usage

CANARY = "The lighthouse keeper counted seven ships before the fog came in."
"""Embedded anew before vectors are added or compared: a model that sees it otherwise than before is another model."""


class Embedder(Protocol):
    """A model that turns texts into vectors. For several threads where it waits, for one where it computes."""

    def embed(self, texts: Sequence[str]) -> "Floats":
        """Embed texts, in order.

        Returns: float32 array (len(texts), dimensions), rows of unit length; zeros for a text that it refuses.
        Raises: EmbedderError, EndpointError: none of them can be embedded; retryable where the class says so.
        """
        ...

    def take_usage(self) -> "Usage | None":
        """What its server was asked for since the last time; None where there is no server."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


def signature(settings: EmbedderSettings) -> str:
    """All that vectors depend on, as far as settings tell. Vectors of different signatures are never compared.

    The server's address is not part of it: a model may move. Whether it is still the same, the canary tells.
    """
    if settings.kind == "lsa":
        return "lsa"
    parts = (settings.kind, settings.model, settings.dimensions, settings.document_prefix, settings.query_prefix)
    return json.dumps(parts)


def require_model(settings: EmbedderSettings) -> str:
    """Return the model's name or folder. Raises: UsageError: it is not set."""
    if not settings.model:
        raise UsageError(f"embedder.model is not set; `{settings.kind}` needs the name or folder of a model")
    return settings.model


def unit_rows(rows: "npt.NDArray[Any]", count: int, dimensions: int | str) -> "Floats":
    """Check what a model made, and scale its rows to unit length; rows of zeros stay.

    Raises: ValueError: not `count` rows of one length, of the `dimensions` asked for ("auto": any), all finite.
    """
    import numpy as np

    if rows.ndim != 2 or len(rows) != count or not rows.shape[1]:
        raise ValueError(f"{count} texts, and {' x '.join(map(str, rows.shape))} numbers")
    if dimensions not in ("auto", rows.shape[1]):
        raise ValueError(f"{rows.shape[1]} dimensions, not the {dimensions} of embedder.dimensions")
    if not np.isfinite(rows).all():
        raise ValueError("numbers that are not finite")
    wide = rows.astype(np.float64)  # squares of large or tiny numbers would leave float32
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0), np.float32)
