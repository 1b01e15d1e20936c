"""From a container definition to what the runtime is asked for. No I/O.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cloudarium.kernel.store import Scope
from cloudarium.services.ecs.logdrivers.options import size
from cloudarium.services.ecs.resources import ContainerState, Task
from cloudarium.services.ecs.tasks import environment
from cloudarium.services.ecs.tasks.reasons import CannotRun
from cloudarium.services.ecs.tasks.runtime_ids import group_name
from cloudarium.substrate.compute.spec import (
    ContainerSpec,
    Device,
    LogPolicy,
    Mount,
    Resources,
    Ulimit,
)
from cloudarium.substrate.images.model import Image, Rootfs

MIB = 1024 * 1024
_PERIOD = 100_000
_LEAST_SHARES = 2
"""What Linux gives a container that asks for no CPU units, relative to 1024 of one that asks for a vCPU."""


class Place(NamedTuple):
    """Where a container runs: what is the task's or the machine's, not the definition's."""

    network: int | None
    """Descriptor of the network namespace; None for the mode ``none``."""
    network_key: str = ""
    hostname: str = ""
    hosts: str | None = None
    resolv_conf: str | None = None
    share_pid_with: str | None = None
    share_ipc_with: str | None = None
    bridge_address: str = ""
    """In the instance's bridge network; kept as a label, for the container to find its place again."""


def task_resources(task: Task) -> Resources | None:
    """The limits of the task as a whole, or None when it has none."""
    if not task.cpu and not task.memory:
        return None
    memory = int(task.memory) * MIB if task.memory else None
    return Resources(
        cpu_shares=max(_LEAST_SHARES, int(task.cpu)) if task.cpu else None,
        cpu_quota_us=int(task.cpu) * _PERIOD // 1024 if task.cpu else None,
        cpu_period_us=_PERIOD,
        memory=memory,
        memory_swap=memory,
    )


def container_spec(
    scope: Scope,
    task: Task,
    definition: Mapping[str, Any],
    record: ContainerState,
    image: Image,
    rootfs: Rootfs,
    place: Place,
    env: list[str],
    mounts: Sequence[Mount],
    *,
    grouped: bool,
) -> ContainerSpec:
    """The container as the runtime needs it; raises CannotRun for what cannot be."""
    linux = definition.get("linuxParameters") or {}
    capabilities = linux.get("capabilities") or {}
    argv = environment.command_line(definition, {}, image.config.entrypoint, image.config.cmd)
    if not argv:
        raise CannotRun("CannotCreateContainerError: Error response from daemon: no command specified", record.name)
    return ContainerSpec(
        id=record.runtime_id,
        lowers=rootfs.lowers,
        upper=rootfs.upper,
        work=rootfs.work,
        merged=rootfs.merged,
        readonly_rootfs=bool(definition.get("readonlyRootFilesystem")),
        argv=argv,
        env=env,
        cwd=definition.get("workingDirectory") or image.config.working_dir or "/",
        user=definition.get("user") or image.config.user or "",
        hostname=place.hostname,
        network=place.network,
        network_key="" if place.bridge_address else place.network_key,
        share_pid_with=place.share_pid_with,
        share_ipc_with=place.share_ipc_with,
        mounts=[*mounts, *_tmpfs(linux)],
        resources=_resources(task, definition, linux),
        cgroup_parent=group_name(task) if grouped else "",
        ulimits=[
            Ulimit(name=each["name"], soft=each["softLimit"], hard=each["hardLimit"])
            for each in definition.get("ulimits") or ()
        ],
        capabilities_add=list(capabilities.get("add") or ()),
        capabilities_drop=list(capabilities.get("drop") or ()),
        privileged=bool(definition.get("privileged")),
        no_new_privileges=_no_new_privileges(definition, record.name),
        devices=[_device(each) for each in linux.get("devices") or ()],
        sysctls={each["namespace"]: each["value"] for each in definition.get("systemControls") or ()},
        shm_size=linux["sharedMemorySize"] * MIB if linux.get("sharedMemorySize") else None,
        init=bool(linux.get("initProcessEnabled")),
        terminal=bool(definition.get("pseudoTerminal")),
        stdin=bool(definition.get("interactive")),
        stop_signal=image.config.stop_signal or "SIGTERM",
        hosts=place.hosts,
        resolv_conf=place.resolv_conf,
        logs=_log_policy(definition),
        labels=labels(scope, task, definition)
        | ({BRIDGE: f"{place.network_key}/{place.bridge_address}"} if place.bridge_address else {}),
    )


def _log_policy(definition: Mapping[str, Any]) -> LogPolicy:
    given = definition.get("logConfiguration") or {}
    if given.get("logDriver") in (None, "none"):
        return LogPolicy(mode="none")
    if given["logDriver"] in ("json-file", "local"):
        # Kept with the container, as much of it as Docker would keep in a file of the usual size.
        return LogPolicy(mode="non-blocking", limit=10 * MIB)
    options = given.get("options") or {}
    if options.get("mode") == "non-blocking":
        return LogPolicy(mode="non-blocking", limit=size(options.get("max-buffer-size") or "10m") or 10 * MIB)
    return LogPolicy()


def _resources(task: Task, definition: Mapping[str, Any], linux: Mapping[str, Any]) -> Resources:
    memory = definition["memory"] * MIB if definition.get("memory") else None
    swap = linux.get("maxSwap")
    if memory is None:
        total = None
    elif swap is not None:
        total = memory + swap * MIB
    else:
        # As Docker has it; Fargate has no swap.
        total = memory if task.launch_type == "FARGATE" else 2 * memory
    return Resources(
        cpu_shares=max(_LEAST_SHARES, int(definition.get("cpu") or 0)),
        memory=memory,
        memory_reservation=definition["memoryReservation"] * MIB if definition.get("memoryReservation") else None,
        memory_swap=total,
        swappiness=linux.get("swappiness") if swap is not None else None,
    )


def _tmpfs(linux: Mapping[str, Any]) -> list[Mount]:
    return [
        Mount(
            target=each["containerPath"],
            kind="tmpfs",
            options=[f"size={each['size']}m", *(each.get("mountOptions") or ())],
        )
        for each in linux.get("tmpfs") or ()
    ]


_PERMISSIONS = {"read": "r", "write": "w", "mknod": "m"}


def _device(given: Mapping[str, Any]) -> Device:
    wanted = given.get("permissions") or list(_PERMISSIONS)
    return Device(
        host_path=given["hostPath"],
        container_path=given.get("containerPath") or given["hostPath"],
        permissions="".join(_PERMISSIONS[each] for each in wanted),
    )


def _no_new_privileges(definition: Mapping[str, Any], name: str) -> bool:
    wanted = False
    for option in definition.get("dockerSecurityOptions") or ():
        if option.partition(":")[0].partition("=")[0] != "no-new-privileges":
            refused = f"dockerSecurityOptions {option!r} is not implemented in Cloudarium yet"
            raise CannotRun(f"CannotCreateContainerError: {refused}", name)
        wanted = not option.endswith(("false", "=0"))
    return wanted


OWNER = "cloudarium.owner"
"""The label by which the containers of this service are known at recovery; its value is ``ecs``."""


BRIDGE = "cloudarium.bridge"
"""The label with the place of a bridged container: ``<instance's interface>/<address>``."""


def docker_labels(task: Task, definition: Mapping[str, Any]) -> dict[str, str]:
    """The labels that people see: the definition's and ECS's own."""
    return {
        **(definition.get("dockerLabels") or {}),
        "com.amazonaws.ecs.cluster": task.cluster_arn if task.launch_type == "FARGATE" else task.cluster,
        "com.amazonaws.ecs.container-name": definition["name"],
        "com.amazonaws.ecs.task-arn": task.arn,
        "com.amazonaws.ecs.task-definition-family": task.family,
        "com.amazonaws.ecs.task-definition-version": str(task.revision),
    }


def labels(scope: Scope, task: Task, definition: Mapping[str, Any]) -> dict[str, str]:
    """Everything a container is labelled with: what people see, and what recovery needs."""
    return {
        **docker_labels(task, definition),
        OWNER: "ecs",
        "cloudarium.account": scope.account,
        "cloudarium.region": scope.region,
        "cloudarium.task": task.id,
        "cloudarium.container": definition["name"],
    }
