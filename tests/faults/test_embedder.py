"""A run whose model is a server: killed, interrupted and left waiting, it loses nothing and waits for nobody."""

import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest

from librarian_cli.store import vectors
from tests.faults.conftest import Start
from tests.support import trees
from tests.support.model_server import ModelServer
from tests.support.program import librarian
from tests.support.running import Running, wait_until

BOOKS = 12


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for number in range(BOOKS):
        trees.write_text(tmp_path / "tree" / f"{number:02}.txt", number, paragraphs=40)
    return tmp_path / "tree"


def environment(server: ModelServer, **more: str) -> dict[str, str]:
    settings = {"kind": "openai", "url": server.url, "model": "words", "batch_size": "4", "concurrency": "2"} | more
    return {f"LIBRARIAN_EMBEDDER_{name.upper()}": value for name, value in settings.items()}


def in_force(library: Path) -> tuple[str, int, int]:
    """(basis, books with its vectors, chunks in parts) as they stand."""
    with sqlite3.connect(library / "library.db") as connection:
        active = vectors.active_basis(connection)
        parts = connection.execute("SELECT coalesce(sum(chunks), 0) FROM vector_parts").fetchone()[0]
        return (active[0], len(vectors.stored(connection, active[0])), parts) if active else ("", 0, parts)


def kill_after(requests: int, running: Running, server: ModelServer) -> None:
    wait_until(lambda: len(server.requests) >= requests, 30.0, lambda: running.err)
    running.signal(signal.SIGKILL)
    running.wait(5.0)


def test_a_reembed_that_is_killed_again_and_again_goes_on_and_old_vectors_serve_until_its_end(
    tree: Path, library: Path, start: Start, server: ModelServer
) -> None:
    assert librarian("ingest", tree, library=library).code == 0
    before = in_force(library)
    for _ in range(3):
        kill_after(len(server.requests) + 8, start("maintain", "reembed", env=environment(server)), server)
        assert in_force(library)[:2] == before[:2]
    sent = len(server.requests)
    done = librarian("maintain", "reembed", "--json", library=library, env=environment(server))
    assert done.code == 0, done.err
    assert done.document["embedder"] == "openai words"
    assert len(server.requests) > sent
    basis, books, parts = in_force(library)
    assert (basis != before[0], books, parts) == (True, BOOKS, 0)
    again = sum(n - 1 for text, n in Counter(server.texts).items() if "lighthouse keeper" not in text)
    assert again <= 3 * 2 * 2 * 4, "only what was under way at a kill is asked for twice"
    assert librarian("check", "--read-data", library=library).code == 0


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_waits_for_no_server(
    tree: Path, library: Path, start: Start, server: ModelServer, signum: int, code: int
) -> None:
    server.moods.extend(["", ""])
    server.mood = "stall"
    running = start("ingest", tree, env=environment(server, patience_seconds="600", timeout_seconds="600"))
    wait_until(lambda: len(server.requests) >= 4, 30.0, lambda: running.err)
    began = time.monotonic()
    running.signal(signum)
    assert running.wait(10.0).code == code
    assert time.monotonic() - began < 5
    assert librarian("search", "tide", "--mode", "text", library=library).code == 0


def test_a_reembed_that_is_interrupted_says_so_and_goes_on(
    tree: Path, library: Path, start: Start, server: ModelServer
) -> None:
    assert librarian("ingest", tree, library=library).code == 0
    server.moods.extend([""] * 6)
    server.mood = "stall"
    running = start("maintain", "reembed", env=environment(server))
    wait_until(lambda: len(server.requests) >= 7, 30.0, lambda: running.err)
    running.signal(signal.SIGINT)
    ran = running.wait(10.0)
    assert (ran.code, "Traceback" in ran.err) == (130, False)
    assert "goes on from here" in ran.err
    server.mood = ""
    assert librarian("ingest", library=library, env=environment(server)).code == 0
    assert in_force(library)[1:] == (BOOKS, 0)


def test_one_signal_ends_a_run_that_waits_for_a_language_model(
    tree: Path, library: Path, start: Start, server: ModelServer
) -> None:
    assert librarian("ingest", tree, library=library).code == 0
    server.says = '{"summary": "Of tides."}'
    server.moods.extend([""] * 3)
    server.mood = "stall"
    settings = {"LIBRARIAN_LLM_URL": server.url, "LIBRARIAN_LLM_MODEL": "talker"}
    running = start("maintain", "generate", env=settings)
    wait_until(lambda: len(server.requests) >= 4, 30.0, lambda: running.err)
    began = time.monotonic()
    running.signal(signal.SIGINT)
    assert running.wait(10.0).code == 130
    assert time.monotonic() - began < 5
    assert f"3 books described, 0 not, {BOOKS - 3} left" in running.out


def test_a_watch_takes_up_what_waited_for_a_server_that_was_down(
    tree: Path, library: Path, start: Start, server: ModelServer
) -> None:
    server.mood = "status:500"
    running = start(
        "watch", tree, "--settle", "0.2",
        env=environment(server, patience_seconds="0.2", recheck_seconds="1"),
    )  # fmt: skip

    def outcomes() -> Counter[str]:
        if not (library / "library.db").exists():
            return Counter()
        ran = librarian("files", "--json", library=library)
        return (
            Counter(f"{item['outcome']}:{item['reason']}" for item in ran.document["files"]) if ran.out else Counter()
        )

    wait_until(lambda: outcomes() == {"ok-with-warning:embedding-pending": BOOKS}, 30.0, lambda: running.err)
    server.mood = ""
    wait_until(lambda: outcomes() == {"ok:": BOOKS}, 30.0, lambda: running.err)
    assert in_force(library)[1:] == (BOOKS, 0)


def test_a_watch_embeds_what_arrives_while_it_embeds(
    tree: Path, library: Path, start: Start, server: ModelServer
) -> None:
    def arrive() -> None:
        """While the first batch is asked for, one more book is taken in."""
        if len(server.requests) == 3:
            trees.write_text(tree / "late.txt", 77)
            wait_until(lambda: in_status(library, "ok") == BOOKS + 1, 20.0)

    server.on_request = arrive
    running = start(
        "watch", tree, "--settle", "0.2",
        env=environment(server, concurrency="1", timeout_seconds="60", patience_seconds="60"),
    )  # fmt: skip
    wait_until(lambda: len(server.requests) > 3, 30.0, lambda: running.err)
    wait_until(lambda: in_force(library)[1:] == (BOOKS + 1, 0), 30.0, lambda: running.err)


def in_status(library: Path, status: str) -> int:
    with sqlite3.connect(library / "library.db") as connection:
        return int(connection.execute("SELECT count(*) FROM books WHERE status = ?", (status,)).fetchone()[0])
