"""RunTask, StartTask, StopTask.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import arns, capacity, capacity_choice, network, placement, tokens
from cloudarium.services.ecs.capacity_choice import Capacity
from cloudarium.services.ecs.errors import invalid
from cloudarium.services.ecs.launch import create_task
from cloudarium.services.ecs.launch import stop_task as stop
from cloudarium.services.ecs.lookup import cluster_of, find_instance, task_of, usable_definition
from cloudarium.services.ecs.network import Network
from cloudarium.services.ecs.placement.placing import lacks
from cloudarium.services.ecs.resources import ClientToken, Cluster, ContainerInstance, Task, TaskDefinition
from cloudarium.services.ecs.scheduler import providers
from cloudarium.services.ecs.validation import tasks as validation
from cloudarium.services.ecs.views import tasks as views

Request = Mapping[str, Any]

_PARTIAL = "no Amazon EBS volumes, accelerators, launch types EXTERNAL and MANAGED_INSTANCES"
MOST = 10
MOST_REASON = 1024


class _Wanted(NamedTuple):
    """What each of the tasks is to be like."""

    cluster: Cluster
    definition: TaskDefinition
    network: Network
    overrides: dict[str, Any]
    group: str
    tags: dict[str, str]
    execute: bool


@operation(partial=_PARTIAL)
async def run_task(ctx: Context, request: Request) -> Answer:
    """Start up to ten tasks; those that no instance has room for are told as failures."""
    cluster = cluster_of(ctx, request.get("cluster"))
    if (before := tokens.known(ctx, "RunTask", cluster.name, request)) is not None:
        return _again(ctx, before)
    count = request.get("count", 1)
    if not 1 <= count <= MOST:
        raise invalid(f"Count must be between 1 and {MOST}.")
    definition = usable_definition(ctx, request["taskDefinition"])
    chosen = capacity_choice.choose(ctx, request, cluster, definition)
    constraints = validation.constraints(request.get("placementConstraints"), chosen.launch_type)
    strategies = validation.strategies(request.get("placementStrategy"), chosen.launch_type)
    wanted = await _wanted(ctx, request, cluster, definition, chosen.launch_type)
    # EC2 was asked meanwhile: the same request may have come a second time.
    if (before := tokens.known(ctx, "RunTask", cluster.name, request)) is not None:
        return _again(ctx, before)
    if chosen.launch_type == "FARGATE":
        made = [_fargate(ctx, request, wanted, chosen, provider) for provider in _deal(chosen, count)]
        failures: list[dict[str, str]] = []
    else:
        made, failures = _place(ctx, request, wanted, chosen, count, constraints, strategies)
    tokens.remember(ctx, "RunTask", cluster.name, request, [each.arn for each in made])
    return {"tasks": [views.task(ctx.scope, each, tags=True) for each in made], "failures": failures}


def _again(ctx: Context, before: ClientToken) -> Answer:
    table = ctx.table(Task)
    made = [task for each in before.results if (task := table.get(ctx.scope, arns.name_of("task", each)))]
    return {"tasks": [views.task(ctx.scope, each, tags=True) for each in made], "failures": []}


async def _wanted(
    ctx: Context, request: Request, cluster: Cluster, definition: TaskDefinition, launch_type: str
) -> _Wanted:
    validation.labels(request)
    given = validation.overrides(request.get("overrides"), definition, launch_type)
    tags = validation.tags(ctx, request, definition, cluster)
    execute = validation.executable(request, definition, given, "task couldn't be started")
    checked = await network.check(ctx, request.get("networkConfiguration"), definition.network_mode, launch_type)
    group = request.get("group") or f"family:{definition.family}"
    return _Wanted(cluster, definition, checked, given, group, tags, execute)


def _deal(chosen: Capacity, count: int) -> list[str]:
    """The capacity provider of each task; empty without a strategy."""
    placed: Counter[str] = Counter()
    dealt = []
    for _ in range(count):
        name = providers.choose(chosen.strategy, placed) if chosen.strategy else ""
        placed[name] += 1
        dealt.append(name)
    return dealt


def _create(ctx: Context, request: Request, wanted: _Wanted, launch_type: str, **where: Any) -> Task:
    return create_task(
        ctx,
        ctx.scope,
        definition=wanted.definition,
        cluster=wanted.cluster,
        launch_type=launch_type,
        group=wanted.group,
        started_by=request.get("startedBy") or "",
        network=wanted.network.configuration,
        task_overrides=wanted.overrides,
        enable_execute_command=wanted.execute,
        reference_id=request.get("referenceId") or "",
        tags=wanted.tags,
        **where,
    )


def _fargate(ctx: Context, request: Request, wanted: _Wanted, chosen: Capacity, provider: str) -> Task:
    there = ctx.table(Task).find(ctx.scope, "live_group", f"{wanted.cluster.name}/{wanted.group}")
    subnet = network.pick(wanted.network.subnets, there)
    return _create(
        ctx,
        request,
        wanted,
        "FARGATE",
        capacity_provider=provider,
        platform_version=chosen.platform_version,
        subnet_id=subnet.id,
        availability_zone=subnet.zone,
    )


def _place(
    ctx: Context,
    request: Request,
    wanted: _Wanted,
    chosen: Capacity,
    count: int,
    constraints: Sequence[Mapping[str, Any]],
    strategies: Sequence[Mapping[str, Any]],
) -> tuple[list[Task], list[dict[str, str]]]:
    table = ctx.table(ContainerInstance)
    found = capacity.candidates(ctx, ctx.scope, wanted.cluster.name)
    if not any(each.status == "ACTIVE" for each in found):
        raise invalid("No Container Instances were found in your cluster.")
    demand = capacity.demand(wanted.definition, wanted.overrides)
    demand.zones = {each.zone for each in wanted.network.subnets}
    every = [*constraints, *wanted.definition.definition.get("placementConstraints", ())]
    made: list[Task] = []
    failures: list[dict[str, str]] = []
    for provider in _deal(chosen, count):
        able = [each for each in found if not provider or _provider(ctx, each.id) == provider]
        placed = placement.place(able, demand, group=wanted.group, constraints=every, strategies=strategies)
        if placed.instance is None:
            failures += [_failure(ctx, wanted.cluster, each, reason) for each, reason in placed.failures]
            continue
        instance = table.get(ctx.scope, placed.instance.id)
        assert instance is not None
        made.append(_on(ctx, request, wanted, instance, provider))
    return made, failures


def _provider(ctx: Context, instance_id: str) -> str:
    instance = ctx.table(ContainerInstance).get(ctx.scope, instance_id)
    return instance.capacity_provider if instance is not None else ""


def _on(ctx: Context, request: Request, wanted: _Wanted, instance: ContainerInstance, provider: str = "") -> Task:
    subnet = next((each.id for each in wanted.network.subnets if each.zone == instance.availability_zone), "")
    return _create(ctx, request, wanted, "EC2", capacity_provider=provider, instance=instance, subnet_id=subnet)


def _failure(ctx: Context, cluster: Cluster, instance_id: str, reason: str) -> dict[str, str]:
    return {"arn": arns.container_instance(ctx.scope, cluster.name, instance_id), "reason": reason}


@operation(partial=_PARTIAL)
async def start_task(ctx: Context, request: Request) -> Answer:
    """Start a task on each of the named instances, wherever placement would put it."""
    cluster = cluster_of(ctx, request.get("cluster"))
    names = request["containerInstances"]
    if not 1 <= len(names) <= MOST:
        raise invalid(f"Container instances must have 1 to {MOST} elements.")
    definition = usable_definition(ctx, request["taskDefinition"])
    if "EC2" not in definition.definition["compatibilities"]:
        raise invalid("Task definition does not support launch_type EC2.")
    wanted = await _wanted(ctx, request, cluster, definition, "EC2")
    demand = capacity.demand(definition, wanted.overrides)
    demand.zones = {each.zone for each in wanted.network.subnets}
    made, failures = [], []
    for text in dict.fromkeys(names):
        instance = find_instance(ctx, cluster, text)
        if instance is None or instance.status == "INACTIVE":
            reason = "MISSING" if instance is None else "INACTIVE"
            failures.append(_failure(ctx, cluster, arns.name_of("container-instance", text), reason))
            continue
        reason = lacks(capacity.candidate(ctx, ctx.scope, instance), demand, wanted.group, ())
        if reason:
            failures.append(_failure(ctx, cluster, instance.id, reason))
        else:
            made.append(views.task(ctx.scope, _on(ctx, request, wanted, instance), tags=True))
    return {"tasks": made, "failures": failures}


@operation()
def stop_task(ctx: Context, request: Request) -> Answer:
    """Ask a task to stop. Its containers get their stop signal, and SIGKILL after their stop timeout."""
    cluster = cluster_of(ctx, request.get("cluster"))
    task = task_of(ctx, cluster, request["task"])
    reason = request.get("reason") or "Task stopped by user"
    if len(reason) > MOST_REASON:
        raise invalid(f"Reason cannot be longer than {MOST_REASON} characters.")
    return {"task": views.task(ctx.scope, stop(ctx, ctx.scope, task, reason, "UserInitiated"), tags=True)}
