"""Part `languages`: passages of books that are not English, found again by the dictionary forms of their own words.

languages/**    books, in any language; those in English are only there to be in the way

There are no judgements: the passage that a question was made of is the answer. A question is three words of one
passage, each as a dictionary has it (simplemma, which knows nothing of our stemmers), at least one in another form
than in the passage; of Chinese and Japanese, three pairs of characters that the book repeats. What FTS5's
`porter unicode61` alone finds is told beside it.
"""

import random
import re
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

from quality_figure import Figure

from librarian_cli import config
from librarian_cli.app import Librarian
from librarian_cli.pipeline.intake import Request
from librarian_cli.search import Query
from librarian_cli.store import books, content
from librarian_cli.store.connections import open_read_only
from librarian_cli.text import language

_QUESTIONS = 300
_WORDS = 3
_FIRST = 10
_MIN_REPEATS = 3
_WORD = re.compile(r"[^\W\d_]{4,}")
_CYRILLIC = re.compile("[\u0400-\u04ff]+")
_PAIR = re.compile("(?=([\u30a0-\u30ff\u3400-\u9fff]{2}))")

Chunks = dict[str, str]
"""Texts by the ids of chunks."""
Question = tuple[str, str]
"""A chunk, and the words that should find it."""


def measure(folder: Path) -> Iterator[Figure]:
    """Ingest what lies in `folder`, and measure each language."""
    if not (folder / "languages").is_dir():
        return
    with tempfile.TemporaryDirectory() as place:
        settings = config.load({"library.path": f"{place}/library"})
        with Librarian(settings) as librarian:
            librarian.ingest(Request((bytes(folder / "languages"),), approve=True))
            with closing(open_read_only(Path(place) / "library" / "library.db")) as connection:
                library = _chunks(connection)
                plain = _plain({chunk: text for chunks in library.values() for chunk, text in chunks.items()})
            for code, chunks in sorted(library.items()):
                questions = _questions(code, chunks)
                if len(questions) >= _QUESTIONS // 10:
                    yield from _figures(code, questions, librarian, plain)


def _figures(
    code: str, questions: Sequence[Question], librarian: Librarian, plain: sqlite3.Connection
) -> Iterator[Figure]:
    name = f"languages: {code}, {len(questions)} questions, found in the first ten"
    for mode in ("text", "hybrid"):
        yield Figure(f"{name}, {mode}", _share(questions, _searcher(librarian, mode)))
    yield Figure(f"{name}, porter unicode61 alone", _share(questions, lambda text: _ask_plain(plain, text)))


def _chunks(connection: sqlite3.Connection) -> dict[str, Chunks]:
    """The chunks of the library by the language of their book."""
    found: dict[str, Chunks] = defaultdict(dict)
    for book in list(books.every(connection)):
        if book.first_chunk is not None:
            stored = content.chunks(connection, book.row)
            found[book.language] |= {f"{book.id[:12]}:{c.start_char}-{c.end_char}": c.text for c in stored}
    return found


def _questions(code: str, chunks: Chunks) -> list[Question]:
    if code in ("", "en"):
        return []
    ask = _pairs(chunks) if code in ("zh", "ja") else _dictionary_forms(code)
    chooser = random.Random(code)
    order = sorted(chunks)
    chooser.shuffle(order)
    asked = ((chunk, ask(chunks[chunk], chooser)) for chunk in order)
    return [question for question in asked if question[1]][:_QUESTIONS]


def _dictionary_forms(code: str) -> Callable[[str, random.Random], str]:
    simplemma: Any = import_module("simplemma")  # pip install simplemma (MIT): for this measurement only
    stop_words = language.STOP_WORDS.get(code, frozenset())

    def ask(text: str, chooser: random.Random) -> str:
        words = sorted({word.lower() for word in _WORD.findall(text)} - stop_words)
        if code in ("ru", "uk"):
            words = [word for word in words if _CYRILLIC.fullmatch(word)]
        forms = {word: simplemma.lemmatize(word, lang=code).lower() for word in words}
        changed = [word for word in words if forms[word] != word]
        others = [word for word in words if forms[word] == word]
        if len(words) < _WORDS or not changed:
            return ""
        first = chooser.choice(changed)
        rest = chooser.sample([word for word in changed + others if word != first], _WORDS - 1)
        return " ".join(forms[word] for word in (first, *rest))

    return ask


def _pairs(chunks: Chunks) -> Callable[[str, random.Random], str]:
    repeated = Counter(pair for text in chunks.values() for pair in set(_PAIR.findall(text)))

    def ask(text: str, chooser: random.Random) -> str:
        pairs = sorted(pair for pair in set(_PAIR.findall(text)) if repeated[pair] >= _MIN_REPEATS)
        return " ".join(chooser.sample(pairs, _WORDS)) if len(pairs) >= _WORDS else ""

    return ask


def _share(questions: Sequence[Question], search: Callable[[str], set[str]]) -> float:
    return sum(chunk in search(text) for chunk, text in questions) / len(questions)


def _searcher(librarian: Librarian, mode: str) -> Callable[[str], set[str]]:
    return lambda text: {hit.chunk for hit in librarian.search(Query(text, mode=mode, limit=_FIRST))}


def _plain(chunks: Chunks) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE texts USING fts5 (text, chunk UNINDEXED, tokenize='porter unicode61')")
    connection.executemany("INSERT INTO texts (chunk, text) VALUES (?,?)", chunks.items())
    return connection


def _ask_plain(connection: sqlite3.Connection, text: str) -> set[str]:
    match = " OR ".join(f'"{word}"' for word in text.split())
    found = connection.execute("SELECT chunk FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT ?", (match, _FIRST))
    return {row[0] for row in found}
