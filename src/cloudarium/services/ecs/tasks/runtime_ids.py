"""Ids of containers in the runtime: told from the task and the container's name, so that a second attempt after a crash
finds what the first one left.

On Fargate it is the task's id and ten digits, on instances 64 hex digits.
"""

from __future__ import annotations

import hashlib

from cloudarium.services.ecs.resources import Task


def runtime_id(task: Task, container_name: str) -> str:
    """The runtime's id of a container, ``[a-z0-9-]``."""
    digest = hashlib.sha256(f"{task.id}/{container_name}".encode()).hexdigest()
    if task.launch_type == "FARGATE":
        return f"{task.id}-{int(digest, 16) % 10**10:010d}"
    return digest


def group_name(task: Task) -> str:
    """The control group of a task's containers."""
    return f"ecs-{task.id}"
