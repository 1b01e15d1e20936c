"""What is said about dashboard bodies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.services.cloudwatch.dashboards.validation import validate

METRIC = {"region": "us-east-1", "metrics": [["AWS/EC2", "CPUUtilization", "InstanceId", "i-1", {"stat": "p99"}]]}


def body(kind: str = "metric", properties: Any = METRIC, **widget: Any) -> dict[str, Any]:
    return {"widgets": [{"type": kind, "properties": properties, **widget}]}


@pytest.mark.parametrize(
    "given",
    [
        {"widgets": []},
        body(x=0, y=3, width=24, height=6),
        body("text", {"markdown": "# hello"}),
        body("log", {"query": "SOURCE 'a' | fields @message", "region": "us-east-1", "view": "table"}),
        body("alarm", {"alarms": ["arn:aws:cloudwatch:us-east-1:111122223333:alarm:a"], "title": "x"}),
        body(
            "metric",
            METRIC | {"metrics": [["N", "M", "D", "1"], ["...", "2"], [".", ".", ".", "3"], [{"expression": "1"}]]},
        ),
        body("metric", {"region": "r", "annotations": {"alarms": ["arn"]}}),
        body("metric", METRIC | {"view": "singleValue", "stacked": False, "period": 300, "title": "t"}),
    ],
)
def test_good_ones(given: dict[str, Any]) -> None:
    assert validate(given) == []


@pytest.mark.parametrize(
    ("given", "path", "message"),
    [
        ({}, "", "Should have required property 'widgets'"),
        ({"widgets": {}}, "/widgets", "Should be array"),
        ({"widgets": [3]}, "/widgets/0", "Should be object"),
        ({"widgets": [{"properties": {}}]}, "/widgets/0", "Should have required property 'type'"),
        ({"widgets": [{"type": "text"}]}, "/widgets/0", "Should have required property 'properties'"),
        (body("picture"), "/widgets/0/type", "Should be equal to one of the allowed values"),
        (body(width=25), "/widgets/0/width", "Should be <= 24"),
        (body(x=-1), "/widgets/0/x", "Should be >= 0"),
        (body(height="6"), "/widgets/0/height", "Should be integer"),
        (body("text", {}), "/widgets/0/properties", "Should have required property 'markdown'"),
        (body("metric", {"metrics": []}), "/widgets/0/properties", "Should have required property 'region'"),
        (body("metric", {"region": "r"}), "/widgets/0/properties", "Should have required property 'metrics'"),
        (
            body("metric", METRIC | {"metrics": [["N", "M", {"D": "1"}, "x"]]}),
            "/widgets/0/properties/metrics/0/2",
            'Invalid metric field type, only "String" type is allowed',
        ),
        (
            body("metric", METRIC | {"metrics": [["N", "M", "D"]]}),
            "/widgets/0/properties/metrics/0",
            "Should NOT have more than 2 items",
        ),
        (
            body("metric", METRIC | {"view": "cube"}),
            "/widgets/0/properties/view",
            "Should be equal to one of the allowed values",
        ),
        (
            body("metric", METRIC | {"metrics": [["N", "M", {"stat": "Sum", "dimensions": {"D": "1"}}]]}),
            "/widgets/0/properties/metrics/0",
            "Should NOT have more than 2 items",
        ),
        (
            body("metric", METRIC | {"metrics": [["N", "M", "D", "1"], [".", ".", ".", ".", ".", "2"]]}),
            "/widgets/0/properties/metrics/1/4",
            'Repeat marker "." used but not enough fields in previous metric',
        ),
        (
            body("metric", METRIC | {"annotations": {"horizontal": [{"value": "8"}]}}),
            "/widgets/0/properties/annotations/horizontal/0/value",
            "Should be number",
        ),
        (
            body("metric", METRIC | {"annotations": {"vertical": [[{"value": "2026-01-01T00:00:00Z"}, {}]]}}),
            "/widgets/0/properties/annotations/vertical/0/1",
            "Should have required property 'value'",
        ),
        (body("metric", METRIC | {"period": "1"}), "/widgets/0/properties/period", "Should be integer"),
    ],
)
def test_bad_ones(given: dict[str, Any], path: str, message: str) -> None:
    found = [finding for finding in validate(given) if finding.error]
    assert [(each.path, each.message) for each in found] == [(path, message)]


def test_what_is_unknown_is_only_warned_of() -> None:
    (found,) = validate({"widgets": [], "colour": 1})
    assert not found.error and found.path == "/colour"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["metric", "text", "..."]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "metrics", "region", "annotations", "x"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(_JSON, _JSON)
def test_any_json_is_judged(widgets: Any, properties: Any) -> None:
    """Whatever it is, the answer is a list of what is wrong, each with where."""
    for body in ({"widgets": widgets}, {"widgets": [{"type": "metric", "properties": properties}]}):
        assert all(isinstance(each.path, str) and each.message for each in validate(body))
