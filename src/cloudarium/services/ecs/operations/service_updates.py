"""UpdateService: which changes start a new deployment, and which only concern the next step of the scheduler.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import capacity_choice, network, rollouts
from cloudarium.services.ecs.capacity_choice import Capacity
from cloudarium.services.ecs.errors import invalid
from cloudarium.services.ecs.lookup import cluster_of, service_of, usable_definition
from cloudarium.services.ecs.resources import Cluster, ServiceRecord, TaskDefinition
from cloudarium.services.ecs.validation import balancers, deployments
from cloudarium.services.ecs.validation import services as validation
from cloudarium.services.ecs.validation import tasks as task_validation
from cloudarium.services.ecs.views import services as views

Request = Mapping[str, Any]

_PARTIAL = "no change of the deployment controller; otherwise what CreateService has"
_ELSEWHERE = {
    "taskDefinition": "task definition",
    "platformVersion": "platform version",
    "networkConfiguration": "network configuration",
    "loadBalancers": "load balancers",
    "serviceRegistries": "service registries",
    "capacityProviderStrategy": "capacity provider strategy",
    "forceNewDeployment": "deployment",
}
_HOW = {
    "CODE_DEPLOY": "Use AWS CodeDeploy to trigger a new deployment.",
    "EXTERNAL": "Create a new task set instead.",
}
_ROLLED_OUT = (
    "task_definition",
    "launch_type",
    "capacity_provider_strategy",
    "platform_version",
    "network_configuration",
    "load_balancers",
    "service_registries",
    "placement_constraints",
    "placement_strategy",
    "propagate_tags",
    "enable_ecs_managed_tags",
)


@operation(partial=_PARTIAL)
async def update_service(ctx: Context, request: Request) -> Answer:
    """Change a service; tasks are replaced when what they are made from has changed, or when forced."""
    validation.refuse_absent(request)
    cluster = cluster_of(ctx, request.get("cluster"))
    service = service_of(ctx, cluster, request["service"])
    wanted = (request.get("deploymentController") or {}).get("type")
    if wanted and wanted != service.deployment_controller:
        raise NotThere("A change of the deployment controller")
    if service.deployment_controller == "ECS":
        changed = await _workload(ctx, request, cluster, service)
    else:
        _refuse_elsewhere(request, service)
        changed = service
    # What others changed while EC2 and ELB were asked must not be lost: the changes are laid over what is there now.
    changes = {each: getattr(changed, each) for each in _WORKLOAD if getattr(changed, each) != getattr(service, each)}
    service = service_of(ctx, cluster, request["service"])
    changed = _settings(request, service.replace(**changes))
    if changed.deployment_controller == "ECS" and _rolls_out(service, changed, request):
        changed = rollouts.begin(ctx, changed)
    ctx.table(ServiceRecord).put(ctx.scope, changed)
    return {"service": views.service(ctx, changed)}


_WORKLOAD = (*_ROLLED_OUT, "platform_family", "enable_execute_command")


def _refuse_elsewhere(request: Request, service: ServiceRecord) -> None:
    kind = service.deployment_controller
    for member, what in _ELSEWHERE.items():
        if request.get(member):
            raise invalid(f"Unable to update {what} on services with a {kind} deployment controller. {_HOW[kind]}")


def _rolls_out(before: ServiceRecord, after: ServiceRecord, request: Request) -> bool:
    if request.get("forceNewDeployment"):
        return True
    return any(getattr(before, each) != getattr(after, each) for each in _ROLLED_OUT)


def _settings(request: Request, service: ServiceRecord) -> ServiceRecord:
    """What needs nobody else's word."""
    scheduling = service.scheduling_strategy
    count, grace = validation.desired_count(request, scheduling), validation.grace(request)
    configuration = service.deployment_configuration
    if request.get("deploymentConfiguration") is not None:
        configuration = deployments.configuration(
            request["deploymentConfiguration"], scheduling, service.deployment_controller, configuration
        )
    launch_type = "FARGATE" if service.platform_family else "EC2"
    changes: dict[str, Any] = {"deployment_configuration": configuration}
    if count is not None:
        changes["desired_count"] = count
    if grace is not None:
        changes |= {"health_check_grace": grace, "grace_given": True}
    if request.get("placementConstraints") is not None:
        given = task_validation.constraints(request["placementConstraints"], launch_type)
        changes["placement_constraints"] = given
    if request.get("placementStrategy") is not None:
        if scheduling == "DAEMON" and request["placementStrategy"]:
            raise invalid("The DAEMON scheduling strategy does not support placement strategies.")
        changes["placement_strategy"] = task_validation.strategies(request["placementStrategy"], launch_type)
    if request.get("propagateTags") is not None:
        changes["propagate_tags"] = request["propagateTags"]
    if request.get("enableECSManagedTags") is not None:
        changes["enable_ecs_managed_tags"] = request["enableECSManagedTags"]
    changes["availability_zone_rebalancing"] = validation.rebalancing(
        request.get("availabilityZoneRebalancing") or service.availability_zone_rebalancing,
        scheduling,
        service.deployment_controller,
        configuration["maximumPercent"],
        changes.get("placement_strategy", service.placement_strategy),
    )
    return service.replace(**changes)


async def _workload(ctx: Context, request: Request, cluster: Cluster, service: ServiceRecord) -> ServiceRecord:
    """What tasks are made from: definition, capacity, network, load balancers."""
    given = request.get("taskDefinition")
    table = ctx.table(TaskDefinition)
    definition = usable_definition(ctx, given) if given else table.get(ctx.scope, service.task_definition)
    if definition is None:
        raise invalid("The task definition of the service does not exist any more: specify another one.")
    chosen = _capacity(ctx, request, cluster, service, definition)
    changed = service.replace(
        task_definition=definition.arn,
        launch_type=chosen.asked_launch_type,
        capacity_provider_strategy=chosen.strategy,
        platform_version=chosen.platform_version,
        platform_family=chosen.platform_family,
    )
    wanted = request.get("networkConfiguration") or service.network_configuration or None
    if request.get("networkConfiguration") or given:
        checked = await network.check(ctx, wanted, definition.network_mode, chosen.launch_type)
        changed = changed.replace(
            network_configuration={"awsvpcConfiguration": checked.configuration} if checked.subnets else {}
        )
    if request.get("loadBalancers") is not None or given:
        balanced = request.get("loadBalancers")
        balanced = await balancers.check(ctx, service.load_balancers if balanced is None else balanced, definition)
        changed = changed.replace(load_balancers=balanced)
    if request.get("serviceRegistries") is not None:
        changed = changed.replace(
            service_registries=await balancers.registries(ctx, request["serviceRegistries"], definition)
        )
    if request.get("enableExecuteCommand") is not None:
        execute = task_validation.executable(request, definition, {}, "service couldn't be updated")
        changed = changed.replace(enable_execute_command=execute)
    return changed


def _capacity(
    ctx: Context, request: Request, cluster: Cluster, service: ServiceRecord, definition: TaskDefinition
) -> Capacity:
    strategy = request.get("capacityProviderStrategy")
    if strategy is not None and list(strategy) != list(service.capacity_provider_strategy):
        if not request.get("forceNewDeployment"):
            raise invalid(
                "When switching from launch type to capacity provider strategy on an existing service, or making a "
                "change to a capacity provider strategy on a service that is already using one, you must force a new "
                "deployment."
            )
        asked: dict[str, Any] = {"capacityProviderStrategy": strategy}
        if not strategy:
            asked = {"launchType": "FARGATE" if service.platform_family else "EC2"}
    elif service.capacity_provider_strategy:
        asked = {"capacityProviderStrategy": service.capacity_provider_strategy}
    else:
        asked = {"launchType": service.launch_type}
    version = request.get("platformVersion") or service.platform_version
    if version:
        asked["platformVersion"] = version
    return capacity_choice.choose(ctx, asked, cluster, definition)
