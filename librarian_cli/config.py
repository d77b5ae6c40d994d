"""Settings: defaults < config.toml < LIBRARIAN_* environment < flags, merged into one frozen Config.

    tables of frozen dataclasses (settings.py)  --fields-->  dotted keys such as `stages.extract.workers`
    config.toml, environment, flags             --checked against the fields' types-->  load() -> Config

Every key has an environment twin: `stages.extract.workers` is LIBRARIAN_STAGES_EXTRACT_WORKERS. Those of tables
whose names are the user's own have none.
"""

import dataclasses
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import platformdirs

from librarian_cli.errors import UsageError
from librarian_cli.settings import APP, EMBEDDERS, QUEUES, Config

PREFIX = "LIBRARIAN_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key with its value and where that came from: default, file, environment or flag."""

    key: str
    value: Any
    origin: str


def config_path() -> Path:
    """Where config.toml is read from: LIBRARIAN_CONFIG, else the user's configuration folder."""
    chosen = os.environ.get(PREFIX + "CONFIG")
    return Path(chosen) if chosen else Path(platformdirs.user_config_dir(APP, appauthor=False)) / "config.toml"


def load(flags: Mapping[str, Any] | None = None) -> Config:
    """Merge all sources of settings.

    Raises: UsageError: an unknown key or a value of the wrong type; it names the source and the key.
    """
    config: Config = _build(Config, "", {setting.key: setting.value for setting in settings(flags)})
    return config


def settings(flags: Mapping[str, Any] | None = None) -> tuple[Setting, ...]:
    """Every key in effect with its origin, in the order of Config."""
    found = {key: Setting(key, value, "default") for key, value in _flatten(Config())}
    path = config_path()
    for key, value in _flatten_tables(read_file(path), found):
        found[key] = Setting(key, _checked(key, value, found, str(path)), "file")
    for key in tuple(found):
        name = environment_name(key)
        if name in os.environ and table_of(key) is None:
            value = _parse(os.environ[name], found[key].value)
            found[key] = Setting(key, _checked(key, value, found, name), "environment")
    for key, value in (flags or {}).items():
        if value is not None:
            found[key] = Setting(key, _checked(key, value, found, "option"), "flag")
    return tuple(found.values())


def environment_name(key: str) -> str:
    """The environment twin of a key."""
    return PREFIX + ("LIBRARY" if key == "library.path" else key.upper().replace(".", "_"))


def check_value(key: str, text: str) -> Any:
    """Turn what a person typed for `key` into its typed value.

    Raises: UsageError: unknown key or wrong type.
    """
    known = {setting.key: setting for setting in settings()}
    if table_of(key) is None and key not in known:
        raise UsageError(f"unknown setting {key!r}; `librarian config show` lists all of them")
    return _checked(key, _parse(text, _default_of(key)), known, "config set")


def table_of(key: str) -> str | None:
    """The table of free names that a key belongs to, such as `passwords`; None for all other keys."""
    table = key.split(".", 1)[0]
    return table if table in _FREE_TABLES and "." in key else None


def read_file(path: Path) -> dict[str, Any]:
    """The tables of config.toml, none where there is no such file. Raises: UsageError: it is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise UsageError(f"{path}: not a readable TOML file ({exc}); mend or remove it") from exc


def _flatten(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for item in fields(config):
        value = getattr(config, item.name)
        if dataclasses.is_dataclass(value):
            yield from _flatten(value, f"{prefix}{item.name}.")
        elif not isinstance(value, Mapping):
            yield prefix + item.name, value


def _flatten_tables(table: Mapping[str, Any], known: Mapping[str, Setting]) -> Iterator[tuple[str, Any]]:
    pending = [("", table)]
    while pending:
        prefix, current = pending.pop(0)
        for name, value in current.items():
            key = prefix + name
            if isinstance(value, dict) and key not in _FREE_TABLES:
                pending.append((key + ".", value))
            elif isinstance(value, dict):
                yield from ((f"{key}.{free}", item) for free, item in value.items())
            else:
                yield key, value


def _default_of(key: str) -> Any:
    table = table_of(key)
    return _FREE_TABLES[table] if table else dict(_flatten(Config()))[key]


def _parse(text: str, default: Any) -> Any:
    """Read text as the default's type; text that does not fit is left for `_checked` to refuse."""
    if isinstance(default, tuple):
        return tuple(part for part in text.split(os.pathsep) if part)
    if isinstance(default, bool):
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(text.lower(), text)
    if isinstance(default, str) and default != "auto":
        return text
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _checked(key: str, value: Any, known: Mapping[str, Setting], source: str) -> Any:
    if table_of(key) is None and key not in known:
        raise UsageError(f"{source}: unknown setting {key!r}; `librarian config show` lists all of them")
    default = _default_of(key)
    if isinstance(value, list):
        value = tuple(value)
    rule = _rule_of(key, default)
    if not rule.fits(value):
        raise UsageError(f"{source}: {key} = {value!r} is not allowed; expected {rule.expected}")
    return float(value) if isinstance(default, float) else value


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a setting's value must be, for the machine and for a person."""

    fits: Callable[[Any], bool]
    expected: str


def _rule_of(key: str, default: Any) -> _Rule:
    if key in _CHOICES:
        words = _CHOICES[key]
        return _Rule(words.__contains__, " or ".join(f'"{word}"' for word in words))
    if key in _SHARES:
        return _Rule(lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1")
    if default == "auto":
        most = _MOST.get(key, 1024)
        return _Rule(lambda value: value == "auto" or (_is_int(value) and 1 <= value <= most), f'"auto" or 1 to {most}')
    return _TYPES[type(default)]


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_int(value) or isinstance(value, float)


_FREE_TABLES: Mapping[str, str | int] = {"passwords": "", "concurrency_groups": "", "concurrency_limits": 1}
"""Tables whose names are the user's own, each with a value of the type that it holds."""
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "limits.profile": ("auto", "gentle"),
    "limits.prefer": ("begun", *QUEUES),
    "ingest.order_groups": ("none", "folder", "author"),
    "embedder.kind": EMBEDDERS,
}
_MOST: Mapping[str, int] = {"embedder.dimensions": 8192}
_SHARES = frozenset({"ingest.approve_confidence", "search.vector_weight", "embedder.vector_weight"})
_TYPES: Mapping[type, _Rule] = {
    bool: _Rule(lambda value: isinstance(value, bool), "true or false"),
    int: _Rule(lambda value: _is_int(value) and value > 0, "a whole number above 0"),
    float: _Rule(lambda value: _is_number(value) and 0 <= value < float("inf"), "a number from 0"),
    str: _Rule(lambda value: isinstance(value, str), "text"),
    tuple: _Rule(lambda value: isinstance(value, tuple) and all(isinstance(p, str) for p in value), "a list of texts"),
}


def _build(cls: type[Any], prefix: str, values: Mapping[str, Any]) -> Any:
    arguments: dict[str, Any] = {}
    for item in fields(cls):
        key = prefix + item.name
        if key in _FREE_TABLES:
            arguments[item.name] = {k.split(".", 1)[1]: v for k, v in values.items() if k.startswith(f"{key}.")}
        elif key in values:
            arguments[item.name] = values[key]
        else:
            arguments[item.name] = _build(item.default_factory, key + ".", values)  # type: ignore[arg-type]  # a table's factory is its class
    return cls(**arguments)
