"""The id under which a task asks for its role's credentials: a UUID that only its containers know.

It is in the environment of running containers, so it is kept as long as the task.
"""

from __future__ import annotations

from cloudarium.kernel.ids import request_id
from cloudarium.kernel.store import Record, Scope, Store

ADDRESS = "169.254.170.2"


class Identity(Record, frozen=True, kw_only=True):
    """What the agent knows of a task that is not shown."""

    TABLE = "ecs.agent_identities"
    KEY = "task_id"

    task_id: str
    credentials_id: str


def identity(store: Store, scope: Scope, task_id: str) -> Identity:
    """The identity of a task, made on first use."""
    table = store.table(Identity)
    found = table.get(scope, task_id)
    if found is None:
        found = Identity(task_id=task_id, credentials_id=request_id())
        table.put(scope, found)
    return found


def forget(store: Store, scope: Scope, task_id: str) -> None:
    """The task is over."""
    store.table(Identity).delete(scope, task_id)


def environment(credentials_id: str, runtime_id: str, *, has_role: bool, fargate: bool, region: str) -> dict[str, str]:
    """The variables by which containers find the agent.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
    """
    found = {
        "ECS_CONTAINER_METADATA_URI": f"http://{ADDRESS}/v3/{runtime_id}",
        "ECS_CONTAINER_METADATA_URI_V4": f"http://{ADDRESS}/v4/{runtime_id}",
        "ECS_AGENT_URI": f"http://{ADDRESS}/api/{runtime_id}",
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE" if fargate else "AWS_ECS_EC2",
    }
    if fargate:
        found["AWS_DEFAULT_REGION"] = found["AWS_REGION"] = region
    if has_role:
        found["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = f"/v2/credentials/{credentials_id}"
    return found
