"""A library with a model from outside: searchable whatever its server does, and whole once that recovers."""

import math
import os
import sqlite3
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from librarian_cli.app import ReembedResult
from librarian_cli.embedders import codes
from librarian_cli.errors import EndpointError, UsageError
from librarian_cli.events import Bus, Notice
from librarian_cli.pipeline.intake import Request
from librarian_cli.search import Query
from librarian_cli.store import embedders, tasks, vectors
from tests.support.ingests import Ingested, ingest, open_librarian
from tests.support.inline import InlinePools
from tests.support.model_server import DIMENSIONS, ModelServer, serving, vector_of
from tests.support.program import librarian
from tests.support.static_model import make_model

pytestmark = pytest.mark.usefixtures("brief_waits")

STORIES = {
    "tide": "The tide came in over the harbour wall, and the boats rose with it.\n",
    "bread": "The baker put the bread into the oven before the sun was up.\n",
    "bell": "The bell in the tower rang for the wedding, and the pigeons left.\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "books"
    folder.mkdir()
    for name, text in STORIES.items():
        (folder / f"{name}.txt").write_text("".join(f"{text[:-1]} Line {n}.\n" for n in range(60)))
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


def settings_of(server: ModelServer, **more: Any) -> dict[str, Any]:
    brief = {"kind": "openai", "url": server.url, "model": "words", "timeout_seconds": 0.3, "patience_seconds": 0.6}
    return {f"embedder__{name}": value for name, value in (brief | {"batch_size": 3} | more).items()}


def take(library: Path, tree: Path, server: ModelServer, **more: Any) -> Ingested:
    return ingest(library, tree, inline=True, **settings_of(server, **more))


def stored(library: Path) -> dict[str, tuple[int, bytes]]:
    """Title -> (chunks, codes) of every book with vectors in force."""
    with sqlite3.connect(library / "library.db") as connection:
        active = vectors.active_basis(connection)
        titles = dict(connection.execute("SELECT id, title FROM books").fetchall())
        found = vectors.stored(connection, active[0]) if active else []
        return {titles[item.book_row]: (item.chunks, item.codes) for item in found}


def leftovers(library: Path) -> int:
    with sqlite3.connect(library / "library.db") as connection:
        return int(connection.execute("SELECT count(*) FROM vector_parts").fetchone()[0])


def found(library: Path, words: str) -> list[str]:
    """Titles by words alone."""
    with open_librarian(library) as opened:
        return [hit.title for hit in opened.search(Query(words, mode="text"))]


def require_whole(library: Path) -> None:
    """Every chunk has its own vector, once: that which the model makes of its text."""
    with sqlite3.connect(library / "library.db") as connection:
        texts: dict[str, list[str]] = {}
        for title, text in connection.execute(
            "SELECT title, text FROM chunks JOIN books ON books.id = chunks.book ORDER BY chunks.id"
        ):
            texts.setdefault(title, []).append(text)
    whole = stored(library)
    assert whole.keys() == texts.keys()
    for title, (chunks, blob) in whole.items():
        rows = codes.Vectors.from_bytes(blob, dimensions=DIMENSIONS)
        assert len(rows) == chunks == len(texts[title])
        expected = np.array([vector_of(text) for text in texts[title]])
        assert rows.codes * rows.scales[:, np.newaxis] == pytest.approx(expected, abs=0.01)
    assert leftovers(library) == 0


def test_every_chunk_gets_the_vector_of_its_text(library: Path, tree: Path, server: ModelServer) -> None:
    done = take(library, tree, server)
    assert done.result.outcomes["ok"] == 3
    require_whole(library)
    counts = Counter(server.texts)
    assert {n for text, n in counts.items() if "Line" in text} == {1}


def test_another_run_asks_nothing(library: Path, tree: Path, server: ModelServer) -> None:
    take(library, tree, server)
    server.requests.clear()
    take(library, tree, server)
    assert not server.requests


def test_requests_run_side_by_side_up_to_the_bound(library: Path, tree: Path, server: ModelServer) -> None:
    together = threading.Barrier(2, timeout=5)

    def meet() -> None:
        if len(server.requests) in (3, 4):  # the first two are for the canary
            together.wait()

    server.on_request = meet
    take(library, tree, server, concurrency=2, timeout_seconds=10.0, batch_size=2)
    assert not together.broken
    assert server.most_at_once == 2
    require_whole(library)


MOODS = ("status:429,0", "status:500", "stall", "garbage", "dimension", "nan", "short", "reset", "status:401")


@pytest.mark.parametrize("mood", MOODS)
def test_whatever_its_server_does_text_is_searchable_and_the_next_run_makes_it_whole(
    library: Path, tree: Path, server: ModelServer, mood: str
) -> None:
    server.moods.extend(["", "", ""])  # the canary twice, and a first batch
    server.mood = mood
    done = take(library, tree, server)
    assert set(done.outcomes.values()) <= {"ok", f"ok-with-warning:{embedders.PENDING}"}
    assert f"ok-with-warning:{embedders.PENDING}" in done.outcomes.values()
    assert found(library, "harbour")[0].startswith("The tide")
    sent = len(server.requests)
    server.mood = ""
    again = take(library, tree, server)
    assert set(again.outcomes.values()) == {"unchanged"}
    assert len(server.requests) > sent
    require_whole(library)
    with open_librarian(library) as opened:
        assert {item.text for item in opened.files()} == {"ok"}


@pytest.mark.parametrize("mood", MOODS[:-1])
def test_what_its_server_does_now_and_then_is_made_good_in_the_same_run(
    library: Path, tree: Path, server: ModelServer, mood: str
) -> None:
    server.moods.extend(["", "", mood, "", mood, "", "", mood])
    done = take(library, tree, server, patience_seconds=20.0, dimensions=DIMENSIONS)
    assert set(done.outcomes.values()) == {"ok"}
    require_whole(library)


def test_a_server_that_is_not_there_costs_no_book_and_little_time(library: Path, tree: Path) -> None:
    with serving() as server:
        settings = settings_of(server)
    done = ingest(library, tree, inline=True, **settings)
    assert set(done.outcomes.values()) == {f"ok-with-warning:{embedders.PENDING}"}
    assert done.result.seconds < 10
    assert found(library, "oven")[0].startswith("The baker")


def test_a_run_that_was_cut_off_goes_on_with_what_is_missing(library: Path, tree: Path, server: ModelServer) -> None:
    server.moods.extend([""] * 5)
    server.mood = "status:401"
    take(library, tree, server, concurrency=1)
    assert leftovers(library) > 0
    before = Counter(text for request in server.requests[:5] for text in request["input"])
    server.requests.clear()
    server.mood = ""
    take(library, tree, server)
    assert not {text for text in server.texts if "Line" in text} & before.keys()
    require_whole(library)


def test_a_book_that_is_cut_anew_gets_new_vectors(library: Path, tree: Path, server: ModelServer) -> None:
    take(library, tree, server)
    ingest(library, tree, inline=True, stages__chunk__max_chars=300, **settings_of(server))
    require_whole(library)


def test_settings_that_name_no_server_are_refused_before_any_work(library: Path, tree: Path) -> None:
    with pytest.raises(UsageError, match=r"embedder\.url"):
        ingest(library, tree, inline=True, embedder__kind="openai", embedder__model="words")


def test_a_model_that_changed_behind_its_name_is_noticed_and_its_vectors_are_not_mixed(
    library: Path, tree: Path, server: ModelServer
) -> None:
    take(library, tree, server)
    kept = stored(library)
    server.salt = "another"
    (tree / "new.txt").write_text("A new book about a comet and its tail.\n" * 30)
    done = take(library, tree, server)
    assert done.outcomes["new.txt"] == f"ok-with-warning:{embedders.PENDING}"
    assert stored(library) == kept
    assert "Line" not in "".join(server.requests[-1]["input"])


def active(library: Path) -> str:
    with sqlite3.connect(library / "library.db") as connection:
        found = vectors.active_basis(connection)
        return found[0] if found else ""


def reembed(library: Path, **settings: Any) -> ReembedResult:
    with open_librarian(library, **settings) as opened:
        return opened.reembed()


def notices(library: Path, tree: Path, **settings: Any) -> list[str]:
    """What an ingest tells a person."""
    told: list[str] = []
    bus = Bus()
    bus.subscribe(lambda event: told.append(event.text) if isinstance(event, Notice) else None)
    with open_librarian(library, bus, **settings) as opened:
        opened.ingest(Request((os.fsencode(tree),)), pools=InlinePools(opened.config))
    return told


def test_another_embedder_in_the_settings_changes_nothing_by_itself_and_says_what_to_do(
    library: Path, tree: Path, server: ModelServer
) -> None:
    ingest(library, tree, inline=True)
    before = active(library)
    (tree / "new.txt").write_text("A new book about a comet and its tail.\n" * 30)
    told = notices(library, tree, **settings_of(server))
    assert any("librarian maintain reembed" in text for text in told)
    assert not server.requests
    assert active(library) == before
    assert len(stored(library)) == 4, "built-in vectors go on as before"


def test_reembed_changes_the_embedder_and_drops_what_was_before(library: Path, tree: Path, server: ModelServer) -> None:
    ingest(library, tree, inline=True)
    result = reembed(library, **settings_of(server))
    assert (result.complete, result.embedder) == (True, "openai words")
    require_whole(library)
    assert not list((library / "basis").iterdir())
    assert notices(library, tree, **settings_of(server)) == []
    assert reembed(library, embedder__kind="lsa").embedder == "lsa"
    assert len(stored(library)) == 3
    assert vectors.basis_file(library / "basis", active(library)).exists()


def test_a_reembed_whose_server_fails_keeps_the_old_vectors_in_force_and_goes_on_later(
    library: Path, tree: Path, server: ModelServer
) -> None:
    ingest(library, tree, inline=True)
    before, kept = active(library), stored(library)
    server.moods.extend([""] * 4)
    server.mood = "status:401"
    with pytest.raises(EndpointError, match="another key"):
        reembed(library, **settings_of(server, concurrency=1))
    assert (active(library), stored(library)) == (before, kept)
    sent = {text for request in server.requests[:4] for text in request["input"]}
    server.requests.clear()
    server.mood = ""
    take(library, tree, server)  # whoever works on the library goes on
    assert not sent & {text for text in server.texts if "Line" in text}
    require_whole(library)


def test_an_ingest_with_the_settings_of_before_keeps_what_a_reembed_has_made(
    library: Path, tree: Path, server: ModelServer
) -> None:
    ingest(library, tree, inline=True)
    server.moods.extend([""] * 4)
    server.mood = "status:401"
    with pytest.raises(EndpointError):
        reembed(library, **settings_of(server, concurrency=1))
    made = leftovers(library)
    (tree / "new.txt").write_text("A new book about a comet and its tail.\n" * 30)
    ingest(library, tree, inline=True)
    assert leftovers(library) == made > 0
    assert len(stored(library)) == 4


def test_reembed_takes_up_a_model_that_changed_behind_its_name(library: Path, tree: Path, server: ModelServer) -> None:
    take(library, tree, server)
    before = active(library)
    server.salt = "another"
    assert reembed(library, **settings_of(server)).complete
    assert active(library) != before
    assert len(stored(library)) == 3


def test_reembed_of_an_empty_library_is_complete(library: Path, tree: Path, server: ModelServer) -> None:
    (empty := tree / "empty").mkdir()
    ingest(library, empty, inline=True)
    assert reembed(library, **settings_of(server)).complete
    take(library, tree, server)
    require_whole(library)


def test_a_dry_run_says_how_many_how_long_and_what_it_costs_and_changes_nothing(
    library: Path, tree: Path, server: ModelServer
) -> None:
    ingest(library, tree, inline=True)
    before = stored(library)
    chunks = sum(count for count, _ in before.values())
    with open_librarian(library, **settings_of(server, price_per_million_tokens=20.0)) as opened:
        found = opened.plan_reembed()
    assert (found.before, found.after, found.passages) == ("lsa", "openai words", chunks)
    assert found.calls == math.ceil(chunks / 3)
    assert found.cost == pytest.approx(found.tokens * 20 / 1e6)
    assert found.seconds is not None
    assert len(server.requests) == 1, "one batch, to see how long it takes"
    assert stored(library) == before


def test_a_dry_run_without_its_server_says_why_it_cannot_tell_the_time(library: Path, tree: Path) -> None:
    ingest(library, tree, inline=True)
    with serving() as server:
        settings = settings_of(server)
    with open_librarian(library, **settings) as opened:
        found = opened.plan_reembed()
    assert found.seconds is None
    assert "refused" in found.problem
    assert found.passages > 0


def test_a_rate_limit_counts_in_the_time_of_a_dry_run(library: Path, tree: Path, server: ModelServer) -> None:
    ingest(library, tree, inline=True)
    with open_librarian(library, **settings_of(server, requests_per_minute=1.0)) as opened:
        found = opened.plan_reembed()
    assert found.seconds == pytest.approx(60 * found.passages / 3, abs=0.1)


def test_the_status_tells_what_was_asked_and_what_is_missing(library: Path, tree: Path, server: ModelServer) -> None:
    server.moods.extend(["", "", "status:429,0", "status:500"])
    take(library, tree, server, patience_seconds=20.0)
    with open_librarian(library, **settings_of(server, price_per_million_tokens=1000.0)) as opened:
        found = opened.status().vectors
    assert (found.embedder, found.wanted, found.books, found.missing) == ("openai words", "openai words", 3, 0)
    (asked,) = found.endpoints
    assert asked.host == server.url.split("/")[2]
    assert (asked.calls, asked.failures, asked.limited) == (len(server.requests), 1, 1)
    assert asked.tokens > 1000
    assert asked.cost == pytest.approx(asked.tokens / 1000)


def test_the_status_tells_why_vectors_are_missing(library: Path, tree: Path, server: ModelServer) -> None:
    server.mood = "status:401"
    take(library, tree, server)
    with open_librarian(library, **settings_of(server)) as opened:
        found = opened.status().vectors
    assert found.missing == 3
    assert "another key" in found.problem


def test_a_static_model_is_computed_by_workers(library: Path, tree: Path, tmp_path: Path) -> None:
    """With real processes, under their limits."""
    model = make_model(tmp_path / "model")
    done = ingest(library, tree, embedder__kind="model2vec", embedder__model=str(model))
    assert set(done.outcomes.values()) == {"ok"}
    found = stored(library)
    assert len(found) == 3
    for chunks, blob in found.values():
        rows = codes.Vectors.from_bytes(blob, dimensions=8)
        assert len(rows) == chunks
        assert np.linalg.norm(rows.codes * rows.scales[:, np.newaxis], axis=1) == pytest.approx(1, abs=0.02)


def test_a_model_that_cannot_be_loaded_leaves_the_books_searchable(library: Path, tree: Path, tmp_path: Path) -> None:
    done = ingest(library, tree, embedder__kind="model2vec", embedder__model=str(tmp_path / "nowhere"))
    assert set(done.outcomes.values()) == {f"ok-with-warning:{embedders.PENDING}"}
    with open_librarian(library, embedder__kind="model2vec", embedder__model=str(tmp_path / "nowhere")) as opened:
        assert "not a model that model2vec can load" in opened.status().vectors.problem


def asked(library: Path, words: str, mode: str = "hybrid", **settings: Any) -> tuple[list[str], list[str]]:
    """Beginnings of the titles that a search finds, and what it tells a person."""
    told: list[str] = []
    bus = Bus()
    bus.subscribe(lambda event: told.append(event.text) if isinstance(event, Notice) else None)
    with open_librarian(library, bus, **settings) as opened:
        hits = opened.search(Query(words, mode=mode, limit=3))
    return [hit.title[:8] for hit in hits], told


def test_a_query_is_placed_by_the_model_and_its_vectors_find_what_words_do_not(
    library: Path, tree: Path, server: ModelServer
) -> None:
    """`ovens` and `oven` share no word; with this prefix the model is asked for what it knows."""
    take(library, tree, server, query_prefix="baker bread oven ")
    server.requests.clear()
    found, told = asked(library, "pigeons", mode="vector", **settings_of(server, query_prefix="baker bread oven "))
    assert (found[0], told) == ("The bake", [])
    assert len(server.requests) == 1
    assert server.texts[-1] == "baker bread oven pigeons"
    both, _ = asked(library, "pigeons", **settings_of(server, query_prefix="baker bread oven ", vector_weight=1.0))
    assert both[0] == "The bake"
    words, _ = asked(library, "pigeons", **settings_of(server, query_prefix="baker bread oven ", vector_weight=0.0))
    assert words[0] == "The bell"


@pytest.mark.parametrize("mood", ["stall", "status:500", "garbage", "status:401"])
def test_a_search_whose_model_cannot_be_asked_falls_back_to_words_and_says_so(
    library: Path, tree: Path, server: ModelServer, mood: str
) -> None:
    take(library, tree, server)
    server.mood = mood
    started = time.monotonic()
    found, told = asked(library, "oven", **settings_of(server, query_timeout_seconds=0.3))
    assert time.monotonic() - started < 3
    assert found[0] == "The bake"
    assert len(told) == 1
    assert "words alone" in told[0]
    with pytest.raises(EndpointError):
        asked(library, "oven", mode="vector", **settings_of(server, query_timeout_seconds=0.3))


def test_a_query_is_not_compared_with_the_vectors_of_another_model(
    library: Path, tree: Path, server: ModelServer
) -> None:
    take(library, tree, server)
    server.salt = "another"
    found, told = asked(library, "oven", **settings_of(server))
    assert found[0] == "The bake"
    assert "is another than the one" in told[0]
    server.requests.clear()
    for settings in ({}, settings_of(server, model="letters")):
        assert "does not name" in asked(library, "oven", **settings)[1][0]
    assert not server.requests


def test_the_command_line_tells_of_the_fallback_on_standard_error(
    library: Path, tree: Path, server: ModelServer
) -> None:
    take(library, tree, server)
    environment = {f"LIBRARIAN_{key.upper().replace('__', '_')}": str(v) for key, v in settings_of(server).items()}
    server.mood = "status:500"
    ran = librarian("search", "oven", "--json", library=library, env=environment)
    assert ran.code == 0
    assert ran.document["hits"][0]["title"].startswith("The bake")
    assert "words alone decide" in ran.err
    assert librarian("search", "oven", "--mode", "vector", library=library, env=environment).code == 4
    assert "words alone" not in librarian("-q", "search", "oven", library=library, env=environment).err


def test_passages_without_vectors_are_not_pushed_back_by_those_that_have_some(
    library: Path, tree: Path, server: ModelServer
) -> None:
    (tree / "bread.txt").unlink()
    take(library, tree, server)
    (tree / "loaf.txt").write_text("An oven, an oven, my kingdom for an oven.\n" * 30)
    server.moods.append("")
    server.mood = "status:401"
    take(library, tree, server)
    server.mood = ""
    found, _ = asked(library, "oven", **settings_of(server))
    assert found[0] == "An oven,"


def test_a_process_whose_settings_name_no_model_leaves_the_vectors_to_others(
    library: Path, tree: Path, server: ModelServer
) -> None:
    take(library, tree, server)
    kept = stored(library)
    (tree / "new.txt").write_text("A new book about a comet and its tail.\n" * 30)
    with sqlite3.connect(library / "library.db", isolation_level=None) as connection:
        tasks.add_library_task(connection, "index", 1)  # as another process would
    done = ingest(library, tree, inline=True)
    assert done.outcomes["new.txt"] == f"ok-with-warning:{embedders.PENDING}"
    assert stored(library) == kept
    take(library, tree, server)
    require_whole(library)
