"""What the scheduler remembers of a task it started, until the task is gone and accounted for.

The task's own record belongs to the task controller. Here is which targets it was registered as: written down before
the load balancer is asked, so that whoever comes after a crash finds everything that may have to be undone.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.store import Record


class Target(msgspec.Struct, frozen=True):
    """A task as a target group knows it: an address or an instance id, and a port."""

    group: str
    id: str
    port: int


class Registry(msgspec.Struct, frozen=True):
    """A task as a Cloud Map service knows it; ``health`` is the custom status last reported."""

    service_id: str
    instance_id: str
    health: str = ""


class Member(Record, frozen=True, kw_only=True):
    """A task of a service. Times are cloud seconds.

    ``load_balancers`` and ``registries`` are what its deployment says, in the API's shape. ``targets`` and
    ``instances`` are what was asked for; ``registered`` says when the load balancers and registries had agreed.
    ``leaving`` is when they were told to let go, ``drained`` when the last of them had. ``fault`` is why the task has
    to be replaced; ``expected`` whether the scheduler or somebody else asked for its end.
    """

    TABLE = "ecs.members"
    KEY = "task_id"
    INDEXES = ("service_key",)

    task_id: str
    service_key: str
    deployment_id: str
    load_balancers: tuple[dict[str, Any], ...] = ()
    registries: tuple[dict[str, Any], ...] = ()
    targets: tuple[Target, ...] = ()
    instances: tuple[Registry, ...] = ()
    registered: float | None = None
    leaving: float | None = None
    drained: float | None = None
    was_healthy: bool = False
    fault: str = ""
    moved: bool = False

    @property
    def known_outside(self) -> bool:
        """Whether a load balancer or registry may know of it."""
        return bool(self.targets or self.instances) and self.drained is None
