"""AWS::ECS::Service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import AwsError
from cloudarium.services.cloudformation.kinds.calls import found_or_none, taken, unless
from cloudarium.services.cloudformation.kinds.ecs.common import parameters, retag, tags
from cloudarium.services.cloudformation.kinds.ecs.steadiness import steady
from cloudarium.services.cloudformation.kinds.kind import Kind, NeedsReplacement, Work
from cloudarium.services.cloudformation.kinds.shapes import without

_NOT_IN_UPDATE = ("Cluster", "ForceNewDeployment", "LaunchType", "Role", "SchedulingStrategy", "ServiceName")
_NO_ALARMS = {"alarmNames": [], "enable": False, "rollback": False}
_NO_BREAKER = {"enable": False, "rollback": False}
_UNSAID: Mapping[str, Any] = {
    "AvailabilityZoneRebalancing": "ENABLED",
    "CapacityProviderStrategy": [],
    "DeploymentController": {"type": "ECS"},
    "EnableECSManagedTags": False,
    "EnableExecuteCommand": False,
    "HealthCheckGracePeriodSeconds": 0,
    "LoadBalancers": [],
    "PlacementConstraints": [],
    "PlacementStrategies": [],
    "PlatformVersion": "LATEST",
    "PropagateTags": "NONE",
    "ServiceConnectConfiguration": {"enabled": False},
    "ServiceRegistries": [],
}
"""What UpdateService is told when a property is taken out of the template: what a service has that never had it."""


def place(arn: str) -> tuple[str, str]:
    """Cluster and name in the ARN of a service."""
    _, cluster, name = arn.rsplit("/", 2)
    return cluster, name


class Service(Kind):
    """A service; its physical id, which ``Ref`` gives, is its ARN. It is ready when it is steady.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html
    """

    type = "AWS::ECS::Service"
    unbuilt = frozenset({"GatewayConnectors", "Monitoring", "VolumeConfigurations", "VpcLatticeConfigurations"})

    async def create(self, work: Work) -> str:
        """Make it; the token makes an attempt that comes again the same one."""
        request = _creation(work)
        try:
            made = await work.ctx.aws.ecs.create_service(**request)
        except AwsError as error:
            if "not idempotent" in error.message:
                raise taken(self, request["serviceName"]) from error
            raise
        return str(made["service"]["serviceArn"])

    async def found(self, work: Work) -> str:
        """The service of the name, if the same request with the same token has made it."""
        request = _creation(work)
        where = {"cluster": request["cluster"]} if "cluster" in request else {}
        asked = work.ctx.aws.ecs.describe_services(services=[request["serviceName"]], **where)
        there = await found_or_none(asked, "ClusterNotFoundException")
        if there is None or all(each["status"] != "ACTIVE" for each in there["services"]):
            return ""
        again = await found_or_none(work.ctx.aws.ecs.create_service(**request), "InvalidParameterException")
        return str(again["service"]["serviceArn"]) if again is not None else ""

    async def ready(self, work: Work) -> bool:
        """Whether the newest deployment is through, and all tasks are there."""
        cluster, _ = place(work.physical_id)
        return await steady(work, cluster, parameters(work.properties), forced=_forced(work.before, work.properties))

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Name``, ``ServiceArn``."""
        return {"Name": place(work.physical_id)[1], "ServiceArn": work.physical_id}

    async def update(self, work: Work) -> None:
        """Tell the service what has changed. Its count only when the template has one: autoscaling goes on."""
        before, after = work.before, work.properties
        launch_types = before.get("LaunchType"), after.get("LaunchType")
        if launch_types[0] != launch_types[1] and all(launch_types):
            raise NeedsReplacement("LaunchType")
        names = {*before, *after} - {*_NOT_IN_UPDATE, "Tags", "DesiredCount"}
        changed = {name for name in names if before.get(name) != after.get(name)}
        request = parameters({name: after[name] for name in after if name in changed or name == "DesiredCount"})
        gone = changed - set(after)
        request |= parameters({name: _UNSAID[name] for name in gone if name in _UNSAID})
        if "DeploymentConfiguration" in changed:
            request["deploymentConfiguration"] = _configuration(work.properties)
        if _forced(before, after):
            request["forceNewDeployment"] = True
        cluster, name = place(work.physical_id)
        await work.ctx.aws.ecs.update_service(cluster=cluster, service=name, **request)
        await retag(work, work.physical_id)

    async def delete(self, work: Work) -> None:
        """Let it drain, whatever its count is."""
        cluster, name = place(work.physical_id)
        with unless("ServiceNotFoundException", "ClusterNotFoundException"):
            await work.ctx.aws.ecs.delete_service(cluster=cluster, service=name, force=True)

    async def gone(self, work: Work) -> bool:
        """Whether its last task has stopped."""
        cluster, name = place(work.physical_id)
        asked = work.ctx.aws.ecs.describe_services(cluster=cluster, services=[name])
        found = await found_or_none(asked, "ClusterNotFoundException")
        return found is None or all(each["status"] == "INACTIVE" for each in found["services"])


def _creation(work: Work) -> dict[str, Any]:
    request = parameters(without(work.properties, "ForceNewDeployment"))
    if request.get("schedulingStrategy") != "DAEMON":
        # As documented: one task for a new service that does not say how many.
        request.setdefault("desiredCount", 1)
    request.setdefault("serviceName", work.short_name(255))
    if work.tags:
        request["tags"] = tags(work)
    return {**request, "clientToken": work.token}


def _forced(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a change needs a deployment of its own: another nonce, or another strategy, which ECS takes only so."""
    wanted = after.get("ForceNewDeployment") or {}
    if wanted.get("EnableForceNewDeployment") and wanted != before.get("ForceNewDeployment"):
        return True
    return before.get("CapacityProviderStrategy") != after.get("CapacityProviderStrategy")


def _configuration(properties: Mapping[str, Any]) -> dict[str, Any]:
    """All of a deployment configuration: UpdateService leaves alone what it is not told."""
    daemon = properties.get("SchedulingStrategy") == "DAEMON"
    whole: dict[str, Any] = {
        "maximumPercent": 100 if daemon else 200,
        "minimumHealthyPercent": 0 if daemon else 100,
        "alarms": _NO_ALARMS,
        "deploymentCircuitBreaker": _NO_BREAKER,
    }
    return whole | parameters(properties.get("DeploymentConfiguration") or {})
