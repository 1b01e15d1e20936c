"""StatsD: lines of text in datagrams become counters, gauges, distributions and sets.

``name:value|type|@rate|#tag:value,tag``; several values may follow each other with colons. The type is published as
the dimension ``metric_type``. Memory is bounded: so many series, and so many different values of one in an interval
(beyond that, values are rounded to three digits).
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-custom-metrics-statsd.html
"""

from __future__ import annotations

import math
from typing import NamedTuple

from cloudarium.agent.metrics.points import Dimensions

_TYPES = {"c": "counter", "g": "gauge", "ms": "timing", "h": "histogram", "s": "set"}
_MOST_SERIES = 10_000
_MOST_VALUES = 1_500
_MOST_MEMBERS = 100_000


class Metric(NamedTuple):
    """One parsed measurement. ``value`` of a set is text; ``relative`` gauges add to what they are."""

    name: str
    kind: str
    value: float
    member: str
    rate: float
    relative: bool
    tags: Dimensions


def parse(line: str) -> list[Metric]:
    """The measurements of a line. Raises ValueError saying what is wrong with it."""
    head, *parts = line.strip().split("|")
    name, *values = head.split(":")
    if not name or not values or not parts or not name.isprintable() or any(c in name for c in "#@|"):
        raise ValueError("not name:value|type")
    kind = _TYPES.get(parts[0])
    if kind is None:
        raise ValueError(f"{parts[0]!r} is no type of metric")
    rate = 1.0
    tags: Dimensions = ()
    for part in parts[1:]:
        if part.startswith("@"):
            rate = _number(part[1:])
            if not 0 < rate <= 1 or kind in ("gauge", "set"):
                raise ValueError(f"{part!r} is no sample rate for a {kind}")
        elif part.startswith("#"):
            tags = _tags(part[1:])
        else:
            raise ValueError(f"{part!r} is neither a sample rate nor tags")
    if kind == "set":
        return [Metric(name, kind, 0.0, value, 1.0, False, tags) for value in values]
    relative = [kind == "gauge" and value[:1] in ("+", "-") for value in values]
    return [
        Metric(name, kind, _number(value), "", rate, rel, tags) for value, rel in zip(values, relative, strict=True)
    ]


def _number(text: str) -> float:
    if not text or text[-1:] not in "0123456789." or "_" in text:
        raise ValueError(f"{text!r} is no number")
    value = float(text)
    if not math.isfinite(value) or abs(value) > 2.0**360:
        raise ValueError(f"{text!r} is no number that CloudWatch takes")
    return value


def _tags(text: str) -> Dimensions:
    tags: dict[str, str] = {}
    for word in text.split(","):
        name, colon, value = word.partition(":")
        if name:
            tags[name[:255]] = (value or "true" if colon else "true")[:1024]
    if len(tags) > 28:
        raise ValueError("more than 28 tags")
    return tuple(sorted(tags.items()))


class Series:
    """What came since the last collection."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, Dimensions], dict[float, float]] = {}
        self._sets: dict[tuple[str, Dimensions], set[str]] = {}
        self._gauges: dict[tuple[str, Dimensions], float] = {}
        self._fresh: set[tuple[str, Dimensions]] = set()
        self.dropped = 0
        """Measurements that had no room."""

    def add(self, metric: Metric) -> None:
        """Take a measurement in."""
        key = (metric.name, (("metric_type", metric.kind), *metric.tags))
        if not self._room(key):
            self.dropped += 1
        elif metric.kind == "set":
            members = self._sets.setdefault(key, set())
            if len(members) < _MOST_MEMBERS:
                members.add(metric.member)
        elif metric.kind == "gauge":
            self._gauges[key] = metric.value + (self._gauges.get(key, 0.0) if metric.relative else 0.0)
            self._fresh.add(key)
        elif metric.kind == "counter":
            held = self._values.setdefault(key, {})
            total = next(iter(held), 0.0) + metric.value / metric.rate
            held.clear()
            held[total] = 1.0
        else:
            held = self._values.setdefault(key, {})
            value = metric.value
            if value not in held and len(held) >= _MOST_VALUES:
                value = float(f"{value:.2e}")
            held[value] = held.get(value, 0.0) + 1 / metric.rate

    def collect(self) -> list[tuple[str, Dimensions, dict[float, float]]]:
        """Everything since the last time. Gauges stay what they are, but are told again only once they are set."""
        found = [(name, about, values) for (name, about), values in self._values.items()]
        found += [(name, about, {float(len(members)): 1.0}) for (name, about), members in self._sets.items()]
        found += [(*key, {self._gauges[key]: 1.0}) for key in self._fresh]
        self._values, self._sets, self._fresh = {}, {}, set()
        return found

    def _room(self, key: tuple[str, Dimensions]) -> bool:
        if key in self._values or key in self._sets or key in self._gauges:
            return True
        return len(self._values) + len(self._sets) + len(self._gauges) < _MOST_SERIES
