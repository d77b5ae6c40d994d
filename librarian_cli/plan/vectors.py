"""What it would take to give a whole library the vectors of the embedder that the settings name."""

import math
import sqlite3
import threading
import time
from dataclasses import dataclass

from librarian_cli import capacity
from librarian_cli.embedders import BUILT_IN, EMBEDDERS, open_embedder
from librarian_cli.embedders.base import signature
from librarian_cli.errors import LibrarianError
from librarian_cli.settings import Config
from librarian_cli.stages import embed
from librarian_cli.store import books, content, embedders, vectors

_BUILT_IN_BYTES_PER_SECOND = 8e6
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class VectorsPlan:
    """The change from one embedder to another: what is left to embed, in how many calls, and how long that takes.

    `seconds` is None where the model cannot be asked, and `problem` says why.
    """

    before: str
    after: str
    passages: int
    calls: int
    tokens: int
    cost: float
    seconds: float | None
    problem: str = ""


def make(connection: sqlite3.Connection, config: Config) -> VectorsPlan:
    """Plan the change. A model from outside embeds one batch for it, which is not kept, to see how long it takes.

    Raises: UsageError, EmbedderError: the settings name no embedder that can be opened.
    """
    settings = config.embedder
    before = embed.name_in_force(connection) if embed.in_force(connection) else "none"
    _, chunks, size = books.totals(connection)
    if settings.kind == BUILT_IN:
        is_new = embed.in_force(connection) != BUILT_IN
        left = chunks if is_new else 0
        return VectorsPlan(
            before, embed.name(settings), left, 0, 0, 0.0, size / _BUILT_IN_BYTES_PER_SECOND if left else 0.0
        )
    left = _left(connection, config)
    tokens = math.ceil(left * size / _BYTES_PER_TOKEN / chunks) if chunks else 0
    calls = 0 if EMBEDDERS[settings.kind].computes else math.ceil(left / settings.batch_size)
    seconds, problem = _seconds(connection, config, left, tokens) if left else (0.0, "")
    return VectorsPlan(
        before,
        embed.name(settings),
        left,
        calls,
        tokens if calls else 0,
        round(tokens * settings.price_per_million_tokens / 1e6, 6) if calls else 0.0,
        seconds,
        problem,
    )


def _left(connection: sqlite3.Connection, config: Config) -> int:
    """Chunks that lack vectors of the model, as far as settings tell which one that is."""
    known = embedders.of_signature(connection, signature(config.embedder))
    return sum(span.chunks for span in vectors.missing(connection, known[0].id if known else ""))


def _seconds(connection: sqlite3.Connection, config: Config, left: int, tokens: int) -> tuple[float | None, str]:
    settings = config.embedder
    texts = [settings.document_prefix + text for text in content.first_texts(connection, settings.batch_size)]
    try:
        model = open_embedder(settings, threading.Event())
        try:
            started = time.monotonic()
            model.embed(texts)
            each = (time.monotonic() - started) / len(texts)
        finally:
            model.close()
    except LibrarianError as exc:
        return None, str(exc)
    side_by_side = (
        capacity.worker_counts(config)["index"] if EMBEDDERS[settings.kind].computes else settings.concurrency
    )
    paced = [left * each / side_by_side]
    if settings.requests_per_minute:
        paced.append(60 * left / settings.batch_size / settings.requests_per_minute)
    if settings.tokens_per_minute:
        paced.append(60 * tokens / settings.tokens_per_minute)
    return round(max(paced), 1), ""
