"""Whether a dashboard's body is one: errors, which refuse it, and warnings, which do not.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

MOST_WIDGETS = 500
_MOST_METRICS = 500
_MOST_FIELDS = 62
"""Namespace, name, and thirty dimensions."""

_GRID = {"x": (0, 23), "y": (0, 1_000_000), "width": (1, 24), "height": (1, 1_000)}
_REQUIRED: Mapping[str, tuple[tuple[str, type, str], ...]] = {
    "metric": (("region", str, "string"),),
    "text": (("markdown", str, "string"),),
    "log": (("query", str, "string"), ("region", str, "string")),
    "alarm": (("alarms", list, "array"),),
    "explorer": (("metrics", list, "array"),),
    "custom": (("endpoint", str, "string"),),
}
_VIEWS = ("timeSeries", "singleValue", "gauge", "bar", "pie", "table")
_WIDGET = {"type", "x", "y", "width", "height", "properties"}
_BODY = {"widgets", "start", "end", "periodOverride", "variables"}
_OPTIONS = {"accountId", "color", "expression", "id", "label", "period", "region", "stat", "visible", "yAxis"}
_COLOR = re.compile(r"#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?|#[0-9a-fA-F]{3}")


class Finding(NamedTuple):
    """Something about a body, and where."""

    path: str
    message: str
    error: bool = True


def validate(body: Mapping[str, Any]) -> list[Finding]:
    """Everything that is to be said about a body."""
    return list(_body(body))


def _body(body: Mapping[str, Any]) -> Iterator[Finding]:
    yield from _unknown("", body, _BODY)
    if body.get("periodOverride", "auto") not in ("auto", "inherit"):
        yield Finding("/periodOverride", "Should be equal to one of the allowed values")
    widgets = body.get("widgets")
    if widgets is None:
        yield Finding("", "Should have required property 'widgets'")
        return
    if not isinstance(widgets, list):
        yield Finding("/widgets", "Should be array")
        return
    if len(widgets) > MOST_WIDGETS:
        yield Finding("/widgets", f"Should NOT have more than {MOST_WIDGETS} items")
        return
    for place, widget in enumerate(widgets):
        path = f"/widgets/{place}"
        if isinstance(widget, dict):
            yield from _widget(path, widget)
        else:
            yield Finding(path, "Should be object")


def _unknown(path: str, given: Mapping[str, Any], known: set[str]) -> Iterator[Finding]:
    for name in sorted(given.keys() - known):
        yield Finding(f"{path}/{name}", "Should NOT have additional properties", error=False)


def _widget(path: str, widget: Mapping[str, Any]) -> Iterator[Finding]:
    yield from _unknown(path, widget, _WIDGET)
    for name, (least, most) in _GRID.items():
        value = widget.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            yield Finding(f"{path}/{name}", "Should be integer")
        elif value < least:
            yield Finding(f"{path}/{name}", f"Should be >= {least}")
        elif value > most:
            yield Finding(f"{path}/{name}", f"Should be <= {most}")
    kind = widget.get("type")
    if kind is None:
        yield Finding(path, "Should have required property 'type'")
    elif not isinstance(kind, str) or kind not in _REQUIRED:
        yield Finding(f"{path}/type", "Should be equal to one of the allowed values")
    properties = widget.get("properties")
    if properties is None:
        yield Finding(path, "Should have required property 'properties'")
    elif not isinstance(properties, dict):
        yield Finding(f"{path}/properties", "Should be object")
    elif isinstance(kind, str) and kind in _REQUIRED:
        yield from _properties(f"{path}/properties", kind, properties)


def _properties(path: str, kind: str, given: Mapping[str, Any]) -> Iterator[Finding]:
    for name, wanted, word in _REQUIRED[kind]:
        if name not in given:
            yield Finding(path, f"Should have required property '{name}'")
        elif not isinstance(given[name], wanted):
            yield Finding(f"{path}/{name}", f"Should be {word}")
    if "title" in given and not isinstance(given["title"], str):
        yield Finding(f"{path}/title", "Should be string")
    if kind == "metric":
        yield from _metric_widget(path, given)


def _metric_widget(path: str, given: Mapping[str, Any]) -> Iterator[Finding]:
    annotations = given.get("annotations")
    if annotations is not None and not isinstance(annotations, dict):
        yield Finding(f"{path}/annotations", "Should be object")
        annotations = None
    yield from _annotations(f"{path}/annotations", annotations or {})
    if "metrics" not in given and not (annotations or {}).get("alarms"):
        yield Finding(path, "Should have required property 'metrics'")
    if "view" in given and given["view"] not in _VIEWS:
        yield Finding(f"{path}/view", "Should be equal to one of the allowed values")
    if "stacked" in given and not isinstance(given["stacked"], bool):
        yield Finding(f"{path}/stacked", "Should be boolean")
    if "stat" in given and not isinstance(given["stat"], str):
        yield Finding(f"{path}/stat", "Should be string")
    yield from _period(path, given)
    metrics = given.get("metrics", [])
    if not isinstance(metrics, list):
        yield Finding(f"{path}/metrics", "Should be array")
        return
    if len(metrics) > _MOST_METRICS:
        yield Finding(f"{path}/metrics", f"Should NOT have more than {_MOST_METRICS} items")
        return
    before: Sequence[str] = ()
    for place, metric in enumerate(metrics):
        if isinstance(metric, list):
            yield from _metric(f"{path}/metrics/{place}", metric, before)
            before = _whole([field for field in metric if isinstance(field, str)], before) or before
        else:
            yield Finding(f"{path}/metrics/{place}", "Should be array")


def _annotations(path: str, given: Mapping[str, Any]) -> Iterator[Finding]:
    """Lines at values and at times; a band is an array of two."""
    for name, wanted, word in (("horizontal", (int, float), "number"), ("vertical", (str,), "string")):
        lines = given.get(name, [])
        if not isinstance(lines, list):
            yield Finding(f"{path}/{name}", "Should be array")
            continue
        for place, line in enumerate(lines):
            here = f"{path}/{name}/{place}"
            ends = (
                [(f"{here}/{end}", each) for end, each in enumerate(line)] if isinstance(line, list) else [(here, line)]
            )
            for where, end in ends:
                if not isinstance(end, dict):
                    yield Finding(where, "Should be object")
                elif "value" not in end:
                    yield Finding(where, "Should have required property 'value'")
                elif isinstance(end["value"], bool) or not isinstance(end["value"], wanted):
                    yield Finding(f"{where}/value", f"Should be {word}")


def _period(path: str, given: Mapping[str, Any]) -> Iterator[Finding]:
    period = given.get("period", 60)
    if isinstance(period, bool) or not isinstance(period, int):
        yield Finding(f"{path}/period", "Should be integer")
    elif period < 1:
        yield Finding(f"{path}/period", "Should be >= 1")


def _whole(fields: Sequence[str], before: Sequence[str]) -> Sequence[str]:
    """A metric's fields with what it repeats from the one before."""
    if fields and fields[0] == "...":
        return [*before[: max(0, len(before) - len(fields) + 1)], *fields[1:]]
    return [before[place] if field == "." and place < len(before) else field for place, field in enumerate(fields)]


def _metric(path: str, metric: Sequence[Any], before: Sequence[str]) -> Iterator[Finding]:
    """``[namespace, name, dimension, value, …, {options}]``, with ``.`` and ``...`` for what is as before."""
    if not metric:
        yield Finding(path, "Should NOT have fewer than 1 items")
        return
    options = metric[-1] if isinstance(metric[-1], dict) else None
    fields = metric[:-1] if options is not None else metric
    for place, field in enumerate(fields):
        if not isinstance(field, str):
            yield Finding(f"{path}/{place}", 'Invalid metric field type, only "String" type is allowed')
            return
    for place, field in enumerate(fields):
        if field == "." and place >= len(before):
            message = 'Repeat marker "." used but not enough fields in previous metric'
            yield Finding(f"{path}/{place}", message)
    if options is not None and options.keys() - _OPTIONS:
        # So AWS says that the object is none of the options of a metric, and then that it should not be there.
        yield Finding(path, f"Should NOT have more than {len(fields)} items")
    elif options is not None:
        yield from _options(f"{path}/{len(fields)}", options, bare=not fields)
    elif len(fields) == 1 and fields[0] != "...":
        yield Finding(path, "Should NOT have fewer than 2 items")
    if len(fields) > _MOST_FIELDS:
        yield Finding(path, f"Should NOT have more than {_MOST_FIELDS} items")
    elif "..." not in fields and len(fields) > 2 and len(fields) % 2:
        yield Finding(path, f"Should NOT have more than {len(fields) - 1} items")


def _options(path: str, options: Mapping[str, Any], *, bare: bool) -> Iterator[Finding]:
    if bare and not isinstance(options.get("expression"), str):
        yield Finding(path, "Should have required property 'expression'")
    color = options.get("color")
    if color is not None and (not isinstance(color, str) or _COLOR.fullmatch(color) is None):
        yield Finding(f"{path}/color", "Should be a color such as #1f77b4")
    if options.get("yAxis", "left") not in ("left", "right"):
        yield Finding(f"{path}/yAxis", "Should be equal to one of the allowed values")
    yield from _period(path, options)
