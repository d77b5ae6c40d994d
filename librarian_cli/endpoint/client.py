"""POST JSON to the server of a model: paced, bounded, tried again while there is hope, and counted.

    post --rates, breaker--> one try --answer--> accept --> result
              ^                 |
              +--- wait <-------+  no connection, silence, 429, 5xx, or an answer that `accept` calls bad

A wait is what the server asks for (Retry-After), else it grows and half of it is chance; the time for one request with
all its tries is bounded. A redirect is an error: text goes to the server that was named, and to no other.
"""

import contextlib
import json
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar
from urllib.parse import urlsplit

import tenacity
import urllib3

from librarian_cli import __version__
from librarian_cli.endpoint import answers
from librarian_cli.endpoint.address import Address
from librarian_cli.endpoint.pace import Breaker, Rate
from librarian_cli.errors import EndpointDown, EndpointError
from librarian_cli.settings import EndpointSettings

MAX_ANSWER_BYTES = 32 << 20

_CONNECT_SECONDS = 5.0
_READ_BYTES = 1 << 16
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 10.0
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})

Answer = TypeVar("Answer")


class BadAnswer(Exception):
    """What `accept` raises of an answer that is none; the server is asked again."""


class Refused(EndpointError):
    """The server refuses this very request, whose content may be why (HTTP 400, 413 or 422)."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was asked of a server: tries, those that failed, those that met a limit (429), tokens by its own count.

    `seconds` are those of tries that were answered well.
    """

    calls: int = 0
    failures: int = 0
    limited: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(Usage)))


class Endpoint:
    """One server, for several threads. `stop` ends every wait. Nothing is asked before the first `post`."""

    def __init__(
        self,
        settings: EndpointSettings,
        address: Address,
        *,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._settings = settings
        self._stop = stop
        self._clock = clock
        self._requests = Rate(settings.requests_per_minute, clock)
        self._tokens = Rate(settings.tokens_per_minute, clock)
        self._breaker = Breaker(clock)
        self._pool = urllib3.connection_from_url(address.base, maxsize=settings.concurrency)
        self._connections: weakref.WeakSet[Any] = weakref.WeakSet()
        connect = self._pool.ConnectionCls

        def tracked(**arguments: Any) -> Any:
            connection = connect(**arguments)
            self._connections.add(connection)
            return connection

        self._pool.ConnectionCls = tracked  # type: ignore[assignment]  # it is only ever called
        self._last_failure = ""
        self._usage = Usage()
        self._usage_lock = threading.Lock()  # guards _usage

    def post(self, path: str, body: Mapping[str, Any], *, tokens: int, accept: Callable[[Any], Answer]) -> Answer:
        """Send one request and return what `accept` makes of the answer; `tokens` is an estimate of its size.

        `accept` raises BadAnswer for an answer that is not what it should be.
        Raises: EndpointDown: no good answer in the time that we have patience; EndpointError: it refuses.
        """
        data = json.dumps(body).encode()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Passing),
            stop=tenacity.stop_before_delay(self._settings.patience_seconds) | tenacity.stop_when_event_set(self._stop),
            wait=_wait_for,
            sleep=tenacity.sleep_using_event(self._stop),
            reraise=True,
        )
        reserved = max(self._requests.reserve(1), self._tokens.reserve(tokens))
        if self._stop.wait(reserved) if reserved else self._stop.is_set():
            raise EndpointDown(f"{self.address.host}: not asked, because the run ends")
        try:
            result: Answer = retrying(self._try, path, data, tokens, accept)
        except _Passing as exc:
            raise EndpointDown(f"{self.address.host}: {self.address.redact(str(exc))}") from exc
        return result

    def take_usage(self) -> Usage:
        """Return what was counted since the last time."""
        with self._usage_lock:
            taken, self._usage = self._usage, Usage()
        return taken

    def close(self) -> None:
        """Close the connections; what is under way in other threads fails."""
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError, AttributeError):  # it may be closed already, or not open yet
                connection.sock.shutdown(socket.SHUT_RDWR)
        self._pool.close()

    def _try(self, path: str, data: bytes, tokens: int, accept: Callable[[Any], Answer]) -> Answer:
        if wait := self._breaker.admit():
            raise _Passing(self._last_failure, after=wait)
        started = self._clock()
        try:
            answer = self._parse(self._exchange(path, data))
            result = accept(answer)
        except BadAnswer as exc:
            passing = _Passing(f"a bad answer: {exc}")
            self._note_failure(passing)
            raise passing from exc
        except _Passing as exc:
            self._note_failure(exc)
            raise
        except EndpointError:
            self._count(Usage(calls=1, failures=1))
            raise
        self._breaker.succeeded()
        used = answers.tokens_of(answer, tokens)
        self._tokens.correct(used - tokens)
        self._count(Usage(calls=1, tokens=used, seconds=self._clock() - started))
        return result

    def _note_failure(self, failure: "_Passing") -> None:
        self._count(Usage(calls=1, failures=int(not failure.limited), limited=int(failure.limited)))
        self._last_failure = str(failure)  # whoever has to wait because of it says so
        if failure.limited:  # a server that keeps its limits is well
            self._breaker.rest(failure.after or 0.0)
        else:
            self._breaker.failed()

    def _count(self, usage: Usage) -> None:
        with self._usage_lock:
            self._usage += usage

    def _exchange(self, path: str, data: bytes) -> bytes:
        """One request and its whole answer. Raises: _Passing, EndpointError."""
        deadline = self._clock() + self._settings.timeout_seconds
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",  # else a small answer may hold a huge one
            "User-Agent": f"librarian-cli/{__version__}",
        }
        if self.address.key:
            headers["Authorization"] = f"Bearer {self.address.key}"
        try:
            response = self._pool.urlopen(
                "POST",
                f"{urlsplit(self.address.base).path}/{path}",
                body=data,
                headers=headers,
                timeout=urllib3.Timeout(
                    connect=min(_CONNECT_SECONDS, self._settings.timeout_seconds),
                    total=self._settings.timeout_seconds,
                ),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                content = self._read(response, deadline)
                response.release_conn()
            except BaseException:
                response.close()
                raise
        except urllib3.exceptions.NewConnectionError as exc:  # urllib3 counts it among the timeouts
            raise _Passing(answers.reason(exc)) from exc
        except urllib3.exceptions.TimeoutError as exc:
            raise _Passing(f"no answer in {self._settings.timeout_seconds:g} s") from exc
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise _Passing(answers.reason(exc)) from exc
        if response.status != 200:
            raise self._refusal(response, content)
        return content

    def _read(self, response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        pieces, size = [], 0
        while piece := response.read1(_READ_BYTES):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                raise EndpointError(f"{self.address.host}: the answer is larger than {MAX_ANSWER_BYTES >> 20} MiB")
            if self._clock() > deadline:
                raise _Passing(f"no whole answer in {self._settings.timeout_seconds:g} s")
        return b"".join(pieces)

    def _refusal(self, response: urllib3.BaseHTTPResponse, content: bytes) -> Exception:
        status = response.status
        said = answers.short(self.address.redact(answers.message(content)))
        text = f"HTTP {status}" + (f" ({said})" if said else "")
        if status in _PASSING:
            after = answers.retry_after(response.headers.get("Retry-After"))
            return _Passing(text, after=after, limited=status == 429)
        if 300 <= status < 400:
            text += ": it sends us elsewhere, which is not followed; give the final address"
        elif status in (401, 403):
            text += ": it wants another key"
        elif status == 404:
            text += ": no such address or model there"
        kind = Refused if status in (400, 413, 422) else EndpointError
        return kind(f"{self.address.host}: {text}")

    def _parse(self, content: bytes) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as exc:
            raise BadAnswer("it is not JSON") from exc


class _Passing(Exception):
    """A try failed for what may pass; `after` is how long to wait at least, where that is known."""

    def __init__(self, text: str, *, after: float | None = None, limited: bool = False) -> None:
        super().__init__(text)
        self.after = after
        self.limited = limited


_grows = tenacity.wait_random_exponential(multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_WAIT_SECONDS)


def _wait_for(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    grown = _grows(state)
    return max(grown, error.after) if isinstance(error, _Passing) and error.after is not None else grown
