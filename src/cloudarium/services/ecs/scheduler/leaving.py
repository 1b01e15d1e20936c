"""The meeting point of the two controllers when a task of a service stops.

Whoever asks the task to stop, ``ecs.tasks`` sees ``desired_status`` STOPPED and asks ``holds``. While it is true the
task is DEACTIVATING and its containers go on serving; ``ecs.services`` takes it out of its target groups and
registries, waits for the connections to drain, and wakes ``ecs.tasks`` again. A task whose essential container has
ended by itself has nobody left to serve and need not ask.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.services.ecs.resources import Task
from cloudarium.services.ecs.scheduler.members import Member

if TYPE_CHECKING:
    from cloudarium.kernel.cloud import Cloud
    from cloudarium.kernel.store import Scope

NOBODY_LEFT = ("EssentialContainerExited", "TaskFailedToStart")
"""Stop codes of tasks that ended by themselves."""


def holds(cloud: Cloud, scope: Scope, task: Task) -> bool:
    """Whether a stopping task may still get requests, so that it has to stay DEACTIVATING.

    When that changes the key ``(scope, task id)`` of the controller ``ecs.tasks`` is enqueued.
    """
    if task.desired_status != "STOPPED" or task.stop_code in NOBODY_LEFT:
        return False
    member = cloud.store.table(Member).get(scope, task.id)
    return member is not None and member.known_outside
