"""PutMetricData: points of a caller's own metrics."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from sys import intern
from typing import TYPE_CHECKING, Any, Final

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.metrics import Bucket, Dimensions, MetricKey, Point, TooManyMetrics
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch import entities
from cloudarium.services.cloudwatch.errors import invalid_combination, invalid_value, missing

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import PutMetricDataInputTypeDef

log = logging.getLogger(__name__)

_MOST_METRICS: Final = 1_000
_MOST_VALUES: Final = 150
_LARGEST: Final = 2.0**360
_JAVA: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_OLDEST: Final = 14 * 86_400
_NEWEST: Final = 2 * 3_600
_RECENT_KEYS: Final = 2_048
"""Metrics that programs send again and again: what was found about their dimensions is remembered."""
_NOT_WITH_VALUE: Final = frozenset({"Values", "StatisticValues", "Counts"})


@operation(
    partial="EntityMetricData: entities are checked if asked for, and not kept: no operation gives them back",
    data=("MetricData", "EntityMetricData"),
)
def put_metric_data(ctx: Context, request: PutMetricDataInputTypeDef) -> Answer:
    """Record points: single values, values with counts, or statistic sets.

    Once answered, they survive the death of the process. All of a request is taken, or nothing.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
    """
    if request.get("StrictEntityValidation"):
        for number, given in enumerate(request.get("EntityMetricData", ()), 1):
            if problem := entities.fault(given.get("Entity", {})):
                raise invalid_value(f"The parameter EntityMetricData.member.{number}.Entity is invalid: {problem}.")
    namespace = request["Namespace"]
    if namespace.startswith("AWS/"):
        raise invalid_value("The value AWS/ for parameter Namespace is invalid.")
    now = ctx.clock.now()
    points = [_point(namespace, path, datum, now) for path, datum in _data(request)]
    if not points:
        raise missing("The parameter MetricData is required.")
    if len(points) > _MOST_METRICS:
        raise invalid_value(f"The collection MetricData must not have a size greater than {_MOST_METRICS}.")
    try:
        ctx.metrics.put_durably(ctx.scope, points)
    except TooManyMetrics as error:
        raise AwsError("LimitExceeded", f"{error}.", 400) from error
    except OSError as error:
        log.error("metric data could not be written: %s", error)
        raise AwsError("InternalServiceError", f"The points could not be stored: {error}", 500) from error
    return {}


def _data(request: PutMetricDataInputTypeDef) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, datum in enumerate(request.get("MetricData", ()), 1):
        yield f"MetricData.member.{number}", datum
    for outer, entity in enumerate(request.get("EntityMetricData", ()), 1):
        for number, datum in enumerate(entity.get("MetricData", ()), 1):
            yield f"EntityMetricData.member.{outer}.MetricData.member.{number}", datum


def _point(namespace: str, path: str, datum: Mapping[str, Any], now: float) -> Point:
    resolution = datum.get("StorageResolution", 60)
    if resolution not in (1, 60):
        raise invalid_value(f"The parameter {path}.StorageResolution must be 1 or 60.")
    given = tuple([(each["Name"], each["Value"]) for each in datum.get("Dimensions", ())])
    try:
        key = _key(namespace, datum["MetricName"], given)
    except ValueError as error:
        raise invalid_value(f"The parameter {path}.Dimensions {error}") from error
    return Point(key, intern(datum.get("Unit", "None")), _bucket(path, datum), _time(path, datum, now), resolution == 1)


@functools.lru_cache(_RECENT_KEYS)
def _key(namespace: str, name: str, given: Dimensions) -> MetricKey:
    """The key of a metric whose dimensions were given in this order. Raises ValueError."""
    # Names are few and metrics are many: each is kept once.
    dimensions = tuple(sorted((intern(name), value) for name, value in given))
    for each, value in dimensions:
        if each.startswith(":") or not each.isascii() or not value.strip() or not value.isascii():
            raise ValueError(
                "must hold names and values of ASCII characters, not only blanks; names must not begin with a colon."
            )
    if len({each for each, _ in dimensions}) != len(dimensions):
        raise ValueError("must not name a dimension twice.")
    return MetricKey(namespace, name, dimensions)


def _time(path: str, datum: Mapping[str, Any], now: float) -> float:
    given: datetime | str | None = datum.get("Timestamp")
    if given is None:
        return now
    at = given.timestamp() if isinstance(given, datetime) else datetime.fromisoformat(given).timestamp()
    if at < now - _OLDEST:
        raise invalid_value(f"The parameter {path}.Timestamp must specify a time no more than two weeks in the past.")
    if at > now + _NEWEST:
        raise invalid_value(f"The parameter {path}.Timestamp must specify a time no more than two hours in the future.")
    return at


def _bucket(path: str, datum: Mapping[str, Any]) -> Bucket:
    if "Value" in datum and _NOT_WITH_VALUE.isdisjoint(datum):
        value = datum["Value"]
        return Bucket.of(float(value) if abs(value) <= _LARGEST else _checked(f"{path}.Value", value))
    given = [name for name in ("Value", "Values", "StatisticValues") if name in datum]
    if not given:
        raise missing(
            f"At least one of the parameters {path}.Value, {path}.Values or {path}.StatisticValues must be specified."
        )
    if len(given) > 1:
        raise invalid_combination(f"The parameters {path}.{given[0]} and {path}.{given[1]} are mutually exclusive.")
    if "Counts" in datum and given[0] != "Values":
        raise invalid_combination(f"The parameter {path}.Counts can only be given with {path}.Values.")
    bucket = Bucket()
    if given[0] == "Values":
        _add_values(path, datum["Values"], datum.get("Counts"), bucket)
    else:
        _add_set(f"{path}.StatisticValues", datum["StatisticValues"], bucket)
    return bucket


def _add_values(path: str, values: Sequence[float], counts: Sequence[float] | None, bucket: Bucket) -> None:
    if not values:
        raise invalid_value(f"The parameter {path}.Values must not be empty.")
    if len(values) > _MOST_VALUES:
        raise invalid_value(f"The collection {path}.Values must not have a size greater than {_MOST_VALUES}.")
    if counts is not None and len(counts) != len(values):
        raise invalid_value(f"The parameters {path}.Values and {path}.Counts must be of the same size.")
    for place, value in enumerate(values):
        count = 1.0 if counts is None else _checked(f"{path}.Counts", counts[place])
        if count < 0:
            raise invalid_value(f"The parameter {path}.Counts must not hold negative values.")
        if count:
            bucket.add(_checked(f"{path}.Values", value), count)


def _add_set(path: str, given: Mapping[str, float], bucket: Bucket) -> None:
    count, total = _checked(f"{path}.SampleCount", given["SampleCount"]), _checked(f"{path}.Sum", given["Sum"])
    low, high = _checked(f"{path}.Minimum", given["Minimum"]), _checked(f"{path}.Maximum", given["Maximum"])
    if count <= 0:
        raise invalid_value(f"The parameter {path}.SampleCount must be greater than 0.")
    if low > high:
        raise invalid_value(f"The parameter {path}.Maximum must be greater than {path}.Minimum.")
    bucket.add_set(total, count, low, high)


def _checked(path: str, value: float) -> float:
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise invalid_value(f"The value {_JAVA.get(str(value), value)} for parameter {path} is invalid.")
    return float(value)
