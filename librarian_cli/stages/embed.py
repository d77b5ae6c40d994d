"""embed: the library's chunks -> vectors of a model from outside, where they are missing.

    canary --model--> which model is it?  --known--> its id: the basis of its vectors
    chunks without vectors of that basis --batches--> model --codes--> parts of books --all there--> a blob a book
    nothing missing --activate--> searches use them; until then those of the embedder before, or words alone

It is one task of the library, like `index`, in whose place it runs: killed anywhere, it goes on with what is missing.
Vectors of different models are never mixed: not even where the model changed behind its name.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from librarian_cli.embedders import BUILT_IN, open_embedder
from librarian_cli.embedders.base import CANARY, Embedder, signature
from librarian_cli.errors import EmbedderError, EndpointDown
from librarian_cli.settings import EmbedderSettings
from librarian_cli.store import books, content, embedders, vectors
from librarian_cli.store.database import Database
from librarian_cli.store.vectors import Span

Submit = Callable[[list[str]], "Future[bytes]"]
Write = Callable[[Callable[[sqlite3.Connection], object]], object]
Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Tools:
    """How a run embeds and stores: `submit` texts for their codes (`ahead` batches at once), `write` as long as the
    task is ours, say how far it is (chunks done, of how many), and whether to `stop`.
    """

    submit: Submit
    write: Write
    advance: Advance
    stop: threading.Event
    ahead: int


def in_force(connection: sqlite3.Connection) -> str:
    """The signature of the embedder whose vectors searches use; empty for none."""
    active = vectors.active_basis(connection)
    if active is None:
        return ""
    model = embedders.get(connection, active[0])
    return model.signature if model else BUILT_IN


def aim(connection: sqlite3.Connection, settings: EmbedderSettings) -> str:
    """The signature of the embedder whose vectors are to be brought up to date; empty where that cannot be done.

    Another embedder in the settings does not begin to embed a whole library by itself: `maintain reembed` does.
    Until then the built-in vectors are kept up to date; a model that the settings no longer name cannot be asked.
    """
    if not is_other(connection, settings):
        return signature(settings)
    return BUILT_IN if in_force(connection) == BUILT_IN else ""


def is_other(connection: sqlite3.Connection, settings: EmbedderSettings) -> bool:
    """Whether the settings name another embedder than the one in force, and nobody has asked for the change yet."""
    wanted = signature(settings)
    return in_force(connection) not in ("", wanted) and vectors.target(connection) != wanted


def name_in_force(connection: sqlite3.Connection) -> str:
    """The embedder whose vectors searches use, for a person."""
    active = vectors.active_basis(connection)
    model = embedders.get(connection, active[0]) if active else None
    return f"{model.kind} {model.model}" if model else BUILT_IN


def name(settings: EmbedderSettings) -> str:
    """The embedder of the settings, for a person."""
    return BUILT_IN if settings.kind == BUILT_IN else f"{settings.kind} {settings.model}"


def needed(connection: sqlite3.Connection, settings: EmbedderSettings) -> bool:
    """Whether any chunk lacks the vectors that `aim` names."""
    wanted = aim(connection, settings)
    if not wanted:
        return False
    active = vectors.active_basis(connection)
    if active is None or wanted != in_force(connection) or vectors.target(connection) == wanted:
        return books.totals(connection)[1] > 0
    return bool(vectors.books_without(connection, active[0]))


def bring_up_to_date(database: Database, settings: EmbedderSettings, tools: Tools) -> int:
    """Give every chunk its vector of the model that the settings name, and put them in force.

    Returns: how many chunks got one.

    Raises: EmbedderError: the model is another than before; what `submit` and `write` raise. What was stored is kept.
    """
    connection = database.reader()
    basis, dimensions = _begin(connection, settings, tools)
    spans = vectors.missing(connection, basis)
    done, total = 0, sum(span.chunks for span in spans)
    tools.advance(done, total)
    for parts in _embed_all(connection, spans, settings, tools):
        rows = list(_cut(parts, dimensions))
        tools.write(partial(vectors.save_parts, basis=basis, parts=rows))
        done += sum(span.chunks for span, _ in rows)
        tools.advance(done, total)
    if not tools.stop.is_set() and not vectors.missing(connection, basis):
        tools.write(partial(vectors.activate, basis=basis, chunks_at_fit=0))
    return done


def encode(embedder: Embedder, texts: Sequence[str]) -> bytes:
    """Embed texts and pack their codes."""
    from librarian_cli.embedders import codes

    return codes.quantise(embedder.embed(texts)).to_bytes()


def encode_in_worker(settings: EmbedderSettings, texts: Sequence[str]) -> bytes:
    """The same in a worker, which loads the model once."""
    return encode(_opened(settings), texts)


def batches(spans: Iterable[Span], size: int) -> Iterator[list[Span]]:
    """Cut and pack spans so that each list has `size` chunks, the last one what is left."""
    batch: list[Span] = []
    room = size
    for span in spans:
        while span.chunks:
            part = replace(span, chunks=min(room, span.chunks))
            batch.append(part)
            span = replace(span, start=span.start + part.chunks, chunks=span.chunks - part.chunks)
            room -= part.chunks
            if not room:
                yield batch
                batch, room = [], size
    if batch:
        yield batch


def _begin(connection: sqlite3.Connection, settings: EmbedderSettings, tools: Tools) -> tuple[str, int]:
    """Find out which model it is, and put it in force where nothing else is. Returns: its basis and dimensions."""
    from librarian_cli.embedders.codes import is_same_model

    wanted = signature(settings)
    canary = tools.submit([settings.document_prefix + CANARY]).result()
    known = next((m for m in embedders.of_signature(connection, wanted) if is_same_model(m.canary, canary)), None)
    if known is None:
        again = tools.submit([settings.document_prefix + CANARY]).result()
        if not is_same_model(canary, again):
            raise EndpointDown("the model gives different vectors for the same text")
    basis = known.id if known else embedders.id_of(wanted, canary)
    dimensions = len(canary) - 4
    active = vectors.active_basis(connection)
    unused = active is None or not vectors.any_stored(connection, active[0])
    if not unused and active and active[0] != basis and vectors.target(connection) != wanted:
        raise EmbedderError(
            f"the model {settings.model!r} gives other vectors than those of this library;"
            " `librarian maintain reembed` renews them"
        )

    def begin(conn: sqlite3.Connection) -> None:
        if known is None:
            embedders.add(
                conn,
                signature=wanted,
                kind=settings.kind,
                model=settings.model,
                dimensions=dimensions,
                canary=canary,
            )
        if unused:
            vectors.activate(conn, basis, 0)

    tools.write(begin)
    return basis, dimensions


def _embed_all(
    connection: sqlite3.Connection, spans: Sequence[Span], settings: EmbedderSettings, tools: Tools
) -> Iterator[list[tuple[list[Span], bytes]]]:
    """Embed spans, a few batches at once, and yield them as they are done.

    After a failure nothing more is begun; what is under way is still yielded. Then it raises the failure.
    """
    pending: dict[Future[bytes], list[Span]] = {}
    failure: BaseException | None = None
    for batch in batches(spans, settings.batch_size):
        if tools.stop.is_set() or failure:
            break
        texts = [settings.document_prefix + text for span in batch for text in _texts(connection, span)]
        if len(texts) != sum(span.chunks for span in batch):
            continue  # a book was cut anew meanwhile; the next run has it
        pending[tools.submit(texts)] = batch
        if len(pending) >= tools.ahead:
            ready, _ = wait(pending, return_when=FIRST_COMPLETED)
            done, failure = _collect(pending, ready)
            yield done
    for future in [future for future in pending if (failure or tools.stop.is_set()) and future.cancel()]:
        del pending[future]
    done, last = _collect(pending, wait(pending).done)
    yield done
    failure = failure or last
    if failure and not tools.stop.is_set():
        raise failure


def _collect(
    pending: dict["Future[bytes]", list[Span]], ready: Iterable["Future[bytes]"]
) -> tuple[list[tuple[list[Span], bytes]], BaseException | None]:
    """Take what is done out of what is pending. Returns: the good ones, and the first failure."""
    good: list[tuple[list[Span], bytes]] = []
    failure: BaseException | None = None
    for future in ready:
        batch = pending.pop(future)
        error = future.exception()
        if error is None:
            good.append((batch, future.result()))
        failure = failure or error
    return good, failure


def _cut(parts: Iterable[tuple[list[Span], bytes]], dimensions: int) -> Iterator[tuple[Span, bytes]]:
    """Give each span of a batch its own codes. Raises: EmbedderError: they are not of these dimensions."""
    from librarian_cli.embedders import codes

    for batch, blob in parts:
        if len(blob) != sum(span.chunks for span in batch) * (dimensions + 4):
            raise EmbedderError("the model changed its dimensions while it was asked; run `librarian ingest` again")
        rows = codes.Vectors.from_bytes(blob, dimensions=dimensions)
        at = 0
        for span in batch:
            here = slice(at, at + span.chunks)
            yield span, codes.Vectors(rows.codes[here], rows.scales[here]).to_bytes()
            at += span.chunks


def _texts(connection: sqlite3.Connection, span: Span) -> list[str]:
    start = span.first_chunk + span.start
    return content.texts_between(connection, start, start + span.chunks)


@lru_cache(maxsize=1)
def _opened(settings: EmbedderSettings) -> Embedder:
    return open_embedder(settings, threading.Event())
