"""Fields that are found in events without being told: of JSON, Lambda, VPC flow logs and Route 53.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
"""

from __future__ import annotations

from collections.abc import Sequence

from cloudarium.services.logs.insights.compile.sql import Kind, literal

SYSTEM: dict[str, tuple[str, Kind]] = {
    "@timestamp": ("time", "time"),
    "@ingestionTime": ("ingested", "time"),
    "@message": ("message", "text"),
    "@logStream": ("stream_name", "text"),
    "@log": ("log", "text"),
    "@aws.account": ("account", "text"),
    "@aws.region": ("region", "text"),
}
"""Columns of ``events`` joined with ``streams``."""

_FLOW_NAMES = (
    "version", "accountId", "interfaceId", "srcAddr", "dstAddr", "srcPort", "dstPort", "protocol", "packets", "bytes",
    "start", "end", "action", "logStatus",
)  # fmt: skip
_FLOW = literal(
    r"\d+ (?:\d{12}|unknown) (?:eni-\S+|-) \S+ \S+ \S+ \S+ \S+ \S+ \S+ \d+ \d+ "
    r"(?:ACCEPT|REJECT|-) (?:OK|NODATA|SKIPDATA)\s*"
)
_ROUTE53_NAMES = (
    "version", "queryTimestamp", "hostZoneId", "queryName", "queryType", "responseCode", "protocol", "edgeLocation",
    "resolverIp", "ednsClientSubnet",
)  # fmt: skip
_ROUTE53 = literal(r"\d+\.\d+ \d{4}-\d\d-\d\dT\S+ Z\S+ \S+ \S+ \S+ (?:UDP|TCP|TLS|HTTPS) \S+ \S+ \S+\s*")
_MOST_PARTED = 4
_ALSO = {"startTime": "start", "endTime": "end"}
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_REPORT = r"(?s)^REPORT RequestId: \S+\s.*?"
"""What traces say is on a line of its own in the same event."""


def _found(pattern: str, group: int = 1) -> str:
    return f"NULLIF(regexp_extract({{message}}, {literal(pattern)}, {group}), '')"


def _megabytes(what: str) -> str:
    # AWS gives bytes, of which a megabyte has a million.
    found = _found(rf"{_REPORT}\b{what}: (\d+) MB")
    return f"CAST(CAST({found} AS BIGINT) * 1000000 AS VARCHAR)"


_IN_LINE = _found(f"^(?:[^\t]*\t){{1,2}}({_UUID})\t")
"""After the time, and in Python's runtime after a level before that."""
_FLAT = r"[^{}]*"
_FRAGMENT = literal(rf"\{{{_FLAT}(?:\{{{_FLAT}(?:\{{{_FLAT}(?:\{{{_FLAT}\}}{_FLAT})*\}}{_FLAT})*\}}{_FLAT})*\}}")
"""Braces within braces, as deep as an expression can count."""
_LAMBDA = {
    "@type": _found(r"^(START|END|REPORT|INIT_START) "),
    "@requestId": f"COALESCE({_found('RequestId: (' + _UUID + ')')}, {_IN_LINE})",
    "@duration": _found(r"^REPORT RequestId: \S+\s+Duration: ([\d.]+) ms"),
    "@billedDuration": _found(rf"{_REPORT}Billed Duration: ([\d.]+) ms"),
    "@initDuration": _found(rf"{_REPORT}Init Duration: ([\d.]+) ms"),
    "@memorySize": _megabytes("Memory Size"),
    "@maxMemoryUsed": _megabytes("Max Memory Used"),
    "@xrayTraceId": _found(rf"{_REPORT}XRAY TraceId: (\S+)"),
    "@xraySegmentId": _found(rf"{_REPORT}SegmentId: (\S+)"),
}


def document(message: str) -> str:
    """Where an event's JSON is; that of Lambda may begin anywhere in the line, where the first one counts."""
    whole = f"regexp_extract({message}, '(?s)\\{{.*\\}}')"
    return (
        f"(CASE WHEN starts_with(ltrim({message}), '{{') THEN {message} WHEN NOT is_lambda THEN NULL "
        f"WHEN json_valid({whole}) THEN {whole} ELSE regexp_extract({message}, {_FRAGMENT}) END)"
    )


def pointers(parts: Sequence[str]) -> list[str]:
    """JSON pointers under which a field may be: nested, or with dots in names; the most nested one first."""
    if parts[0].startswith("@@"):
        # AWS shows a field of the user's own that begins with @ with another one.
        parts = (parts[0][1:], *parts[1:])
    if len(parts) > _MOST_PARTED:
        return ["/" + "/".join(map(_escaped, parts)), "/" + _escaped(".".join(parts))]
    return ["/" + "/".join(map(_escaped, each)) for each in _parted(parts)]


def _parted(parts: Sequence[str]) -> list[list[str]]:
    """Every way in which names with dots may be nested that makes this name, that without dots in names first."""
    if len(parts) == 1:
        return [[parts[0]]]
    apart = [[parts[0], *rest] for rest in _parted(parts[1:])]
    return [*apart, *_parted([f"{parts[0]}.{parts[1]}", *parts[2:]])]


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def of_entity(parts: Sequence[str]) -> str:
    """SQL for a part of what an event belongs to; names of attributes may have dots in them."""
    path = "".join(f"/{_escaped(part)}" for part in (*parts[:1], ".".join(parts[1:])) if part)
    return f"CASE WHEN entity <> '' THEN json_extract_string(entity, {literal(path or '$')}) END"


def lines(name: str, message: str) -> list[str]:
    """SQL texts for a field of the known kinds of log lines."""
    found = []
    flow = _ALSO.get(name, name)
    if flow in _FLOW_NAMES:
        part = f"split_part({message}, ' ', {_FLOW_NAMES.index(flow) + 1})"
        found.append(f"CASE WHEN regexp_full_match({message}, {_FLOW}) THEN NULLIF(trim({part}), '-') END")
    if name in _ROUTE53_NAMES:
        part = f"split_part({message}, ' ', {_ROUTE53_NAMES.index(name) + 1})"
        found.append(f"CASE WHEN regexp_full_match({message}, {_ROUTE53}) THEN NULLIF(trim({part}), '-') END")
    if name in _LAMBDA:
        found.append(f"CASE WHEN is_lambda THEN {_LAMBDA[name].replace('{message}', message)} END")
    return found
