"""The embedded metric format: what an event gives, and what of it CloudWatch could not take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.services.logs.filters.embedded_format import NOTHING, Found, extracted

NOW = 1_772_000_000.0


def found(directives: Any, *, timestamp: Any = NOW * 1000, **members: Any) -> Found:
    about = {"Timestamp": timestamp, "CloudWatchMetrics": directives}
    return extracted(json.dumps({"_aws": about, **members}).encode(), NOW)


def directive(*metrics: Any, dimensions: Any = (("Service",),), namespace: Any = "N") -> dict[str, Any]:
    return {"Namespace": namespace, "Dimensions": dimensions, "Metrics": metrics}


def test_a_point_for_every_metric_and_set_of_dimensions() -> None:
    latency = {"Name": "Latency", "Unit": "Milliseconds", "StorageResolution": 1}
    made = directive(latency, {"Name": "Count"}, dimensions=[["Zone", "Service"], []])
    points = found([made], Latency=[12, 30.5], Count=1, Service="web", Zone="a", other=None).points
    shown = [
        (p.key.name, p.key.dimensions, p.unit, p.high_resolution, p.bucket.count, p.bucket.total, p.at) for p in points
    ]
    both = (("Service", "web"), ("Zone", "a"))
    assert shown == [
        ("Latency", both, "Milliseconds", True, 2, 42.5, NOW),
        ("Latency", (), "Milliseconds", True, 2, 42.5, NOW),
        ("Count", both, "None", False, 1, 1, NOW),
        ("Count", (), "None", False, 1, 1, NOW),
    ]


@pytest.mark.parametrize("message", [
    b"plain text", b'{"a": 1}', b'{"_aws": {"Timestamp": 1}}', b'{"_aws": 3}', b'not JSON "_aws"',
    b'{"_aws": {"CloudWatchMetrics": []}} and more', b"[" * 100_000 + b'"_aws"',
])  # fmt: skip
def test_events_that_are_not_of_this_format(message: bytes) -> None:
    assert extracted(message, NOW) == NOTHING


@pytest.mark.parametrize("directives", [
    {}, [3], [{}], [directive(3)], [directive({"Name": 3})], [directive({"Unit": "Count"})],
    [directive(dimensions="Service")], [directive(dimensions=[[3]])], [directive(namespace=3)],
])  # fmt: skip
def test_a_document_that_is_built_wrong_gives_nothing(directives: Any) -> None:
    assert found(directives, Service="web") == Found([], parsing_errors=1)


@pytest.mark.parametrize(("changes", "members"), [
    ({"Unit": "Parsecs"}, {}),
    ({"StorageResolution": 5}, {}),
    ({"Name": ""}, {"": 1}),
    ({}, {"M": "1"}),
    ({}, {"M": True}),
    ({}, {"M": []}),
    ({}, {"M": [1] * 101}),
    ({}, {"M": 1e300}),
    ({}, {"Service": 7}),
    ({}, {"Service": " "}),
    ({}, {"Service": "é"}),
])  # fmt: skip
def test_what_cloudwatch_could_not_take_is_left_out_alone(changes: dict[str, Any], members: dict[str, Any]) -> None:
    good, bad = directive({"Name": "Good"}, dimensions=[[]]), directive({"Name": "M"} | changes)
    made = found([bad, good], **({"M": 1, "Good": 2, "Service": "web"} | members))
    assert [point.key.name for point in made.points] == ["Good"]
    assert (made.parsing_errors, made.validation_errors) == (0, 1)


@pytest.mark.parametrize("changes", [
    {"namespace": "AWS/ECS"}, {"namespace": ""}, {"timestamp": (NOW - 15 * 86_400) * 1000},
    {"timestamp": (NOW + 3 * 3_600) * 1000},
])  # fmt: skip
def test_directives_that_cannot_be_taken(changes: dict[str, Any]) -> None:
    timestamp = changes.pop("timestamp", NOW * 1000)
    made = found([directive({"Name": "M"}, **changes)], timestamp=timestamp, M=1, Service="web")
    assert made == Found([], validation_errors=1)


def test_an_event_of_very_many_points_is_bounded() -> None:
    made = found([directive(*[{"Name": "M"}] * 100, dimensions=[[]] * 50_000)], M=1)
    assert len(made.points) == made.validation_errors == 1_000


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
    | st.sampled_from(["M", "Service"]),
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(
        st.sampled_from(["Namespace", "Dimensions", "Metrics", "Name", "Unit", "StorageResolution"]), deeper),
    max_leaves=12,
))  # fmt: skip
def test_any_document_gives_points_or_errors(directives: Any) -> None:
    made = found([directives], M=1, Service="web")
    assert (
        made.points
        or made.parsing_errors
        or made.validation_errors
        or directives["Metrics"] == []
        or (directives["Dimensions"] == [])
    )
