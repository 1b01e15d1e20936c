"""GetMetricWidgetImage: a graph as a PNG."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch.errors import validation

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import GetMetricWidgetImageInputTypeDef

_MOST_CHARACTERS = 100_000


@operation(partial="refused: gauges, other regions and accounts, OutputFormat image/png")
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
    widget = parse_widget(text, ctx.region, now)
    result = run(ctx.cloud, ctx.scope, widget.queries, widget.start, widget.end, now=now)
    return {"MetricWidgetImage": await asyncio.to_thread(draw, widget, result.series)}
