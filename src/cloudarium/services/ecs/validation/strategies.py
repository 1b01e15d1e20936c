"""Capacity providers and strategies over them.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.services.ecs import arns
from cloudarium.services.ecs.errors import invalid
from cloudarium.services.ecs.resources import CapacityProvider

BUILT_IN = frozenset(("FARGATE", "FARGATE_SPOT"))
MOST = 20


def providers(ctx: Context, names: Sequence[str]) -> tuple[str, ...]:
    """The capacity providers a cluster is to have, each there."""
    found = tuple(dict.fromkeys(arns.name_of("capacity-provider", name) for name in names))
    if len(found) > MOST:
        raise invalid(f"A cluster can have at most {MOST} capacity providers.")
    for name in found:
        if name not in BUILT_IN and ctx.table(CapacityProvider).get(ctx.scope, name) is None:
            raise invalid("The specified capacity provider was not found. Specify a valid name or ARN and try again.")
    return found


def check(ctx: Context, items: Sequence[Mapping[str, Any]], *, attached: Collection[str]) -> tuple[dict[str, Any], ...]:
    """A strategy with its defaults filled in; its providers must be ``attached`` to the cluster."""
    if len(items) > MOST:
        raise invalid(f"A capacity provider strategy can contain a maximum of {MOST} capacity providers.")
    found: list[dict[str, Any]] = []
    for item in items:
        name = arns.name_of("capacity-provider", item.get("capacityProvider") or "")
        if not name:
            raise invalid("A capacity provider must be specified.")
        if any(each["capacityProvider"] == name for each in found):
            raise invalid("The capacity provider strategy cannot contain duplicate capacity providers.")
        weight, base = item.get("weight") or 0, item.get("base") or 0
        if not 0 <= weight <= 1000:
            raise invalid("The capacity provider weight must be between 0 and 1000.")
        if not 0 <= base <= 100_000:
            raise invalid("The capacity provider base must be between 0 and 100000.")
        if name not in attached:
            raise invalid(
                "The specified capacity provider strategy cannot contain a capacity provider that is not associated "
                "with the cluster. Associate the capacity provider with the cluster and try again."
            )
        found.append({"capacityProvider": name, "weight": weight, "base": base})
    if sum(each["base"] > 0 for each in found) > 1:
        raise invalid("Only one capacity provider in a capacity provider strategy can have a base defined.")
    if found and not any(each["weight"] for each in found):
        raise invalid("At least one capacity provider in the strategy must have a weight greater than zero.")
    if len({each["capacityProvider"] in BUILT_IN for each in found}) > 1:
        raise invalid(
            "The specified capacity provider strategy cannot contain both Fargate and Auto Scaling group capacity "
            "providers."
        )
    return tuple(found)
