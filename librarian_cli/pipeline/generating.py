"""`maintain generate`: asks a language model about books, one request a book, and keeps each answer as it comes.

Stopped anywhere, the next run asks about the books that lack an answer. No other work of the library depends on it.
"""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import astuple, dataclass
from functools import partial

from librarian_cli.errors import EndpointError
from librarian_cli.events import Bus, Notice
from librarian_cli.llm import TASK, Generated, Llm
from librarian_cli.models import Book
from librarian_cli.settings import LlmSettings
from librarian_cli.store import books, content, embedders, generated
from librarian_cli.store.database import Database

_GIVE_UP_AFTER = 3
"""Failures in a row: then it is the server, not a book."""


@dataclass(frozen=True, slots=True)
class GenerateResult:
    """Books that the model described, those that it did not, and those that are left for another run."""

    described: int
    failed: int
    left: int
    error: str
    """The last failure; empty for none."""


def generate(database: Database, settings: LlmSettings, bus: Bus, *, llm: Llm, chosen: Sequence[int]) -> GenerateResult:
    """Ask about books, by their rows, until all are done, the server fails, or the model's waits are ended."""
    described, in_a_row, errors = 0, 0, list[EndpointError]()
    with ThreadPoolExecutor(settings.concurrency, thread_name_prefix="librarian-llm") as threads:
        asked: dict[Future[Generated], Book] = {}
        for row in chosen:
            book = books.get(database.reader(), row)
            asked[threads.submit(_ask, database, llm, book, settings.max_input_chars)] = book
        pending = set(asked)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                error = _error_of(future)
                if error is None:
                    found = future.result()
                    database.write_now(partial(_save, book=asked[future], model=settings.model, found=found))
                    described, in_a_row = described + 1, 0
                elif not llm.stop.is_set():
                    bus.publish(Notice(f"{asked[future].title}: nothing was generated ({error})"))
                    errors.append(error)
                    in_a_row += 1
            if llm.stop.is_set() or in_a_row >= _GIVE_UP_AFTER or (errors and not errors[-1].retryable):
                pending = {future for future in pending if not future.cancel()}
    usage = astuple(llm.endpoint.take_usage())
    host = llm.endpoint.address.host
    database.write_now(partial(embedders.add_usage, host=host, model=settings.model, counts=usage))
    left = len(chosen) - described - len(errors)
    return GenerateResult(described, len(errors), left, str(errors[-1]) if errors else "")


def _ask(database: Database, llm: Llm, book: Book, most: int) -> Generated:
    return llm.describe(book.title, content.spread(database.reader(), book, most))


def _error_of(future: "Future[Generated]") -> EndpointError | None:
    """Why a book was not described. Raises: what is no fault of the server."""
    error = future.exception()
    if error is not None and not isinstance(error, EndpointError):
        raise error
    return error


def _save(connection: sqlite3.Connection, *, book: Book, model: str, found: Generated) -> None:
    generated.save(
        connection,
        book,
        model=model,
        task=TASK,
        summary=found.summary,
        entities=[astuple(item) for item in found.entities],
        relations=[astuple(item) for item in found.relations],
    )
