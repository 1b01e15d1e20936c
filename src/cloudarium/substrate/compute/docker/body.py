"""From a specification to the body of ``POST /containers/create``. Pure: what was looked up comes in ``Place``.

https://docs.docker.com/reference/api/engine/version/v1.44/#tag/Container/operation/ContainerCreate
"""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.spec import ContainerSpec, LogPolicy, Mount, Resources

_PROPAGATIONS = frozenset(["rprivate", "private", "rshared", "shared", "rslave", "slave"])
_LEAST_LOG = 64 * 1024


class Place(msgspec.Struct, kw_only=True, frozen=True):
    """Where a container goes.

    Attributes:
        image: the engine's id of its image.
        network: ``none`` or ``container:<id>``.
        named: whether it can have a name of its own there.
        files: paths on this machine of files to put at absolute paths (/etc/hosts …).
        pid, ipc: the engine's id of the container to share with; "" for none.
        labels: to be found by.
    """

    image: str
    network: str = "none"
    named: bool = True
    files: dict[str, str] = {}
    pid: str = ""
    ipc: str = ""
    labels: dict[str, str] = {}


def create_body(spec: ContainerSpec, place: Place) -> dict[str, Any]:
    """The body. Raises ComputeError for what makes no sense or what the API has no word for."""
    if not spec.argv:
        raise ComputeError("invalid", "no command specified")
    if spec.init and place.pid:
        raise ComputeError("invalid", "init has no effect in a shared pid namespace")
    body: dict[str, Any] = {
        "Image": place.image,
        "Entrypoint": [],
        "Cmd": spec.argv,
        "Env": _environment(spec.env),
        "WorkingDir": spec.cwd or "/",
        "User": spec.user,
        "Tty": spec.terminal,
        "OpenStdin": spec.stdin,
        "StdinOnce": False,
        "StopSignal": spec.stop_signal or "SIGTERM",
        "Labels": place.labels,
        "HostConfig": _host_config(spec, place),
    }
    if place.named:
        body["Hostname"] = hostname(spec)
    return body


def hostname(spec: ContainerSpec) -> str:
    """As containers have it where nobody says it."""
    return spec.hostname or spec.id[:12]


def _environment(env: list[str]) -> list[str]:
    for entry in env:
        if not entry.partition("=")[0] or "\0" in entry:
            raise ComputeError("invalid", f"invalid environment variable: {entry[:100]!r}")
    return env


def _host_config(spec: ContainerSpec, place: Place) -> dict[str, Any]:
    config: dict[str, Any] = {
        "NetworkMode": place.network,
        "PidMode": f"container:{place.pid}" if place.pid else "",
        # Shareable costs nothing, and others may come to share it.
        "IpcMode": f"container:{place.ipc}" if place.ipc else "shareable",
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
        "ReadonlyRootfs": spec.readonly_rootfs,
        "Privileged": spec.privileged,
        "CapAdd": spec.capabilities_add,
        "CapDrop": spec.capabilities_drop,
        "SecurityOpt": ["no-new-privileges:true"] if spec.no_new_privileges else [],
        "Devices": [
            {
                "PathOnHost": each.host_path,
                "PathInContainer": each.container_path or each.host_path,
                "CgroupPermissions": each.permissions,
            }
            for each in spec.devices
        ],
        "Sysctls": spec.sysctls,
        "Ulimits": [{"Name": each.name, "Soft": each.soft, "Hard": each.hard} for each in spec.ulimits],
        "Init": spec.init,
        "LogConfig": log_config(spec.logs),
        "Mounts": [_bind(Mount(target=target, source=source)) for target, source in sorted(place.files.items())],
        "Tmpfs": {},
    }
    if spec.shm_size is not None:
        config["ShmSize"] = spec.shm_size
    for mount in spec.mounts:
        if not mount.target.startswith("/") or mount.target.rstrip("/") == "":
            raise ComputeError("invalid", f"invalid mount target, must be an absolute path: {mount.target!r}")
        if mount.kind == "bind":
            config["Mounts"] = [each for each in config["Mounts"] if each["Target"] != mount.target] + [_bind(mount)]
        else:
            config["Tmpfs"][mount.target] = ",".join([*(["ro"] if mount.readonly else []), *mount.options])
    return config | resources(spec.resources)


def _bind(mount: Mount) -> dict[str, Any]:
    propagation = "rprivate"
    for option in mount.options:
        if option not in _PROPAGATIONS:
            raise ComputeError("unsupported", f"Docker's API has no option {option!r} for the mount at {mount.target}")
        propagation = option
    return {
        "Type": "bind",
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.readonly,
        "BindOptions": {"Propagation": propagation},
    }


def resources(wanted: Resources) -> dict[str, int]:
    """The limits in the API's words."""
    found: dict[str, int | None] = {
        "CpuShares": None if wanted.cpu_shares is None else max(2, wanted.cpu_shares),
        "CpuQuota": wanted.cpu_quota_us,
        "CpuPeriod": None if wanted.cpu_quota_us is None else wanted.cpu_period_us,
        "Memory": wanted.memory,
        "MemoryReservation": wanted.memory_reservation,
        # Without a limit of memory the engine refuses one of both.
        "MemorySwap": None if wanted.memory is None else wanted.memory_swap,
        "MemorySwappiness": wanted.swappiness,
        "PidsLimit": wanted.pids,
        "BlkioWeight": wanted.blkio_weight,
    }
    return {key: value for key, value in found.items() if value is not None}


def log_config(policy: LogPolicy) -> dict[str, Any]:
    """Where the engine keeps output. In mode ``blocking`` all of it, since it cannot make a writer wait."""
    if policy.mode == "none":
        return {"Type": "none", "Config": {}}
    if policy.mode == "blocking":
        return {"Type": "json-file", "Config": {}}
    return {"Type": "json-file", "Config": {"max-size": str(max(policy.limit // 2, _LEAST_LOG)), "max-file": "2"}}
