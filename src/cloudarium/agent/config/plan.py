"""What an agent is to do, after a configuration has been read and found right."""

from __future__ import annotations

from dataclasses import dataclass, field

NO_RETENTION = -1


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are published: those that match (or do not match) every filter of a file."""

    include: bool
    expression: str


@dataclass(frozen=True, slots=True)
class FilePlan:
    """One entry of ``collect_list``, or one section of ``awslogs.conf``. Names may still hold placeholders."""

    path: str
    group: str | None
    stream: str
    group_class: str | None = None
    retention: int = NO_RETENTION
    timestamp_format: str | None = None
    utc: bool = False
    trim_timestamp: bool = False
    start_pattern: str | None = None
    encoding: str = "utf_8"
    filters: tuple[Filter, ...] = ()
    blacklist: str | None = None
    every_file: bool = False
    auto_removal: bool = False
    release_files: bool = False
    from_end: bool = False
    fingerprint_lines: tuple[int, int] | None = None
    flush_seconds: float = 5.0
    batch_events: int = 10_000
    batch_bytes: int = 1_048_576
    event_bytes: int = 1_048_576 - 26
    skip_long: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A metric to publish: ``name`` with its prefix (``cpu_usage_idle``), what to call it, and a unit of its own."""

    name: str
    rename: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class CollectorPlan:
    """One subsection of ``metrics_collected``."""

    kind: str
    interval: int
    measurements: tuple[Measurement, ...] = ()
    resources: tuple[str, ...] | None = None
    dimensions: tuple[tuple[str, str], ...] = ()
    dropped: frozenset[str] = frozenset()
    total_cpu: bool = True
    ignored_file_systems: frozenset[str] = frozenset()
    drop_device: bool = False
    finder: tuple[str, str] = ("", "")
    address: str = ""
    aggregation: int = 60
    prefix: str = ""
    typesdb: tuple[str, ...] = ()
    separator: str = "_"


@dataclass(frozen=True, slots=True)
class MetricsPlan:
    """The ``metrics`` section."""

    namespace: str = "CWAgent"
    dimensions: tuple[tuple[str, str], ...] = ()
    aggregations: tuple[tuple[str, ...], ...] = ()
    flush_seconds: int = 60
    endpoint: str | None = None
    role: str | None = None
    collectors: tuple[CollectorPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class LogsPlan:
    """The ``logs`` section, or the whole of an ``awslogs.conf``."""

    files: tuple[FilePlan, ...] = ()
    endpoint: str | None = None
    role: str | None = None
    gzip: bool = True
    state_file: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one agent does."""

    region: str | None = None
    logfile: str | None = None
    debug: bool = False
    user: str | None = None
    omit_hostname: bool = False
    dual_stack: bool = False
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    logs: LogsPlan | None = None
    metrics: MetricsPlan | None = None
