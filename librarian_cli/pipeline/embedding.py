"""Where a model from outside does its work: in threads where it is waited for, in the index pool where it computes."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import astuple
from functools import partial
from urllib.parse import urlsplit

from librarian_cli.embedders import EMBEDDERS, open_embedder
from librarian_cli.embedders.base import Embedder
from librarian_cli.errors import EnvironmentFault, LibrarianError
from librarian_cli.pipeline.pools import Call, Pools, deadline
from librarian_cli.settings import Config, EmbedderSettings
from librarian_cli.stages import embed
from librarian_cli.stages.embed import Advance, Tools, Write
from librarian_cli.store import embedders
from librarian_cli.store.tasks import LeaseLost


@contextmanager
def tools(
    config: Config,
    pools: Pools,
    *,
    write: Write,
    advance: Advance,
    stop: threading.Event,
    on_open: Callable[[Embedder], None],
) -> Iterator[Tools]:
    """Open the model that the settings name for one run over the library, and note what it was asked and how it ended.

    `on_open` gets a model that is waited for: closing it ends the waits.

    Raises: UsageError, EmbedderError: it cannot be opened; what the block raises.
    """
    settings = config.embedder
    with ExitStack() as stack:
        stack.enter_context(_noting(settings, write, stop))
        if EMBEDDERS[settings.kind].computes:
            yield Tools(_in_pool(config, pools), write, advance, stop, ahead=2 * pools.slots["index"])
            return
        model = open_embedder(settings, stop)
        on_open(model)
        stack.callback(model.close)
        stack.callback(lambda: write(_usage_of(model, settings)))
        threads = stack.enter_context(ThreadPoolExecutor(settings.concurrency, thread_name_prefix="librarian-embed"))

        def counting(operation: Callable[[sqlite3.Connection], object]) -> object:
            usage = _usage_of(model, settings)
            return write(lambda connection: (operation(connection), usage(connection)))

        def submit(texts: list[str]) -> "Future[bytes]":
            return threads.submit(embed.encode, model, texts)

        yield Tools(submit, counting, advance, stop, ahead=2 * settings.concurrency)


def host_of(settings: EmbedderSettings) -> str:
    """The server of a model with its port, as it is shown; empty where there is none."""
    return urlsplit(settings.url).netloc if not EMBEDDERS[settings.kind].computes else ""


def _in_pool(config: Config, pools: Pools) -> Callable[[list[str]], "Future[bytes]"]:
    def submit(texts: list[str]) -> "Future[bytes]":
        call = Call(embed.encode_in_worker, (config.embedder, texts), deadline(config.stages.index, 0))
        return pools.submit("index", call)

    return submit


@contextmanager
def _noting(settings: EmbedderSettings, write: Write, stop: threading.Event) -> Iterator[None]:
    """Note why the model could not be used, or that it could; when the run ends, that is why it could not."""
    note = partial(embedders.set_error, host=host_of(settings), model=settings.model)
    try:
        yield
    except (EnvironmentFault, LeaseLost):
        raise
    except LibrarianError as exc:
        if not stop.is_set():
            write(partial(note, text=str(exc)))
        raise
    write(partial(note, text=""))


def _usage_of(model: Embedder, settings: EmbedderSettings) -> Callable[[sqlite3.Connection], None]:
    """What was asked since the last time, as an operation that adds it to the record."""
    usage = model.take_usage()
    counts = astuple(usage) if usage else (0, 0, 0, 0, 0.0)
    return partial(embedders.add_usage, host=host_of(settings), model=settings.model, counts=counts)
