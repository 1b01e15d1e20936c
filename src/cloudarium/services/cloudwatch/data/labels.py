"""Labels: as given, with ``${…}`` filled in from the series, or what tells a series from its siblings.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from cloudarium.kernel.store import Scope
from cloudarium.services.cloudwatch.errors import validation
from cloudarium.services.cloudwatch.math.values import Array, TimeSeries

_PART = re.compile(r"\$\{\s*(?:(?P<name>[A-Z_]+)|PROP\(\s*(['\"])(?P<property>[^'\"]*)\2\s*\))\s*\}")
_TIMEZONE = re.compile(r"([+-])(\d{2})(\d{2})")
_MOST_DYNAMIC = 6
_Point = tuple[int, float]


class Labels:
    """The labels of one request. ``zone`` is an offset such as ``-0330``. Raises AwsError when it is none."""

    def __init__(self, scope: Scope, now: float, zone: str) -> None:
        self._zone = zone_at(zone)
        self._scope = scope
        self._now = now

    def of(self, query: Mapping[str, Any], value: TimeSeries | Array) -> Iterator[tuple[TimeSeries, str]]:
        """Every series of a query with its label."""
        label = query.get("Label")
        for series in [value] if isinstance(value, TimeSeries) else value:
            own = series.label
            if label is None:
                text = own
            elif "${" in label:
                text = self._filled(label, own, series)
            elif isinstance(value, list):
                text = f"{label} {own}".strip()
            else:
                text = label
            yield series, text

    def _filled(self, label: str, own: str, series: TimeSeries) -> str:
        parts = list(_PART.finditer(label))
        if sum(1 for part in parts if part["name"] in _DYNAMIC) > _MOST_DYNAMIC:
            raise validation(f"A label can have up to {_MOST_DYNAMIC} dynamic values.")
        if sum(1 for part in parts if part["name"] == "LABEL") > 1:
            raise validation("A label can have ${LABEL} only once.")
        points = sorted(series.points.items())

        def value(part: re.Match[str]) -> str:
            if part["property"] is not None:
                return self._property(part["property"], series) or part[0]
            if part["name"] == "LABEL":
                return own
            if part["name"] not in _DYNAMIC:
                return part[0]
            return self._dynamic(part["name"], points)

        return _PART.sub(value, label)

    def _property(self, name: str, series: TimeSeries) -> str:
        common = {"AccountId": self._scope.account, "Region": self._scope.region, "Period": str(series.period)}
        if name in common:
            return common[name]
        origin = series.origin
        if origin is None:
            return ""
        if name.startswith("Dim."):
            return dict(origin.dimensions).get(name[4:], "")
        return {"MetricName": origin.name, "Namespace": origin.namespace, "Stat": origin.stat}.get(name, "")

    def _dynamic(self, name: str, points: list[_Point]) -> str:
        if name == "DATAPOINT_COUNT":
            return str(len(points))
        if not points:
            return "--"
        found = _DYNAMIC[name](points)
        if name.endswith("_TIME"):
            return datetime.fromtimestamp(found, self._zone).strftime("%Y-%m-%d %H:%M:%S")
        if name.endswith("_RELATIVE"):
            return _duration(self._now - found)
        return _duration(found) if name.endswith("TIME_RANGE") else number(found)


def zone_at(text: str) -> timezone:
    """The time zone of an offset such as ``-0330``. Raises AwsError when it is none."""
    match = _TIMEZONE.fullmatch(text)
    if match is None or int(match[2]) > 14 or int(match[3]) > 59:
        raise validation(f"The value {text} for parameter Timezone is not an offset such as +0130.")
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)


def number(value: float) -> str:
    """A value for people: up to four significant digits after the point, thousands apart."""
    if value and (abs(value) >= 1e15 or abs(value) < 1e-4):
        return f"{value:.4g}"
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def _duration(seconds: float) -> str:
    left, parts = int(abs(seconds)), []
    for size, letter in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{letter}")
    return " ".join(parts) or "0s"


def _low(points: list[_Point]) -> _Point:
    return min(points, key=lambda point: point[1])


def _high(points: list[_Point]) -> _Point:
    return max(points, key=lambda point: point[1])


_DYNAMIC: dict[str, Callable[[list[_Point]], float]] = {
    "AVG": lambda points: sum(value for _, value in points) / len(points),
    "DATAPOINT_COUNT": len,
    "FIRST": lambda points: points[0][1],
    "FIRST_LAST_RANGE": lambda points: points[-1][1] - points[0][1],
    "FIRST_LAST_TIME_RANGE": lambda points: points[-1][0] - points[0][0],
    "FIRST_TIME": lambda points: points[0][0],
    "FIRST_TIME_RELATIVE": lambda points: points[0][0],
    "LAST": lambda points: points[-1][1],
    "LAST_TIME": lambda points: points[-1][0],
    "LAST_TIME_RELATIVE": lambda points: points[-1][0],
    "MAX": lambda points: _high(points)[1],
    "MAX_TIME": lambda points: _high(points)[0],
    "MAX_TIME_RELATIVE": lambda points: _high(points)[0],
    "MIN": lambda points: _low(points)[1],
    "MIN_MAX_RANGE": lambda points: _high(points)[1] - _low(points)[1],
    "MIN_MAX_TIME_RANGE": lambda points: abs(_high(points)[0] - _low(points)[0]),
    "MIN_TIME": lambda points: _low(points)[0],
    "MIN_TIME_RELATIVE": lambda points: _low(points)[0],
    "SUM": lambda points: sum(value for _, value in points),
}
