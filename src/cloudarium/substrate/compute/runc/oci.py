"""From a specification to runc's config.json. Pure: what must be looked up on the machine comes in ``Surroundings``.

The defaults are Docker's: capabilities, masked and read-only paths, mounts, environment. There is no seccomp filter:
what a container could do to the machine is bounded by its capabilities and, for ordinary users, the user namespace.

https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md
"""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.substrate.compute.errors import ComputeError
from cloudarium.substrate.compute.runc import capabilities
from cloudarium.substrate.compute.spec import ContainerSpec, Mount, Resources

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHM_SIZE = 64 * 1024 * 1024

MASKED = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
]
READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

_ULIMITS = frozenset(
    [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ]
)
_ALLOWED_DEVICES: list[dict[str, Any]] = [
    {"allow": False, "access": "rwm"},
    {"allow": True, "type": "c", "access": "m"},
    {"allow": True, "type": "b", "access": "m"},
    *(
        {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
        for major, minor in ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136, None))
    ),
]
_NAMESPACED_SYSCTLS = ("kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue.", "net.")
_UNLIMITED = -1


class Surroundings(msgspec.Struct, kw_only=True):
    """What a configuration depends on beside the specification.

    Attributes:
        cgroup: path of the container's cgroup below the mounts; "" where cgroups cannot be used.
        limits: what can be enforced: ``cpu``, ``memory``, ``swap``, ``swappiness``, ``pids``, ``blkio``, ``quota``.
        in_user_namespace: whether the cloud is root of a user namespace with a single id.
        capabilities: bit mask of those the cloud has.
        raise_limits: whether hard resource limits may be raised (CAP_SYS_RESOURCE).
        hard_limits: the cloud's own hard limits by ulimit name, -1 for none.
        files: host paths of files to put at absolute paths (/etc/hosts …).
        cgroup_namespace: whether its cgroup shall look like the root of all, as Docker has it with version 2.
        pid_namespace, ipc_namespace: paths to join.
        devices: of ``spec.devices``, looked up: ``{"path", "type", "major", "minor", "access", "host_path"}``.
    """

    cgroup: str = ""
    limits: frozenset[str] = frozenset()
    in_user_namespace: bool = False
    capabilities: int = (1 << len(capabilities.ALL)) - 1
    raise_limits: bool = True
    hard_limits: dict[str, int] = {}
    files: dict[str, str] = {}
    cgroup_namespace: bool = False
    pid_namespace: str = ""
    ipc_namespace: str = ""
    devices: list[dict[str, Any]] = []


def config(spec: ContainerSpec, around: Surroundings) -> dict[str, Any]:
    """The configuration, but for user, HOME and the network's path, which only the shim can know.

    Raises ComputeError for what makes no sense or cannot be had.
    """
    if not spec.argv:
        raise ComputeError("invalid", "no command specified")
    chosen = chosen_capabilities(spec, around)
    return {
        "ociVersion": "1.0.2",
        "hostname": spec.hostname or spec.id[:12],
        "root": {"path": spec.merged, "readonly": spec.readonly_rootfs},
        "process": {
            "terminal": spec.terminal,
            "user": {"uid": 0, "gid": 0},
            "args": spec.argv,
            "env": environment(spec),
            "cwd": spec.cwd or "/",
            # Not inheritable, since a non-root program must not get them by way of file capabilities.
            "capabilities": {"bounding": chosen, "effective": chosen, "permitted": chosen},
            "noNewPrivileges": spec.no_new_privileges,
            "rlimits": [
                {"type": f"RLIMIT_{name.upper()}", "soft": soft % (1 << 64), "hard": hard % (1 << 64)}
                for name, (soft, hard) in rlimits(spec, around).items()
            ],
        },
        "mounts": _mounts(spec, around),
        "linux": _linux(spec, around),
    }


def chosen_capabilities(spec: ContainerSpec, around: Surroundings) -> list[str]:
    """By name. Raises ComputeError."""
    try:
        return capabilities.choose(
            spec.capabilities_add,
            spec.capabilities_drop,
            privileged=spec.privileged,
            possible=around.capabilities,
        )
    except capabilities.UnknownCapability as error:
        raise ComputeError("invalid", str(error)) from None


def environment(spec: ContainerSpec) -> list[str]:
    """With what Docker adds; of a name given twice the last counts."""
    found = {"PATH": PATH, "HOSTNAME": spec.hostname or spec.id[:12]}
    if spec.terminal:
        found["TERM"] = "xterm"
    for entry in spec.env:
        name, equals, value = entry.partition("=")
        if not name or "\0" in entry:
            raise ComputeError("invalid", f"invalid environment variable: {entry[:100]!r}")
        if equals:
            found[name] = value
        else:
            found.pop(name, None)
    return [f"{name}={value}" for name, value in found.items()]


def rlimits(spec: ContainerSpec, around: Surroundings) -> dict[str, tuple[int, int]]:
    """Soft and hard by ulimit name; -1 is unlimited. A hard limit above the cloud's own is cut where it must be."""
    found = {}
    for limit in spec.ulimits:
        if limit.name not in _ULIMITS:
            raise ComputeError("invalid", f"invalid ulimit type: {limit.name}")
        soft, hard = limit.soft, limit.hard
        if hard != _UNLIMITED and (soft > hard or soft == _UNLIMITED):
            raise ComputeError(
                "invalid", f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
            )
        own = around.hard_limits.get(limit.name, _UNLIMITED)
        if not around.raise_limits and own != _UNLIMITED:
            hard = own if hard == _UNLIMITED else min(hard, own)
            soft = hard if soft == _UNLIMITED else min(soft, hard)
        found[limit.name] = (soft, hard)
    return found


def _mounts(spec: ContainerSpec, around: Surroundings) -> list[dict[str, Any]]:
    pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    if not around.in_user_namespace:
        pts.append("gid=5")  # a group that does not exist in a user namespace with one id
    shm = spec.shm_size or _SHM_SIZE
    fixed: list[tuple[str, str, str, list[str]]] = [
        ("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
        ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        ("/dev/pts", "devpts", "devpts", pts),
        ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", *([] if spec.privileged else ["ro"])]),
        ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
        ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", f"size={shm}"]),
    ]
    if around.cgroup:
        fixed.insert(4, ("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]))
    mounts: list[dict[str, Any]] = [
        {"destination": target, "type": kind, "source": source, "options": options}
        for target, kind, source, options in fixed
        if target not in {each.target for each in spec.mounts}
    ]
    for target, source in around.files.items():
        mounts.append(_bind(Mount(target=target, source=source)))
    # Outer ones first, else they would hide the inner.
    for mount in sorted(spec.mounts, key=lambda each: each.target.rstrip("/").count("/")):
        if not mount.target.startswith("/") or mount.target.rstrip("/") == "":
            raise ComputeError("invalid", f"invalid mount target, must be an absolute path: {mount.target!r}")
        if mount.kind == "bind":
            mounts.append(_bind(mount))
        else:
            options = ["nosuid", "nodev", *(["ro"] if mount.readonly else []), *mount.options]
            mounts.append({"destination": mount.target, "type": "tmpfs", "source": "tmpfs", "options": options})
    return mounts


def _bind(mount: Mount) -> dict[str, Any]:
    options = ["rbind", "rprivate", "ro" if mount.readonly else "rw", *mount.options]
    return {"destination": mount.target, "type": "bind", "source": mount.source, "options": options}


def _linux(spec: ContainerSpec, around: Surroundings) -> dict[str, Any]:
    namespaces: list[dict[str, str]] = [{"type": "mount"}, {"type": "uts"}]
    for kind, path in (("pid", around.pid_namespace), ("ipc", around.ipc_namespace)):
        namespaces.append({"type": kind, "path": path} if path else {"type": kind})
    if around.cgroup_namespace:
        namespaces.append({"type": "cgroup"})
    if not spec.host_network:
        namespaces.append({"type": "network"})
    for name in spec.sysctls:
        if not name.startswith(_NAMESPACED_SYSCTLS):
            raise ComputeError("invalid", f"sysctl {name!r} is not in a separate kernel namespace")
    linux: dict[str, Any] = {
        "namespaces": namespaces,
        "sysctl": spec.sysctls,
        "devices": [
            {"path": each["path"], "type": each["type"], "major": each["major"], "minor": each["minor"]}
            for each in around.devices
        ],
        "maskedPaths": [] if spec.privileged else MASKED,
        "readonlyPaths": [] if spec.privileged else READONLY,
    }
    if around.cgroup:
        linux["cgroupsPath"] = around.cgroup
        linux["resources"] = resources(spec.resources, around.limits) | {"devices": _devices(spec, around)}
    return linux


def _devices(spec: ContainerSpec, around: Surroundings) -> list[dict[str, Any]]:
    if spec.privileged:
        return [{"allow": True, "access": "rwm"}]
    asked = [
        {"allow": True} | {key: each[key] for key in ("type", "major", "minor", "access")} for each in around.devices
    ]
    return [{k: v for k, v in each.items() if v is not None} for each in _ALLOWED_DEVICES] + asked


def resources(wanted: Resources, limits: frozenset[str]) -> dict[str, Any]:
    """Only what can be enforced here: runc fails on the rest."""
    found: dict[str, Any] = {}
    cpu: dict[str, int] = {}
    if wanted.cpu_shares is not None and "cpu" in limits:
        cpu["shares"] = max(2, wanted.cpu_shares)
    if wanted.cpu_quota_us is not None and "quota" in limits:
        cpu |= {"quota": wanted.cpu_quota_us, "period": wanted.cpu_period_us}
    if cpu:
        found["cpu"] = cpu
    if "memory" in limits:
        memory = {"limit": wanted.memory, "reservation": wanted.memory_reservation}
        if "swap" in limits:
            memory["swap"] = wanted.memory_swap
        if "swappiness" in limits:
            memory["swappiness"] = wanted.swappiness
        if given := {key: value for key, value in memory.items() if value is not None}:
            found["memory"] = given
    if wanted.pids is not None and "pids" in limits:
        found["pids"] = {"limit": wanted.pids}
    if wanted.blkio_weight is not None and "blkio" in limits:
        found["blockIO"] = {"weight": wanted.blkio_weight}
    return found
