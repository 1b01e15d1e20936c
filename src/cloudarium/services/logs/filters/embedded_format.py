"""The embedded metric format: the metrics that a log event says it holds. Pure: a message in, points out.

    {"_aws": {"Timestamp": 1574109732004, "CloudWatchMetrics": [
        {"Namespace": "N", "Dimensions": [["Service"]], "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}]},
     "Service": "web", "Latency": [12, 30]}

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
A document that is not built so is a parsing error, and gives nothing. Within one that is, each metric that CloudWatch
could not take is a validation error, and the others are taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from cloudarium.kernel.metrics import Bucket, MetricKey, Point

MARK = b'"_aws"'
"""What a message must contain to be looked at. JSON can spell the name otherwise; no library does."""

_OLDEST, _NEWEST = 14 * 86_400, 2 * 3_600
"""Seconds before and after now, as for PutMetricData."""
_MOST_METRICS, _MOST_DIMENSIONS, _MOST_VALUES = 100, 30, 100
_MOST_POINTS = 1_000
"""Points of one event. AWS names no limit; without one a megabyte of sets of dimensions would be millions."""
_LARGEST = 2.0**360
_UNITS = frozenset(
    f"{prefix}{unit}{rate}"
    for rate in ("", "/Second")
    for unit in ("Bytes", "Bits")
    for prefix in ("", "Kilo", "Mega", "Giga", "Tera")
) | {"Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"}


class Found(NamedTuple):
    """What an event gave: points, and how many errors there were of each kind."""

    points: list[Point]
    parsing_errors: int = 0
    validation_errors: int = 0


NOTHING = Found([])


class _Metric(msgspec.Struct, rename="pascal"):
    name: str
    unit: str = "None"
    storage_resolution: int = 60


class _Directive(msgspec.Struct, rename="pascal"):
    namespace: str
    dimensions: list[list[str]]
    metrics: list[_Metric]


class _Metadata(msgspec.Struct):
    metrics: list[_Directive] = msgspec.field(name="CloudWatchMetrics")
    timestamp: float = msgspec.field(name="Timestamp")


_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_metadata = msgspec.json.Decoder(_Metadata).decode
_value = msgspec.json.Decoder().decode


def extracted(message: bytes, now: float) -> Found:
    """The points of one event. ``now``: cloud seconds. Events that are not of this format give nothing."""
    if MARK not in message:
        return NOTHING
    try:
        document = _raw(message)
        if (about := document.get("_aws")) is None or "CloudWatchMetrics" not in _raw(about):
            return NOTHING
    except (msgspec.DecodeError, RecursionError):
        return NOTHING  # some other text with that word in it
    try:
        metadata = _metadata(about)
    except (msgspec.DecodeError, RecursionError):
        return Found([], parsing_errors=1)
    at = metadata.timestamp / 1000
    points: list[Point] = []
    errors = 0
    for directive in metadata.metrics:
        for each in _points(directive, document, at, now):
            if each is None or len(points) == _MOST_POINTS:
                errors += 1
            else:
                points.append(each)
            if errors == _MOST_POINTS:
                return Found(points, validation_errors=errors)
    return Found(points, validation_errors=errors)


def _points(
    directive: _Directive, document: Mapping[str, msgspec.Raw], at: float, now: float
) -> Iterator[Point | None]:
    """Every point of a directive; None for each that CloudWatch could not take."""
    space = directive.namespace
    if not 1 <= len(space) <= 255 or space.startswith("AWS/") or not now - _OLDEST <= at <= now + _NEWEST:
        yield from (None for _ in directive.metrics)
        return
    sets = [_dimensions(names, document) for names in directive.dimensions[: _MOST_POINTS + 1]]
    for metric in directive.metrics[:_MOST_METRICS]:
        values = _values(metric, document)
        for dimensions in sets:
            if values is None or dimensions is None:
                yield None
                continue
            bucket = Bucket()
            for value in values:
                bucket.add(value)
            yield Point(
                MetricKey(space, metric.name, dimensions), metric.unit, bucket, at, metric.storage_resolution == 1
            )
    yield from (None for _ in directive.metrics[_MOST_METRICS:])


def _dimensions(names: list[str], document: Mapping[str, msgspec.Raw]) -> tuple[tuple[str, str], ...] | None:
    if len(names) > _MOST_DIMENSIONS:
        return None
    found = {name: _member(document, name) for name in names}
    for name, value in found.items():
        fits = isinstance(value, str) and 1 <= len(value) <= 1024 and value.isascii() and value.strip()
        if not fits or not 1 <= len(name) <= 255 or name.startswith(":") or not name.isascii():
            return None
    return tuple(sorted(found.items()))


def _values(metric: _Metric, document: Mapping[str, msgspec.Raw]) -> list[float] | None:
    if not 1 <= len(metric.name) <= 255 or metric.unit not in _UNITS or metric.storage_resolution not in (1, 60):
        return None
    found = _member(document, metric.name)
    values = found if isinstance(found, list) else [found]
    if not 1 <= len(values) <= _MOST_VALUES:
        return None
    numbers = [float(each) for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
    fit = len(numbers) == len(values) and all(math.isfinite(each) and abs(each) <= _LARGEST for each in numbers)
    return numbers if fit else None


def _member(document: Mapping[str, msgspec.Raw], name: str) -> Any:
    try:
        return _value(document[name])
    except (KeyError, msgspec.DecodeError, RecursionError, OverflowError):
        return None
