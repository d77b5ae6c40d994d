"""What holds for every command alike: streams, quiet, pipes, Ctrl-C, exit codes, and errors that say what to do."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from librarian_cli import cli
from tests.support.cli import TEXT, books_of, make
from tests.support.program import LIBRARIAN, PATIENCE_SECONDS, Ran, clean_environment, librarian, python
from tests.support.running import start, wait_until
from tests.support.trees import SAMPLES

Words = tuple[str | Path, ...]

RESULTS: tuple[Words, ...] = (
    ("search", "tide"),
    ("search", "--by-book", "tide"),
    ("similar", "BOOK"),
    ("cite", "BOOK:3-40"),
    ("cite", "--verify", "BOOK:3-40"),
    ("books",),
    ("show", "BOOK"),
    ("show", "BOOK", "--full"),
    ("graph", "Ewan", "--depth", "2"),
    ("text", "BOOK"),
    ("files",),
    ("remove", "BOOK"),
    ("tag", "add", "Sea", "BOOK"),
    ("status",),
    ("jobs",),
    ("jobs", "1"),
    ("runs",),
    ("agents",),
    ("agents", "--stats"),
    ("activity",),
    ("pause",),
    ("resume",),
    ("maintain", "reembed", "--dry-run"),
    ("check",),
    ("config", "show"),
    ("config", "path"),
    ("completion", "bash"),
)
"""Commands that print a result for a library of the samples."""
SILENT: tuple[Words, ...] = (
    ("ingest", SAMPLES),
    ("watch", "--once", "--settle", "0", SAMPLES),
    ("config", "set", "search.limit", "7"),
)
"""Commands that print nothing when all is well."""
NOTICES: tuple[Words, ...] = (
    ("cancel", "1"),  # nothing is left to cancel
    ("prioritise", "1", "high"),
    ("retry", "--failed"),
    ("search", "--mode", "text", "xyzzyplugh"),
    ("books", "--status", "waiting"),
    ("agents", "--status", "running"),
    ("maintain", "reembed"),
    ("tag", "list"),  # there are none
)
"""Commands that have something to say that is no result."""


def run(library: Path, words: Words, *before: str, env: dict[str, str] | None = None) -> Ran:
    """Run a command, BOOK being one that is there."""
    return librarian(*before, *named(library, words), library=library, env=env)


def named(library: Path, words: Words) -> Words:
    """Put the id of a book that is there in the place of BOOK."""
    if not any("BOOK" in str(word) for word in words):
        return words
    book = str(books_of(library)["bicycle.pdf"]["id"])
    return tuple(str(word).replace("BOOK", book) for word in words)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Settings of the test's own."""
    return {"LIBRARIAN_CONFIG": str(tmp_path / "config.toml")}


def test_the_tables_of_this_page_have_every_command() -> None:
    assert {str(words[0]) for words in (*RESULTS, *SILENT, *NOTICES)} == set(cli.COMMANDS)


@pytest.mark.parametrize("words", RESULTS, ids=lambda words: " ".join(map(str, words)))
def test_results_go_to_standard_output_and_nothing_else_goes_anywhere(
    own: Path, env: dict[str, str], words: Words
) -> None:
    ran = run(own, words, "-q", env=env)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.strip()


@pytest.mark.parametrize("words", RESULTS, ids=lambda words: " ".join(map(str, words)))
def test_results_are_the_same_without_the_option_to_be_quiet(own: Path, env: dict[str, str], words: Words) -> None:
    ran = run(own, words, env=env)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.strip()


@pytest.mark.parametrize("words", SILENT, ids=lambda words: str(words[0]))
def test_what_has_no_result_is_silent_when_all_is_well(own: Path, env: dict[str, str], words: Words) -> None:
    assert run(own, words, env=env) == Ran(0, "", "")


@pytest.mark.parametrize("words", NOTICES, ids=lambda words: " ".join(words))
def test_notices_go_to_standard_error_unless_quiet(own: Path, words: Words) -> None:
    copy = Path(shutil.copytree(own, own.with_name("copy")))
    told = run(own, words)
    assert told.code == 0
    assert told.err.strip()
    assert run(copy, words, "--quiet") == Ran(0, told.out, "")


@pytest.mark.parametrize("words", [("search", "--mode", "text", "xyzzyplugh"), ("config", "show"), ("agents",)])
def test_the_options_of_every_command_may_stand_behind_it(own: Path, words: Words) -> None:
    assert librarian(*words, "--library", own, "-q") == librarian("--library", own, "-q", *words)
    assert librarian(*words, "--library", own.with_name("none"), "-vv").code == (0 if words[0] == "config" else 4)


@pytest.mark.parametrize("words", RESULTS, ids=lambda words: " ".join(map(str, words)))
def test_a_reader_who_has_left_is_no_fault_of_any_command(own: Path, words: Words, env: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [LIBRARIAN, "--library", own, *named(own, words)],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=clean_environment(env),
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def shell(line: str, library: Path) -> tuple[int, str]:
    """Run a line of shell that calls $LIBRARIAN. Returns: exit code and what went to standard error."""
    env = clean_environment({"LIBRARIAN": str(LIBRARIAN), "LIBRARIAN_LIBRARY": str(library)})
    done = subprocess.run(
        ["/bin/sh", "-c", line], stderr=subprocess.PIPE, text=True, env=env, timeout=PATIENCE_SECONDS, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", ["books", "books --json", "text 00000000 || $LIBRARIAN search tide"])
def test_streams_that_the_caller_closed_are_no_fault(library: Path, command: str) -> None:
    assert shell(f"($LIBRARIAN {command}) >&- 2>&- <&-", library) == (0, "")
    assert librarian("check", library=library).code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("command", ["books", "books --json", "search tide", "activity"])
def test_a_full_disk_under_the_output_is_a_fault_of_the_machine(library: Path, command: str) -> None:
    code, err = shell(f"$LIBRARIAN {command} >/dev/full", library)
    assert (code, err) == (4, "librarian: output: No space left on device; free some space, then run again\n")


@pytest.mark.parametrize("words", [("status", "--watch"), ("activity", "--follow")])
def test_ctrl_c_ends_what_would_go_on_for_ever_with_130(library: Path, tmp_path: Path, words: Words) -> None:
    running = start(tmp_path / "run", *words, library=library)
    try:
        wait_until(lambda: bool(running.out), 30.0)
        running.signal(signal.SIGINT)
        ran = running.wait(10)
    finally:
        running.end()
    assert (ran.code, ran.err) == (130, "")


def broken(fault: str) -> str:
    """A program that is `librarian`, but for a fault that it meets when it lists books."""
    return (
        "import sys\nfrom librarian_cli import app\nfrom librarian_cli.__main__ import main\n"
        f"def fail(*_):\n    raise {fault}\napp.Librarian.books = fail\n"
        "sys.argv = ['librarian', '--library', *sys.argv[1:]]\nmain()\n"
    )


def test_ctrl_c_in_any_command_ends_it_quietly_with_130(library: Path) -> None:
    assert python(broken("KeyboardInterrupt"), library, "books") == Ran(130, "", "")


def test_a_fault_of_ours_ends_with_1_and_asks_to_be_reported(library: Path) -> None:
    ran = python(broken("KeyError('shelf')"), library, "books")
    assert (ran.code, ran.out) == (1, "")
    assert "KeyError: 'shelf'" in ran.err
    assert ran.err.splitlines()[-1] == "librarian: this is a fault of Librarian; please report it with the lines above"


@pytest.mark.parametrize(
    "words",
    [
        ("search", "--", "--json"), ("similar", "--", "BOOK"), ("text", "--", "BOOK"), ("show", "--", "BOOK"),
        ("jobs", "--", "1"),
    ],
)  # fmt: skip
def test_after_two_dashes_there_are_no_options(library: Path, words: Words) -> None:
    assert run(library, words).code == 0


def test_a_path_may_look_like_an_option_after_two_dashes(tmp_path: Path) -> None:
    tree = make(tmp_path / "books")
    (tree / "--no-wait.txt").write_text(TEXT)
    ran = librarian("ingest", "--json", "--", "--no-wait.txt", library=tmp_path / "library", cwd=tree)
    assert [item["outcome"] for item in ran.document["files"]] == ["ok"]


@pytest.mark.parametrize("words", [("books",), ("jobs",), ("runs",), ("show", "BOOK"), ("search", "tide"), ("status",)])
def test_colours_obey_the_environment_in_every_command(library: Path, words: Words) -> None:
    plain = run(library, words).out
    assert "\x1b" not in plain
    assert "\x1b[" in run(library, words, env={"FORCE_COLOR": "1"}).out
    assert "\x1b" not in run(library, words, env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).out
    assert run(library, words, env={"NO_COLOR": ""}).out == plain, "empty is as good as not set"


@pytest.mark.parametrize(
    ("env", "value", "origin"), [({}, 10, "default"), ({"LIBRARIAN_SEARCH_LIMIT": "12"}, 12, "environment")]
)
def test_the_origin_of_a_setting_is_shown_on_request(env: dict[str, str], value: int, origin: str) -> None:
    assert f"search.limit = {value}  # {origin}\n" in librarian("config", "show", "--origin", env=env).out
    assert f"search.limit = {value}\n" in librarian("config", "show", env=env).out


def test_the_origin_of_the_library_is_the_option_before_the_environment(tmp_path: Path) -> None:
    def shown(library: Path | None) -> str:
        env = {"LIBRARIAN_LIBRARY": "/environment"}
        return librarian("config", "show", "--origin", library=library, env=env).out.splitlines()[0]

    assert shown(None) == 'library.path = "/environment"  # environment'
    assert shown(tmp_path) == f'library.path = "{tmp_path}"  # flag'


NEXT_STEP = re.compile(
    r"`librarian[ \w-]+`|--help|-h' for help|\b(?:check|choose|give|expected|write|say|mend|shorten|free|restore|run|"
    r"try|upgrade|name|leave|there are|see)\b"
)
"""What a message ends with: a command to give, or words that say what to do."""


def use_file(content: str) -> Callable[[Path, Path], dict[str, str]]:
    def prepare(library: Path, folder: Path) -> dict[str, str]:
        (folder / "config.toml").write_text(content)
        return {"LIBRARIAN_CONFIG": str(folder / "config.toml")}

    return prepare


def close_folder(library: Path, folder: Path) -> dict[str, str]:
    make(folder / "closed").chmod(0)
    return {}


def lose_library(library: Path, folder: Path) -> dict[str, str]:
    (library / "library.db").unlink()
    return {}


def spoil_library(library: Path, folder: Path) -> dict[str, str]:
    (library / "library.db").write_bytes(b"no database " * 1000)
    return {}


def nothing(library: Path, folder: Path) -> dict[str, str]:
    return {}


ERRORS: tuple[tuple[int, Words, Callable[[Path, Path], dict[str, str]]], ...] = (
    (2, ("dance",), nothing),
    (2, ("--dance",), nothing),
    (2, ("ingest", "--dance"), nothing),
    (2, ("ingest", "nowhere"), nothing),
    (2, ("ingest", "--no-wait"), nothing),
    (2, ("ingest", "--files-from", "nowhere"), nothing),
    (2, ("ingest", "--max-runtime", "soon"), nothing),
    (2, ("ingest", "--max-runtime", "1h", "--no-wait", "."), nothing),
    (2, ("ingest", "--min-trust", "2", "."), nothing),
    (2, ("ingest", "--exclude", "!", SAMPLES), nothing),
    (2, ("search",), nothing),
    (2, ("search", "?!"), nothing),
    (2, ("search", "x" * 5000), nothing),
    (2, ("search", "tide", "--book", "abc"), nothing),
    (2, ("search", "-tide"), nothing),
    (2, ("search", "title:tide"), nothing),
    (2, ("similar", "abc"), nothing),
    (2, ("similar", "FAILED"), nothing),
    (2, ("similar", "BOOK:9-5"), nothing),
    (2, ("cite", "BOOK"), nothing),
    (2, ("cite", "BOOK:9-5"), nothing),
    (2, ("show", "0123456789abcdef"), nothing),
    (2, ("show", "abc"), nothing),
    (2, ("text", "BOOK", "--chapter", "999"), nothing),
    (2, ("text", "BOOK", "--page", "xvii"), nothing),
    (2, ("text", "FAILED"), nothing),
    (2, ("text", "BOOK:9-5"), nothing),
    (2, ("remove", "abc"), nothing),
    (2, ("tag",), nothing),
    (2, ("tag", "add", "sea"), nothing),
    (2, ("tag", "add", "sea", "abc"), nothing),
    (2, ("tag", "add", "sea, maps", "BOOK"), nothing),
    (2, ("tag", "add", " ", "BOOK"), nothing),
    (2, ("tag", "add", "x" * 101, "BOOK"), nothing),
    (2, ("tag", "remove", "nowhere", "BOOK"), nothing),
    (2, ("search", "tide", "--tag", "a,b"), nothing),
    (2, ("books", "--tag", ""), nothing),
    (2, ("ingest", "--tag", "sea"), nothing),
    (2, ("ingest", "--tag", "a,b", "."), nothing),
    (2, ("watch", "--once", "--tag", "a,b", "."), nothing),
    (2, ("files", "--outcome", "odd"), nothing),
    (2, ("jobs", "99"), nothing),
    (2, ("cancel", "99"), nothing),
    (2, ("retry",), nothing),
    (2, ("prioritise", "1", "urgent"), nothing),
    (2, ("pause", "dance"), nothing),
    (2, ("resume", "dance"), nothing),
    (2, ("activity", "--since", "yesterday"), nothing),
    (2, ("config", "set", "serach.limit", "1"), nothing),
    (2, ("config", "set", "search.limit", "ten"), nothing),
    (2, ("completion", "csh"), nothing),
    (2, ("books",), use_file("[search\n")),
    (2, ("books",), use_file("[search]\nlimit = 0\n")),
    (2, ("books",), use_file("[serach]\nlimit = 1\n")),
    (4, ("books",), lose_library),
    (4, ("books",), spoil_library),
    (4, ("ingest", SAMPLES), spoil_library),
    (4, ("ingest", "closed"), close_folder),
    (4, ("--library", "closed/library", "ingest", SAMPLES), close_folder),
)


def short(value: object) -> str:
    return " ".join(map(str, value))[:40] if isinstance(value, tuple) else ""


@pytest.mark.parametrize(("code", "words", "prepare"), ERRORS, ids=short)
def test_an_error_ends_with_what_to_do_next(
    own: Path, tmp_path: Path, code: int, words: Words, prepare: Callable[[Path, Path], dict[str, str]]
) -> None:
    names = {"BOOK": "bicycle.pdf", "FAILED": "the-grey-of-the-page.pdf"}
    ids = {word: str(books_of(own)[name]["id"]) for word, name in names.items()}
    filled = [re.sub("BOOK|FAILED", lambda found: ids[found[0]], str(word)) for word in words]
    env = prepare(own, tmp_path)
    ran = librarian(*filled, library=own, env=env, cwd=tmp_path, privileged=False)
    if (tmp_path / "closed").exists():
        (tmp_path / "closed").chmod(0o700)
    assert (ran.code, ran.out) == (code, "")
    assert "Traceback" not in ran.err
    said = [line for line in ran.err.splitlines() if not line.startswith("Usage:")]
    assert NEXT_STEP.search(" ".join(said)), ran.err
    if code != 2:
        (line,) = said
        assert line.startswith("librarian: ")
        assert NEXT_STEP.search(line.partition(":")[2].rpartition(";")[2]), line
