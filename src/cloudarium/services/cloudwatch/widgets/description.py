"""What a widget's JSON says: queries, and how they are shown.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Metric-Widget-Structure.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

import msgspec

from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.metrics import MetricKey
from cloudarium.services.cloudwatch.data.labels import zone_at
from cloudarium.services.cloudwatch.errors import validation
from cloudarium.services.cloudwatch.search.finding import distinguish

VIEWS = ("timeSeries", "singleValue", "gauge", "bar", "pie")
_KNOWN = frozenset(
    {"metrics", "annotations", "end", "height", "legend", "liveData", "period", "region", "stacked", "start", "stat"}
    | {"theme", "timezone", "title", "view", "width", "yAxis"}
)
_OPTIONS = frozenset(
    {"accountId", "color", "expression", "id", "label", "period", "region", "stat", "visible", "yAxis"}
)
_MOST_METRICS = 500
_MOST_ALARMS = 1
"""A widget shows one alarm: so AWS documents it."""
_DURATION = re.compile(r"-P(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_UNITS = (30 * 86_400, 7 * 86_400, 86_400, 3_600, 60, 1)
_COLOR = re.compile(r"#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")

Color = tuple[int, int, int]
_ALARM_COLOR = (214, 39, 40)


class Look(msgspec.Struct, frozen=True):
    """How the series of a query are shown."""

    color: Color | None = None
    right: bool = False


class Mark(msgspec.Struct, frozen=True):
    """An annotation: a line at a value (horizontal) or a time (vertical), and which side of it is filled."""

    value: float
    label: str
    color: Color | None
    fill: str = ""
    right: bool = False
    until: float | None = None
    """The other end of a band."""


class Axis(msgspec.Struct, frozen=True):
    """Limits of a value axis, and its name."""

    low: float | None = None
    high: float | None = None
    label: str = ""


class Widget(msgspec.Struct, frozen=True, kw_only=True):
    """A graph to draw. Times are in cloud seconds, sizes in pixels."""

    queries: tuple[dict[str, Any], ...]
    looks: dict[str, Look]
    start: float
    end: float
    width: int
    height: int
    title: str
    view: str
    stacked: bool
    legend: str
    dark: bool
    zone: tzinfo
    left: Axis
    right: Axis
    horizontal: tuple[Mark, ...]
    vertical: tuple[Mark, ...]


class AlarmLine(NamedTuple):
    """What an alarm adds: what it watches, should the widget have no metrics, and its threshold if it has one."""

    queries: Sequence[dict[str, Any]]
    threshold: float | None
    label: str


FindAlarm = Callable[[str], AlarmLine]
"""An alarm by ARN; raises AwsError when there is none that can be drawn."""


def parse_widget(text: str, region: str, now: float, find_alarm: FindAlarm) -> Widget:
    """Understand a MetricWidget. Raises AwsError: ValidationError, or NotImplemented for what is not drawn yet."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise validation("The parameter MetricWidget must be a valid JSON object.")
    try:
        return _widget(given, region, now, find_alarm)
    except AwsError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise validation(f"The parameter MetricWidget is invalid: {error}") from None


def _widget(given: Mapping[str, Any], region: str, now: float, find_alarm: FindAlarm) -> Widget:
    for name in sorted(given.keys() - _KNOWN):
        raise NotThere(f"{name} in the MetricWidget of cloudwatch:GetMetricWidgetImage")
    _here(given, region)
    view = given.get("view", "timeSeries")
    if view not in VIEWS:
        raise NotThere(f"the view {view} in cloudwatch:GetMetricWidgetImage")
    start, end = _moment(given.get("start", "-PT3H"), now), _moment(given.get("end", "-PT0H"), now)
    if start >= end:
        raise validation("The start of a MetricWidget must be before its end.")
    annotations = given.get("annotations", {})
    for name in sorted(annotations.keys() - {"alarms", "horizontal", "vertical"}):
        raise NotThere(f"annotations.{name} in cloudwatch:GetMetricWidgetImage")
    named = annotations.get("alarms", ())
    if len(named) > _MOST_ALARMS:
        raise validation(f"A MetricWidget can show {_MOST_ALARMS} alarm.")
    alarms = [find_alarm(arn) for arn in named]
    queries, looks = _watched(alarms) if alarms and "metrics" not in given else _metrics(given, region)
    thresholds = [Mark(alarm.threshold, alarm.label, _ALARM_COLOR) for alarm in alarms if alarm.threshold is not None]
    axes = given.get("yAxis", {})
    left = _axis(axes.get("left", {}))
    if view == "gauge" and (left.low is None or left.high is None):
        raise validation("A gauge needs the min and the max of its left yAxis.")
    legend = given.get("legend", {}).get("position", "bottom")
    if legend not in ("bottom", "right", "hidden"):
        raise validation(f"The value {legend} for legend.position must be bottom, right or hidden.")
    if given.get("theme", "light") not in ("light", "dark"):
        raise validation(f"The value {given['theme']} for theme must be light or dark.")
    return Widget(
        queries=tuple(queries),
        looks=looks,
        start=start,
        end=end,
        width=_pixels(given, "width", 600),
        height=_pixels(given, "height", 400),
        title=str(given.get("title", "")),
        view=view,
        stacked=bool(given.get("stacked", False)),
        legend=legend,
        dark=given.get("theme") == "dark",
        zone=zone_at(given.get("timezone", "+0000")),
        left=left,
        right=_axis(axes.get("right", {})),
        horizontal=(*_marks(annotations.get("horizontal", ()), float), *thresholds),
        vertical=tuple(_marks(annotations.get("vertical", ()), lambda value: _moment(value, now))),
    )


def _here(given: Mapping[str, Any], region: str) -> None:
    if given.get("region", region) != region:
        raise NotThere(f"metrics of another region ({given['region']}) in cloudwatch:GetMetricWidgetImage")
    if "accountId" in given:
        raise NotThere("metrics of another account (accountId) in cloudwatch:GetMetricWidgetImage")


def _pixels(given: Mapping[str, Any], name: str, default: int) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 2_000:
        raise validation(f"The {name} of a MetricWidget must be from 1 to 2000 pixels.")
    return max(value, 60)


def _metrics(given: Mapping[str, Any], region: str) -> tuple[list[dict[str, Any]], dict[str, Look]]:
    metrics = given.get("metrics")
    if not isinstance(metrics, list) or not 0 < len(metrics) <= _MOST_METRICS:
        raise validation(f"A MetricWidget must have from 1 to {_MOST_METRICS} metrics.")
    queries: list[dict[str, Any]] = []
    looks: dict[str, Look] = {}
    before: list[str] = []
    for place, metric in enumerate(metrics):
        if not isinstance(metric, list) or not metric:
            raise validation(f"metrics[{place}] must be an array.")
        options = metric[-1] if isinstance(metric[-1], dict) else {}
        fields = metric[:-1] if options else metric
        if not all(isinstance(field, str) for field in fields):
            raise validation(f'metrics[{place}]: Invalid metric field type, only "String" type is allowed')
        for name in sorted(options.keys() - _OPTIONS):
            raise NotThere(f"{name} of a metric in cloudwatch:GetMetricWidgetImage")
        _here(options, region)
        id_ = str(options.get("id") or f"unnamed_{place}")
        query: dict[str, Any] = {"Id": id_, "ReturnData": bool(options.get("visible", True))}
        if "label" in options:
            query["Label"] = str(options["label"])
        if "expression" in options:
            query["Expression"] = str(options["expression"])
            query["Period"] = int(options.get("period", given.get("period", 300)))
        else:
            before = _whole(fields, before)
            query["MetricStat"] = _stat(place, before, options, given)
        queries.append(query)
        looks[id_] = Look(_color(options.get("color")), options.get("yAxis") == "right")
    _label(queries)
    return queries, looks


def _watched(alarms: Sequence[AlarmLine]) -> tuple[list[dict[str, Any]], dict[str, Look]]:
    """What alarms look at, for a widget that says no more than their names."""
    queries: dict[str, dict[str, Any]] = {}
    for alarm in alarms:
        for query in alarm.queries:
            queries.setdefault(query["Id"], dict(query))
    _label(list(queries.values()))
    return list(queries.values()), {id_: Look() for id_ in queries}


def _whole(fields: Sequence[str], before: Sequence[str]) -> list[str]:
    """``.`` is the field before, ``...`` all fields before up to those that follow."""
    if fields and fields[0] == "...":
        rest = list(fields[1:])
        return [*before[: len(before) - len(rest)], *rest]
    return [before[place] if field == "." else field for place, field in enumerate(fields)]


def _stat(place: int, fields: Sequence[str], options: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    if len(fields) < 2 or len(fields) % 2:
        raise validation(f"metrics[{place}] must have a namespace, a name, and names and values of dimensions.")
    dimensions = [{"Name": name, "Value": value} for name, value in zip(fields[2::2], fields[3::2], strict=True)]
    return {
        "Metric": {"Namespace": fields[0], "MetricName": fields[1], "Dimensions": dimensions},
        "Period": int(options.get("period", given.get("period", 300))),
        "Stat": str(options.get("stat", given.get("stat", "Average"))),
    }


def _label(queries: Sequence[dict[str, Any]]) -> None:
    """Metrics without a label get one that tells them apart."""
    nameless = [query for query in queries if "MetricStat" in query and "Label" not in query]
    keys = []
    for query in nameless:
        metric = query["MetricStat"]["Metric"]
        dimensions = tuple((each["Name"], each["Value"]) for each in metric["Dimensions"])
        keys.append(MetricKey(metric["Namespace"], metric["MetricName"], dimensions))
    for query, label in zip(nameless, distinguish(keys), strict=True):
        query["Label"] = label.replace("${", "$ {")


def _axis(given: Mapping[str, Any]) -> Axis:
    low, high = given.get("min"), given.get("max")
    low, high = (float(low) if low is not None else None), (float(high) if high is not None else None)
    if low is not None and high is not None and low >= high:
        raise validation("The min of a yAxis must be below its max.")
    return Axis(low, high, str(given.get("label", "")))


def _marks(given: Sequence[Any], value: Any) -> list[Mark]:
    marks = []
    for each in given:
        first, second = each if isinstance(each, list) else (each, None)
        if not first.get("visible", True):
            continue
        marks.append(
            Mark(
                value(first["value"]),
                str(first.get("label", "")),
                _color(first.get("color") or (second or {}).get("color")),
                str(first.get("fill", "")),
                first.get("yAxis") == "right",
                value(second["value"]) if second is not None else None,
            )
        )
    return marks


def _color(text: Any) -> Color | None:
    if text is None:
        return None
    match = _COLOR.fullmatch(text)
    if match is None:
        raise validation(f"The value {text} is not a color such as #1f77b4.")
    digits = match[1] if len(match[1]) == 6 else "".join(digit * 2 for digit in match[1])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _moment(text: str, now: float) -> float:
    """A time as ``2018-04-25T12:00:00.000Z``, or before now as ``-PT3H``."""
    if (match := _DURATION.fullmatch(text)) is not None:
        return now - sum(int(count) * unit for count, unit in zip(match.groups(), _UNITS, strict=True) if count)
    when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()
