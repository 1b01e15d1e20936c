"""Services: the desired number of tasks, kept, and replaced by rolling updates while traffic flows.

``rollout`` decides, purely; ``controller`` looks, asks it and does the next step. What the scheduler remembers of each
task it started is a ``Member``; ``leaving.holds`` tells the task controller when a stopping task's connections have
drained, so that its containers may be told to end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudarium.kernel.cloud import Cloud


async def start(cloud: Cloud) -> None:
    """Register the controller of services."""
    from cloudarium.services.ecs.scheduler import leaving
    from cloudarium.services.ecs.scheduler.controller import Services
    from cloudarium.services.ecs.tasks import gates

    gates.add_gate(cloud, lambda scope, task: leaving.holds(cloud, scope, task))
    Services(cloud).begin()
