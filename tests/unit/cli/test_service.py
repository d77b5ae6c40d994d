"""A service manager is told what goes on, by its own protocol, where there is one."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from librarian_cli.cli import service


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.settimeout(5.0)
        yield opened


@pytest.fixture
def manager(listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    listener.bind("notify")
    monkeypatch.setenv("NOTIFY_SOCKET", "notify")
    return listener


def test_it_hears_that_the_start_is_over_with_a_text_for_people(manager: socket.socket) -> None:
    service.ready("watching 2 folders")
    assert manager.recv(1000) == b"READY=1\nSTATUS=watching 2 folders"


def test_it_hears_of_a_reload_and_when_it_began(manager: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    service.reloading()
    first, second = manager.recv(1000).decode().split("\n")
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


def test_it_hears_that_the_end_has_begun(manager: socket.socket) -> None:
    service.stopping()
    assert manager.recv(1000) == b"STOPPING=1"


@pytest.mark.skipif(not Path("/proc/net/unix").exists(), reason="abstract sockets are Linux' own")
def test_its_socket_may_be_abstract(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"librarian-test-{os.getpid()}"
    listener.bind(f"\0{name}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    service.stopping()
    assert listener.recv(1000) == b"STOPPING=1"


@pytest.mark.parametrize("address", [None, "", "/nowhere/notify"])
def test_without_one_or_with_one_that_is_gone_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    service.ready("")
    service.reloading()
    service.stopping()
