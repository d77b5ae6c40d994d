"""What a stage is: a value that says where it runs, what it reads, what it does and what it leaves behind."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from librarian_cli.models import Book
from librarian_cli.settings import Config


@dataclass(frozen=True, slots=True)
class Saved:
    """What a stage's effects mean for the stages that need it."""

    promote: bool = True
    """False where a person has to decide first."""
    fused: tuple[str, ...] = ()
    """Later stages whose work came along and is saved already."""
    failure: tuple[str, str] | None = None
    """(reason, detail) where the output itself condemns the book."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step that every book passes.

        load(connection, book, config) -> inputs    in our own process; one input is one call
        run(input)                     -> output    a pure top-level function; it may yield parts
        save(connection, book, outputs, config)     in the writer, in the transaction that finishes the task

    Processes get inputs by pipe, so these are plain data. Threads load and run in one go.
    """

    name: str
    queue: str
    needs: tuple[str, ...]
    pool: str
    """The pool it runs in, named after a stage; pools of `THREAD_POOLS` are threads, the others processes."""
    version: int
    """Raise it when the stage gives other results for the same input and settings."""
    load: Callable[[sqlite3.Connection, Book, Config], tuple[Any, ...]]
    run: Callable[[Any], Any]
    save: Callable[[sqlite3.Connection, Book, tuple[Any, ...], Config], Saved]
    settings: tuple[str, ...]
    """The keys of the settings that its results depend on."""
