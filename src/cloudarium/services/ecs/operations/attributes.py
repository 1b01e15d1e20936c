"""PutAttributes, DeleteAttributes, ListAttributes: of container instances.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutAttributes.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import arns, paging, registration
from cloudarium.services.ecs.errors import invalid
from cloudarium.services.ecs.lookup import cluster_of, find_instance
from cloudarium.services.ecs.resources import Cluster, ContainerInstance
from cloudarium.services.ecs.views.common import present

Request = Mapping[str, Any]

MOST = 10
_OWN = ("ecs.", "com.amazonaws.ecs.")


def _targets(ctx: Context, cluster: Cluster, given: Sequence[Mapping[str, Any]]) -> list[ContainerInstance]:
    if not 1 <= len(given) <= MOST:
        raise invalid(f"Attributes must have 1 to {MOST} elements.")
    found = []
    for each in given:
        instance = find_instance(ctx, cluster, each.get("targetId") or "")
        if instance is None or instance.status == "INACTIVE":
            raise AwsError("TargetNotFoundException", "The specified target wasn't found.")
        found.append(instance)
    return found


@operation()
def put_attributes(ctx: Context, request: Request) -> Answer:
    """Give instances attributes, or attributes other values."""
    cluster = cluster_of(ctx, request.get("cluster"))
    given = request["attributes"]
    table = ctx.table(ContainerInstance)
    targets = _targets(ctx, cluster, given)
    for each, target in zip(given, targets, strict=True):
        attribute = registration.attribute(each)
        current = table.get(ctx.scope, target.id) or target
        changed = registration.merged(current.attributes, (attribute,))
        if sum(not one.name.startswith(_OWN) for one in changed) > registration.MOST_ATTRIBUTES:
            raise AwsError(
                "AttributeLimitExceededException",
                f"You can apply up to {registration.MOST_ATTRIBUTES} custom attributes for each resource.",
            )
        table.put(ctx.scope, current.replace(attributes=changed, version=current.version + 1))
    return {
        "attributes": [_shown(each, target) for each, target in zip(given, _targets(ctx, cluster, given), strict=True)]
    }


@operation()
def delete_attributes(ctx: Context, request: Request) -> Answer:
    """Take attributes from instances."""
    cluster = cluster_of(ctx, request.get("cluster"))
    given = request["attributes"]
    table = ctx.table(ContainerInstance)
    targets = _targets(ctx, cluster, given)
    for each, target in zip(given, targets, strict=True):
        if each["name"].startswith(_OWN):
            raise invalid(f"The attribute {each['name'][:128]} cannot be deleted.")
        current = table.get(ctx.scope, target.id) or target
        left = tuple(one for one in current.attributes if one.name != each["name"])
        table.put(ctx.scope, current.replace(attributes=left, version=current.version + 1))
    return {"attributes": [_shown(each, target) for each, target in zip(given, targets, strict=True)]}


def _shown(each: Mapping[str, Any], target: ContainerInstance) -> dict[str, Any]:
    return present(name=each["name"], value=each.get("value"), targetType="container-instance", targetId=target.arn)


@operation()
def list_attributes(ctx: Context, request: Request) -> Answer:
    """The attributes of a cluster's instances, by name and value."""
    cluster = cluster_of(ctx, request.get("cluster"))
    name, value = request.get("attributeName"), request.get("attributeValue")
    if value is not None and name is None:
        raise invalid("attributeName must be specified with attributeValue.")
    found = {}
    for instance in paging.by_age(ctx.table(ContainerInstance).find(ctx.scope, "cluster", cluster.name)):
        if instance.status == "INACTIVE":
            continue
        for each in instance.attributes:
            if name in (None, each.name) and value in (None, each.value):
                found[f"{instance.id}|{each.name}"] = {
                    **present(name=each.name, value=each.value),
                    "targetId": arns.container_instance(ctx.scope, cluster.name, instance.id),
                    "targetType": "container-instance",
                }
    keys, token = paging.page(list(found), request)
    answer: Answer = {"attributes": [found[each] for each in keys]}
    return {**answer, "nextToken": token} if token else answer
