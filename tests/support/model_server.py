"""A real server on loopback that speaks /v1/embeddings and /v1/chat/completions, and misbehaves on demand.

Its model counts words: each word has a place among the dimensions, so texts that share words are near each other.
"""

import json
import math
import re
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DIMENSIONS = 64
_WORD = re.compile(r"\w+")


def vector_of(text: str, dimensions: int = DIMENSIONS, salt: str = "") -> list[float]:
    """Return the model's vector of a text; another salt is another model."""
    found = [0.0] * dimensions
    for word in _WORD.findall(text.lower()):
        found[zlib.crc32((salt + word).encode()) % dimensions] += 1.0
    length = math.sqrt(sum(number * number for number in found)) or 1.0
    return [number / length for number in found]


class ModelServer:
    """What was asked, and how to answer: `moods` are used up one a request, then `mood` holds ("" for well)."""

    def __init__(self) -> None:
        self.moods: deque[str] = deque()
        self.mood = ""
        self.salt = ""
        self.dimensions = DIMENSIONS
        self.says = "{}"  # what its language model answers
        self.requests: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.most_at_once = 0
        self.on_request: Callable[[], None] = lambda: None
        self._at_once = 0
        self.lock = threading.Lock()  # guards all of the above
        self.released = threading.Event()  # ends every stall
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        """The address for `embedder.url`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def texts(self) -> list[str]:
        """Every text that was sent, in the order of arrival."""
        with self.lock:
            return [text for request in self.requests for text in request["input"]]

    def close(self) -> None:
        """End it; its address refuses connections from then on."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, request: dict[str, Any], headers: Mapping[str, str]) -> str:
        """Note a request. Returns: the mood in which to answer it."""
        with self.lock:
            self.requests.append(request)
            self.headers.append(headers)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            mood = self.moods.popleft() if self.moods else self.mood
        self.on_request()
        return mood

    def leave(self) -> None:
        with self.lock:
            self._at_once -= 1

    def rows(self, texts: list[str]) -> list[dict[str, Any]]:
        return [{"index": n, "embedding": vector_of(text, self.dimensions, self.salt)} for n, text in enumerate(texts)]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path not in ("/v1/embeddings", "/v1/chat/completions"):
                    self.answer(404, b"no such path")
                    return
                request = json.loads(body)
                mood = server.take(request, dict(self.headers))
                try:
                    if "messages" in request and not mood:
                        self.say(server.says)
                    else:
                        kind, _, detail = mood.partition(":")
                        _MOODS[kind](self, server, request.get("input", []), detail)
                finally:
                    server.leave()

            def answer(self, status: int, content: bytes, **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def say(self, text: str) -> None:
                message = {"choices": [{"message": {"role": "assistant", "content": text}}]}
                self.answer(200, json.dumps({**message, "usage": {"total_tokens": 321}}).encode())

            def data(self, rows: list[dict[str, Any]], texts: list[str]) -> None:
                used = sum(len(_WORD.findall(text)) for text in texts)
                self.answer(200, json.dumps({"data": rows, "usage": {"total_tokens": used}}).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
                """Say nothing."""

        return Handler


def _well(handler: Any, server: ModelServer, texts: list[str], detail: str) -> None:
    if any("POISON" in text for text in texts):
        handler.answer(400, b'{"error": {"message": "the input is too long"}}')
    else:
        handler.data(server.rows(texts)[::-1], texts)  # the order of the list is not that of the texts


def _status(handler: Any, server: ModelServer, texts: list[str], detail: str) -> None:
    code, _, after = detail.partition(",")
    said = json.dumps({"error": {"message": "no, " + handler.headers.get("Authorization", "whoever you are")}})
    handler.answer(int(code), said.encode(), **({"Retry_After": after} if after else {}))


def _stall(handler: Any, server: ModelServer, texts: list[str], detail: str) -> None:
    server.released.wait(30)


def _drip(handler: Any, server: ModelServer, texts: list[str], detail: str) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not server.released.wait(0.05):
        handler.wfile.write(b" ")
        handler.wfile.flush()


def _garbage(handler: Any, server: ModelServer, texts: list[str], detail: str) -> None:
    handler.answer(200, b"<html>It works!</html>")


def _wrong_dimension(handler: Any, server: ModelServer, texts: list[str], detail: str) -> None:
    handler.data([{"index": n, "embedding": vector_of(text, 7)} for n, text in enumerate(texts)], texts)


def _nan(handler: Any, server: ModelServer, texts: list[str], detail: str) -> None:
    rows = server.rows(texts)
    rows[-1]["embedding"][0] = math.nan
    handler.data(rows, texts)


def _short(handler: Any, server: ModelServer, texts: list[str], detail: str) -> None:
    handler.data(server.rows(texts)[:-1], texts)


def _reset(handler: Any, server: ModelServer, texts: list[str], detail: str) -> None:
    handler.close_connection = True
    handler.connection.close()


def _huge(handler: Any, server: ModelServer, texts: list[str], detail: str) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 40))
    handler.end_headers()
    block = b" " * (1 << 20)
    try:
        while True:
            handler.wfile.write(block)
    except OSError:
        handler.close_connection = True


def _redirect(handler: Any, server: ModelServer, texts: list[str], detail: str) -> None:
    handler.answer(307, b"", Location=detail)


_MOODS: Mapping[str, Callable[[Any, ModelServer, list[str], str], None]] = {
    "": _well,
    "status": _status,
    "stall": _stall,
    "drip": _drip,
    "garbage": _garbage,
    "dimension": _wrong_dimension,
    "nan": _nan,
    "short": _short,
    "reset": _reset,
    "huge": _huge,
    "redirect": _redirect,
}


@contextmanager
def serving() -> Iterator[ModelServer]:
    """A server for the time of a block."""
    server = ModelServer()
    try:
        yield server
    finally:
        server.close()
