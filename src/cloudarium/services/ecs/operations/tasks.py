"""DescribeTasks, ListTasks, UpdateTaskProtection, GetTaskProtection, ExecuteCommand.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.ecs import arns, paging
from cloudarium.services.ecs.errors import invalid, service_not_found
from cloudarium.services.ecs.launch import changed
from cloudarium.services.ecs.lookup import cluster_of, find_service, find_task, instance_of, task_of
from cloudarium.services.ecs.resources import Cluster, ContainerState, Task, TaskDefinition
from cloudarium.services.ecs.views import tasks as views
from cloudarium.services.ecs.views.common import when

Request = Mapping[str, Any]

MOST_DESCRIBED = 100
MOST_PROTECTED = 10
DEFAULT_PROTECTION, LONGEST_PROTECTION = 120, 2880
"""Minutes."""


@operation()
def describe_tasks(ctx: Context, request: Request) -> Answer:
    """Tasks by id or ARN; stopped ones for an hour."""
    cluster = cluster_of(ctx, request.get("cluster"))
    wanted = request["tasks"]
    if not wanted:
        raise invalid("Tasks cannot be empty.")
    if len(wanted) > MOST_DESCRIBED:
        raise invalid(f"Tasks cannot have more than {MOST_DESCRIBED} elements.")
    tags = "TAGS" in (request.get("include") or ())
    found, failures = [], []
    for text in dict.fromkeys(wanted):
        task = find_task(ctx, cluster, text)
        if task is None:
            failures.append(_missing(ctx, cluster, text))
        else:
            found.append(views.task(ctx.scope, task, tags=tags))
    return {"tasks": found, "failures": failures}


def _missing(ctx: Context, cluster: Cluster, text: str, reason: str = "MISSING") -> dict[str, str]:
    return {"arn": arns.task(ctx.scope, cluster.name, arns.name_of("task", text)), "reason": reason}


@operation()
def list_tasks(ctx: Context, request: Request) -> Answer:
    """The ARNs of a cluster's tasks, narrowed by the index of the narrowest filter."""
    cluster = cluster_of(ctx, request.get("cluster"))
    if request.get("daemonName"):
        raise NotThere("daemonName (ECS daemons)")
    family, started_by = request.get("family"), request.get("startedBy")
    table, scope, name = ctx.table(Task), ctx.scope, cluster.name
    if started_by and (family or request.get("serviceName") or request.get("containerInstance")):
        raise invalid("When you specify startedBy as the filter, it must be the only filter that you use.")
    desired = request.get("desiredStatus") or "RUNNING"
    found = None
    if request.get("containerInstance"):
        instance = instance_of(ctx, cluster, request["containerInstance"])
        found = table.find(scope, "container_instance", instance.id)
    if request.get("serviceName"):
        service = find_service(ctx, cluster, request["serviceName"])
        if service is None:
            raise service_not_found()
        of_service = table.find(scope, "service_key", service.key)
        found = of_service if found is None else [each for each in found if each.service == service.name]
    if started_by:
        found = table.find(scope, "started_by_key", f"{name}/{started_by}")
    if found is None:
        index, key = ("family_key", family) if family else ("desired_key", desired)
        found = table.find(scope, index, f"{name}/{key}")
    launch_type = request.get("launchType")
    names = [
        each.arn
        for each in paging.by_age(found)
        if each.cluster == name
        and each.desired_status == desired
        and family in (None, "", each.family)
        and launch_type in (None, each.launch_type)
    ]
    return paging.answer("taskArns", names, request)


@operation()
def update_task_protection(ctx: Context, request: Request) -> Answer:
    """Protect tasks of services from scale-in and deployments for a while, or end that."""
    cluster = cluster_of(ctx, request["cluster"])
    wanted = request["tasks"]
    if not 1 <= len(wanted) <= MOST_PROTECTED:
        raise invalid(f"Tasks must have 1 to {MOST_PROTECTED} elements.")
    minutes = request.get("expiresInMinutes", DEFAULT_PROTECTION)
    if not 1 <= minutes <= LONGEST_PROTECTION:
        raise invalid(f"expiresInMinutes must be between 1 and {LONGEST_PROTECTION}.")
    expires = ctx.clock.now() + minutes * 60 if request["protectionEnabled"] else None
    protected, failures = [], []
    for text in dict.fromkeys(wanted):
        task = find_task(ctx, cluster, text)
        if task is None:
            failures.append(_missing(ctx, cluster, text))
        elif not task.service or not task.live:
            failures.append(_missing(ctx, cluster, text, "TASK_NOT_VALID"))
        else:
            task = changed(task, protection_expires=expires)
            ctx.table(Task).put(ctx.scope, task)
            protected.append(_protection(ctx, task))
    return {"protectedTasks": protected, "failures": failures}


@operation()
def get_task_protection(ctx: Context, request: Request) -> Answer:
    """Whether tasks are protected, and until when."""
    cluster = cluster_of(ctx, request["cluster"])
    wanted = request.get("tasks") or ()
    if len(wanted) > MOST_DESCRIBED:
        raise invalid(f"Tasks cannot have more than {MOST_DESCRIBED} elements.")
    if not wanted:
        live = ctx.table(Task).find(ctx.scope, "desired_key", f"{cluster.name}/RUNNING")
        protections = [_protection(ctx, each) for each in live if each.service]
        return {"protectedTasks": [each for each in protections if each["protectionEnabled"]], "failures": []}
    found, failures = [], []
    for text in dict.fromkeys(wanted):
        task = find_task(ctx, cluster, text)
        if task is None:
            failures.append(_missing(ctx, cluster, text))
        elif not task.service:
            failures.append(_missing(ctx, cluster, text, "TASK_NOT_VALID"))
        else:
            found.append(_protection(ctx, task))
    return {"protectedTasks": found, "failures": failures}


def _protection(ctx: Context, task: Task) -> dict[str, Any]:
    expires = task.protection_expires
    if expires is None or expires <= ctx.clock.now():
        return {"taskArn": task.arn, "protectionEnabled": False}
    return {"taskArn": task.arn, "protectionEnabled": True, "expirationDate": when(expires)}


_NOT_ENABLED = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn’t running. Wait and try again or run a new task with execute command enabled and try again."
)


@operation()
def execute_command(ctx: Context, request: Request) -> Answer:
    """Open a session in a running container."""
    cluster = cluster_of(ctx, request.get("cluster"))
    if not request["interactive"]:
        raise invalid("Interactive is the only mode supported currently.")
    if not request["command"].strip():
        raise invalid("Command cannot be empty.")
    task = task_of(ctx, cluster, request["task"])
    container = _container(task, request.get("container"))
    if not task.enable_execute_command or task.last_status == "STOPPED":
        raise invalid(_NOT_ENABLED)
    if task.last_status != "RUNNING" or container.last_status != "RUNNING" or not _agent(task, container):
        raise AwsError(
            "TargetNotConnectedException", "The execute command failed due to an internal error. Try again later."
        )
    from cloudarium.services.ecs.exec.sessions import sessions_of
    from cloudarium.services.ecs.exec.transcripts import destination

    definition = ctx.table(TaskDefinition).get(ctx.scope, task.task_definition_arn)
    defined = definition.definition["containerDefinitions"] if definition is not None else []
    settings: Mapping[str, Any] = next((each for each in defined if each["name"] == container.name), {})
    where = destination(cluster.configuration, settings, ctx.region)
    sessions = sessions_of(ctx.cloud)
    return {
        "clusterArn": cluster.arn,
        "containerArn": container.arn,
        "containerName": container.name,
        "interactive": True,
        "session": sessions.open(container.runtime_id, container.name, request["command"], ctx.scope, where),
        "taskArn": task.arn,
    }


def _agent(task: Task, container: ContainerState) -> bool:
    return any(each["lastStatus"] == "RUNNING" for each in views.managed_agents(task, container))


def _container(task: Task, name: str | None) -> ContainerState:
    if name is None:
        if len(task.containers) > 1:
            raise invalid("A container name must be specified for a task with more than one container.")
        return task.containers[0]
    for each in task.containers:
        if each.name == name:
            return each
    raise invalid("The specified container was not found in the task.")
