"""What runs for the service while it is in use: tasks, the scheduler, and the forgetting of what is over."""

from __future__ import annotations

from cloudarium.kernel.cloud import Cloud
from cloudarium.services.ecs import instance_interfaces, retention, scheduler, tasks


async def start(cloud: Cloud) -> None:
    """Register the controllers."""
    retention.start(cloud)
    instance_interfaces.start(cloud)
    # The scheduler first: after a restart a task that is draining must not be stopped before it is known to.
    await scheduler.start(cloud)
    await tasks.start(cloud)
