"""The part `search`: how well the documents and passages that answer a question are found.

    ir/<collection>/         corpus.jsonl, queries.jsonl, qrels.tsv: questions with the documents that people judged
    passages/                three long texts, and questions with the stretches of text that answer them

Every document is a file and so a book, which the program ingests as a user's, and the answer to a question is a list of
books (`--by-book`). People judged whole documents, so each is one passage here; once more they are cut as by default,
and a document is found by its best passage. The long texts are a book each, cut as by default.

Questions are asked as words: quotation marks and hyphens, which have a meaning in queries, become spaces.
"""

import json
import math
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_setting import LIBRARIAN, environment
from quality_figure import Figure

if TYPE_CHECKING:
    from librarian_cli.app import Librarian

AIMS = {"cran": 0.401, "cisi": 0.400, "med": 0.720}
MODES: Mapping[str, Mapping[str, Any]] = {"hybrid": {}, "text": {"mode": "text"}, "hybrid --expand": {"expand": True}}
"""Ways to search, with what they add to a query."""
CUTS: Mapping[str, Mapping[str, str]] = {"whole": {"LIBRARIAN_STAGES_CHUNK_MAX_CHARS": "20000"}, "cut": {}}
"""How documents become passages, with the settings that do it."""
_FIRST = 10
_BUDGET_CHARS = 4_000
_MOST_BELOW_WORDS = 0.003


def measure(folder: Path) -> Iterator[Figure]:
    """Ingest each collection into a library of its own, and ask all of its questions."""
    for collection in sorted((folder / "ir").iterdir()):
        for cut in CUTS:
            yield from _documents(collection, cut)
    yield from _passages(folder / "passages")


def _documents(collection: Path, cut: str) -> Iterator[Figure]:
    texts = {item["_id"]: _text(item) for item in _lines(collection / "corpus.jsonl")}
    queries = {item["_id"]: item["text"] for item in _lines(collection / "queries.jsonl")}
    judged = _judgements(collection / "qrels.tsv")
    with tempfile.TemporaryDirectory(prefix="librarian-bench-") as place:
        files = {f"{name}.txt": text for name, text in texts.items() if text.strip()}
        with _library(Path(place), files, CUTS[cut]) as librarian:
            for mode in MODES:
                value = _mean(
                    ndcg(_found(librarian, queries[name], mode), grades)
                    for name, grades in judged.items()
                    if name in queries
                )
                aim = AIMS.get(collection.name) if (mode, cut) == ("hybrid", "whole") else None
                yield Figure(f"search: nDCG@{_FIRST} on {collection.name}, {cut}, {mode}", value, aim)


def _found(librarian: "Librarian", text: str, mode: str) -> list[str]:
    """The names of the documents found, best first."""
    from librarian_cli.search import Query

    words = text.replace('"', " ").replace("-", " ")
    books = librarian.search_books(Query(words, limit=_FIRST, **MODES[mode]))
    return [Path(book.hits[0].path.decode()).stem for book in books]


def ndcg(found: Sequence[str], grades: Mapping[str, int]) -> float:
    """Discounted cumulative gain of the first ten, as a share of the best possible."""
    gains = [grades.get(name, 0) for name in found[:_FIRST]]
    best = sorted(grades.values(), reverse=True)[:_FIRST]
    return _gain(gains) / (_gain(best) or 1.0)


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(place + 2) for place, grade in enumerate(grades))


def _passages(folder: Path) -> Iterator[Figure]:
    # As plain text, so that a place in the file is the same place in the book.
    texts = {f"{path.stem}.txt": path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}
    questions = list(_lines(folder / "questions.jsonl"))
    with (
        tempfile.TemporaryDirectory(prefix="librarian-bench-") as place,
        _library(Path(place), texts, CUTS["cut"]) as librarian,
    ):
        books = {Path(book.paths[0].decode()).stem: book.book.id for book in librarian.books()}
        values = {
            mode: _mean(_share_of_answer(librarian, books[item["corpus"]], item, mode) for item in questions)
            for mode in MODES
        }
    name = f"search: answer in the first {_BUDGET_CHARS:,} characters"
    for mode, value in values.items():
        yield Figure(f"{name}, {mode}", value, values["text"] - _MOST_BELOW_WORDS if mode == "hybrid" else None)


def _share_of_answer(librarian: "Librarian", book: str, question: Mapping[str, Any], mode: str) -> float:
    """How much of what answers a question stands in the best passages, as many as fit the budget."""
    from librarian_cli.search import Query

    shown: set[int] = set()
    left = _BUDGET_CHARS
    for hit in librarian.search(Query(question["question"], book=book, limit=20, **MODES[mode])):
        if hit.end_char - hit.start_char > left:
            break
        left -= hit.end_char - hit.start_char
        shown.update(range(hit.start_char, hit.end_char))
    answer = {at for ref in question["refs"] for at in range(ref["start_index"], ref["end_index"])}
    return len(answer & shown) / len(answer)


def _library(place: Path, files: Mapping[str, str], settings: Mapping[str, str]) -> "Librarian":
    """Ingest texts by their file names with the program, and open the library."""
    from librarian_cli import config
    from librarian_cli.app import Librarian

    books, library = place / "books", place / "library"
    books.mkdir()
    for name, text in files.items():
        (books / name).write_text(text, encoding="utf-8", newline="")
    command = [LIBRARIAN, "--quiet", "ingest", "--yes", str(books)]
    done = subprocess.run(command, env=environment(library) | dict(settings), stdout=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"the ingest of {books} ended with {done.returncode}")
    return Librarian(config.load({"library.path": str(library)}))


def _text(document: Mapping[str, str]) -> str:
    """A document as a file would have it; some texts begin with their title, some do not have it."""
    title, text = document.get("title", "").strip(), document["text"].strip()
    return text if not title or text.startswith(title) else f"{title}\n\n{text}"


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        query, document, grade = line.split("\t")
        if int(grade) > 0:
            judged.setdefault(query, {})[document] = int(grade)
    return judged


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, path.read_text(encoding="utf-8").splitlines())


def _mean(values: Iterator[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
