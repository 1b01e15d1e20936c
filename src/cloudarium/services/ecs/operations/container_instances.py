"""Container instances: registering, describing, listing, draining, deregistering.

There are no EC2 machines behind them yet: an instance is capacity with a network interface of its own in a real subnet,
so that tasks in host and bridge mode have an address, security groups and routes.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterContainerInstance.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import arns, capacity, paging, registration, tagging
from cloudarium.services.ecs.errors import invalid
from cloudarium.services.ecs.launch import stop_task
from cloudarium.services.ecs.lookup import cluster_of, find_instance, instance_of
from cloudarium.services.ecs.placement import QueryError, expression
from cloudarium.services.ecs.resources import ContainerInstance, Task
from cloudarium.services.ecs.views import instances as views

Request = Mapping[str, Any]

MOST_DESCRIBED = 100
MOST_CHANGED = 10


@operation(partial="capacity with a network interface; no EC2 machine and no agent behind it; no platform devices")
async def register_container_instance(ctx: Context, request: Request) -> Answer:
    """Register capacity, or what a registered instance has become."""
    cluster = cluster_of(ctx, request.get("cluster"))
    attributes = registration.attributes(request.get("attributes"))
    resources = registration.resources(request, attributes)
    tags = tagging.parse(ctx.principal, request.get("tags"))
    document = registration.identity(request)
    versions = request.get("versionInfo") or {}
    known = (
        find_instance(ctx, cluster, request["containerInstanceArn"]) if request.get("containerInstanceArn") else None
    )
    if known is not None and known.status == "INACTIVE":
        raise invalid("The container instance has been deregistered and cannot be registered again.")
    described: dict[str, Any] = {
        "ec2_instance_id": document.get("instanceId", ""),
        "agent_version": versions.get("agentVersion") or "1.99.1",
        "agent_hash": versions.get("agentHash") or "",
        "docker_version": versions.get("dockerVersion") or "",
    }
    if known is not None:
        instance = known.replace(
            **resources,
            **described,
            attributes=registration.merged(known.attributes, attributes),
            agent_connected=True,
            version=known.version + 1,
        )
    else:
        place = await registration.place(ctx, attributes, document)
        instance_id = arns.new_id()
        interface = await registration.interface(ctx, place, cluster.name, instance_id)
        instance = ContainerInstance(
            id=instance_id,
            arn=arns.container_instance(ctx.scope, cluster.name, instance_id),
            cluster=cluster.name,
            registered_at=ctx.clock.now(),
            **resources,
            **described,
            attributes=registration.merged(registration.own(place), attributes),
            subnet_id=place["SubnetId"],
            vpc_id=place["VpcId"],
            availability_zone=place["AvailabilityZone"],
            eni_id=interface["NetworkInterfaceId"],
            owns_eni=True,
            private_ip=interface["PrivateIpAddress"],
            tags=tags,
        )
    put(ctx, instance)
    return {"containerInstance": views.container_instance(ctx, ctx.scope, instance, ("TAGS",))}


def put(ctx: Context, instance: ContainerInstance) -> None:
    """Store an instance and announce its state.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_container_instance_events.html
    """
    ctx.table(ContainerInstance).put(ctx.scope, instance)
    detail = views.container_instance(ctx, ctx.scope, instance)
    detail |= {"registeredAt": detail["registeredAt"].isoformat(), "updatedAt": ctx.clock.utcnow().isoformat()}
    detail |= {"clusterArn": arns.cluster(ctx.scope, instance.cluster)}
    ctx.events.emit(ctx.scope, "aws.ecs", "ECS Container Instance State Change", detail, [instance.arn])


@operation()
async def deregister_container_instance(ctx: Context, request: Request) -> Answer:
    """Deregister an instance; with ``force`` its tasks are stopped, otherwise it must have none."""
    cluster = cluster_of(ctx, request.get("cluster"))
    instance = instance_of(ctx, cluster, request["containerInstance"])
    live = ctx.table(Task).find(ctx.scope, "live_instance", instance.id)
    if live and not request.get("force"):
        raise invalid("Found running tasks on the instance.")
    gone = instance.replace(
        status="INACTIVE", agent_connected=False, ended=ctx.clock.now(), version=instance.version + 1
    )
    for task in live:
        stop_task(ctx, ctx.scope, task, "Container instance is deregistered (forced).", "UserInitiated")
    put(ctx, gone)
    return {"containerInstance": views.container_instance(ctx, ctx.scope, gone, ("TAGS",))}


@operation(partial="no instance health")
def describe_container_instances(ctx: Context, request: Request) -> Answer:
    """Instances by id or ARN, with what their tasks leave of them."""
    cluster = cluster_of(ctx, request.get("cluster"))
    wanted, include = request["containerInstances"], request.get("include") or ()
    if not wanted:
        raise invalid("Container instances cannot be empty.")
    if len(wanted) > MOST_DESCRIBED:
        raise invalid(f"Container instances cannot have more than {MOST_DESCRIBED} elements.")
    found, failures = [], []
    for text in dict.fromkeys(wanted):
        instance = find_instance(ctx, cluster, text)
        if instance is None:
            arn = arns.container_instance(ctx.scope, cluster.name, arns.name_of("container-instance", text))
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(views.container_instance(ctx, ctx.scope, instance, include))
    return {"containerInstances": found, "failures": failures}


@operation()
def list_container_instances(ctx: Context, request: Request) -> Answer:
    """ARNs of a cluster's instances, by status and by an expression of the cluster query language."""
    cluster = cluster_of(ctx, request.get("cluster"))
    status, text = request.get("status"), request.get("filter")
    try:
        selects = expression(text) if text else None
    except QueryError as error:
        raise invalid(f"Invalid filter: {error}") from None
    names = []
    for each in paging.by_age(ctx.table(ContainerInstance).find(ctx.scope, "cluster", cluster.name)):
        if each.status == "INACTIVE" or status not in (None, each.status):
            continue
        if selects is None or selects(capacity.candidate(ctx, ctx.scope, each)):
            names.append(each.arn)
    return paging.answer("containerInstanceArns", names, request)


@operation()
def update_container_instances_state(ctx: Context, request: Request) -> Answer:
    """Drain instances, or take them back into service."""
    cluster = cluster_of(ctx, request.get("cluster"))
    wanted, status = request["containerInstances"], request["status"]
    if status not in ("ACTIVE", "DRAINING"):
        raise invalid("Container instance status should be one of [ACTIVE, DRAINING].")
    if not 1 <= len(wanted) <= MOST_CHANGED:
        raise invalid(f"Container instances must have 1 to {MOST_CHANGED} elements.")
    found, failures = [], []
    for text in dict.fromkeys(wanted):
        instance = find_instance(ctx, cluster, text)
        if instance is None or instance.status == "INACTIVE":
            arn = arns.container_instance(ctx.scope, cluster.name, arns.name_of("container-instance", text))
            failures.append({"arn": arn, "reason": "MISSING" if instance is None else "INACTIVE"})
            continue
        if instance.status != status:
            instance = instance.replace(status=status, version=instance.version + 1)
            put(ctx, instance)
        found.append(views.container_instance(ctx, ctx.scope, instance))
    return {"containerInstances": found, "failures": failures}
