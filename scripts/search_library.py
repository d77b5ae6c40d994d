"""A library of any number of passages, made of the texts of a folder, for measuring how search grows with it.

    texts of FOLDER --paragraphs drawn from one text, now and then from others--> books --store--> library

Words are as common and as rare in it as in the texts, but there are no more of them: a rare word of a few books is
in as many passages as a word of medium frequency in a real library of that size, so queries are dearer than there.
Memory is bounded by the texts and a batch of books. It goes past the pipeline, which would take as long as an ingest.
"""

import hashlib
import random
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from librarian_cli import config
from librarian_cli.models import Candidate, Chunked, Extract
from librarian_cli.stages import index
from librarian_cli.store import books, content, files, jobs
from librarian_cli.store.database import Database
from librarian_cli.text import chunks, language

_BOOK_CHARS = 500_000
_BOOKS_AT_ONCE = 32
_OTHER_SHARE = 0.1
_FEWEST = 20


def make(folder: Path, library: Path, passages: int) -> None:
    """Make a library of at least so many passages, with vectors, of the text files below a folder."""
    texts = [found for path in sorted(folder.rglob("*.txt")) if len(found := _paragraphs(path)) >= _FEWEST]
    if not texts:
        raise SystemExit(f"{folder}: no text files with {_FEWEST} paragraphs below it to make a library of")
    with closing(Database(library, create=True)) as database:
        job = database.write_now(partial(jobs.start, command="ingest", owner="bench"))
        source = _books(texts)
        number = made = 0
        while made < passages:
            cut = [(text, _cuts(text)) for text in islice(source, _BOOKS_AT_ONCE)]
            database.write_now(partial(_save, first=number, texts=cut, job=job))
            number += len(cut)
            made += sum(len(cuts) - 1 for _, cuts in cut)
        settings = config.load({"library.path": str(library)}).stages.index
        index.bring_up_to_date(
            database,
            library / "basis",
            settings,
            submit=_at_once,
            write=database.write_now,
            stop=threading.Event(),
        )


def _paragraphs(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
    return [paragraph for paragraph in text.split("\n\n") if paragraph.strip()]


def _books(texts: Sequence[Sequence[str]]) -> Iterator[str]:
    """Texts without end, of paragraphs drawn from one source and now and then from any."""
    chooser = random.Random(7)
    while True:
        own = chooser.choice(texts)
        parts: list[str] = []
        chars = 0
        while chars < _BOOK_CHARS:
            source = chooser.choice(texts) if chooser.random() < _OTHER_SHARE else own
            parts.append(chooser.choice(source))
            chars += len(parts[-1]) + 2
        yield "\n\n".join(parts)


def _cuts(text: str) -> tuple[int, ...]:
    return chunks.split_chunks(text, target_chars=850, max_chars=1_000)


def _save(
    connection: sqlite3.Connection, *, first: int, texts: Sequence[tuple[str, tuple[int, ...]]], job: int
) -> None:
    for number, (text, cuts) in enumerate(texts, first):
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        row = books.add(connection, sha256, len(text), "txt", title=f"Book {number}")
        place = Candidate(b"/books", b"%d.txt" % number, len(text), number, 1, number)
        files.record(connection, place, job, book_row=row, outcome=None)
        content.save_extract(connection, row, Extract(text, (), (), (), None), keep_text=False)
        content.save_chunks(connection, row, text, Chunked((), cuts, language.detect_language(text)[0]))
        books.set_status(connection, row, "ok", job)


def _at_once(function: Any, *arguments: object) -> "Future[object]":
    future: Future[object] = Future()
    future.set_result(function(*arguments))
    return future
