"""What CreateService and UpdateService have in common.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.services.ecs.errors import invalid

_ABSENT = {
    "volumeConfigurations": "volumeConfigurations (Amazon EBS volumes)",
    "vpcLatticeConfigurations": "vpcLatticeConfigurations (VPC Lattice)",
    "gatewayConnectors": "gatewayConnectors",
    "monitoring": "monitoring",
}
MOST_TASKS = 5000
LONGEST_GRACE = 2**31 - 1
_ZONES = "attribute:ecs.availability-zone"


def refuse_absent(request: Mapping[str, Any]) -> None:
    """Refuse by name what is not there."""
    for member, what in _ABSENT.items():
        if request.get(member):
            raise NotThere(what)
    if (request.get("serviceConnectConfiguration") or {}).get("enabled"):
        raise NotThere("serviceConnectConfiguration (ECS Service Connect)")


def desired_count(request: Mapping[str, Any], scheduling: str) -> int | None:
    """How many tasks are wanted; None when the request does not say."""
    count = request.get("desiredCount")
    if scheduling == "DAEMON":
        if count:
            raise invalid(
                "The daemon scheduling strategy does not support a desired count for services. Remove a desired count "
                "and try again."
            )
        return None
    if count is not None and not 0 <= count <= MOST_TASKS:
        raise invalid(f"Invalid desired count: it must be between 0 and {MOST_TASKS}.")
    return count


def grace(request: Mapping[str, Any]) -> int | None:
    """The health check grace period in seconds; None when the request does not say."""
    seconds: int | None = request.get("healthCheckGracePeriodSeconds")
    if seconds is not None and not 0 <= seconds <= LONGEST_GRACE:
        raise invalid("Invalid healthCheckGracePeriodSeconds: it cannot be negative.")
    return seconds


def rebalancing(
    wanted: str | None,
    scheduling: str,
    controller: str,
    maximum_percent: int,
    placement: Sequence[Mapping[str, Any]],
) -> str:
    """Whether tasks are rebalanced over zones: by default wherever that is possible.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
    """
    why = ""
    if scheduling == "DAEMON":
        why = "a service with the DAEMON scheduling strategy"
    elif controller != "ECS":
        why = f"a service with the {controller} deployment controller"
    elif maximum_percent <= 100:
        why = "a service with a maximumPercent of 100"
    elif placement and not (placement[0]["type"] == "spread" and placement[0].get("field") == _ZONES):
        why = "a service whose first placement strategy is not a spread over Availability Zones"
    if not wanted:
        return "DISABLED" if why else "ENABLED"
    if why and wanted == "ENABLED":
        raise invalid(f"Availability Zone rebalancing is not supported for {why}.")
    return wanted
