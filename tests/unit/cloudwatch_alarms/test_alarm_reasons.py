"""Reasons in CloudWatch's words: texts as real alarms have shown them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.services.cloudwatch.alarms.evaluator import Rule, Slot, evaluate
from cloudarium.services.cloudwatch.alarms.reasons import number, reason, reason_data, spoken_time, triggering

T0 = datetime(2024, 7, 10, 16, 22, tzinfo=UTC).timestamp()


def text(values: list[float | None], rule: Rule, before: str, threshold: float = 0.0) -> str:
    """The reason for minutes that end a minute after T0; the newest comes last."""
    slots = [Slot(T0 - 60 * place, value, 1.0, threshold, threshold) for place, value in enumerate(reversed(values))][
        ::-1
    ]
    return reason(evaluate(slots, rule), rule, before, threshold)


@pytest.mark.parametrize(
    ("values", "rule", "before", "threshold", "expected"),
    [
        (
            [1.0],
            Rule("GreaterThanThreshold", 1, 1),
            "OK",
            0.0,
            "Threshold Crossed: 1 out of the last 1 datapoints [1.0 (10/07/24 16:22:00)] was greater than the "
            "threshold (0.0) (minimum 1 datapoint for OK -> ALARM transition).",
        ),
        (
            [3.0],
            Rule("GreaterThanOrEqualToThreshold", 1, 1),
            "INSUFFICIENT_DATA",
            1.0,
            "Threshold Crossed: 1 out of the last 1 datapoints [3.0 (10/07/24 16:22:00)] was greater than or equal to "
            "the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).",
        ),
        (
            [0.0],
            Rule("GreaterThanThreshold", 1, 1),
            "INSUFFICIENT_DATA",
            1.0,
            "Threshold Crossed: 1 datapoint [0.0 (10/07/24 16:22:00)] was not greater than the threshold (1.0).",
        ),
        (
            [0.0],
            Rule("GreaterThanThreshold", 1, 1),
            "ALARM",
            0.0,
            "Threshold Crossed: 1 out of the last 1 datapoints [0.0 (10/07/24 16:22:00)] was not greater than the "
            "threshold (0.0) (minimum 1 datapoint for ALARM -> OK transition).",
        ),
        (
            [5.0, 1.0, 6.0],
            Rule("GreaterThanThreshold", 3, 2),
            "OK",
            4.0,
            "Threshold Crossed: 2 out of the last 3 datapoints [6.0 (10/07/24 16:22:00), 5.0 (10/07/24 16:20:00)] were "
            "greater than the threshold (4.0) (minimum 2 datapoints for OK -> ALARM transition).",
        ),
        (
            [None, None, None],
            Rule("GreaterThanThreshold", 1, 1, "breaching"),
            "OK",
            4.0,
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
            "[Breaching].",
        ),
        (
            [None] * 4,
            Rule("GreaterThanThreshold", 2, 2, "notBreaching"),
            "ALARM",
            4.0,
            "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as "
            "[NonBreaching].",
        ),
        (
            [None, None, None, 1.0],
            Rule("LessThanThreshold", 2, 2, "breaching"),
            "ALARM",
            1.0,
            "Threshold Crossed: 1 datapoint [1.0 (10/07/24 16:22:00)] was not less than the threshold (1.0) and "
            "1 missing datapoint was treated as [Breaching].",
        ),
        ([None], Rule("GreaterThanThreshold", 1, 1), "OK", 0.0, "Insufficient Data: 1 datapoint was unknown."),
        ([None] * 4, Rule("GreaterThanThreshold", 2, 2), "OK", 0.0, "Insufficient Data: 2 datapoints were unknown."),
    ],
)
def test_texts(values: list[float | None], rule: Rule, before: str, threshold: float, expected: str) -> None:
    """As AWS wrote them."""
    assert text(values, rule, before, threshold) == expected


@pytest.mark.parametrize(
    ("comparison", "value", "before", "expected"),
    [
        (
            "LessThanLowerOrGreaterThanUpperThreshold",
            0.0,
            "OK",
            "was less than the lower thresholds [0.25] or greater than the upper thresholds [0.5] "
            "(minimum 1 datapoint for OK -> ALARM transition).",
        ),
        (
            "LessThanLowerOrGreaterThanUpperThreshold",
            0.3,
            "ALARM",
            "was not less than the lower thresholds [0.25] or not greater than the upper thresholds [0.5] "
            "(minimum 1 datapoint for ALARM -> OK transition).",
        ),
        (
            "LessThanLowerThreshold",
            0.0,
            "OK",
            "was less than the lower thresholds [0.25] (minimum 1 datapoint for OK -> ALARM transition).",
        ),
        (
            "GreaterThanUpperThreshold",
            0.75,
            "OK",
            "was greater than the upper thresholds [0.5] (minimum 1 datapoint for OK -> ALARM transition).",
        ),
    ],
)
def test_texts_of_bands(comparison: str, value: float, before: str, expected: str) -> None:
    """As the documentation's example of an anomaly detection alarm has them: both thresholds, each by its points."""
    rule = Rule(comparison, 1, 1)
    decision = evaluate([Slot(T0, value, 1.0, 0.25, 0.5)], rule)
    start = f"Thresholds Crossed: 1 out of the last 1 datapoints [{value} (10/07/24 16:22:00)] "
    assert reason(decision, rule, before, None) == start + expected


def test_what_brought_a_composite_alarm_there() -> None:
    """Time as it is spoken, and every alarm by name; never more than a reason's data may have."""
    at = datetime(2022, 7, 22, 15, 57, 45, 394_000, tzinfo=UTC).timestamp()
    assert spoken_time(at) == "Friday 22 July, 2022 15:57:45 UTC"
    assert triggering([("arn:a", "ALARM", at)]) == (
        '{"triggeringAlarms":[{"arn":"arn:a","state":{"value":"ALARM","timestamp":"2022-07-22T15:57:45.394+0000"}}]}'
    )
    many = triggering([("arn:" + "x" * 200, "OK", at)] * 100)
    assert len(many) <= 4_000 and len(json.loads(many)["triggeringAlarms"]) >= 6


def test_numbers_are_written_as_java_does() -> None:
    """Plain from a thousandth to ten million, with an exponent beyond."""
    shown = {0.0: "0.0", 1.0: "1.0", 99.50160229693434: "99.50160229693434", 1e7: "1.0E7", 134217728.0: "1.34217728E8",
             0.001: "0.001", 0.00025: "2.5E-4", -2.5e-7: "-2.5E-7", 1.5e300: "1.5E300"}  # fmt: skip
    assert {value: number(value) for value in shown} == shown


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_lose_nothing(value: float) -> None:
    """What is written reads as the same number."""
    assert float(number(value)) == value


def test_reason_data() -> None:
    """The JSON that goes with it."""
    rule = Rule("GreaterThanThreshold", 2, 2)
    slots = [Slot(T0 - 60, 5.0, 3.0, 1.0, 1.0), Slot(T0, 7.5, 2.0, 1.0, 1.0)]
    data = json.loads(
        reason_data(evaluate(slots, rule), now=T0 + 65.25, statistic="Average", period=60, unit="", threshold=1.0)
    )
    assert data == {
        "version": "1.0",
        "queryDate": "2024-07-10T16:23:05.250+0000",
        "startDate": "2024-07-10T16:21:00.000+0000",
        "statistic": "Average",
        "period": 60,
        "recentDatapoints": [5.0, 7.5],
        "threshold": 1.0,
        "evaluatedDatapoints": [
            {"timestamp": "2024-07-10T16:22:00.000+0000", "sampleCount": 2.0, "value": 7.5},
            {"timestamp": "2024-07-10T16:21:00.000+0000", "sampleCount": 3.0, "value": 5.0},
        ],
    }
