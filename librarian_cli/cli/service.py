"""Telling a service manager how a long-running command is (systemd's sd_notify protocol). Without one, nothing."""

import logging
import os
import socket
import time

logger = logging.getLogger(__name__)

_VARIABLE = "NOTIFY_SOCKET"


def ready(status: str) -> None:
    """Say that the start, or a reload, is over."""
    _notify(f"READY=1\nSTATUS={status}")


def reloading() -> None:
    """Say that the settings are being read anew."""
    _notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping() -> None:
    """Say that the end has begun."""
    _notify("STOPPING=1")


def _notify(message: str) -> None:
    address = os.environ.get(_VARIABLE, "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.connect(address)
            manager.sendall(message.encode())
    except OSError as exc:  # a manager that is gone is no reason to end
        logger.debug("%s cannot be told: %s", address, exc)
