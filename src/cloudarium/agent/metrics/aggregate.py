"""Points into the data of PutMetricData: equal metrics of one time become values with counts, and are rolled up.

A point is published with all its dimensions (unless its configuration drops that), and once more for each entry of
``aggregation_dimensions`` all of whose names it has.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from cloudarium.agent.metrics.points import Dimensions, Point

_MOST_VALUES = 150
_LARGEST = 2.0**360
_MOST_KEYS = 100_000

_Key = tuple[str, Dimensions, str, int, int]


class Aggregator:
    """Collects points until they are taken."""

    def __init__(self, aggregations: Sequence[Sequence[str]] = ()) -> None:
        self._aggregations = aggregations
        self._held: dict[_Key, dict[float, float]] = {}
        self.dropped = 0
        """Points that had no room."""

    def __len__(self) -> int:
        return len(self._held)

    def add(self, point: Point) -> None:
        """Take a point in. Values that CloudWatch refuses are left out."""
        values = {
            value: count for value, count in point.values.items() if math.isfinite(value) and abs(value) <= _LARGEST
        }
        if not values:
            return
        time = (
            math.floor(point.time / point.resolution) * point.resolution if point.resolution == 1 else int(point.time)
        )
        for dimensions in self._dimensions(point):
            key = (point.name, dimensions, point.unit, point.resolution, time)
            held = self._held.get(key)
            if held is None:
                if len(self._held) >= _MOST_KEYS:
                    self.dropped += 1
                    continue
                held = self._held[key] = {}
            for value, count in values.items():
                held[value] = held.get(value, 0.0) + count

    def take(self) -> list[dict[str, Any]]:
        """All data at hand."""
        held, self._held = self._held, {}
        return [datum for key, values in held.items() for datum in _data(key, values)]

    def _dimensions(self, point: Point) -> Iterator[Dimensions]:
        own = tuple(sorted(point.dimensions))
        seen = set()
        if point.original:
            seen.add(own)
            yield own
        for names in self._aggregations:
            rolled = tuple(pair for pair in own if pair[0] in names)
            if len(rolled) == len(names) and rolled not in seen:
                seen.add(rolled)
                yield rolled


def _data(key: _Key, values: dict[float, float]) -> Iterator[dict[str, Any]]:
    name, dimensions, unit, resolution, time = key
    datum: dict[str, Any] = {
        "MetricName": name,
        "Dimensions": [{"Name": dimension, "Value": value} for dimension, value in dimensions],
        "Timestamp": datetime.fromtimestamp(time, UTC),
        "Unit": unit,
        "StorageResolution": resolution,
    }
    pairs = list(values.items())
    if len(pairs) == 1 and pairs[0][1] == 1:
        yield datum | {"Value": pairs[0][0]}
        return
    for start in range(0, len(pairs), _MOST_VALUES):
        part = pairs[start : start + _MOST_VALUES]
        yield datum | {"Values": [value for value, _ in part], "Counts": [count for _, count in part]}


def requests(
    data: Sequence[dict[str, Any]], most: int = 1_000, most_bytes: int = 900_000
) -> Iterator[list[dict[str, Any]]]:
    """Data in portions that one request may hold (1,000 metrics, 1 MB)."""
    portion: list[dict[str, Any]] = []
    size = 0
    for datum in data:
        about = sum(len(each["Name"]) + len(each["Value"]) + 80 for each in datum["Dimensions"])
        cost = 200 + len(datum["MetricName"]) + about + 80 * len(datum.get("Values", ()))
        if portion and (len(portion) >= most or size + cost > most_bytes):
            yield portion
            portion, size = [], 0
        portion.append(datum)
        size += cost
    if portion:
        yield portion
