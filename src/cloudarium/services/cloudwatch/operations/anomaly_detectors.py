"""PutAnomalyDetector, DescribeAnomalyDetectors, DeleteAnomalyDetector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.paging import BadToken, position, token
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch.anomaly.bands import zone_of
from cloudarium.services.cloudwatch.anomaly.detectors import (
    PENDING,
    AnomalyDetector,
    of_metric,
    of_queries,
    target_of,
)
from cloudarium.services.cloudwatch.data.checks import check
from cloudarium.services.cloudwatch.errors import invalid_combination, invalid_value, missing
from cloudarium.services.cloudwatch.math.parser import parse
from cloudarium.services.cloudwatch.math.values import MathError, Origin
from cloudarium.services.cloudwatch.statistics import statistic

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import (
        DeleteAnomalyDetectorInputTypeDef,
        DescribeAnomalyDetectorsInputTypeDef,
        PutAnomalyDetectorInputTypeDef,
    )

_MOST_DETECTORS = 500
_MOST_QUERIES = 10
_MOST_RANGES = 100
_PAGE = 100
_METRIC_MEMBERS = ("Namespace", "MetricName", "Dimensions", "Stat")


@operation(partial="refused: linked accounts, AdaptationSpeed, OutlierFilteringStrength")
def put_anomaly_detector(ctx: Context, request: PutAnomalyDetectorInputTypeDef) -> Answer:
    """Have a metric's or an expression's normal values learned; or change how.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutAnomalyDetector.html
    """
    given: Mapping[str, Any] = request
    described = _described(ctx, given)
    table = ctx.table(AnomalyDetector)
    there = table.get(ctx.scope, described.id)
    if there is None and table.count(ctx.scope) >= _MOST_DETECTORS:
        raise AwsError("LimitExceededException", f"An account can have {_MOST_DETECTORS} anomaly detectors.", 400)
    configured = described.replace(
        **_configuration(given.get("Configuration", {})),
        spikes=given.get("MetricCharacteristics", {}).get("PeriodicSpikes"),
    )
    if there is not None:
        # What was learned serves until it has been learned anew.
        configured = configured.replace(
            models=there.models, periods=there.periods, trained=there.trained, revision=there.revision + 1
        )
    table.put(ctx.scope, configured)
    return {"AnomalyDetectorId": configured.id}


@operation
def describe_anomaly_detectors(ctx: Context, request: DescribeAnomalyDetectorsInputTypeDef) -> Answer:
    """Detectors, those of single metrics unless ``AnomalyDetectorTypes`` says otherwise.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAnomalyDetectors.html
    """
    ids = request.get("AnomalyDetectorIds")
    kinds = request.get("AnomalyDetectorTypes") or (
        ["SINGLE_METRIC", "METRIC_MATH"] if ids is not None else ["SINGLE_METRIC"]
    )
    unknown = set(kinds) - {"SINGLE_METRIC", "METRIC_MATH"}
    if unknown:
        raise invalid_value(f"The value {min(unknown)} for parameter AnomalyDetectorTypes is not supported.")
    filtered = [name for name in ("Namespace", "MetricName", "Dimensions") if name in request]
    if filtered and ids is not None:
        raise invalid_combination(f"AnomalyDetectorIds and {filtered[0]} cannot both be given.")
    found = [
        detector
        for detector in ctx.table(AnomalyDetector).all(ctx.scope)
        if ("METRIC_MATH" if detector.queries else "SINGLE_METRIC") in kinds
        and (ids is None or detector.id in ids)
        and _has(detector, request)
    ]
    found.sort(key=lambda detector: detector.id)
    if (text := request.get("NextToken")) is not None:
        try:
            after = str(position(text, request))
        except BadToken:
            raise AwsError("InvalidNextToken", "The token is invalid or belongs to another request.", 400) from None
        found = [detector for detector in found if detector.id > after]
    size = min(request.get("MaxResults", _PAGE), _PAGE)
    answer: Answer = {"AnomalyDetectors": [_shown(ctx, detector) for detector in found[:size]]}
    if len(found) > size:
        answer["NextToken"] = token(found[size - 1].id, request)
    return answer


@operation
def delete_anomaly_detector(ctx: Context, request: DeleteAnomalyDetectorInputTypeDef) -> Answer:
    """Forget a detector and what it has learned."""
    given: Mapping[str, Any] = request
    id_ = given.get("AnomalyDetectorId")
    if id_ is None:
        id_ = _described(ctx, given).id
    elif len(given) > 1:
        raise invalid_combination("AnomalyDetectorId cannot be given together with other parameters.")
    if ctx.table(AnomalyDetector).delete(ctx.scope, id_) is None:
        raise AwsError("ResourceNotFoundException", "The anomaly detector does not exist.", 404)
    return {}


def _described(ctx: Context, given: Mapping[str, Any]) -> AnomalyDetector:
    """A detector of what a request describes: in one of three ways."""
    ways = [
        any(name in given for name in _METRIC_MEMBERS),
        "SingleMetricAnomalyDetector" in given,
        "MetricMathAnomalyDetector" in given,
    ]
    if sum(ways) > 1:
        raise invalid_combination(
            "Only one of SingleMetricAnomalyDetector, MetricMathAnomalyDetector and a metric can be given."
        )
    if not any(ways):
        raise missing("One of SingleMetricAnomalyDetector and MetricMathAnomalyDetector must be given.")
    if ways[2]:
        return _of_expression(ctx, given["MetricMathAnomalyDetector"].get("MetricDataQueries", ()))
    return _of_metric(ctx, given.get("SingleMetricAnomalyDetector", given))


def _of_metric(ctx: Context, given: Mapping[str, Any]) -> AnomalyDetector:
    if given.get("AccountId", ctx.account) != ctx.account:
        raise NotThere("anomaly detectors of linked accounts (AccountId)")
    for name in ("Namespace", "MetricName", "Stat"):
        if name not in given:
            raise missing(f"The parameter {name} is required.")
    if statistic(given["Stat"]) is None:
        raise invalid_value(f"The value {given['Stat']} for parameter Stat is not supported.")
    dimensions = tuple(sorted((each["Name"], each["Value"]) for each in given.get("Dimensions", ())))
    origin = Origin(given["Namespace"], given["MetricName"], dimensions, given["Stat"])
    return AnomalyDetector(
        id=of_metric(origin),
        namespace=origin.namespace,
        metric_name=origin.name,
        dimensions=dimensions,
        stat=origin.stat,
    )


def _of_expression(ctx: Context, queries: Sequence[Mapping[str, Any]]) -> AnomalyDetector:
    """What anomaly detection on metric math does not support is documented.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#using-anomaly-detection-on-metric-math
    """
    if len(queries) > _MOST_QUERIES:
        raise invalid_value(f"A metric math anomaly detector can have {_MOST_QUERIES} metrics and expressions.")
    try:
        check(ctx.scope, queries)
    except NotThere:
        raise
    except AwsError as error:
        raise invalid_value(error.message) from None
    periods = {query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}
    if len(periods) > 1 or min(periods, default=60) < 60:
        raise invalid_value("The metrics of a metric math anomaly detector must have one period of a minute or more.")
    try:
        for query in queries:
            expression = parse(query.get("Expression", "0"))
            for function in ("METRICS", "SEARCH", "ANOMALY_DETECTION_BAND"):
                if expression.calls(function):
                    raise invalid_value(f"A metric math anomaly detector cannot use the function {function}.")
        target = target_of(queries)
        id_ = of_queries(queries, target)
    except MathError as error:
        raise invalid_value(error.message) from None
    if "Expression" not in next(query for query in queries if query["Id"] == target):
        raise invalid_value("The query of a metric math anomaly detector that returns data must be an expression.")
    return AnomalyDetector(id=id_, queries=tuple(dict(query) for query in queries))


def _configuration(given: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("AdaptationSpeed", "OutlierFilteringStrength"):
        if name in given:
            raise NotThere(f"{name} in cloudwatch:PutAnomalyDetector")
    ranges = given.get("ExcludedTimeRanges", ())
    if len(ranges) > _MOST_RANGES:
        raise invalid_value(f"The collection ExcludedTimeRanges must not have a size greater than {_MOST_RANGES}.")
    excluded = tuple((_seconds(each["StartTime"]), _seconds(each["EndTime"])) for each in ranges)
    if any(start >= end for start, end in excluded):
        raise invalid_value("The StartTime of an excluded time range must be before its EndTime.")
    zone = given.get("MetricTimezone", "")
    try:
        zone_of(zone)
    except (KeyError, ValueError, OSError):
        raise invalid_value(f"The value {zone} for parameter MetricTimezone is not a time zone.") from None
    return {"excluded": excluded, "timezone": zone, "state": PENDING}


def _has(detector: AnomalyDetector, request: DescribeAnomalyDetectorsInputTypeDef) -> bool:
    if request.get("Namespace", detector.namespace) != detector.namespace:
        return False
    if request.get("MetricName", detector.metric_name) != detector.metric_name:
        return False
    have = dict(detector.dimensions)
    return all(have.get(each["Name"]) == each["Value"] for each in request.get("Dimensions", ()))


def _shown(ctx: Context, detector: AnomalyDetector) -> Answer:
    shown: Answer = {"AnomalyDetectorId": detector.id, "StateValue": detector.state, "Configuration": {}}
    if detector.excluded:
        shown["Configuration"]["ExcludedTimeRanges"] = [
            {"StartTime": datetime.fromtimestamp(start, UTC), "EndTime": datetime.fromtimestamp(end, UTC)}
            for start, end in detector.excluded
        ]
    if detector.timezone:
        shown["Configuration"]["MetricTimezone"] = detector.timezone
    if detector.spikes is not None:
        shown["MetricCharacteristics"] = {"PeriodicSpikes": detector.spikes}
    if detector.queries:
        shown["MetricMathAnomalyDetector"] = {"MetricDataQueries": list(detector.queries)}
        return shown
    metric: Answer = {
        "Namespace": detector.namespace,
        "MetricName": detector.metric_name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in detector.dimensions],
        "Stat": detector.stat,
    }
    return {**shown, **metric, "SingleMetricAnomalyDetector": {"AccountId": ctx.account, **metric}}


def _seconds(moment: datetime | str) -> float:
    when = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
    return when.timestamp()
