"""On what tasks run: a launch type or a strategy over capacity providers, and which platform version of Fargate.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-capacity-providers.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import NotThere
from cloudarium.services.ecs.errors import incompatible, invalid, platform_unknown
from cloudarium.services.ecs.resources import Cluster, TaskDefinition
from cloudarium.services.ecs.validation import strategies

VERSIONS = ("LATEST", "1.4.0", "1.3.0")


class Capacity(NamedTuple):
    """``launch_type`` is what decides the rules (FARGATE or EC2), also for a strategy; then it was not asked for."""

    launch_type: str
    strategy: tuple[dict[str, Any], ...]
    platform_version: str

    @property
    def asked_launch_type(self) -> str:
        """What a service shows as its launch type: nothing when it has a strategy."""
        return "" if self.strategy else self.launch_type

    @property
    def platform_family(self) -> str:
        """``Linux`` on Fargate."""
        return "Linux" if self.launch_type == "FARGATE" else ""


def choose(ctx: Context, request: Mapping[str, Any], cluster: Cluster, definition: TaskDefinition | None) -> Capacity:
    """The capacity a request asks for, or the cluster's default; the task definition must be able to run there."""
    launch_type, items = request.get("launchType"), request.get("capacityProviderStrategy") or ()
    if launch_type and items:
        raise invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )
    if launch_type in ("EXTERNAL", "MANAGED_INSTANCES"):
        raise NotThere(f"The launch type {launch_type}")
    strategy: tuple[dict[str, Any], ...] = ()
    if definition is None and not launch_type and not items:
        # A service whose task sets say what they run on.
        return Capacity("", (), "")
    if not launch_type:
        strategy = strategies.check(ctx, items or cluster.default_strategy, attached=cluster.capacity_providers)
    if strategy:
        launch_type = "FARGATE" if strategy[0]["capacityProvider"] in strategies.BUILT_IN else "EC2"
    launch_type = launch_type or "EC2"
    if definition is not None and launch_type not in definition.definition["compatibilities"]:
        if strategy:
            raise invalid("The specified capacity provider strategy is not compatible with the task definition.")
        raise invalid(f"Task definition does not support launch_type {launch_type}.")
    return Capacity(launch_type, strategy, _platform(request.get("platformVersion"), launch_type, definition))


def _platform(version: str | None, launch_type: str, definition: TaskDefinition | None) -> str:
    if launch_type != "FARGATE":
        if version:
            raise invalid("The platform version must be null when specifying an EC2 launch type.")
        return ""
    version = version or "LATEST"
    if version not in VERSIONS:
        raise platform_unknown()
    if version == "1.3.0" and definition is not None and definition.definition.get("ephemeralStorage"):
        raise incompatible("One or more of the requested capabilities are not supported: ephemeralStorage.")
    return version
