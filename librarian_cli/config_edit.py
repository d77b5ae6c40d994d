"""Changing config.toml, with the comments and the order that a person gave it."""

import re
import tomllib
from pathlib import Path
from typing import Any

from librarian_cli import config
from librarian_cli.errors import EnvironmentFault


def set_value(key: str, value: Any) -> tuple[Path, bool]:
    """Write a checked value to config.toml. Returns: the file, and whether its comments and layout were kept.

    A line that is there is replaced, a new one goes under its table; where that does not give the wanted result
    (tables written in one line, say) the file is written anew.
    """
    import tomli_w

    path = config.config_path()
    wanted = config.read_file(path)
    table, _, name = key.rpartition(".")
    if free := config.table_of(key):
        table, name = free, key.split(".", 1)[1]
    inner = wanted
    for part in table.split("."):
        inner = inner.setdefault(part, {})
    inner[name] = list(value) if isinstance(value, tuple) else value
    line = tomli_w.dumps({name: inner[name]})
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    edited = _edit(text, table, line)
    kept = _parses_to(edited, wanted)
    _replace_file(path, edited if kept else tomli_w.dumps(wanted))
    return path, kept


def _edit(text: str, table: str, line: str) -> str:
    lines = text.splitlines(keepends=True)
    header = next((n for n, old in enumerate(lines) if old.strip() == f"[{table}]"), None)
    if header is None:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}[{table}]\n{line}"
    name = line.split("=", 1)[0].strip()
    for number in range(header + 1, len(lines)):
        if lines[number].lstrip().startswith("["):
            break
        if lines[number].split("=", 1)[0].strip() == name:
            lines[number] = line.rstrip("\n") + _comment_of(lines[number]) + "\n"
            return "".join(lines)
    if not lines[header].endswith("\n"):
        lines[header] += "\n"
    return "".join([*lines[: header + 1], line, *lines[header + 1 :]])


def _comment_of(line: str) -> str:
    """The comment behind a value, with what stands before it."""
    for place in (match.start() for match in re.finditer(r"\s*#", line)):
        try:
            tomllib.loads(line[:place])
        except tomllib.TOMLDecodeError:
            continue
        return line[place:].rstrip("\n")
    return ""


def _parses_to(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _replace_file(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o600)  # it may hold passwords
        fresh.replace(path)
    except OSError as exc:
        raise EnvironmentFault(f"{path}: cannot be written ({exc.strerror}); check its permissions") from exc
