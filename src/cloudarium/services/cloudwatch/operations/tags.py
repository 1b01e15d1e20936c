"""TagResource, UntagResource, ListTagsForResource: of alarms and dashboards.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Tagging.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.services.cloudwatch import tagging
from cloudarium.services.cloudwatch.alarms import changes
from cloudarium.services.cloudwatch.alarms.composites import find
from cloudarium.services.cloudwatch.alarms.resources import Alarm
from cloudarium.services.cloudwatch.dashboards import Dashboard, dashboard_arn, everywhere
from cloudarium.services.cloudwatch.errors import invalid_value

if TYPE_CHECKING:
    from types_boto3_cloudwatch.type_defs import (
        ListTagsForResourceInputTypeDef,
        TagResourceInputTypeDef,
        UntagResourceInputTypeDef,
    )

_PARTIAL = "alarms and dashboards only"


@operation(partial=_PARTIAL)
def tag_resource(ctx: Context, request: TagResourceInputTypeDef) -> Answer:
    """Add or overwrite tags."""
    tagged = _tagged(ctx, request["ResourceARN"])
    if problem := tagging.mistake(ctx.principal, tagged.tags, [tag["Key"] for tag in request["Tags"]]):
        raise invalid_value(problem)
    _put(ctx, tagged, tagged.tags | {tag["Key"]: tag["Value"] for tag in request["Tags"]})
    return {}


@operation(partial=_PARTIAL)
def untag_resource(ctx: Context, request: UntagResourceInputTypeDef) -> Answer:
    """Remove tags."""
    tagged, gone = _tagged(ctx, request["ResourceARN"]), set(request["TagKeys"])
    if problem := tagging.reserved(ctx.principal, gone):
        raise invalid_value(problem)
    _put(ctx, tagged, {key: value for key, value in tagged.tags.items() if key not in gone})
    return {}


@operation(partial=_PARTIAL)
def list_tags_for_resource(ctx: Context, request: ListTagsForResourceInputTypeDef) -> Answer:
    """The tags of an alarm or a dashboard."""
    tags = _tagged(ctx, request["ResourceARN"]).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _tagged(ctx: Context, arn: str) -> Alarm | Dashboard:
    found: Alarm | Dashboard | None = None
    if ":alarm:" in arn:
        found = find(ctx.cloud, ctx.scope, arn)
    elif arn.startswith(start := dashboard_arn(ctx.account, "")):
        found = ctx.table(Dashboard).get(everywhere(ctx.account), arn[len(start) :])
    if found is None:
        members = {"ResourceType": arn.split(":", 6)[5] if arn.count(":") > 5 else "", "ResourceId": arn}
        raise AwsError("ResourceNotFoundException", f"Unknown: {arn}", 404, members=members)
    return found


def _put(ctx: Context, tagged: Alarm | Dashboard, tags: Mapping[str, str]) -> None:
    if isinstance(tagged, Dashboard):
        ctx.table(Dashboard).put(everywhere(ctx.account), tagged.replace(tags=dict(tags)))
    else:
        changes.put(ctx.cloud, ctx.scope, tagged.replace(tags=dict(tags)))
