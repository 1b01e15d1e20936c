"""CreateCapacityProvider, DescribeCapacityProviders, UpdateCapacityProvider, DeleteCapacityProvider.

FARGATE and FARGATE_SPOT are there for every account. One of an Auto Scaling group cannot work before there are Auto
Scaling groups, and is refused by name.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCapacityProvider.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import arns, paging
from cloudarium.services.ecs.errors import invalid
from cloudarium.services.ecs.resources import CapacityProvider
from cloudarium.services.ecs.validation.strategies import BUILT_IN
from cloudarium.services.ecs.views import clusters as views

Request = Mapping[str, Any]

_NOT_FOUND = "The specified capacity provider was not found. Specify a valid name or ARN and try again."


def _every(ctx: Context) -> dict[str, CapacityProvider]:
    built_in = [
        CapacityProvider(name=name, arn=arns.make(ctx.scope, "capacity-provider", name), created=0.0)
        for name in sorted(BUILT_IN)
    ]
    return {each.name: each for each in (*built_in, *ctx.table(CapacityProvider).all(ctx.scope))}


@operation()
def describe_capacity_providers(ctx: Context, request: Request) -> Answer:
    """Capacity providers by name or ARN, or all."""
    every = _every(ctx)
    tags = "TAGS" in (request.get("include") or ())
    wanted = request.get("capacityProviders")
    if wanted is None or not wanted:
        some, token = paging.page(list(every), request, 10)
        answer: Answer = {"capacityProviders": [views.capacity_provider(every[name], tags=tags) for name in some]}
        return {**answer, "failures": [], **({"nextToken": token} if token else {})}
    found, failures = [], []
    for text in dict.fromkeys(wanted):
        name = arns.name_of("capacity-provider", text)
        if name in every:
            found.append(views.capacity_provider(every[name], tags=tags))
        else:
            arn = text if text.startswith("arn:") else arns.make(ctx.scope, "capacity-provider", text)
            failures.append({"arn": arn, "reason": "MISSING"})
    return {"capacityProviders": found, "failures": failures}


@operation(partial="refused: there are no Auto Scaling groups and no managed instances")
def create_capacity_provider(ctx: Context, request: Request) -> Answer:
    """Nothing that a capacity provider of one's own could scale is there."""
    name = request["name"]
    if name.lower().startswith(("aws", "ecs", "fargate")):
        raise invalid("The specified capacity provider name is invalid. It cannot begin with aws, ecs or fargate.")
    if request.get("managedInstancesProvider"):
        raise NotThere("managedInstancesProvider (ECS Managed Instances)")
    raise NotThere("autoScalingGroupProvider (EC2 Auto Scaling groups)")


@operation(partial="refused: only FARGATE and FARGATE_SPOT exist, which AWS lets nobody change")
def update_capacity_provider(ctx: Context, request: Request) -> Answer:
    """The built-in ones cannot be changed."""
    _refuse(ctx, request["name"], "updated")
    return {}


@operation(partial="refused: only FARGATE and FARGATE_SPOT exist, which AWS lets nobody delete")
def delete_capacity_provider(ctx: Context, request: Request) -> Answer:
    """The built-in ones cannot be deleted."""
    _refuse(ctx, request["capacityProvider"], "deleted")
    return {}


def _refuse(ctx: Context, text: str, verb: str) -> None:
    name = arns.name_of("capacity-provider", text)
    if name in BUILT_IN:
        raise invalid(f"The specified capacity provider is reserved and cannot be {verb}: {name}.")
    raise invalid(_NOT_FOUND)
