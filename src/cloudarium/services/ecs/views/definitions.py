"""Task definitions as the API shows them."""

from __future__ import annotations

from typing import Any

from cloudarium.services.ecs.resources import TaskDefinition
from cloudarium.services.ecs.views.common import present, when


def task_definition(each: TaskDefinition) -> dict[str, Any]:
    """A task definition."""
    return {
        **each.definition,
        **present(
            taskDefinitionArn=each.arn,
            family=each.family,
            revision=each.revision,
            status=each.status,
            registeredAt=when(each.registered_at),
            deregisteredAt=when(each.deregistered_at),
            deleteRequestedAt=when(each.delete_requested_at),
            registeredBy=each.registered_by,
        ),
    }
