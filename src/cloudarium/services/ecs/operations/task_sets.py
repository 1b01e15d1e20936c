"""Task sets of services with the EXTERNAL deployment controller.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-external.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import arns, capacity_choice, network, paging, tagging, task_sets, tokens
from cloudarium.services.ecs.errors import invalid, task_set_not_found, unsupported
from cloudarium.services.ecs.lookup import cluster_of, service_of, task_set_of, usable_definition
from cloudarium.services.ecs.resources import ServiceRecord, TaskSet
from cloudarium.services.ecs.validation import balancers
from cloudarium.services.ecs.views import services as views

Request = Mapping[str, Any]

MOST = 5


def _service(ctx: Context, request: Request) -> ServiceRecord:
    cluster = cluster_of(ctx, request["cluster"])
    service = service_of(ctx, cluster, request["service"])
    if service.deployment_controller == "ECS":
        raise unsupported("Task sets are only supported for services with the EXTERNAL or CODE_DEPLOY controller.")
    return service


def _scale(given: Mapping[str, Any] | None, otherwise: float = 0.0) -> float:
    value = float((given or {}).get("value", otherwise))
    if not 0.0 <= value <= 100.0:
        raise invalid("The scale of a task set must be between 0.0 and 100.0 percent.")
    return value


@operation(partial="no Classic Load Balancers, launch types EXTERNAL and MANAGED_INSTANCES")
async def create_task_set(ctx: Context, request: Request) -> Answer:
    """Store another task set of a service."""
    cluster = cluster_of(ctx, request["cluster"])
    service = _service(ctx, request)
    if service.deployment_controller != "EXTERNAL":
        raise invalid("Task sets can only be created for services with the EXTERNAL deployment controller.")
    if (known := tokens.known(ctx, "CreateTaskSet", service.key, request)) is not None:
        again = ctx.table(TaskSet).get(ctx.scope, known.results[0])
        if again is not None:
            return {"taskSet": views.task_set(ctx, again)}
    there = ctx.table(TaskSet).find(ctx.scope, "service_key", service.key)
    if len(there) >= MOST:
        raise AwsError("LimitExceededException", f"A service can have at most {MOST} task sets.")
    scale = _scale(request.get("scale"))
    tags = tagging.parse(ctx.principal, request.get("tags"))
    definition = usable_definition(ctx, request["taskDefinition"])
    chosen = capacity_choice.choose(ctx, request, cluster, definition)
    checked = await network.check(ctx, request.get("networkConfiguration"), definition.network_mode, chosen.launch_type)
    balanced = await balancers.check(ctx, request.get("loadBalancers"), definition)
    registered = await balancers.registries(ctx, request.get("serviceRegistries"), definition)
    made = task_sets.make(
        ctx,
        service,
        started_by=ctx.principal.arn,
        external_id=request.get("externalId") or "",
        task_definition=definition.arn,
        scale=scale,
        launch_type=chosen.asked_launch_type,
        capacity_provider_strategy=chosen.strategy,
        platform_version=chosen.platform_version,
        platform_family=chosen.platform_family,
        network_configuration={"awsvpcConfiguration": checked.configuration} if checked.subnets else {},
        load_balancers=balanced,
        service_registries=registered,
        tags=tags,
    )
    ctx.table(TaskSet).put(ctx.scope, made)
    tokens.remember(ctx, "CreateTaskSet", service.key, request, [made.arn])
    return {"taskSet": views.task_set(ctx, made)}


@operation()
def describe_task_sets(ctx: Context, request: Request) -> Answer:
    """The task sets of a service, by id or ARN, or all."""
    service = _service(ctx, request)
    tags = "TAGS" in (request.get("include") or ())
    of_service = ctx.table(TaskSet).find(ctx.scope, "service_key", service.key)
    there = {each.id: each for each in paging.by_age(of_service)}
    wanted = request.get("taskSets")
    found, failures = [], []
    for text in dict.fromkeys(wanted) if wanted else there:
        each = there.get(_id(text))
        if each is None:
            arn = text if text.startswith("arn:") else arns.make(ctx.scope, "task-set", service.key, text)
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(views.task_set(ctx, each, tags=tags))
    return {"taskSets": found, "failures": failures}


def _id(text: str) -> str:
    return text[text.rindex("ecs-svc/") :] if "ecs-svc/" in text else text


@operation()
def update_task_set(ctx: Context, request: Request) -> Answer:
    """Scale a task set."""
    service = _service(ctx, request)
    each = task_set_of(ctx, service, request["taskSet"])
    if each.status == "DRAINING":
        raise invalid("The task set is being deleted.")
    changed = each.replace(scale=_scale(request["scale"], each.scale), updated=ctx.clock.now())
    ctx.table(TaskSet).put(ctx.scope, changed)
    return {"taskSet": views.task_set(ctx, changed)}


@operation()
def update_service_primary_task_set(ctx: Context, request: Request) -> Answer:
    """Make a task set the one that serves; the one before it becomes ACTIVE."""
    service = _service(ctx, request)
    each = task_set_of(ctx, service, request["primaryTaskSet"])
    if each.status == "DRAINING":
        raise task_set_not_found()
    table, now = ctx.table(TaskSet), ctx.clock.now()
    for other in table.find(ctx.scope, "service_key", service.key):
        if other.status == "PRIMARY" and other.arn != each.arn:
            table.put(ctx.scope, other.replace(status="ACTIVE", updated=now))
    changed = each.replace(status="PRIMARY", updated=now)
    table.put(ctx.scope, changed)
    return {"taskSet": views.task_set(ctx, changed)}


@operation()
def delete_task_set(ctx: Context, request: Request) -> Answer:
    """Let a task set drain; it goes with its last task."""
    service = _service(ctx, request)
    each = task_set_of(ctx, service, request["taskSet"])
    if not request.get("force") and (each.scale > 0 or each.status == "PRIMARY"):
        raise invalid("The task set cannot be deleted while it is PRIMARY or scaled above 0: specify force.")
    gone = each.replace(status="DRAINING", scale=0.0, force_deleted=bool(request.get("force")), updated=ctx.clock.now())
    ctx.table(TaskSet).put(ctx.scope, gone)
    return {"taskSet": views.task_set(ctx, gone)}
