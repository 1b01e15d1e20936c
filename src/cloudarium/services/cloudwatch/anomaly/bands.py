"""ANOMALY_DETECTION_BAND: the upper and the lower bound of a metric's or expression's model.

Without a detector, or before it has learned, the band has no points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudwatch.anomaly.detectors import AnomalyDetector, id_of_query, of_metric
from cloudarium.services.cloudwatch.anomaly.model import Model
from cloudarium.services.cloudwatch.math.values import Array, TimeSeries

_ADD_UP = ("Sum", "SampleCount", "TS", "TC", "ts", "tc")
"""Statistics that grow with the period."""


def band(
    cloud: Cloud,
    scope: Scope,
    queries: Mapping[str, Mapping[str, Any]],
    series: TimeSeries,
    grid: range,
    width: float,
    now: float,
) -> Array:
    """The upper and then the lower bound at every time of a grid; ``width`` in standard deviations."""
    origin = series.origin
    id_ = of_metric(origin) if origin is not None else id_of_query(list(queries.values()), series.id)
    detector = cloud.store.table(AnomalyDetector).get(scope, id_)
    upper: dict[int, float] = {}
    lower: dict[int, float] = {}
    if detector is not None and detector.models:
        period, model = _nearest(detector, series.period)
        scale = series.period / period if detector.stat.startswith(_ADD_UP) else 1.0
        zone = zone_of(detector.timezone)
        for at in grid:
            below, above = model.band(at, zone, width)
            upper[at], lower[at] = above * scale, below * scale
    return [
        TimeSeries(series.id, f"{series.label} {name}", series.period, points)
        for name, points in (("High", upper), ("Low", lower))
    ]


def zone_of(name: str) -> tzinfo:
    """A detector's time zone; UTC when it has none. Raises KeyError or ValueError for what is no zone."""
    return ZoneInfo(name) if name and name != "UTC" else UTC


def _nearest(detector: AnomalyDetector, period: int) -> tuple[int, Model]:
    best = min(detector.models, key=lambda each: abs(math.log(int(each) / period)))
    return int(best), detector.models[best]
