"""DescribeAlarms, DescribeAlarmsForMetric, DescribeAlarmHistory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.paging import BadToken, position, token
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch.alarms.composites import find
from cloudarium.services.cloudwatch.alarms.history import JOURNAL, KEPT, Item
from cloudarium.services.cloudwatch.alarms.resources import Alarm, CompositeAlarm, MetricAlarm, metric_key
from cloudarium.services.cloudwatch.alarms.views import shown_composite_alarm, shown_metric_alarm
from cloudarium.services.cloudwatch.errors import validation

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import (
        DescribeAlarmHistoryInputTypeDef,
        DescribeAlarmsForMetricInputTypeDef,
        DescribeAlarmsInputTypeDef,
    )

_PAGE = 50
_HISTORY_PAGE = 100
_SCANNED = 1_000


@operation
def describe_alarms(ctx: Context, request: DescribeAlarmsInputTypeDef) -> Answer:
    """Alarms by name, prefix, state, action or kinship.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
    """
    if "ChildrenOfAlarmName" in request or "ParentsOfAlarmName" in request:
        return _relatives(ctx, request)
    if "AlarmNames" in request and "AlarmNamePrefix" in request:
        raise validation("AlarmNames and AlarmNamePrefix cannot both be given.")
    kinds = request.get("AlarmTypes") or ["MetricAlarm"]
    found: list[Alarm] = []
    if "MetricAlarm" in kinds:
        found += _chosen(ctx, request, MetricAlarm)
    if "CompositeAlarm" in kinds:
        found += _chosen(ctx, request, CompositeAlarm)
    found = [alarm for alarm in found if _passes(alarm, request)]
    return _page(request, [(alarm, None) for alarm in found])


def _page(request: DescribeAlarmsInputTypeDef, found: Sequence[tuple[Alarm, set[str] | None]]) -> Answer:
    """A page of alarms, of each all members or those named."""
    start = _start(request)
    end = start + request.get("MaxRecords", _PAGE)
    answer: Answer = {"MetricAlarms": [], "CompositeAlarms": []}
    for alarm, members in found[start:end]:
        metric = isinstance(alarm, MetricAlarm)
        shown = shown_metric_alarm(alarm) if isinstance(alarm, MetricAlarm) else shown_composite_alarm(alarm)
        if members is not None:
            shown = {name: value for name, value in shown.items() if name in members}
        answer["MetricAlarms" if metric else "CompositeAlarms"].append(shown)
    if end < len(found):
        answer["NextToken"] = token(end, request)
    return answer


def _chosen(ctx: Context, request: DescribeAlarmsInputTypeDef, kind: type[Alarm]) -> list[Alarm]:
    table = ctx.table(kind)
    names = request.get("AlarmNames")
    if names is not None:
        return [alarm for name in sorted(set(names)) if (alarm := table.get(ctx.scope, name)) is not None]
    return sorted(table.all(ctx.scope), key=lambda alarm: alarm.name)


def _passes(alarm: Alarm, request: DescribeAlarmsInputTypeDef) -> bool:
    if not alarm.name.startswith(request.get("AlarmNamePrefix", "")):
        return False
    if request.get("StateValue", alarm.state.value) != alarm.state.value:
        return False
    prefix = request.get("ActionPrefix")
    actions = (*alarm.ok_actions, *alarm.alarm_actions, *alarm.insufficient_actions)
    return prefix is None or any(action.startswith(prefix) for action in actions)


def _relatives(ctx: Context, request: DescribeAlarmsInputTypeDef) -> Answer:
    """Children with their names and states; parents by name alone, as documented."""
    asked = [name for name in ("ChildrenOfAlarmName", "ParentsOfAlarmName") if name in request]
    others = [name for name in request if name not in (asked[0], "MaxRecords", "NextToken")]
    if others:
        raise validation(f"{asked[0]} and {others[0]} cannot both be given.")
    name = request.get("ChildrenOfAlarmName") or request.get("ParentsOfAlarmName", "")
    alarm = find(ctx.cloud, ctx.scope, name)
    found: list[Alarm] = []
    members = {"AlarmName", "AlarmArn"}
    if "ChildrenOfAlarmName" in request:
        members |= {"StateValue", "StateUpdatedTimestamp"}
        names = alarm.children if isinstance(alarm, CompositeAlarm) else ()
        found = [child for each in names if (child := find(ctx.cloud, ctx.scope, each)) is not None]
    elif alarm is not None:
        table = ctx.table(CompositeAlarm)
        found = [*table.find(ctx.scope, "children", alarm.name), *table.find(ctx.scope, "children", alarm.arn)]
    return _page(request, [(each, members) for each in {each.name: each for each in found}.values()])


@operation
def describe_alarms_for_metric(ctx: Context, request: DescribeAlarmsForMetricInputTypeDef) -> Answer:
    """The alarms on one metric, by statistic, period and unit where given."""
    dimensions = tuple(sorted((each["Name"], each["Value"]) for each in request.get("Dimensions", ())))
    key = metric_key(request["Namespace"], request["MetricName"], dimensions)
    stat = request.get("Statistic") or request.get("ExtendedStatistic")
    found = [
        alarm
        for alarm in ctx.table(MetricAlarm).find(ctx.scope, "metric_key", key)
        if (stat is None or alarm.statistic == stat)
        and request.get("Period", alarm.period) == alarm.period
        and request.get("Unit", alarm.unit) == alarm.unit
    ]
    return {"MetricAlarms": [shown_metric_alarm(alarm) for alarm in found]}


@operation
def describe_alarm_history(ctx: Context, request: DescribeAlarmHistoryInputTypeDef) -> Answer:
    """What happened to alarms, newest first unless asked otherwise; kept for 30 days, deleted alarms included."""
    if "AlarmContributorId" in request:
        return {"AlarmHistoryItems": []}
    oldest_first = request.get("ScanBy", "TimestampDescending") == "TimestampAscending"
    start = max(_seconds(request.get("StartDate"), 0.0), ctx.clock.now() - KEPT)
    end = _seconds(request.get("EndDate"), 1e18)
    kinds = request.get("AlarmTypes") or ["MetricAlarm"]
    wanted = request.get("HistoryItemType")
    items: list[tuple[float, Item]] = []
    before: int | None = None
    while True:
        lines = ctx.store.read(
            JOURNAL, ctx.scope, start=start, end=end, key=request.get("AlarmName"), before_id=before, limit=_SCANNED
        )
        for line in lines:
            item = msgspec.json.decode(line.data, type=Item)
            if item.alarm_type in kinds and wanted in (None, item.kind):
                items.append((line.time, item))
        if len(lines) < _SCANNED:
            break
        before = lines[-1].id
    if oldest_first:
        items.reverse()
    first = _start(request)
    last = first + request.get("MaxRecords", _HISTORY_PAGE)
    answer: Answer = {"AlarmHistoryItems": [_shown(at, item) for at, item in items[first:last]]}
    if last < len(items):
        answer["NextToken"] = token(last, request)
    return answer


def _shown(at: float, item: Item) -> dict[str, Any]:
    return {
        "AlarmName": item.name,
        "AlarmType": item.alarm_type,
        "Timestamp": datetime.fromtimestamp(at, UTC),
        "HistoryItemType": item.kind,
        "HistorySummary": item.summary[:255],
        "HistoryData": item.data,
    }


def _start(request: Any) -> int:
    text = request.get("NextToken")
    if text is None:
        return 0
    try:
        return int(position(text, request))
    except (BadToken, ValueError, TypeError):
        raise AwsError("InvalidNextToken", "The token is invalid or belongs to another request.", 400) from None


def _seconds(moment: datetime | str | None, default: float) -> float:
    if moment is None:
        return default
    return (moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)).timestamp()
