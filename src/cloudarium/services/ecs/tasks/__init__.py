"""What makes a task run: from the record that says so to containers, and back to the record.

``controller`` reconciles one task at a time; ``machine`` decides, from the record and from what is, which step is next.
Everything else is one concern each: images, secrets, networks, volumes, health. Whoever has to hold a task while it is
registered or deregistered elsewhere uses ``gates``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudarium.kernel.cloud import Cloud


async def start(cloud: Cloud) -> None:
    """Register the controller of tasks, their events and their metrics."""
    from cloudarium.services.ecs import launch, metrics
    from cloudarium.services.ecs.tasks import events
    from cloudarium.services.ecs.tasks.controller import WORKERS, Controller

    events.watch(cloud)
    controller = Controller(cloud)
    cloud.controller(launch.TASKS, controller.reconcile, controller.keys, workers=WORKERS)
    cloud.on_close(controller.close)
    metrics.start(cloud)
