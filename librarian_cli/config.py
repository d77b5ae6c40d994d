"""Settings: defaults < config.toml < LIBRARIAN_* environment < flags, merged into one frozen Config.

    tables of frozen dataclasses (below)  --fields-->  dotted keys such as `stages.extract.workers`
    config.toml, environment, flags       --checked against the fields' types-->  load() -> Config

Every key has an environment twin: `stages.extract.workers` is LIBRARIAN_STAGES_EXTRACT_WORKERS. Those of tables
whose names are the user's own have none.
"""

import dataclasses
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs

from librarian_cli.errors import UsageError
from librarian_cli.models import ReadLimits

APP = "librarian"
PREFIX = "LIBRARIAN_"
Workers = int | str
"""A count of workers, or "auto" (from the cores of this machine)."""
Count = int | str
"""A count, or "auto"."""

QUEUES = ("schema", "ingestion", "trust_audit")
EMBEDDERS = ("lsa", "openai", "model2vec", "sentence-transformers")


@dataclass(frozen=True, slots=True)
class StageSettings:
    """How a stage runs: its workers, and how often, after what wait, a task is tried that fails for what may pass.

    The wait doubles with every attempt, up to the longest.
    """

    workers: Workers = "auto"
    max_attempts: int = 2
    retry_seconds: float = 0.2
    max_retry_seconds: float = 60.0


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
class EnrichSettings(ProcessSettings):
    """The enrich stage: keyphrases, summaries, names. A book is whole without it."""

    enabled: bool = True
    silence_seconds: float = 120.0
    memory_mb: int = 2048
    max_tasks_per_child: int = 2000


@dataclass(frozen=True, slots=True)
class AuditSettings(StageSettings):
    """The audit stage, and how long one book's may take."""

    total_seconds: float = 120.0


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
    enrich: EnrichSettings = field(default_factory=EnrichSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
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
    order_groups: str = "none"
    """What puts books into one order group, of which one is ingested after the other: none, folder or author."""
    pages_per_range: int = 128
    sweep_days: float = 30.0
    """How long a book is kept of which every file was deleted."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How `watch` learns of changes, and how long a file must stand still before it is taken."""

    settle_seconds: float = 5.0
    rescan_seconds: float = 300.0
    poll: bool = False
    poll_seconds: float = 10.0
    grace_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is under way at once, and on waits.

    The caps count books, over every process; `profile` sets those that are "auto".
    """

    profile: str = "auto"
    schema: Count = "auto"
    ingestion: Count = "auto"
    trust_audit: Count = "auto"
    total: Count = "auto"
    prefer: str = "begun"
    """Which queue gets free capacity first; "begun": whatever brings books nearest to their end."""
    in_flight_mb: int = 96
    lock_wait_seconds: float = 30.0
    lease_seconds: float = 60.0
    grace_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class LogSettings:
    """The log file of a watch, which rotates. An empty path: the user's folder for logs."""

    path: str = ""
    max_mb: int = 5
    keep: int = 3


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """How much is kept of activity, agents and jobs, in rows of each and in days."""

    max_rows: int = 100_000
    max_days: float = 90.0


@dataclass(frozen=True, slots=True)
class HookSettings:
    """Commands for /bin/sh that are told what happened, empty for none, and how long each may take."""

    on_book_ingested: str = ""
    on_failure: str = ""
    on_run_finished: str = ""
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How results are ranked: the share of the vectors' score in a hybrid search."""

    vector_weight: float = 0.25
    limit: int = 10


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """The server of a model: where it is, what it may be sent, and how patient we are with it.

    Rates and the price are 0 where there is none. No key stands here, only where it is found.
    """

    url: str = ""
    model: str = ""
    api_key_env: str = ""
    api_key_file: str = ""
    allow_remote: bool = False
    timeout_seconds: float = 60.0
    """For one answer."""
    patience_seconds: float = 30.0
    """For one request with all its tries."""
    concurrency: int = 4
    requests_per_minute: float = 0.0
    tokens_per_minute: float = 0.0
    price_per_million_tokens: float = 0.0


@dataclass(frozen=True, slots=True)
class EmbedderSettings(EndpointSettings):
    """What makes the vectors: the built-in one, or a model from outside."""

    kind: str = "lsa"
    dimensions: Count = "auto"
    batch_size: int = 32
    document_prefix: str = ""
    query_prefix: str = ""
    query_timeout_seconds: float = 2.0
    recheck_seconds: float = 300.0
    """How long a watch waits before it asks again a server that was down."""
    vector_weight: float = 0.5
    """The share of a model's cosine in a hybrid search."""


@dataclass(frozen=True, slots=True)
class LlmSettings(EndpointSettings):
    """The language model that describes books when it is asked to; none by default."""

    timeout_seconds: float = 300.0
    patience_seconds: float = 300.0
    concurrency: int = 1
    max_input_chars: int = 12_000
    """Of a book that are sent, spread over all of it."""


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of one run."""

    library: LibrarySettings = field(default_factory=LibrarySettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    stages: Stages = field(default_factory=Stages)
    watch: WatchSettings = field(default_factory=WatchSettings)
    limits: Limits = field(default_factory=Limits)
    read: ReadLimits = field(default_factory=ReadLimits)
    search: SearchSettings = field(default_factory=SearchSettings)
    embedder: EmbedderSettings = field(default_factory=EmbedderSettings)
    llm: LlmSettings = field(default_factory=LlmSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    hooks: HookSettings = field(default_factory=HookSettings)
    log: LogSettings = field(default_factory=LogSettings)
    passwords: Mapping[str, str] = field(default_factory=dict)
    """File name pattern -> password of encrypted PDFs."""
    concurrency_groups: Mapping[str, str] = field(default_factory=dict)
    """Pattern of order groups -> the concurrency group that they share."""
    concurrency_limits: Mapping[str, int] = field(default_factory=dict)
    """Concurrency group -> books of it that may be under way at once; 1 where it is not named."""

    @property
    def library_path(self) -> Path:
        """The library's folder, absolute."""
        chosen = self.library.path or platformdirs.user_data_dir(APP, appauthor=False)
        return Path(chosen).expanduser().absolute()

    @property
    def log_path(self) -> Path:
        """The log file of a watch, absolute."""
        default = Path(platformdirs.user_log_dir(APP, appauthor=False)) / "watch.log"
        return Path(self.log.path).expanduser().absolute() if self.log.path else default


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
