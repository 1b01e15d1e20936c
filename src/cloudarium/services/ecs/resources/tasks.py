"""Tasks and their containers.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
"""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.store import Record


class ContainerState(msgspec.Struct, frozen=True, kw_only=True):
    """A container of a task, as DescribeTasks shows it.

    ``id`` is the UUID at the end of its ARN; ``cpu``, ``memory`` and ``memory_reservation`` are text as AWS shows them
    ("" when not set). ``started_flag`` says whether it ever ran: what ``dependsOn`` START waits for.
    """

    name: str
    id: str
    arn: str
    image: str
    image_digest: str = ""
    runtime_id: str = ""
    last_status: str = "PENDING"
    exit_code: int | None = None
    reason: str = ""
    health_status: str = "UNKNOWN"
    network_bindings: tuple[dict[str, Any], ...] = ()
    network_interfaces: tuple[dict[str, Any], ...] = ()
    cpu: str = "0"
    memory: str = ""
    memory_reservation: str = ""
    gpu_ids: tuple[str, ...] = ()
    managed_agents: tuple[dict[str, Any], ...] = ()
    started: float | None = None
    finished: float | None = None
    started_flag: bool = False
    restarts: int = 0


class Task(Record, frozen=True, kw_only=True):
    """A task.

    ``last_status`` goes PROVISIONING, PENDING, ACTIVATING, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING, STOPPED;
    ``desired_status`` is RUNNING or STOPPED. ``cluster``, ``service`` and ``container_instance`` are a name, a name and
    an id, empty when there is none. ``deployment_id`` is the service's deployment or the task set's id. ``cpu`` and
    ``memory`` are units and MiB as text ("" when the task has no limits of its own); ``overrides`` is the request's.
    ``network`` is the ``awsvpcConfiguration``, empty in the other network modes. ``attachments`` are in the API's
    shape. ``protection_expires`` is set while the task is protected from scale-in. ``version`` grows with each change.
    """

    TABLE = "ecs.tasks"
    KEY = "id"
    INDEXES = (
        "cluster",
        "phase_key",
        "desired_key",
        "service_key",
        "live_service",
        "container_instance",
        "live_instance",
        "family_key",
        "task_definition_arn",
        "started_by_key",
        "live_group",
    )

    id: str
    arn: str
    cluster: str
    cluster_arn: str
    task_definition_arn: str
    family: str
    revision: int
    launch_type: str
    created: float
    capacity_provider: str = ""
    platform_version: str = ""
    platform_family: str = ""
    group: str = ""
    started_by: str = ""
    service: str = ""
    deployment_id: str = ""
    task_set: str = ""
    container_instance: str = ""
    last_status: str = "PROVISIONING"
    desired_status: str = "RUNNING"
    health_status: str = "UNKNOWN"
    connectivity: str = ""
    connectivity_at: float | None = None
    stop_code: str = ""
    stopped_reason: str = ""
    pull_started: float | None = None
    pull_stopped: float | None = None
    started: float | None = None
    stopping: float | None = None
    execution_stopped: float | None = None
    stopped: float | None = None
    version: int = 1
    cpu: str = ""
    memory: str = ""
    ephemeral_storage_gib: int | None = None
    overrides: dict[str, Any] = msgspec.field(default_factory=dict)
    network: dict[str, Any] = msgspec.field(default_factory=dict)
    attachments: tuple[dict[str, Any], ...] = ()
    containers: tuple[ContainerState, ...] = ()
    attributes: tuple[dict[str, Any], ...] = ()
    volumes: tuple[dict[str, Any], ...] = ()
    availability_zone: str = ""
    enable_execute_command: bool = False
    protection_expires: float | None = None
    reference_id: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def phase(self) -> str:
        """``pending``, ``running``, ``stopping`` or ``stopped``: what counts are counts of."""
        return _PHASES.get(self.last_status, "pending")

    @property
    def live(self) -> bool:
        """Whether it has not reached STOPPED: it may still hold resources."""
        return self.last_status != "STOPPED"

    # -- what it is found by; an empty tuple is found by nothing ---------------------------------------------------

    @property
    def phase_key(self) -> str:
        """``<cluster>/<phase>``."""
        return f"{self.cluster}/{self.phase}"

    @property
    def desired_key(self) -> str:
        """``<cluster>/<desired status>``."""
        return f"{self.cluster}/{self.desired_status}"

    @property
    def service_key(self) -> str | tuple[()]:
        """``<cluster>/<service>``: every task of a service, stopped ones too while they are shown."""
        return f"{self.cluster}/{self.service}" if self.service else ()

    @property
    def live_service(self) -> str | tuple[()]:
        """``<cluster>/<service>``: the tasks of a service that have not stopped."""
        return f"{self.cluster}/{self.service}" if self.service and self.live else ()

    @property
    def live_instance(self) -> str | tuple[()]:
        """The container instance's id: the tasks that have not stopped on it."""
        return self.container_instance if self.container_instance and self.live else ()

    @property
    def live_group(self) -> str | tuple[()]:
        """``<cluster>/<group>``: the tasks of a group that have not stopped."""
        return f"{self.cluster}/{self.group}" if self.group and self.live else ()

    @property
    def family_key(self) -> str:
        """``<cluster>/<family>``."""
        return f"{self.cluster}/{self.family}"

    @property
    def started_by_key(self) -> str | tuple[()]:
        """``<cluster>/<started by>``."""
        return f"{self.cluster}/{self.started_by}" if self.started_by else ()


_PHASES = {
    "PROVISIONING": "pending",
    "PENDING": "pending",
    "ACTIVATING": "pending",
    "RUNNING": "running",
    "DEACTIVATING": "stopping",
    "STOPPING": "stopping",
    "DEPROVISIONING": "stopping",
    "STOPPED": "stopped",
}
