"""GetMetricStatistics: one metric, several statistics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.metrics import Bucket, MetricKey
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch.errors import invalid_combination, invalid_value, missing
from cloudarium.services.cloudwatch.periods import is_period, rounded_start
from cloudarium.services.cloudwatch.statistics import statistic

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import GetMetricStatisticsInputTypeDef

_MAX_POINTS = 1_440


@operation
def get_metric_statistics(ctx: Context, request: GetMetricStatisticsInputTypeDef) -> Answer:
    """Data points of one metric; their order is not promised by AWS, here it is oldest first.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
    """
    period, end = request["Period"], _seconds(request["EndTime"])
    plain, extended = request.get("Statistics", ()), request.get("ExtendedStatistics", ())
    _check(request, period)
    start = rounded_start(_seconds(request["StartTime"]), period, ctx.clock.now())
    asked = int(-(-(end - start) // period))
    if asked > _MAX_POINTS:
        raise invalid_combination(
            f"You have requested up to {asked:,} datapoints, which exceeds the limit of {_MAX_POINTS:,}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    dimensions = tuple(sorted((each["Name"], each["Value"]) for each in request.get("Dimensions", ())))
    key = MetricKey(request["Namespace"], request["MetricName"], dimensions)
    answer: Answer = {"Label": request["MetricName"], "Datapoints": []}
    for begin, unit, bucket in ctx.metrics.read(ctx.scope, key, start, end, period, request.get("Unit")):
        point: Answer = {"Timestamp": datetime.fromtimestamp(begin, UTC), "Unit": unit}
        point.update(_values(bucket, plain))
        if extended:
            point["ExtendedStatistics"] = _values(bucket, extended)
        answer["Datapoints"].append(point)
    return answer


def _check(request: GetMetricStatisticsInputTypeDef, period: int) -> None:
    plain, extended = request.get("Statistics", ()), request.get("ExtendedStatistics", ())
    if not plain and not extended:
        raise missing("At least one of the parameters {Statistics, ExtendedStatistics} must be specified.")
    if plain and extended:
        raise invalid_combination("Must specify either Statistics or ExtendedStatistics, but not both.")
    if _seconds(request["StartTime"]) >= _seconds(request["EndTime"]):
        raise invalid_value("The parameter StartTime must be less than the parameter EndTime.")
    if not is_period(period):
        raise invalid_value("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    for name in extended:
        if statistic(name) is None:
            raise invalid_value(f"The value {name} for parameter ExtendedStatistics is not supported.")


def _values(bucket: Bucket, names: object) -> Answer:
    values: Answer = {}
    for name in names if isinstance(names, (list, tuple)) else ():
        compute = statistic(name)
        value = compute(bucket) if compute is not None else None
        if value is not None:
            values[name] = value
    return values


def _seconds(moment: datetime | str) -> float:
    when = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
    return when.timestamp()
