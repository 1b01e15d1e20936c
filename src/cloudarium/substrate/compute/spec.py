"""What a container is asked to be, and what is told of it. Sizes are bytes, times of processes host epoch seconds.

The drivers get everything resolved: images are folders, networks are namespaces, names of volumes are paths. What a
driver cannot do it refuses by name when the container is created; nothing here is silently left out, except limits
that ``RuntimeCapabilities`` declares as not enforced.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Mount(msgspec.Struct, kw_only=True, frozen=True):
    """Something seen at ``target`` (an absolute path in the container) beside the root file system.

    ``bind``: ``source`` is a path on this machine, a folder or a file. ``tmpfs``: ``options`` may hold ``size=…``,
    ``mode=…`` and the usual flags (``noexec`` …). Bind options: ``noexec``, ``nosuid``, ``nodev``, ``rprivate`` ….
    """

    target: str
    source: str = ""
    kind: Literal["bind", "tmpfs"] = "bind"
    readonly: bool = False
    options: list[str] = []


class Device(msgspec.Struct, kw_only=True, frozen=True):
    """A device of this machine; ``permissions`` of ``r``, ``w``, ``m``."""

    host_path: str
    container_path: str = ""
    permissions: str = "rwm"


class Ulimit(msgspec.Struct, kw_only=True, frozen=True):
    """``name`` as ECS and Docker say it: ``nofile``, ``core``, ``memlock`` …; -1 is unlimited."""

    name: str
    soft: int
    hard: int


class Resources(msgspec.Struct, kw_only=True, frozen=True):
    """Limits; None: none.

    Attributes:
        cpu_shares: relative weight as of cgroup v1 (1024 is one vCPU); converted for v2.
        cpu_quota_us: microseconds of CPU per ``cpu_period_us``.
        memory: hard limit; ``memory_reservation`` is the soft one.
        memory_swap: memory plus swap, as Docker has it; -1 unlimited.
        swappiness: 0-100, cgroup v1 only (on v2 it is reported as not enforced).
        pids: how many processes and threads.
        blkio_weight: 10-1000.
    """

    cpu_shares: int | None = None
    cpu_quota_us: int | None = None
    cpu_period_us: int = 100_000
    memory: int | None = None
    memory_reservation: int | None = None
    memory_swap: int | None = None
    swappiness: int | None = None
    pids: int | None = None
    blkio_weight: int | None = None


class LogPolicy(msgspec.Struct, kw_only=True, frozen=True):
    """What becomes of output that nobody has fetched yet.

    ``blocking``: when ``limit`` bytes wait, the container's writes wait too, and nothing is lost. ``non-blocking``:
    the oldest go, and are counted. Without a log driver use ``non-blocking`` and never acknowledge: the last
    ``limit`` bytes are there to look at. ``none``: output goes nowhere.
    """

    mode: Literal["blocking", "non-blocking", "none"] = "blocking"
    limit: int = 64 * 1024 * 1024


class ContainerSpec(msgspec.Struct, kw_only=True):
    """One container.

    Attributes:
        id: unique, ``[a-z0-9-]``, at most 64 characters.
        lowers, upper, work, merged: an overlay as ``Images.rootfs`` gives it, lowest layer last; without lowers
            ``merged`` is used as it is. The runc driver mounts it where only the container's own processes see it.
        image: for drivers with images of their own (docker): the reference to run instead.
        argv: program and arguments; looked up in the container's PATH.
        env: ``NAME=value``; PATH, HOME, HOSTNAME and (with a terminal) TERM are added where missing, as Docker does.
        user: ``""``, ``uid``, ``name``, ``uid:gid``, ``name:group``: resolved in the image's own files.
        network: descriptor of a network namespace, duplicated here; None makes an empty one.
        network_key: told back at recovery.
        host_network: stay in the cloud's own network namespace (never the host's).
        share_pid_with, share_ipc_with: id of a container of this runtime that runs.
        cgroup_parent: a name given to ``Runtime.group`` before; "" for none.
        init: an extra pid 1 that adopts and reaps orphans.
        terminal: stdio is a terminal; its output is logged as ``stdout``.
        stdin: keep standard input open (``interactive``), instead of /dev/null.
        hosts, resolv_conf: contents of these files; None leaves the image's. /etc/hostname follows ``hostname``.
        labels: opaque, told back at recovery.
    """

    id: str
    lowers: list[str] = []
    upper: str = ""
    work: str = ""
    merged: str = ""
    image: str = ""
    readonly_rootfs: bool = False
    argv: list[str]
    env: list[str] = []
    cwd: str = "/"
    user: str = ""
    hostname: str = ""
    network: int | None = None
    network_key: str = ""
    host_network: bool = False
    share_pid_with: str | None = None
    share_ipc_with: str | None = None
    mounts: list[Mount] = []
    resources: Resources = Resources()
    cgroup_parent: str = ""
    ulimits: list[Ulimit] = []
    capabilities_add: list[str] = []
    capabilities_drop: list[str] = []
    privileged: bool = False
    no_new_privileges: bool = False
    devices: list[Device] = []
    sysctls: dict[str, str] = {}
    shm_size: int | None = None
    init: bool = False
    terminal: bool = False
    stdin: bool = False
    stop_signal: str = "SIGTERM"
    hosts: str | None = None
    resolv_conf: str | None = None
    logs: LogPolicy = LogPolicy()
    labels: dict[str, str] = {}


class ExecSpec(msgspec.Struct, kw_only=True):
    """A further process in a running container. ``env`` is added to the container's; "" and None: the same as its."""

    argv: list[str]
    env: list[str] = []
    cwd: str = ""
    user: str | None = None
    terminal: bool = False
    rows: int = 24
    cols: int = 80


class Exit(msgspec.Struct, kw_only=True, frozen=True):
    """How a container ended.

    ``code`` is what Docker would show (128 + signal when killed); None only when ``error`` says that nobody saw it.
    ``oom_killed``: the kernel killed a process of it for memory.
    """

    code: int | None = None
    signal: int | None = None
    oom_killed: bool = False
    error: str = ""
    started_at: float | None = None
    finished_at: float = 0.0


class Stats(msgspec.Struct, kw_only=True, frozen=True):
    """A reading of counters. ``cpu_online`` as Docker tells it; ``per_cpu_ns`` empty where the kernel does not say.

    ``memory_stats`` has the kernel's own names. ``blkio`` has lists as Docker's API names them
    (``io_service_bytes_recursive`` of ``{major, minor, op, value}``). ``networks``: by interface, Docker's fields.
    """

    read_at: float
    cpu_total_ns: int = 0
    cpu_user_ns: int = 0
    cpu_system_ns: int = 0
    per_cpu_ns: list[int] = []
    system_cpu_ns: int = 0
    cpu_online: int = 1
    throttled_periods: int = 0
    throttled_ns: int = 0
    periods: int = 0
    memory_usage: int = 0
    memory_limit: int = 0
    memory_max: int = 0
    memory_stats: dict[str, int] = {}
    pids: int = 0
    pids_limit: int | None = None
    blkio: dict[str, list[dict[str, Any]]] = {}
    networks: dict[str, dict[str, int]] = {}


class LogRecord(msgspec.Struct, kw_only=True, frozen=True):
    """One line without its line break, or a piece of one: ``partial`` when the line goes on in the next record.

    Pieces are 16 KiB, as Docker cuts them. ``time``: host epoch seconds.
    """

    stream: Literal["stdout", "stderr"]
    time: float
    data: bytes
    partial: bool = False
