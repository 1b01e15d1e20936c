"""Records by what a request calls them: a name, an id or an ARN; or the error AWS answers."""

from __future__ import annotations

from cloudarium.kernel.context import Context
from cloudarium.services.ecs import arns
from cloudarium.services.ecs.errors import (
    client,
    cluster_not_found,
    invalid,
    service_not_active,
    service_not_found,
    task_set_not_found,
)
from cloudarium.services.ecs.resources import (
    Cluster,
    ContainerInstance,
    Family,
    ServiceRecord,
    Task,
    TaskDefinition,
    TaskSet,
)

DEFAULT = "default"


def find_cluster(ctx: Context, text: str | None) -> Cluster | None:
    """A cluster by name or ARN, deleted ones too; ``default`` when nothing is said."""
    text = text or DEFAULT
    found = arns.parse(text)
    if found is not None and (found.account, found.region) != (ctx.account, ctx.region):
        return None
    return ctx.table(Cluster).get(ctx.scope, arns.name_of("cluster", text))


def cluster_of(ctx: Context, text: str | None) -> Cluster:
    """An ACTIVE cluster by name or ARN."""
    found = find_cluster(ctx, text)
    if found is None:
        raise cluster_not_found()
    if found.status != "ACTIVE":
        raise cluster_not_found("The referenced cluster was inactive.")
    return found


def _in_cluster(kind: str, text: str, cluster: Cluster) -> str:
    """The id in a name or ARN; an ARN of another cluster is refused as AWS does."""
    found = arns.parse(text)
    if found is None:
        if text.startswith("arn:"):
            raise invalid("Invalid identifier: " + text)
        return text
    if found.kind != kind:
        raise invalid("Unexpected resource type in identifier: " + found.kind)
    if len(found.path) > 1 and found.path[0] != cluster.name:
        raise invalid(f"Identifier is for cluster {found.path[0]}. Your cluster is {cluster.name}")
    return found.name


def find_task(ctx: Context, cluster: Cluster, text: str) -> Task | None:
    """A task of this cluster by id or ARN."""
    task = ctx.table(Task).get(ctx.scope, _in_cluster("task", text, cluster))
    return task if task is not None and task.cluster == cluster.name else None


def task_of(ctx: Context, cluster: Cluster, text: str) -> Task:
    """The same; an error when there is none."""
    task = find_task(ctx, cluster, text)
    if task is None:
        raise invalid("The referenced task was not found.")
    return task


def find_instance(ctx: Context, cluster: Cluster, text: str) -> ContainerInstance | None:
    """A container instance of this cluster by id or ARN, deregistered ones too."""
    found = ctx.table(ContainerInstance).get(ctx.scope, _in_cluster("container-instance", text, cluster))
    return found if found is not None and found.cluster == cluster.name else None


def instance_of(ctx: Context, cluster: Cluster, text: str) -> ContainerInstance:
    """A container instance that is registered."""
    found = find_instance(ctx, cluster, text)
    if found is None or found.status == "INACTIVE":
        raise invalid("Referenced container instance not found.")
    return found


def find_service(ctx: Context, cluster: Cluster, text: str) -> ServiceRecord | None:
    """A service of this cluster by name or ARN, deleted ones too."""
    return ctx.table(ServiceRecord).get(ctx.scope, f"{cluster.name}/{_in_cluster('service', text, cluster)}")


def service_of(ctx: Context, cluster: Cluster, text: str, *, active: bool = True) -> ServiceRecord:
    """A service that was not deleted; with ``active`` neither is it draining."""
    found = find_service(ctx, cluster, text)
    if found is None:
        raise service_not_found()
    if found.status == "INACTIVE" or (active and found.status != "ACTIVE"):
        raise service_not_active()
    return found


def task_set_of(ctx: Context, service: ServiceRecord, text: str) -> TaskSet:
    """A task set of a service by id (``ecs-svc/<digits>``) or ARN."""
    for found in ctx.table(TaskSet).find(ctx.scope, "service_key", service.key):
        if text in (found.id, found.arn):
            return found
    raise task_set_not_found()


def find_definition(ctx: Context, text: str) -> TaskDefinition | None:
    """A task definition by ARN, ``family:revision``, or ``family`` (the latest ACTIVE revision)."""
    found = arns.parse(text)
    if found is not None and found.kind != "task-definition":
        return None
    name = found.name if found is not None else text
    family, colon, revision = name.rpartition(":")
    if not colon:
        latest = ctx.table(Family).get(ctx.scope, name)
        if latest is None or not latest.latest:
            return None
        family, revision = name, str(latest.latest)
    if not revision.isascii() or not revision.isdigit():
        raise client(f"Invalid revision number. Number: {revision[:64]}")
    if found is not None:
        return ctx.table(TaskDefinition).get(ctx.scope, text)
    return ctx.table(TaskDefinition).get(ctx.scope, arns.task_definition(ctx.scope, family, int(revision[:18])))


def usable_definition(ctx: Context, text: str) -> TaskDefinition:
    """A task definition that tasks may be started from."""
    found = find_definition(ctx, text)
    if found is None:
        raise client("TaskDefinition not found.")
    if found.status != "ACTIVE":
        raise client("TaskDefinition is inactive")
    return found
