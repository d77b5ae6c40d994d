"""The scripts of the README run, and say what they should."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import clean_environment

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, env=clean_environment(env), timeout=120, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the venv of these tests, as if this version had been installed into it."""
    for name in ("scripts", "sample_books", "librarian_cli"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name in ("python", "librarian"):
        program = Path(sys.executable).with_name(name)
        (tmp_path / ".venv/bin" / name).write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        (tmp_path / ".venv/bin" / name).chmod(0o755)
    stamp = run("bash", "-c", f"cd '{tmp_path}' && . scripts/venv.sh && fingerprint").stdout
    (tmp_path / ".venv/installed-base").write_text(stamp)
    return tmp_path


@pytest.mark.slow
def test_quickstart_shows_books_and_a_search_and_may_run_again(checkout: Path, tmp_path: Path) -> None:
    mine = {"LIBRARIAN_LIBRARY": str(tmp_path / "mine"), "LIBRARIAN_INGEST_EXCLUDE": "*"}
    for _ in range(2):
        ran = run(checkout / "scripts/quickstart", env=mine)
        assert ran.returncode == 0, ran.stderr
        assert "The Lamp at Skerrin" in ran.stdout
        assert "The Harbour Clock" in ran.stdout.partition("$ librarian search")[2]
        assert "damaged on purpose" in ran.stdout
        assert "Installing" not in ran.stdout
    assert (checkout / ".librarian/library/library.db").exists()
    assert not (tmp_path / "mine").exists()


def test_quickstart_fails_when_another_book_than_the_damaged_one_does(checkout: Path) -> None:
    (checkout / "sample_books/science/flattening-the-globe.pdf").write_bytes(b"%PDF-1.7\n" + bytes(400))
    ran = run(checkout / "scripts/quickstart")
    assert ran.returncode == 3
    assert "flattening-the-globe.pdf: corrupt" in ran.stderr


def test_without_a_usable_python_the_scripts_say_what_to_install(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    ran = run(checkout / "scripts/quickstart", env={"PYTHON": str(tmp_path / "no-python")})
    assert ran.returncode == 1
    assert "No Python 3.11 or later" in ran.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.slow
def test_bench_gives_an_ingest_as_ratios_to_bare_extraction() -> None:
    ran = run(sys.executable, ROOT / "scripts/bench", "ingest", ROOT / "sample_books/science", "--runs", "1", "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["ingest"][0]["outcomes"]["ok"] + found["ingest"][0]["outcomes"]["ok-with-warning"] == 4
    assert 0 < found["searchable_seconds"] < found["whole_seconds"]
    assert found["floor"][0]["text_bytes"] == pytest.approx(found["ingest"][0]["text_bytes"], rel=0.05)
    assert os.name != "posix" or found["worker_bytes"] > 0 or not Path("/proc/self/task").exists()


@pytest.mark.slow
def test_bench_measures_search_on_judged_collections(tmp_path: Path) -> None:
    collection, passages = tmp_path / "ir/tiny", tmp_path / "passages"
    texts = {
        "1": "The tide turns twice a day in the old harbour.",
        "2": "A press prints a page with an inked plate.",
        "3": "",
    }
    write_lines(collection / "corpus.jsonl", [{"_id": name, "title": "", "text": text} for name, text in texts.items()])
    write_lines(collection / "queries.jsonl", [{"_id": "a", "text": 'when does the "tide" turn'}])
    (collection / "qrels.tsv").write_text("a\t1\t1\na\t2\t0\n")
    text = "Ropes are coiled with the sun.\n\nSails are reefed before the squall, never in it.\n"
    write_lines(
        passages / "questions.jsonl",
        [{"question": "reefed sails", "corpus": "sea", "refs": [{"start_index": 32, "end_index": 66}]}],
    )
    (passages / "sea.md").write_text(text)
    ran = run(sys.executable, ROOT / "scripts/bench", "quality", tmp_path, "--part", "search", "--json")
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(ran.stdout)["figures"]
    assert len(figures) == 9
    assert set(figures.values()) == {1.0}


def write_lines(path: Path, items: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(item) + "\n" for item in items))


@pytest.mark.slow
def test_bench_times_searches_of_a_library_that_it_makes_of_texts(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    sentences = [f"Paragraph {number} tells of the tide, of lamp {number} and of the king." for number in range(40)]
    (tmp_path / "texts/a.txt").write_text("\n\n".join(sentences))
    library = tmp_path / "library"
    made = ("search", tmp_path / "texts", "--make", "100", "--library", library, "--processes", "2")
    ran = run(sys.executable, ROOT / "scripts/bench", *made, "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["passages"] >= 100
    assert len(found["seconds"]["in one process, hybrid"]) == len(found["seconds"]["in one process, text"]) > 200
    assert len(found["seconds"]["a process each, hybrid"]) == 2
    assert run(Path(sys.executable).with_name("librarian"), "--library", library, "check").returncode == 0


def test_bench_search_says_what_it_needs() -> None:
    ran = run(sys.executable, ROOT / "scripts/bench", "search")
    assert ran.returncode == 1
    assert "name a folder of books, or a library with --library" in ran.stderr
