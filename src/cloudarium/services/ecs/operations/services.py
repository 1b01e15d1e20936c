"""CreateService, DescribeServices, ListServices, DeleteService.

Only records are written; the service scheduler makes them true.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import arns, capacity_choice, network, paging, rollouts, tagging, task_sets, tokens
from cloudarium.services.ecs.capacity_choice import Capacity
from cloudarium.services.ecs.errors import invalid, service_not_found
from cloudarium.services.ecs.lookup import cluster_of, find_service, usable_definition
from cloudarium.services.ecs.resources import Cluster, ServiceRecord, TaskDefinition, TaskSet
from cloudarium.services.ecs.validation import balancers, deployments
from cloudarium.services.ecs.validation import services as validation
from cloudarium.services.ecs.validation import tasks as task_validation
from cloudarium.services.ecs.views import services as views

Request = Mapping[str, Any]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,255}", re.ASCII)
_PARTIAL = (
    "rolling updates and external deployments; no BLUE_GREEN, LINEAR and CANARY, Service Connect, VPC Lattice, EBS "
    "volumes, Classic Load Balancers, launch types EXTERNAL and MANAGED_INSTANCES"
)
_IN_TASK_SETS = ("taskDefinition", "loadBalancers", "serviceRegistries", "networkConfiguration", "platformVersion")
_ROLE = "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
MOST_DESCRIBED = 10


@operation(partial=_PARTIAL)
async def create_service(ctx: Context, request: Request) -> Answer:
    """Store a service and its first deployment."""
    validation.refuse_absent(request)
    cluster = cluster_of(ctx, request.get("cluster"))
    name = request["serviceName"]
    if not _NAME.fullmatch(name):
        raise invalid("Invalid service name: it must have 1 to 255 letters, numbers, hyphens and underscores.")
    there = find_service(ctx, cluster, name)
    if there is not None and there.status != "INACTIVE":
        return _again(ctx, request, cluster, there)
    made = await _validated(ctx, request, cluster, name)
    # Others were asked meanwhile: the same name may have been taken.
    there = find_service(ctx, cluster, name)
    if there is not None and there.status != "INACTIVE":
        return _again(ctx, request, cluster, there)
    if there is not None:
        rollouts.forget(ctx.store, ctx.scope, there.arn)
    if made.deployment_controller == "ECS":
        made = rollouts.begin(ctx, made)
    elif made.deployment_controller == "CODE_DEPLOY":
        ctx.table(TaskSet).put(ctx.scope, task_sets.first(ctx, made))
    ctx.table(ServiceRecord).put(ctx.scope, made)
    tokens.remember(ctx, "CreateService", cluster.name, request, [made.arn])
    return {"service": views.service(ctx, made)}


def _again(ctx: Context, request: Request, cluster: Cluster, there: ServiceRecord) -> Answer:
    if there.status == "DRAINING":
        raise invalid("Unable to Start a service that is still Draining.")
    known = tokens.known(ctx, "CreateService", cluster.name, request, longest=36)
    if known is None or known.results != (there.arn,):
        raise invalid("Creation of service was not idempotent.")
    return {"service": views.service(ctx, there)}


async def _validated(ctx: Context, request: Request, cluster: Cluster, name: str) -> ServiceRecord:
    scheduling = request.get("schedulingStrategy") or "REPLICA"
    controller = (request.get("deploymentController") or {}).get("type") or "ECS"
    if scheduling == "DAEMON" and controller != "ECS":
        raise invalid("The DAEMON scheduling strategy is only supported with the ECS deployment controller.")
    count = validation.desired_count(request, scheduling)
    if count is None and scheduling == "REPLICA":
        raise invalid("A desired count must be specified for the REPLICA scheduling strategy.")
    configuration = deployments.configuration(request.get("deploymentConfiguration"), scheduling, controller)
    grace = validation.grace(request)
    tags = tagging.parse(ctx.principal, request.get("tags"))
    definition = _definition(ctx, request, controller)
    chosen = capacity_choice.choose(ctx, request, cluster, definition)
    if scheduling == "DAEMON" and chosen.launch_type == "FARGATE":
        raise invalid("The DAEMON scheduling strategy is not supported for the FARGATE launch type.")
    if scheduling == "DAEMON" and request.get("placementStrategy"):
        raise invalid("The DAEMON scheduling strategy does not support placement strategies.")
    placement = task_validation.strategies(request.get("placementStrategy"), chosen.launch_type)
    service = ServiceRecord(
        key=f"{cluster.name}/{name}",
        name=name,
        arn=arns.service(ctx.scope, cluster.name, name),
        cluster=cluster.name,
        cluster_arn=cluster.arn,
        created=ctx.clock.now(),
        created_by=ctx.principal.arn,
        desired_count=count or 0,
        launch_type=chosen.asked_launch_type,
        capacity_provider_strategy=chosen.strategy,
        scheduling_strategy=scheduling,
        deployment_configuration=configuration,
        deployment_controller=controller,
        health_check_grace=grace or 0,
        grace_given=grace is not None,
        placement_constraints=task_validation.constraints(request.get("placementConstraints"), chosen.launch_type),
        placement_strategy=placement,
        propagate_tags=request.get("propagateTags") or "NONE",
        enable_ecs_managed_tags=bool(request.get("enableECSManagedTags")),
        availability_zone_rebalancing=validation.rebalancing(
            request.get("availabilityZoneRebalancing"),
            scheduling,
            controller,
            configuration["maximumPercent"],
            placement,
        ),
        tags=tags,
    )
    if definition is None:
        return service.replace(enable_execute_command=bool(request.get("enableExecuteCommand")))
    return await _with_workload(ctx, request, service, definition, chosen)


def _definition(ctx: Context, request: Request, controller: str) -> TaskDefinition | None:
    if controller == "EXTERNAL":
        for member in _IN_TASK_SETS:
            if request.get(member):
                raise invalid(f"{member} is specified in CreateTaskSet with an EXTERNAL deployment controller.")
        return None
    if not request.get("taskDefinition"):
        raise invalid("TaskDefinition can not be blank.")
    return usable_definition(ctx, request["taskDefinition"])


async def _with_workload(
    ctx: Context, request: Request, service: ServiceRecord, definition: TaskDefinition, chosen: Capacity
) -> ServiceRecord:
    execute = task_validation.executable(request, definition, {}, "service couldn't be created")
    checked = await network.check(ctx, request.get("networkConfiguration"), definition.network_mode, chosen.launch_type)
    balanced = await balancers.check(ctx, request.get("loadBalancers"), definition)
    registered = await balancers.registries(ctx, request.get("serviceRegistries"), definition)
    if service.deployment_controller == "CODE_DEPLOY" and not balanced:
        raise invalid("A load balancer must be specified for a service with the CODE_DEPLOY deployment controller.")
    return service.replace(
        task_definition=definition.arn,
        platform_version=chosen.platform_version,
        platform_family=chosen.platform_family,
        network_configuration={"awsvpcConfiguration": checked.configuration} if checked.subnets else {},
        load_balancers=balanced,
        service_registries=registered,
        enable_execute_command=execute,
        role_arn=_role(ctx, request, bool(balanced), bool(registered), definition),
    )


def _role(ctx: Context, request: Request, balanced: bool, registered: bool, definition: TaskDefinition) -> str:
    """The service-linked role, where ECS acts for the account; a role of one's own only with one load balancer."""
    linked = ctx.arn("iam", _ROLE, region="")
    role = request.get("role")
    if not role:
        return linked if balanced or registered or definition.network_mode == "awsvpc" else ""
    if not balanced:
        raise invalid("A role was passed, but no load balancers were present.")
    if definition.network_mode == "awsvpc" or registered or len(request["loadBalancers"]) > 1:
        raise invalid("You cannot specify an IAM role for services that require a service linked role.")
    return role if role.startswith("arn:") else ctx.arn("iam", f"role/{role}", region="")


@operation()
def describe_services(ctx: Context, request: Request) -> Answer:
    """Services by name or ARN, deleted ones too for a while."""
    cluster = cluster_of(ctx, request.get("cluster"))
    wanted = request["services"]
    if not wanted:
        raise invalid("Services cannot be empty.")
    if len(wanted) > MOST_DESCRIBED:
        raise invalid(f"Services cannot have more than {MOST_DESCRIBED} elements.")
    tags = "TAGS" in (request.get("include") or ())
    found, failures = [], []
    for text in dict.fromkeys(wanted):
        service = find_service(ctx, cluster, text)
        if service is None:
            arn = arns.service(ctx.scope, cluster.name, arns.name_of("service", text))
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(views.service(ctx, service, tags=tags))
    return {"services": found, "failures": failures}


@operation()
def list_services(ctx: Context, request: Request) -> Answer:
    """The ARNs of a cluster's ACTIVE services."""
    cluster = cluster_of(ctx, request.get("cluster"))
    launch_type, scheduling = request.get("launchType"), request.get("schedulingStrategy")
    if request.get("resourceManagementType") == "ECS":
        return {"serviceArns": []}
    names = [
        each.arn
        for each in paging.by_age(ctx.table(ServiceRecord).find(ctx.scope, "cluster", cluster.name))
        if each.status == "ACTIVE"
        and launch_type in (None, each.launch_type)
        and scheduling in (None, each.scheduling_strategy)
    ]
    return paging.answer("serviceArns", names, {"maxResults": 10, **request})


@operation()
def delete_service(ctx: Context, request: Request) -> Answer:
    """Let a service drain: its tasks stop, then it is INACTIVE."""
    cluster = cluster_of(ctx, request.get("cluster"))
    service = find_service(ctx, cluster, request["service"])
    if service is None or service.status == "INACTIVE":
        raise service_not_found()
    if service.status == "DRAINING":
        return {"service": views.service(ctx, service)}
    if not request.get("force"):
        if service.scheduling_strategy == "REPLICA" and service.desired_count > 0:
            raise invalid("The service cannot be stopped while it is scaled above 0.")
        if any(each.scale > 0 for each in ctx.table(TaskSet).find(ctx.scope, "service_key", service.key)):
            raise invalid("The service cannot be stopped while the primary deployment is scaled above 0.")
    gone = service.replace(status="DRAINING", desired_count=0)
    ctx.table(ServiceRecord).put(ctx.scope, gone)
    return {"service": views.service(ctx, gone)}
