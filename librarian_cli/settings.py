"""What can be set: tables of frozen dataclasses, whose fields give the dotted keys such as `stages.extract.workers`.

Where the values come from is `config.py`'s concern.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from librarian_cli.models import ReadLimits

APP = "librarian"
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
