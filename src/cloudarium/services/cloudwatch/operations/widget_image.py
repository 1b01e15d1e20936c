"""GetMetricWidgetImage: a graph as a PNG."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch.alarms.composites import find
from cloudarium.services.cloudwatch.alarms.resources import MetricAlarm
from cloudarium.services.cloudwatch.data.labels import number
from cloudarium.services.cloudwatch.errors import validation

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import GetMetricWidgetImageInputTypeDef

    from cloudarium.services.cloudwatch.widgets.description import AlarmLine

_MOST_CHARACTERS = 100_000


@operation(
    partial=(
        "refused: tables, other regions and accounts, composite alarms, OutputFormat image/png; letters other than "
        "Latin are drawn as boxes"
    )
)
async def get_metric_widget_image(ctx: Context, request: GetMetricWidgetImageInputTypeDef) -> Answer:
    """A picture of metrics and expressions, drawn in a thread: large ones take a while.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricWidgetImage.html
    """
    from cloudarium.services.cloudwatch.data.engine import run
    from cloudarium.services.cloudwatch.widgets.chart import draw
    from cloudarium.services.cloudwatch.widgets.description import parse_widget

    form = request.get("OutputFormat", "png")
    if form == "image/png":
        raise NotThere("OutputFormat image/png in cloudwatch:GetMetricWidgetImage")
    if form != "png":
        raise validation(f"The value {form} for parameter OutputFormat must be png.")
    text = request["MetricWidget"]
    if len(text) > _MOST_CHARACTERS:
        raise validation(f"The parameter MetricWidget must not be longer than {_MOST_CHARACTERS} characters.")
    now = ctx.clock.now()
    widget = parse_widget(text, ctx.region, now, lambda arn: _alarm(ctx, arn))
    result = run(ctx.cloud, ctx.scope, widget.queries, widget.start, widget.end, now=now)
    return {"MetricWidgetImage": await asyncio.to_thread(draw, widget, result.series)}


_SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
}


def _alarm(ctx: Context, arn: str) -> AlarmLine:
    """What an alarm looks at, and its threshold in the console's words."""
    from cloudarium.services.cloudwatch.widgets.description import AlarmLine

    alarm = find(ctx.cloud, ctx.scope, arn) if isinstance(arn, str) and arn.startswith("arn:") else None
    if alarm is None:
        raise validation(f"The alarm {arn} does not exist.")
    if not isinstance(alarm, MetricAlarm):
        raise NotThere("a composite alarm in cloudwatch:GetMetricWidgetImage")
    if alarm.queries:
        queries = [dict(query) for query in alarm.queries]
    else:
        metric = {
            "Namespace": alarm.namespace,
            "MetricName": alarm.metric_name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in alarm.dimensions],
        }
        stat: dict[str, Any] = {"Metric": metric, "Period": alarm.period, "Stat": alarm.statistic}
        if alarm.unit:
            stat["Unit"] = alarm.unit
        queries = [{"Id": "m1", "MetricStat": stat}]
    if alarm.threshold is None:
        return AlarmLine(queries, None, "")
    minutes = number(alarm.evaluation_periods * alarm.period / 60)
    label = (
        f"{alarm.metric_name or alarm.name} {_SIGNS.get(alarm.comparison, '')} {number(alarm.threshold)} for "
        f"{alarm.datapoints_to_alarm or alarm.evaluation_periods} datapoints within "
        f"{minutes} minute{'' if minutes == '1' else 's'}"
    )
    return AlarmLine(queries, alarm.threshold, label)
