"""Why an alarm is in its state, in CloudWatch's words, and the same as data; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from cloudarium.services.cloudwatch.alarms.evaluator import BAND_COMPARISONS, Decision, Rule, Slot
from cloudarium.services.cloudwatch.alarms.resources import ALARM, INSUFFICIENT, OK

_WORDS = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}
_TREATED = {"breaching": "Breaching", "notBreaching": "NonBreaching", "ignore": "Ignore", "missing": "Missing"}
_SHOWN = 5
_MOST_DATA = 4_000


def number(value: float) -> str:
    """A double as Java prints it, which is how CloudWatch shows values: 1.0, 0.001, 1.0E7, 9.5E-5."""
    if value == 0:
        return "-0.0" if str(value).startswith("-") else "0.0"
    if 1e-3 <= abs(value) < 1e7:
        return repr(float(value))
    digits, _, exponent = f"{value:.17e}".partition("e")
    for places in range(17):
        shorter = f"{value:.{places}e}"
        if float(shorter) == value:
            digits, _, exponent = shorter.partition("e")
            break
    return f"{digits if '.' in digits else digits + '.0'}E{int(exponent)}"


def reason(decision: Decision, rule: Rule, before: str, threshold: float | None) -> str:
    """The text of a new state that was ``before`` another, or the same."""
    if decision.state == INSUFFICIENT or decision.state is None:
        unknown = decision.filled
        return f"Insufficient Data: {_points(unknown)} {'was' if unknown == 1 else 'were'} unknown."
    filled = ""
    if decision.filled:
        verb = "was" if decision.filled == 1 else "were"
        kind = "datapoint" if decision.filled == 1 else "datapoints"
        filled = f"{decision.filled} missing {kind} {verb} treated as [{_TREATED[rule.treat_missing]}]"
    real = [slot for slot in decision.evaluated if slot.value is not None]
    if not real:
        periods = f"{rule.evaluation_periods} period{'s' if rule.evaluation_periods != 1 else ''}"
        return f"Threshold Crossed: no datapoints were received for {periods} and {filled}."
    deciding = _deciding(decision, rule, real)
    shown = ", ".join(f"{number(slot.value or 0.0)} ({_short(slot.begin)})" for slot in deciding[:_SHOWN])
    verb = "was" if len(deciding) == 1 else "were"
    against = _against(rule, deciding, threshold, "" if decision.state == ALARM else "not ")
    crossed = "Thresholds Crossed" if rule.comparison in BAND_COMPARISONS else "Threshold Crossed"
    if filled:
        return f"{crossed}: {_points(len(deciding))} [{shown}] {verb} {against} and {filled}."
    if decision.state == OK and before != ALARM:
        return f"{crossed}: {_points(len(deciding))} [{shown}] {verb} {against}."
    # An alarm that had too little data is told to come from OK.
    least, way = rule.datapoints_to_alarm, f"{OK} -> {ALARM}"
    if decision.state == OK:
        least, way = rule.evaluation_periods - rule.datapoints_to_alarm + 1, f"{ALARM} -> {OK}"
    return (
        f"{crossed}: {len(deciding)} out of the last {len(decision.evaluated)} datapoints [{shown}] {verb} "
        f"{against} (minimum {_points(least)} for {way} transition)."
    )


def _deciding(decision: Decision, rule: Rule, real: Sequence[Slot]) -> Sequence[Slot]:
    """The points that speak for the state."""
    from cloudarium.services.cloudwatch.alarms.evaluator import breaches

    wanted = decision.state == ALARM
    chosen = [slot for slot in real if breaches(slot, rule.comparison) == wanted]
    return chosen or real


def _against(rule: Rule, deciding: Sequence[Slot], threshold: float | None, negation: str) -> str:
    if rule.comparison in _WORDS:
        return f"{negation}{_WORDS[rule.comparison]} the threshold ({number(threshold or 0.0)})"
    shown = deciding[:_SHOWN]
    lower = f"{negation}less than the lower thresholds [{', '.join(number(slot.low) for slot in shown)}]"
    upper = f"{negation}greater than the upper thresholds [{', '.join(number(slot.high) for slot in shown)}]"
    if rule.comparison == "LessThanLowerOrGreaterThanUpperThreshold":
        return f"{lower} or {upper}"
    return lower if rule.comparison == "LessThanLowerThreshold" else upper


def reason_data(
    decision: Decision, *, now: float, statistic: str, period: int, unit: str, threshold: float | None
) -> str:
    """The same as JSON: what was looked at; of very many points the newest, as AWS takes 4,000 characters at most."""
    every = len(decision.evaluated)
    texts = (_reason_data(decision, most, now, statistic, period, unit, threshold) for most in (every, 20, 5))
    return next((text for text in texts if len(text) <= _MOST_DATA), "")


def _reason_data(
    decision: Decision, most: int, now: float, statistic: str, period: int, unit: str, threshold: float | None
) -> str:
    evaluated = sorted(decision.evaluated, key=lambda slot: slot.begin)[-most:] if most else []
    real = [slot for slot in evaluated if slot.value is not None]
    data: dict[str, Any] = {"version": "1.0", "queryDate": long_time(now)}
    if real:
        data["startDate"] = long_time(real[0].begin)
    if unit:
        data["unit"] = unit
    if statistic:
        data["statistic"] = statistic
    data["period"] = period
    data["recentDatapoints"] = [slot.value for slot in real]
    if threshold is not None:
        data["threshold"] = threshold
    else:
        data["recentLowerThresholds"] = [slot.low for slot in real]
        data["recentUpperThresholds"] = [slot.high for slot in real]
    data["evaluatedDatapoints"] = [_evaluated(slot, threshold) for slot in reversed(evaluated)]
    return json.dumps(data, separators=(",", ":"))


def _evaluated(slot: Slot, threshold: float | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"timestamp": long_time(slot.begin)}
    if slot.value is not None:
        shown |= {"sampleCount": slot.samples, "value": slot.value}
    if threshold is None:
        shown["threshold"] = slot.high
    return shown


def long_time(at: float) -> str:
    """As in reason data and events: 2019-10-02T17:04:40.985+0000."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def spoken_time(at: float) -> str:
    """As in the reasons of composite alarms: Friday 22 July, 2022 15:57:45 UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%A %d %B, %Y %H:%M:%S} UTC"


def triggering(states: Iterable[tuple[str, str, float]]) -> str:
    """The data of a composite alarm's reason: by ARN, state and since when, the alarms that brought it there."""
    alarms = [{"arn": arn, "state": {"value": value, "timestamp": long_time(at)}} for arn, value, at in states]
    whole = json.dumps({"triggeringAlarms": alarms}, separators=(",", ":"))
    while len(whole) > _MOST_DATA:
        alarms = alarms[: len(alarms) // 2]
        whole = json.dumps({"triggeringAlarms": alarms}, separators=(",", ":"))
    return whole


def _short(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%d/%m/%y %H:%M:%S}"


def _points(count: int) -> str:
    return f"{count} datapoint{'s' if count != 1 else ''}"
