"""Metrics from performance log events: what their ``CloudWatchMetrics`` say, added up. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cloudarium.kernel.metrics import Bucket, Dimensions, MetricKey, Point


def points(events: Iterable[dict[str, Any]], at: float) -> list[Point]:
    """One point per metric and unit, with the values of all events; ``at`` is in cloud seconds."""
    found: dict[tuple[str, str, str, Dimensions], Bucket] = {}
    for event in events:
        for directive in event.get("CloudWatchMetrics", ()):
            namespace = directive["Namespace"]
            metrics = [(each["Name"], each["Unit"], float(event[each["Name"]])) for each in directive["Metrics"]]
            for names in directive["Dimensions"]:
                dimensions = tuple([(name, event[name]) for name in sorted(names)])
                for metric, unit, value in metrics:
                    key = (namespace, metric, unit, dimensions)
                    if (bucket := found.get(key)) is None:
                        found[key] = Bucket(value, 1.0, value, value)
                    else:
                        bucket.add(value)
    return [
        Point(MetricKey(namespace, metric, dimensions), unit, bucket, at)
        for (namespace, metric, unit, dimensions), bucket in found.items()
    ]
