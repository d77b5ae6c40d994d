"""Every JSON document is what its schema in docs/schemas promises to programs, and says what is true."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from librarian_cli.models import OUTCOMES
from tests.support import schemas
from tests.support.cli import EVIL_TITLE, TEXT, UNSAFE, books_of, make
from tests.support.program import Ran, librarian
from tests.support.trees import SAMPLES

Command = Callable[[Path], tuple[str | Path, ...]]
"""Arguments without `--json`, for a library of the samples that may be changed."""


def first_book(library: Path) -> str:
    return str(books_of(library)["bicycle.pdf"]["id"])


def failed_book(library: Path) -> str:
    return str(books_of(library)["the-grey-of-the-page.pdf"]["id"])


def tagged_book(library: Path) -> str:
    book = first_book(library)
    assert librarian("tag", "add", "Sea", book, library=library).code == 0
    return book


def always(*words: str | Path) -> Command:
    return lambda library: words


def tagged(*words: str) -> Command:
    """The command once a book has the tag Sea."""

    def command(library: Path) -> tuple[str | Path, ...]:
        tagged_book(library)
        return words

    return command


def on_book(*words: str) -> Command:
    return lambda library: (*words, first_book(library))


COMMANDS: tuple[tuple[str, Command], ...] = (
    ("ingest", always("ingest", SAMPLES)),
    ("ingest", always("ingest", SAMPLES, "--force")),
    ("ingest", always("ingest", "-")),  # an empty list: nothing to do
    ("ingest", always("ingest", SAMPLES, "--max-runtime", "0.001s")),
    ("ingest-plan", always("ingest", SAMPLES, "--dry-run")),
    ("ingest-plan", always("ingest", SAMPLES, "--dry-run", "--force")),
    ("ingest-plan", always("ingest", "-", "--dry-run")),
    ("ingest-filed", always("ingest", SAMPLES, "--no-wait")),
    ("ingest-filed", always("ingest", "-", "--no-wait")),
    ("search", always("search", "tide", "lamp")),
    ("search", always("search", "--mode", "text", "xyzzyplugh")),  # no hit
    ("search", always("search", "press", "--context", "2", "--mode", "vector")),
    ("search", always("search", 'harb* "high water" -xyzzyplugh', "--expand")),
    ("search-by-book", always("search", "tide", "lamp", "--by-book")),
    ("search-by-book", always("search", "--mode", "text", "xyzzyplugh", "--by-book")),  # no hit
    ("similar", on_book("similar")),
    ("similar", lambda library: ("similar", f"{first_book(library)}:3-400")),
    ("cite", lambda library: ("cite", f"{first_book(library)}:3-40")),
    ("cite", lambda library: ("cite", f"{first_book(library)}:3-40", "--verify", "--format", "bibtex")),
    ("books", always("books")),
    ("books", always("books", "--status", "waiting")),  # none
    ("show", on_book("show")),
    ("show", lambda library: ("show", failed_book(library))),  # no audit, no chapters
    ("graph", always("graph", "ewan", "--depth", "2")),
    ("graph", always("graph", "Alexandria", "-n", "1")),
    ("text", on_book("text")),
    ("text", lambda library: ("text", f"{first_book(library)}:3-40")),
    ("files", always("files")),
    ("files", always("files", "--outcome", "failed", "--job", "1")),
    ("remove", on_book("remove")),
    ("tag-add", on_book("tag", "add", "Sea")),
    ("tag-add", lambda library: ("tag", "add", "Sea", tagged_book(library))),  # it has it
    ("tag-remove", lambda library: ("tag", "remove", "sea", tagged_book(library))),
    ("tag-list", always("tag", "list")),  # none
    ("tag-list", tagged("tag", "list")),
    ("books", tagged("books", "--tag", "sea")),
    ("show", lambda library: ("show", tagged_book(library))),
    ("status", always("status")),
    ("maintain-reembed", always("maintain", "reembed")),
    ("maintain-reembed-plan", always("maintain", "reembed", "--dry-run")),
    ("jobs", always("jobs")),
    ("job", always("jobs", "1")),
    ("runs", always("runs")),
    ("agents", always("agents")),
    ("agents", always("agents", "--status", "error")),
    ("agents-stats", always("agents", "--stats")),
    ("activity", always("activity", "-n", "1000")),
    ("pause", always("pause")),
    ("pause", always("pause", "extract", "trust_audit")),
    ("resume", always("resume")),
    ("cancel", always("cancel", "1")),
    ("retry", always("retry", "--failed")),
    ("prioritise", always("prioritise", "1", "high")),
    ("check", always("check")),
    ("check", always("check", "--read-data")),
    ("config-show", always("config", "show")),
    ("config-path", always("config", "path")),
)
"""Each schema with commands that print such a document, or lines of that kind."""


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_what_a_command_prints_is_what_its_schema_says(own: Path, name: str, command: Command) -> None:
    ran = librarian(*command(own), "--json", library=own)
    assert ran.code in (0, 3), ran.err
    lines = ran.out.splitlines()
    assert len(lines) > 1 if name == "activity" else len(lines) == 1
    assert ran.out.isascii()
    for line in lines:
        schemas.require(name, json.loads(line))


def test_every_schema_is_checked_with_real_output() -> None:
    elsewhere = {"hook-book", "hook-run", "maintain-generate"}  # by test_hooks.py and test_generate.py
    assert {name for name, _ in COMMANDS} | elsewhere == set(schemas.NAMES)


@pytest.mark.parametrize("name", schemas.NAMES)
def test_a_schema_is_sound_and_requires_all_that_it_names(name: str) -> None:
    schema = schemas.load(name)
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["version"] == {"const": 1}
    for part in schemas.objects(schema):
        assert part["required"] == list(part["properties"])
        assert "additionalProperties" not in part, "fields may be added"


@pytest.mark.parametrize(
    "document",
    [
        {"version": 1},
        {"version": 2, "paused": []},
        {"version": 1, "paused": [3]},
        {"version": 1, "paused": [], "more": 1},
    ],
)
def test_a_document_that_is_something_else_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        schemas.require("pause", document)


def test_work_that_waits_or_failed_has_the_same_shape(own: Path, tmp_path: Path) -> None:
    unsure, tree = make(tmp_path / "unsure", d_txt=TEXT * 4), make(tmp_path / "books", broken_pdf="%PDF-1.4\n")
    make(tree, photo_jpg="\xff\xd8\xff", a_txt=TEXT, evil_html=f"<html><title>{EVIL_TITLE}</title><p>{TEXT}</html>")
    assert librarian("ingest", unsure, library=own, env={"LIBRARIAN_INGEST_APPROVE_CONFIDENCE": "1"}).code == 0
    assert librarian("ingest", tree, library=own).code == 3
    assert librarian("ingest", "--no-wait", make(tree / "sub", c_txt=TEXT * 3), library=own).code == 0
    for name in ("books", "files", "status", "jobs", "runs", "agents"):
        schemas.require(name, librarian(name, "--json", library=own).document)
    schemas.require("job", librarian("jobs", "4", "--json", library=own).document)
    files = librarian("files", "--json", library=own).document["files"]
    outcomes = {f"{item['outcome']}:{item['reason']}" for item in files}
    assert {"waiting:approval", "waiting:queued", "skipped:unsupported", "failed:corrupt"} <= outcomes


def test_ingest_json(ingested: tuple[Path, Ran]) -> None:
    ran = ingested[1]
    found = ran.document
    assert ran.code == 3, "one sample is damaged on purpose"
    assert found["books"] == 12
    assert found["outcomes"]["duplicate"] == found["outcomes"]["failed"] == 1
    assert sum(found["outcomes"].values()) == len(found["files"]) == 14
    assert [item["path"] for item in found["files"]] == sorted(item["path"] for item in found["files"])


def test_ingest_json_is_one_document_and_nothing_else(ingested: tuple[Path, Ran]) -> None:
    ran = ingested[1]
    assert ran.out.count("\n") == 1
    assert ran.err == ""


def test_dry_run_json(library: Path, tmp_path: Path) -> None:
    planned = librarian("ingest", "--dry-run", "--json", SAMPLES, library=library)
    assert (planned.code, planned.err) == (0, "")
    assert {name: count for name, count in planned.document["totals"].items() if count} == {
        "unchanged": 13,
        "failed": 1,
    }
    assert [item["path"] for item in planned.document["files"]] == sorted(
        item["path"] for item in planned.document["files"]
    )
    empty = librarian("ingest", "--dry-run", "--json", make(tmp_path / "books"), library=library).document
    assert (empty["files"], empty["estimated_seconds"]) == ([], 0)


def test_search_json(library: Path) -> None:
    found = librarian("search", "tide", "lamp", "--json", library=library).document
    assert found["query"] == "tide lamp"
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
    assert len(found["books"]) == 13
    titles = [book["title"].lower() for book in found["books"]]
    assert titles == sorted(titles)
    assert max(len(book["paths"]) for book in found["books"]) == 2, "the copy is another path of one book"


def test_show_json(library: Path) -> None:
    book = books_of(library)["bicycle.pdf"]
    found = librarian("show", book["id"][:12], "--json", library=library).document
    assert {key: found[key] for key in book} == book
    assert len(found["chapter_list"]) == found["chapters"] > 1
    assert all(chapter["page"] for chapter in found["chapter_list"]), "a PDF's chapters have pages"
    assert all(found["audit"]["gates"].values())


def test_show_json_of_a_book_that_failed(library: Path) -> None:
    book = books_of(library)["the-grey-of-the-page.pdf"]
    found = librarian("show", book["id"], "--json", library=library).document
    assert found["status"] == "failed:corrupt"
    assert (found["chapter_list"], found["trust_score"]) == ([], None)


def test_status_json(library: Path) -> None:
    found = librarian("status", "--json", library=library).document
    assert found["status"] == "down"
    assert set(found["queues"].values()) == set(found["active_agents"].values()) == {0}
    running, cap = found["capacity"]["total"].split("/")
    assert (running, found["capacity"]["available"]) == ("0", int(cap))
    assert int(cap) > 0


def test_files_json(library: Path) -> None:
    failed = librarian("files", "--outcome", "failed", "--json", library=library).document["files"]
    assert [(Path(item["path"]).name, item["reason"]) for item in failed] == [("the-grey-of-the-page.pdf", "corrupt")]
    assert failed[0]["detail"]


def test_check_and_config_json(library: Path) -> None:
    checked = librarian("check", "--read-data", "--json", library=library)
    assert (checked.code, checked.document["problems"]) == (0, [])
    settings = librarian("config", "show", "--json", library=library).document["settings"]
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
