"""Which server may be asked, and with which key.

A server is on this machine unless the settings allow others. A key comes from the environment or a file, never from
config.toml, and is taken out of whatever is shown.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from librarian_cli.errors import UsageError
from librarian_cli.settings import EndpointSettings


@dataclass(frozen=True, slots=True)
class Address:
    """Where requests go. `base` has no `/` at its end, `key` is empty for none."""

    base: str
    host: str
    """With its port, as it is shown and stored."""
    key: str

    def redact(self, text: str) -> str:
        """Take the key out of text that will be shown."""
        return text.replace(self.key, "***") if self.key else text


def resolve(settings: EndpointSettings, table: str, environment: Mapping[str, str] = os.environ) -> Address:
    """Check the address and fetch the key; `table` is the settings' name in config.toml.

    Raises: UsageError: no such address or key, or one that is not allowed; it names the setting.
    """
    key = f"{table}.url"
    if not settings.url:
        raise UsageError(f'{key} is not set; give the server\'s address, such as "http://127.0.0.1:11434/v1"')
    try:
        parts = urlsplit(settings.url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise UsageError(f"{key} is no address ({exc})") from exc
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"{key} is no address; it begins with http:// or https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageError(f"{key} may hold no user, query or fragment; a key belongs to {table}.api_key_file")
    if not settings.allow_remote and not _is_loopback(host):
        raise UsageError(
            f"{key} is on another machine ({host}), to which the text of your books would be sent;"
            f" set {table}.allow_remote = true to allow that"
        )
    shown = f"[{host}]" if ":" in host else host
    return Address(settings.url.rstrip("/"), f"{shown}:{port}" if port else shown, _key(settings, table, environment))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _key(settings: EndpointSettings, table: str, environment: Mapping[str, str]) -> str:
    if settings.api_key_env:
        key = environment.get(settings.api_key_env, "").strip()
        if not key:
            raise UsageError(f"{table}.api_key_env: the environment has no {settings.api_key_env}")
    elif settings.api_key_file:
        path = Path(settings.api_key_file).expanduser()
        try:
            key = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise UsageError(f"{table}.api_key_file: {path} cannot be read ({exc})") from exc
        if not key:
            raise UsageError(f"{table}.api_key_file: {path} is empty")
    else:
        return ""
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"{table}: the key has characters that no key has")
    return key
