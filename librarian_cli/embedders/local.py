"""What models that compute on this machine share: loading through their own library, and checking what they make."""

import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from librarian_cli.embedders.base import require_model, unit_rows
from librarian_cli.errors import EmbedderError
from librarian_cli.settings import EmbedderSettings

if TYPE_CHECKING:
    from librarian_cli.embedders.codes import Floats


class LocalModel:
    """A model in this process, for one thread. `encode` takes a list of texts and returns an array, a row each."""

    def __init__(self, encode: Callable[[list[str]], Any], settings: EmbedderSettings) -> None:
        self._encode = encode
        self._dimensions = settings.dimensions

    def embed(self, texts: Sequence[str]) -> "Floats":
        """Embed texts, in order; one of which the model knows no word gets zeros."""
        try:
            return unit_rows(self._encode(list(texts)), len(texts), self._dimensions)
        except ValueError as exc:
            raise EmbedderError(f"the model gives {exc}") from exc

    def take_usage(self) -> None:
        """There is no server to be asked."""

    def close(self) -> None:
        """There is nothing to let go of."""


def check(settings: EmbedderSettings, library: str) -> None:
    """Look whether a model is named and its library there, which takes too long to load for that.

    Raises: UsageError, EmbedderError.
    """
    require_model(settings)
    if importlib.util.find_spec(library) is None:
        raise _not_installed(settings.kind, f"there is no {library}")


def load(settings: EmbedderSettings, import_library: Callable[[], Callable[[str], Any]]) -> Any:
    """Load the model that the settings name; `import_library` returns what loads one.

    Raises: EmbedderError: the library or the model is missing; UsageError: no model is named.
    """
    name = require_model(settings)
    try:
        open_model = import_library()
    except ImportError as exc:
        raise _not_installed(settings.kind, str(exc)) from exc
    try:
        return open_model(name)
    except Exception as exc:  # whatever a library raises of a folder that is no model
        raise EmbedderError(f"{name}: not a model that {settings.kind} can load ({exc}); check embedder.model") from exc


def _not_installed(kind: str, why: str) -> EmbedderError:
    return EmbedderError(
        f'embedder.kind = "{kind}" needs its library ({why}); run: pip install "librarian-cli[{kind}]"'
    )
