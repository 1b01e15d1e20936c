"""Task definitions."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.store import Record


class Family(Record, frozen=True, kw_only=True):
    """A family's counters: revision numbers are never used twice. ``active`` is how many ACTIVE revisions there are,
    ``latest`` the newest ACTIVE one (0 when there is none).
    """

    TABLE = "ecs.families"
    KEY = "name"

    name: str
    last_revision: int = 0
    active: int = 0
    latest: int = 0


class TaskDefinition(Record, frozen=True, kw_only=True):
    """One revision of a family.

    ``definition`` is the registered request with AWS's defaults filled in, in the shape of DescribeTaskDefinition
    (``containerDefinitions``, ``volumes``, ``networkMode``, ``cpu`` and ``memory`` as text, …); what identifies and
    dates it is in the other fields. ``status`` is ACTIVE, INACTIVE or DELETE_IN_PROGRESS.
    """

    TABLE = "ecs.task_definitions"
    KEY = "arn"
    INDEXES = ("family",)

    arn: str
    family: str
    revision: int
    definition: dict[str, Any]
    registered_at: float
    registered_by: str
    status: str = "ACTIVE"
    deregistered_at: float | None = None
    delete_requested_at: float | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def network_mode(self) -> str:
        """``awsvpc``, ``bridge``, ``host`` or ``none``; bridge when nothing was said."""
        return str(self.definition.get("networkMode") or "bridge")

    @property
    def containers(self) -> list[dict[str, Any]]:
        """The container definitions."""
        found: list[dict[str, Any]] = self.definition["containerDefinitions"]
        return found
