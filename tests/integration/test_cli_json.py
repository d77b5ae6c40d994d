"""Every JSON document has exactly the keys and types that programs were promised."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import UNSAFE, books_of, make
from tests.support.program import Ran, librarian
from tests.support.trees import SAMPLES

OUTCOMES = {"ok", "ok-with-warning", "failed", "skipped", "duplicate", "unchanged", "waiting"}
Shape = Any
"""A type, a tuple of types, a dict of shapes with exactly these keys, or a list of one shape."""
PATH, NUMBER, MAYBE_TEXT, MAYBE_INT = str, (int, float), (str, type(None)), (int, type(None))
BOOK = {
    "id": str,
    "title": str,
    "author": str,
    "language": str,
    "format": str,
    "pages": MAYBE_INT,
    "chapters": int,
    "chunks": int,
    "trust_score": (float, int, type(None)),
    "status": str,
    "paths": [PATH],
}
CHAPTER = {"title": str, "level": int, "page": MAYBE_TEXT, "start_char": int, "end_char": int}
AUDIT = {
    "trust_score": NUMBER,
    "gates": {"text_rebuilt": bool, "fully_indexed": bool, "passages_found": bool},
    "reasons": [str],
}
HIT = {
    "book": str,
    "title": str,
    "author": str,
    "chapter": str,
    "page": MAYBE_TEXT,
    "chunk": str,
    "start_char": int,
    "end_char": int,
    "score": NUMBER,
    "text": str,
    "snippet": str,
    "path": PATH,
}
INGEST = {
    "version": int,
    "job": int,
    "seconds": NUMBER,
    "ended": str,
    "outcomes": dict.fromkeys(OUTCOMES, int),
    "files": [{"path": PATH, "outcome": str, "reason": str, "book": MAYBE_TEXT, "seconds": NUMBER}],
    "books": int,
    "chunks": int,
    "text_bytes": int,
}
STATUS = {
    "version": int,
    "status": str,
    "queues": {"schema": int, "ingestion": int, "trust_audit": int},
    "active_agents": {"schema_scout": int, "ingestion_runner": int, "trust_auditor": int},
    "capacity": {"total": str, "available": int},
    "paused": [str],
    "queue_depth": int,
    "active_workers": int,
    "rate": {"books_per_minute": NUMBER, "megabytes_per_second": NUMBER},
    "workers": [
        {
            "pool": str,
            "pid": MAYBE_INT,
            "health": str,
            "tasks_done": int,
            "restarts": int,
            "peak_bytes": int,
        }
    ],
    "groups": [{"name": str, "waiting": int, "running": int, "failed": int, "health": str}],
}
FILE = {"path": PATH, "outcome": str, "reason": str, "detail": str, "book": MAYBE_TEXT}


def require_shape(value: object, shape: Shape, where: str = "document") -> None:
    """Compare types and exact key sets, all the way down."""
    if isinstance(shape, Mapping):
        assert isinstance(value, dict), where
        assert set(value) == set(shape), where
        for key, inner in shape.items():
            require_shape(value[key], inner, f"{where}.{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list), where
        for number, item in enumerate(value):
            require_shape(item, shape[0], f"{where}[{number}]")
    else:
        assert isinstance(value, shape), f"{where} is {value!r}"
        assert not (isinstance(value, bool) and shape is not bool), f"{where} is {value!r}"


def test_ingest_json(ingested: tuple[Path, Ran]) -> None:
    ran = ingested[1]
    found = ran.document
    require_shape(found, INGEST)
    assert found["version"] == 1
    assert ran.code == 3, "one sample is damaged on purpose"
    assert found["books"] == 12
    assert found["outcomes"]["duplicate"] == found["outcomes"]["failed"] == 1
    assert sum(found["outcomes"].values()) == len(found["files"]) == 14
    assert {item["outcome"] for item in found["files"]} <= OUTCOMES
    assert [item["path"] for item in found["files"]] == sorted(item["path"] for item in found["files"])


def test_ingest_json_is_one_document_and_nothing_else(ingested: tuple[Path, Ran]) -> None:
    ran = ingested[1]
    assert ran.out.count("\n") == 1
    assert ran.err == ""


def test_search_json(library: Path) -> None:
    found = librarian("search", "tide", "lamp", "--json", library=library).document
    require_shape(found, {"version": int, "query": str, "hits": [HIT]})
    assert (found["version"], found["query"]) == (1, "tide lamp")
    assert 0 < len(found["hits"]) <= 10
    for hit in found["hits"]:
        assert hit["chunk"] == f"{hit['book'][:12]}:{hit['start_char']}-{hit['end_char']}"
        assert not UNSAFE.search(hit["snippet"]), "the marks of matches are for terminals"
        assert Path(hit["path"]).is_file()


def test_a_hits_chunk_is_its_own_citation(library: Path) -> None:
    (hit,) = librarian("search", "harbour", "-n", "1", "--json", library=library).document["hits"]
    shown = librarian("text", hit["chunk"], library=library)
    assert shown.code == 0
    assert shown.out.rstrip("\n") == hit["text"].rstrip("\n")


def test_search_without_hits_in_json_and_for_people(library: Path) -> None:
    assert librarian("search", "xyzzyplugh", "--json", library=library).document["hits"] == []
    ran = librarian("search", "--mode", "text", "xyzzyplugh", library=library)
    assert (ran.code, ran.out) == (0, "")
    assert "No passage found" in ran.err
    assert librarian("search", "--exit-code", "--mode", "text", "xyzzyplugh", library=library).code == 3


def test_books_json(library: Path) -> None:
    found = librarian("books", "--json", library=library).document
    require_shape(found, {"version": int, "books": [BOOK]})
    assert found["version"] == 1
    assert len(found["books"]) == 13
    titles = [book["title"].lower() for book in found["books"]]
    assert titles == sorted(titles)
    assert all(re.fullmatch("[0-9a-f]{64}", book["id"]) for book in found["books"])
    assert max(len(book["paths"]) for book in found["books"]) == 2, "the copy is another path of one book"


def test_show_json(library: Path) -> None:
    book = books_of(library)["bicycle.pdf"]
    found = librarian("show", book["id"][:12], "--json", library=library).document
    require_shape(found, {"version": int} | BOOK | {"chapter_list": [CHAPTER], "audit": AUDIT})
    assert {key: found[key] for key in BOOK} == book
    assert len(found["chapter_list"]) == found["chapters"] > 1
    assert all(chapter["page"] for chapter in found["chapter_list"]), "a PDF's chapters have pages"
    assert all(found["audit"]["gates"].values())


def test_show_json_of_a_book_that_failed(library: Path) -> None:
    book = books_of(library)["the-grey-of-the-page.pdf"]
    found = librarian("show", book["id"], "--json", library=library).document
    require_shape(found, {"version": int} | BOOK | {"chapter_list": [CHAPTER], "audit": type(None)})
    assert found["status"] == "failed:corrupt"
    assert (found["chapter_list"], found["trust_score"]) == ([], None)


def test_status_json(library: Path) -> None:
    found = librarian("status", "--json", library=library).document
    require_shape(found, STATUS)
    assert (found["version"], found["status"]) == (1, "down")
    assert set(found["queues"].values()) == set(found["active_agents"].values()) == {0}
    running, cap = found["capacity"]["total"].split("/")
    assert (running, found["capacity"]["available"]) == ("0", int(cap))
    assert int(cap) > 0


def test_files_json(library: Path) -> None:
    found = librarian("files", "--json", library=library).document
    require_shape(found, {"version": int, "files": [FILE]})
    failed = librarian("files", "--outcome", "failed", "--json", library=library).document["files"]
    assert [(Path(item["path"]).name, item["reason"]) for item in failed] == [("the-grey-of-the-page.pdf", "corrupt")]
    assert failed[0]["detail"]


def test_check_and_config_json(library: Path) -> None:
    checked = librarian("check", "--read-data", "--json", library=library)
    require_shape(checked.document, {"version": int, "checked": [str], "problems": [str]})
    assert (checked.code, checked.document["problems"]) == (0, [])
    settings = librarian("config", "show", "--json", library=library).document["settings"]
    require_shape(settings["library.path"], {"value": str, "origin": str})
    assert settings["library.path"] == {"value": str(library), "origin": "flag"}


@pytest.mark.parametrize("command", ["books", "files"])
def test_an_empty_list_is_an_array_too(tmp_path: Path, command: str) -> None:
    empty = make(tmp_path / "books")
    library = tmp_path / "library"
    assert librarian("ingest", empty, "--json", library=library).document["files"] == []
    assert librarian(command, "--json", library=library).document[command] == []


def test_job_numbers_grow_and_a_second_run_is_unchanged(own: Path) -> None:
    ran = librarian("ingest", SAMPLES, "--json", library=own)
    assert ran.code == 0, "what failed before is no new failure"
    assert ran.document["job"] == 2
    assert ran.document["outcomes"] == dict.fromkeys(OUTCOMES, 0) | {"unchanged": 14}
    reasons = {Path(item["path"]).name: item["reason"] for item in ran.document["files"]}
    assert reasons["the-grey-of-the-page.pdf"] == "corrupt", "the old reason stays"
    assert librarian("ingest", SAMPLES, "--strict", library=own).code == 3
