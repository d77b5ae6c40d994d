"""Settings: defaults < config.toml < LIBRARIAN_* environment < flags, merged into one frozen Config.

    tables of frozen dataclasses (below)  --fields-->  dotted keys such as `stages.extract.workers`
    config.toml, environment, flags       --checked against the fields' types-->  load() -> Config

Every key has an environment twin: `stages.extract.workers` is LIBRARIAN_STAGES_EXTRACT_WORKERS.
"""

import dataclasses
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from librarian_cli.errors import EnvironmentFault, UsageError
from librarian_cli.models import ReadLimits

APP = "librarian"
PREFIX = "LIBRARIAN_"
Workers = int | str
"""A count of workers, or "auto" (from the cores of this machine)."""


@dataclass(frozen=True, slots=True)
class StageSettings:
    """How a stage runs: its workers, and how often a task is tried that fails for what may pass."""

    workers: Workers = "auto"
    max_attempts: int = 2


@dataclass(frozen=True, slots=True)
class ProcessSettings(StageSettings):
    """A stage in processes, and when a hung or hungry one is stopped."""

    silence_seconds: float = 30.0
    total_seconds: float = 120.0
    seconds_per_page: float = 0.1
    max_total_seconds: float = 600.0
    memory_mb: int = 1024
    max_tasks_per_child: int = 200


@dataclass(frozen=True, slots=True)
class ChunkSettings(ProcessSettings):
    """The chunk stage, and how long a chunk may be."""

    max_chars: int = 1000


@dataclass(frozen=True, slots=True)
class IndexSettings(ProcessSettings):
    """The index task: the library's own vectors."""

    dimensions: int = 128
    max_fit_chunks: int = 10_000
    refit_growth: float = 0.25
    memory_mb: int = 2048
    silence_seconds: float = 300.0
    max_total_seconds: float = 3600.0
    total_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Stages:
    """Settings of each stage."""

    schema: StageSettings = field(default_factory=StageSettings)
    extract: ProcessSettings = field(default_factory=ProcessSettings)
    chunk: ChunkSettings = field(default_factory=ChunkSettings)
    audit: StageSettings = field(default_factory=StageSettings)
    index: IndexSettings = field(default_factory=IndexSettings)


@dataclass(frozen=True, slots=True)
class LibrarySettings:
    """Where the library is."""

    path: str = ""


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """Which files are taken, and how sure a proposal must be to pass without a person."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hidden: bool = False
    approve_confidence: float = 0.85
    pages_per_range: int = 128


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is under way at once, and on waits. `profile` sets how many books may be."""

    profile: str = "auto"
    in_flight_mb: int = 96
    lock_wait_seconds: float = 30.0
    grace_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How results are ranked: the share of the vectors' score in a hybrid search."""

    vector_weight: float = 0.15
    limit: int = 10


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of one run."""

    library: LibrarySettings = field(default_factory=LibrarySettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    stages: Stages = field(default_factory=Stages)
    limits: Limits = field(default_factory=Limits)
    read: ReadLimits = field(default_factory=ReadLimits)
    search: SearchSettings = field(default_factory=SearchSettings)
    passwords: Mapping[str, str] = field(default_factory=dict)
    """File name pattern -> password of encrypted PDFs."""

    @property
    def library_path(self) -> Path:
        """The library's folder, absolute."""
        chosen = self.library.path or platformdirs.user_data_dir(APP, appauthor=False)
        return Path(chosen).expanduser().absolute()


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
    for key, value in _flatten_tables(_read_toml(path), found):
        found[key] = Setting(key, _checked(key, value, found, str(path)), "file")
    for key in tuple(found):
        name = environment_name(key)
        if name in os.environ:
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
    if not key.startswith("passwords.") and key not in known:
        raise UsageError(f"unknown setting {key!r}; `librarian config show` lists all of them")
    value = text if key.startswith("passwords.") else _parse(text, _default_of(key))
    return _checked(key, value, known, "config set")


def set_value(key: str, value: Any) -> tuple[Path, bool]:
    """Write a checked value to config.toml. Returns: the file, and whether its comments and layout were kept.

    A line that is there is replaced, a new one goes under its table; where that does not give the wanted result
    (tables written in one line, say) the file is written anew.
    """
    import tomli_w

    path = config_path()
    wanted = _read_toml(path)
    table, _, name = key.rpartition(".")
    if key.startswith("passwords."):
        table, name = "passwords", key.split(".", 1)[1]
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
            if isinstance(value, dict) and key != "passwords":
                pending.append((key + ".", value))
            elif isinstance(value, dict):
                yield from ((f"passwords.{pattern}", str(secret)) for pattern, secret in value.items())
            else:
                yield key, value


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise UsageError(f"{path}: not a readable TOML file ({exc}); mend or remove it") from exc


def _default_of(key: str) -> Any:
    return dict(_flatten(Config()))[key]


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
    if key.startswith("passwords."):
        return value
    if key not in known:
        raise UsageError(f"{source}: unknown setting {key!r}; `librarian config show` lists all of them")
    default = _default_of(key)
    if isinstance(value, list):
        value = tuple(value)
    if not _fits(key, value, default):
        raise UsageError(f"{source}: {key} = {value!r} is not allowed; expected {_expected(key, default)}")
    return float(value) if isinstance(default, float) else value


def _fits(key: str, value: Any, default: Any) -> bool:
    if key.endswith(".workers"):
        return value == "auto" or (_is_int(value) and 1 <= value <= 1024)
    if key == "limits.profile":
        return value in ("auto", "gentle")
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if key in ("ingest.approve_confidence", "search.vector_weight"):
        return isinstance(value, int | float) and 0 <= value <= 1
    if isinstance(default, int):
        return _is_int(value) and value > 0
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(isinstance(part, str) for part in value)
    return isinstance(value, str)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _expected(key: str, default: Any) -> str:
    if key.endswith(".workers"):
        return '"auto" or a whole number from 1'
    if key == "limits.profile":
        return '"auto" or "gentle"'
    if key in ("ingest.approve_confidence", "search.vector_weight"):
        return "a number from 0 to 1"
    names = {
        bool: "true or false",
        int: "a whole number above 0",
        float: "a number from 0",
        tuple: "a list of patterns",
    }
    return names.get(type(default), "text")


def _build(cls: type[Any], prefix: str, values: Mapping[str, Any]) -> Any:
    arguments: dict[str, Any] = {}
    for item in fields(cls):
        key = prefix + item.name
        if key == "passwords":
            arguments[item.name] = {k.split(".", 1)[1]: v for k, v in values.items() if k.startswith("passwords.")}
        elif key in values:
            arguments[item.name] = values[key]
        else:
            arguments[item.name] = _build(item.default_factory, key + ".", values)  # type: ignore[arg-type]  # a table's factory is its class
    return cls(**arguments)
