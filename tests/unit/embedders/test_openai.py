"""The client of an embeddings server, against a real one on loopback that misbehaves in every way."""

import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from librarian_cli.embedders import open_embedder
from librarian_cli.embedders.base import Embedder
from librarian_cli.endpoint import client
from librarian_cli.errors import EndpointDown, EndpointError, UsageError
from librarian_cli.settings import EmbedderSettings
from tests.support.model_server import DIMENSIONS, ModelServer, serving, vector_of

pytestmark = pytest.mark.usefixtures("brief_waits")

TEXTS = ["the tide and the harbour", "bread from the oven", "a bell in the tower"]
never = threading.Event()


def settings_for(server: ModelServer, **settings: Any) -> EmbedderSettings:
    brief = EmbedderSettings(kind="openai", url=server.url, model="words", timeout_seconds=0.5, patience_seconds=3.0)
    return replace(brief, **settings)


def opened(server: ModelServer, **settings: Any) -> Embedder:
    return open_embedder(settings_for(server, **settings), never)


def expected() -> "np.ndarray[Any, Any]":
    return np.array([vector_of(text) for text in TEXTS], np.float32)


def test_rows_come_in_the_order_of_the_texts_whatever_that_of_the_answer(server: ModelServer) -> None:
    rows = opened(server).embed(TEXTS)
    assert rows.dtype == np.float32
    assert rows == pytest.approx(expected(), abs=1e-6)
    assert server.requests[0] == {"model": "words", "input": TEXTS, "encoding_format": "float"}


def test_dimensions_that_are_set_are_asked_for(server: ModelServer) -> None:
    opened(server, dimensions=DIMENSIONS).embed(TEXTS)
    assert server.requests[0]["dimensions"] == DIMENSIONS


PASSING = (
    *("status:429,0", "status:429", "status:500", "status:503,0"),
    *("stall", "drip", "garbage", "nan", "short", "reset"),
)


@pytest.mark.parametrize("mood", PASSING)
def test_what_passes_is_tried_again_and_ends_well(server: ModelServer, mood: str) -> None:
    server.moods.extend([mood, mood])
    embedder = opened(server)
    assert embedder.embed(TEXTS) == pytest.approx(expected(), abs=1e-6)
    assert len(server.requests) == 3
    usage = embedder.take_usage()
    assert usage is not None
    assert (usage.calls, usage.failures + usage.limited) == (3, 2)
    assert usage.limited == (2 if "429" in mood else 0)
    assert usage.tokens == 14  # as the server counts them, and of the good answer only
    assert embedder.take_usage() == client.Usage()


@pytest.mark.parametrize("mood", ["status:500", "stall", "garbage", "nan", "short", "reset", "status:429,0"])
def test_what_does_not_pass_ends_when_patience_does(server: ModelServer, mood: str) -> None:
    server.mood = mood
    started = time.monotonic()
    with pytest.raises(EndpointDown) as caught:
        opened(server, patience_seconds=0.4, timeout_seconds=0.2).embed(TEXTS)
    assert time.monotonic() - started < 2
    assert str(caught.value).startswith("127.0.0.1:")


def test_a_wrong_dimension_is_no_answer(server: ModelServer) -> None:
    server.moods.append("dimension")
    assert opened(server, dimensions=DIMENSIONS).embed(TEXTS).shape == (3, DIMENSIONS)
    server.mood = "dimension"
    with pytest.raises(EndpointDown, match="7 dimensions, not the 64"):
        opened(server, dimensions=DIMENSIONS, patience_seconds=0.1).embed(TEXTS)


def test_a_wait_that_the_server_asks_for_is_kept(server: ModelServer) -> None:
    server.moods.append("status:429,0.3")
    started = time.monotonic()
    opened(server).embed(TEXTS)
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("rate", [{"requests_per_minute": 600.0}, {"tokens_per_minute": 14 * 600.0}])
def test_the_rates_of_the_settings_are_kept(server: ModelServer, rate: dict[str, float]) -> None:
    embedder = opened(server, **rate)
    started = time.monotonic()
    for _ in range(4):
        embedder.embed(TEXTS)
    assert time.monotonic() - started >= 0.28
    assert len(server.requests) == 4


def test_a_wait_longer_than_our_patience_is_not_begun(server: ModelServer) -> None:
    server.moods.append("status:429,3600")
    started = time.monotonic()
    with pytest.raises(EndpointDown, match="429"):
        opened(server).embed(TEXTS)
    assert time.monotonic() - started < 2
    assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_told_by_its_address(server: ModelServer) -> None:
    settings = settings_for(server, patience_seconds=0.1)
    server.close()
    with pytest.raises(EndpointDown, match=r"127\.0\.0\.1:\d+: no answer \(.*refused"):
        open_embedder(settings, never).embed(TEXTS)


@pytest.mark.parametrize(
    ("mood", "word"),
    [("status:401", "another key"), ("status:403", "another key"), ("status:404", "no such address or model")],
)
def test_what_will_not_pass_is_not_tried_again(server: ModelServer, mood: str, word: str) -> None:
    server.mood = mood
    with pytest.raises(EndpointError, match=word) as caught:
        opened(server).embed(TEXTS)
    assert not caught.value.retryable
    assert len(server.requests) == 1


def test_a_key_is_sent_and_never_shown(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    server.mood = "status:401"
    with pytest.raises(EndpointError) as caught:
        opened(server, api_key_env="MY_KEY").embed(TEXTS)
    assert server.headers[0]["Authorization"] == "Bearer sk-secret"
    assert "no, Bearer ***" in str(caught.value)  # the server had repeated it


def test_no_key_is_sent_where_none_is_named(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    opened(server).embed(TEXTS)
    assert "Authorization" not in server.headers[0]


def test_a_redirect_is_not_followed(server: ModelServer) -> None:
    with serving() as other:
        server.mood = f"redirect:{other.url}/embeddings"
        with pytest.raises(EndpointError, match="not followed"):
            opened(server).embed(TEXTS)
        assert not other.requests


def test_an_answer_without_end_is_cut_off(server: ModelServer) -> None:
    server.mood = "huge"
    with pytest.raises(EndpointError, match="larger than 32 MiB"):
        opened(server, timeout_seconds=30.0).embed(TEXTS)
    assert len(server.requests) == 1


def test_one_text_that_is_refused_costs_itself_only(server: ModelServer) -> None:
    rows = opened(server).embed([TEXTS[0], "POISON " * 40, TEXTS[1]])
    assert rows[[0, 2]] == pytest.approx(expected()[:2], abs=1e-6)
    assert not rows[1].any()


def test_a_text_that_is_too_long_is_cut_until_it_fits(server: ModelServer) -> None:
    rows = opened(server).embed(["tide " * 80 + "POISON", TEXTS[0]])
    assert rows[0] == pytest.approx(np.array(vector_of("tide")), abs=0.05)  # a word is cut in two


def test_a_request_that_is_refused_whatever_it_holds_is_an_error(server: ModelServer) -> None:
    server.mood = "status:400"
    with pytest.raises(EndpointError, match="400"):
        opened(server).embed(["short one", "short two"])


def test_the_end_of_a_run_ends_a_wait(server: ModelServer) -> None:
    server.mood = "status:503,2"
    stop = threading.Event()
    server.on_request = stop.set
    embedder = open_embedder(settings_for(server, patience_seconds=60.0), stop)
    started = time.monotonic()
    with pytest.raises(EndpointDown):
        embedder.embed(TEXTS)
    assert time.monotonic() - started < 2


def test_while_a_server_is_left_alone_the_reason_is_still_told(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("librarian_cli.endpoint.pace._REST_SECONDS", 60.0)
    server.mood = "garbage"
    with pytest.raises(EndpointDown, match="it is not JSON"):
        opened(server).embed(TEXTS)
    assert len(server.requests) == 5


def test_nothing_is_asked_before_there_is_something_to_ask(server: ModelServer) -> None:
    opened(server).close()
    assert not server.requests


def test_a_model_has_to_be_named(server: ModelServer) -> None:
    with pytest.raises(UsageError, match=r"embedder\.model"):
        opened(server, model="")
