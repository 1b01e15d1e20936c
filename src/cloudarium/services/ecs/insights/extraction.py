"""Metrics from performance log events: what their ``CloudWatchMetrics`` say, added up. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cloudarium.kernel.metrics import Bucket, MetricKey, Point


def points(events: Iterable[dict[str, Any]], at: float) -> list[Point]:
    """One point per metric and unit, with the values of all events; ``at`` is in cloud seconds."""
    found: dict[tuple[MetricKey, str], Bucket] = {}
    for event in events:
        for directive in event.get("CloudWatchMetrics", ()):
            for names in directive["Dimensions"]:
                dimensions = tuple((name, event[name]) for name in sorted(names))
                for metric in directive["Metrics"]:
                    key = MetricKey(directive["Namespace"], metric["Name"], dimensions), metric["Unit"]
                    if (bucket := found.get(key)) is None:
                        bucket = found[key] = Bucket()
                    bucket.add(float(event[metric["Name"]]))
    return [Point(key, unit, bucket, at) for (key, unit), bucket in found.items()]
