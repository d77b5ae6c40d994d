"""Text of books goes to this machine unless the settings say otherwise, and keys are never shown."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from librarian_cli.endpoint import address
from librarian_cli.errors import UsageError
from librarian_cli.settings import EndpointSettings


def resolve(url: str, environment: Mapping[str, str] = MappingProxyType({}), **settings: Any) -> address.Address:
    return address.resolve(EndpointSettings(url=url, **settings), "embedder", environment)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:11434/v1", "127.0.0.1:11434"),
        ("http://localhost:8080/v1/", "localhost:8080"),
        ("http://[::1]:80/v1", "[::1]:80"),
        ("http://127.5.5.5/v1", "127.5.5.5"),  # all of 127.0.0.0/8 is this machine
    ],
)
def test_a_server_on_this_machine_is_allowed(url: str, host: str) -> None:
    found = resolve(url)
    assert found.host == host
    assert found.base == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "http://192.168.1.5:11434/v1",
        "http://0.0.0.0:11434/v1",
        "http://localhost.example.org/v1",
        "http://127.0.0.1.example.org/v1",
    ],
)
def test_another_machine_needs_to_be_allowed(url: str) -> None:
    with pytest.raises(UsageError, match=r"embedder\.allow_remote = true"):
        resolve(url)
    assert resolve(url, allow_remote=True).base == url


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("", "not set"),
        ("ftp://127.0.0.1/v1", "begins with http"),
        ("127.0.0.1:11434", "begins with http"),
        ("http://:11434/v1", "begins with http"),
        ("http://me:secret@127.0.0.1/v1", "api_key_file"),
        ("http://127.0.0.1/v1?key=secret", "api_key_file"),
        ("http://127.0.0.1:99999/v1", "no address"),
    ],
)
def test_what_is_no_address_is_refused_without_showing_it(url: str, word: str) -> None:
    with pytest.raises(UsageError, match=word) as caught:
        resolve(url)
    assert "secret" not in str(caught.value)


def test_a_key_comes_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file\n")
    assert resolve("http://localhost/v1", {"MY_KEY": "sk-env"}, api_key_env="MY_KEY").key == "sk-env"
    assert resolve("http://localhost/v1", api_key_file=str(tmp_path / "key")).key == "sk-file"
    assert resolve("http://localhost/v1", {"OPENAI_API_KEY": "sk-env"}).key == ""  # not sent unless it was named


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"api_key_env": "NOT_THERE"}, "no NOT_THERE"),
        ({"api_key_file": "/nowhere/key"}, "cannot be read"),
    ],
)
def test_a_key_that_is_not_there_is_said_by_the_name_of_its_place(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        resolve("http://localhost/v1", **settings)


def test_a_key_with_a_line_break_is_refused_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-a\r\nX-Evil: 1")
    with pytest.raises(UsageError) as caught:
        resolve("http://localhost/v1", api_key_file=str(tmp_path / "key"))
    assert "sk-a" not in str(caught.value)


def test_a_key_is_taken_out_of_text() -> None:
    found = resolve("http://localhost/v1", {"K": "sk-12"}, api_key_env="K")
    assert found.redact("wrong key sk-12!") == "wrong key ***!"
    assert resolve("http://localhost/v1").redact("no key") == "no key"
