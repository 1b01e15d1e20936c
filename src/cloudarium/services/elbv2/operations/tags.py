"""AddTags, RemoveTags, DescribeTags, for every kind of resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.elbv2 import arns, tagging
from cloudarium.services.elbv2.errors import invalid
from cloudarium.services.elbv2.lookup import balancer_of, group_of, listener_of, rule_of
from cloudarium.services.elbv2.resources import Listener, LoadBalancer, Rule, TargetGroup

if TYPE_CHECKING:
    from types_boto3_elbv2.type_defs import AddTagsInputTypeDef, DescribeTagsInputTypeDef, RemoveTagsInputTypeDef

_MOST_ARNS = 20


def _resource(ctx: Context, arn: str) -> LoadBalancer | TargetGroup | Listener | Rule:
    kind = arns.kind_of(arn)
    if kind == "load balancer":
        return balancer_of(ctx, arn)
    if kind == "target group":
        return group_of(ctx, arn)
    if kind == "listener":
        return listener_of(ctx, arn)
    if kind == "listener rule":
        return rule_of(ctx, arn)
    if ":truststore/" in arn:
        raise NotThere("Trust stores")
    raise invalid(f"'{arn}' is not a valid ARN")


@operation()
def add_tags(ctx: Context, request: AddTagsInputTypeDef) -> Answer:
    """Add or overwrite tags of resources."""
    changed = []
    for arn in request["ResourceArns"]:
        resource = _resource(ctx, arn)
        changed.append(resource.replace(tags=tagging.from_request(ctx, request["Tags"], resource.tags)))
    for resource in changed:
        ctx.table(type(resource)).put(ctx.scope, resource)
    return {}


@operation()
def remove_tags(ctx: Context, request: RemoveTagsInputTypeDef) -> Answer:
    """Remove tags of resources; keys that are not there are passed over."""
    gone = set(request["TagKeys"])
    for key in gone:
        tagging.check_key(ctx, key)
    for resource in [_resource(ctx, arn) for arn in request["ResourceArns"]]:
        kept = {key: value for key, value in resource.tags.items() if key not in gone}
        ctx.table(type(resource)).put(ctx.scope, resource.replace(tags=kept))
    return {}


@operation()
def describe_tags(ctx: Context, request: DescribeTagsInputTypeDef) -> Answer:
    """Tags of up to 20 resources."""
    wanted = request["ResourceArns"]
    if len(wanted) > _MOST_ARNS:
        raise invalid(f"The maximum number of resource ARNs that can be specified is '{_MOST_ARNS}'")
    return {
        "TagDescriptions": [
            {"ResourceArn": arn, "Tags": tagging.to_response(_resource(ctx, arn).tags)} for arn in wanted
        ]
    }
