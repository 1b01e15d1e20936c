"""The ``logs`` section of a configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.agent.config import checks
from cloudarium.agent.config.encodings import agent_encoding
from cloudarium.agent.config.names import unknown_placeholder
from cloudarium.agent.config.plan import FilePlan, Filter, LogsPlan
from cloudarium.agent.config.problems import under
from cloudarium.agent.logs.events import compile_pattern
from cloudarium.agent.logs.globs import Glob
from cloudarium.agent.logs.timestamps import Timestamps

_NAME = checks.text(512)
_SECTION: Mapping[str, checks.Check | None] = {
    "logs_collected": None,
    "log_stream_name": _NAME,
    "force_flush_interval": checks.interval,
    "credentials": None,
    "endpoint_override": checks.text(2048, 4),
}
_ENTITY = "entities of Application Signals are not built"
_SECTION_REFUSED = {
    "metrics_collected": "embedded metrics, Container Insights, Prometheus and Application Signals are not built",
    "service.name": _ENTITY,
    "deployment.environment": _ENTITY,
    "concurrency": "batches of different streams are always sent at the same time, those of one stream one by one",
}
_COLLECTED_REFUSED = {
    "windows_events": "this agent runs on Linux",
    "application_signals": "Application Signals are not built",
}
_RETENTION = (
    -1,
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
_ENTRY: Mapping[str, checks.Check | None] = {
    "file_path": checks.text(),
    "log_group_name": _NAME,
    "log_stream_name": _NAME,
    "log_group_class": checks.one_of("STANDARD", "INFREQUENT_ACCESS", "DELIVERY"),
    "multi_line_start_pattern": checks.text(),
    "timestamp_format": checks.text(),
    "timezone": checks.one_of("Local", "LOCAL", "UTC"),
    "trim_timestamp": checks.flag,
    "encoding": checks.text(),
    "auto_removal": checks.flag,
    "backpressure_mode": checks.one_of("fd_release"),
    "blacklist": checks.text(),
    "publish_multi_logs": checks.flag,
    "retention_in_days": checks.one_of(*_RETENTION),
    "filters": None,
}
_ENTRY_REFUSED = {"service.name": _ENTITY, "deployment.environment": _ENTITY}


def parse(section: Any, problems: list[str]) -> LogsPlan:
    """The plan of the section; what is wrong with it goes to ``problems``."""
    path = "/logs"
    good = checks.fields(section, path, _SECTION, problems, required=["logs_collected"], refused=_SECTION_REFUSED)
    if wrong := unknown_placeholder(good.get("log_stream_name", "")):
        problems.append(under(f"{path}/log_stream_name", f"{wrong} is no placeholder of a log stream name"))
    role = checks.fields(
        good.get("credentials", {}), f"{path}/credentials", {"role_arn": checks.text(2048, 20)}, problems
    )
    collected = checks.fields(
        good.get("logs_collected", {}), f"{path}/logs_collected", {"files": None}, problems, refused=_COLLECTED_REFUSED
    )
    files = f"{path}/logs_collected/files"
    listed = checks.fields(
        collected.get("files", {"collect_list": []}), files, {"collect_list": None}, problems, required=["collect_list"]
    ).get("collect_list", [])
    plans: list[FilePlan] = []
    if not isinstance(listed, list) or len(listed) > 16_384 or (not listed and "files" in collected):
        problems.append(under(f"{files}/collect_list", "Must be an array of 1 to 16384 items"))
        listed = []
    for number, entry in enumerate(listed):
        here = f"{files}/collect_list/{number}"
        if entry in listed[:number]:
            problems.append(under(here, "Array items must be unique"))
        plan = _entry(entry, here, good, problems)
        if plan is None:
            continue
        if any(plan.key == other.key for other in plans):
            problems.append(under(here, f"{plan.path} is sent to the same log stream twice"))
        plans.append(plan)
    return LogsPlan(tuple(plans), good.get("endpoint_override"), role.get("role_arn"))


def _entry(entry: Any, path: str, section: Mapping[str, Any], problems: list[str]) -> FilePlan | None:
    before = len(problems)
    good = checks.fields(entry, path, _ENTRY, problems, required=["file_path"], refused=_ENTRY_REFUSED)
    filters = _filters(good.get("filters", []), f"{path}/filters", problems)
    for name in ("log_group_name", "log_stream_name"):
        wrong = unknown_placeholder(good.get(name, ""))
        if wrong:
            problems.append(under(f"{path}/{name}", f"{wrong} is no placeholder of a log group or stream name"))
    encoding = agent_encoding(good.get("encoding", "utf-8"))
    if encoding is None:
        problems.append(under(f"{path}/encoding", f"{good['encoding']} is not a supported encoding"))
    start, form = good.get("multi_line_start_pattern"), good.get("timestamp_format")
    if start == "{timestamp_format}" and form is None:
        problems.append(under(f"{path}/multi_line_start_pattern", "{timestamp_format} needs timestamp_format"))
    utc = good.get("timezone") == "UTC"
    attempts: list[tuple[str, Any]] = [("file_path", lambda: Glob(good["file_path"]) if "file_path" in good else None)]
    if form is not None:
        attempts.append(("timestamp_format", lambda: Timestamps(form, utc=utc)))
    if start is not None and start != "{timestamp_format}":
        attempts.append(("multi_line_start_pattern", lambda: compile_pattern(start)))
    if "blacklist" in good:
        attempts.append(("blacklist", lambda: compile_pattern(good["blacklist"])))
    for name, attempt in attempts:
        try:
            attempt()
        except ValueError as error:
            problems.append(under(f"{path}/{name}", str(error)))
    if len(problems) > before:
        return None
    stream = good.get("log_stream_name") or section.get("log_stream_name") or "{instance_id}"
    return FilePlan(
        path=good["file_path"],
        group=good.get("log_group_name"),
        stream=stream,
        group_class=good.get("log_group_class"),
        retention=good.get("retention_in_days", -1),
        timestamp_format=form,
        utc=utc,
        trim_timestamp=good.get("trim_timestamp", False),
        start_pattern=start,
        encoding=encoding or "utf-8",
        filters=filters,
        blacklist=good.get("blacklist"),
        every_file=good.get("publish_multi_logs", False),
        auto_removal=good.get("auto_removal", False),
        release_files="backpressure_mode" in good,
        flush_seconds=float(section.get("force_flush_interval", 5)),
        key="\n".join((good["file_path"], good.get("log_group_name") or "", stream)),
    )


def _filters(listed: Any, path: str, problems: list[str]) -> tuple[Filter, ...]:
    if not isinstance(listed, list):
        problems.append(under(path, f"Invalid type. Expected: array, given: {checks.kind(listed)}"))
        return ()
    table: Mapping[str, checks.Check | None] = {
        "type": checks.one_of("include", "exclude"),
        "expression": checks.text(4096, 0),
    }
    found = []
    for number, item in enumerate(listed):
        here = f"{path}/{number}"
        good = checks.fields(item, here, table, problems, required=["type", "expression"])
        if len(good) < 2:
            continue
        try:
            compile_pattern(good["expression"])
        except ValueError as error:
            problems.append(under(f"{here}/expression", str(error)))
        found.append(Filter(good["type"] == "include", good["expression"]))
    return tuple(found)
