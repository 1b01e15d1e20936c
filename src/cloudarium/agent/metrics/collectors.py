"""Reading the machine: one class per subsection of ``metrics_collected``, each returning samples."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Protocol

from cloudarium.agent.config.plan import CollectorPlan
from cloudarium.agent.metrics import procfs, sampling
from cloudarium.agent.metrics.points import Dimensions, Sample

_TICKS = os.sysconf("SC_CLK_TCK")
_GAUGES = {"iops_in_progress"}
_EMPTY: frozenset[str] = frozenset(
    [
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "devtmpfs",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nsfs",
        "proc",
        "pstore",
        "rpc_pipefs",
        "securityfs",
        "sysfs",
        "tracefs",
    ]
)
"""File systems that hold no data; they have no blocks to count."""


class Collector(Protocol):
    """Reads the machine once."""

    def collect(self) -> list[Sample]:
        """What can be said now. Raises OSError when the kernel does not answer."""


def read(path: str) -> str:
    """A file of ``/proc``."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def make(plan: CollectorPlan) -> Collector:
    """The collector of a plan."""
    if plan.kind == "procstat":
        from cloudarium.agent.metrics.procstat import ProcStat

        return ProcStat(plan)
    makers: dict[str, Callable[[CollectorPlan], Collector]] = {
        "cpu": Cpu,
        "disk": Disk,
        "diskio": lambda plan: Counters(plan, "name", lambda: procfs.diskstats(read("/proc/diskstats"))),
        "net": lambda plan: Counters(plan, "interface", lambda: procfs.netdev(read("/proc/net/dev"))),
        "mem": lambda plan: Gauges(plan, lambda: procfs.memory(read("/proc/meminfo"))),
        "swap": lambda plan: Gauges(plan, lambda: procfs.swap(read("/proc/meminfo"))),
        "netstat": lambda plan: Gauges(plan, _sockets),
        "processes": lambda plan: Gauges(plan, _processes),
    }
    return makers[plan.kind](plan)


def samples(kind: str, values: Mapping[str, float], about: Dimensions = ()) -> list[Sample]:
    """Values under their whole names."""
    return [Sample(f"{kind}_{name}", about, float(value)) for name, value in values.items()]


class Gauges:
    """Numbers of the whole machine."""

    def __init__(self, plan: CollectorPlan, reader: Callable[[], Mapping[str, float]]) -> None:
        self._kind, self._reader = plan.kind, reader

    def collect(self) -> list[Sample]:
        """See Collector."""
        return samples(self._kind, self._reader())


class Counters:
    """Counters per device: published is how much they grew since the last time."""

    def __init__(
        self, plan: CollectorPlan, dimension: str, reader: Callable[[], Mapping[str, Mapping[str, float]]]
    ) -> None:
        self._plan, self._dimension, self._reader = plan, dimension, reader
        self._before: Mapping[str, Mapping[str, float]] = {}

    def collect(self) -> list[Sample]:
        """See Collector. The first time there is nothing to compare with."""
        now, before = self._reader(), self._before
        self._before = now
        wanted = self._plan.resources
        found = []
        for device, counters in now.items():
            if wanted is not None and "*" not in wanted and device not in wanted:
                continue
            grown = dict(sampling.increments(before.get(device, {}), counters))
            values = {name: counters[name] if name in _GAUGES else value for name, value in grown.items()}
            values |= {name: counters[name] for name in _GAUGES & counters.keys()}
            found += samples(self._plan.kind, values, ((self._dimension, device),))
        return found


class Cpu:
    """Processors: all together, and each by itself when resources say ``*``."""

    def __init__(self, plan: CollectorPlan) -> None:
        self._plan = plan
        self._before: dict[str, dict[str, int]] = {}

    def collect(self) -> list[Sample]:
        """See Collector."""
        now, before = procfs.cpu(read("/proc/stat")), self._before
        self._before = now
        found = []
        for name, states in now.items():
            if not (self._plan.total_cpu if name == "cpu-total" else self._plan.resources):
                continue
            values = {f"time_{state}": value for state, value in sampling.spent(states, _TICKS).items()}
            if name in before:
                values |= {f"usage_{state}": value for state, value in sampling.usage(before[name], states).items()}
            found += samples("cpu", values, (("cpu", name),))
        return found


class Disk:
    """File systems, by where they are mounted."""

    def __init__(self, plan: CollectorPlan) -> None:
        self._plan = plan

    def collect(self) -> list[Sample]:
        """See Collector."""
        found = []
        wanted = self._plan.resources
        for mount in procfs.mounts(read("/proc/self/mounts")):
            if mount.kind in self._plan.ignored_file_systems or mount.kind in _EMPTY:
                continue
            if wanted is not None and "*" not in wanted and mount.path not in wanted:
                continue
            try:
                status = os.statvfs(mount.path)
            except OSError:
                continue
            about = [("path", mount.path), ("fstype", mount.kind)]
            if not self._plan.drop_device:
                about.insert(1, ("device", mount.device.removeprefix("/dev/")))
            found += samples("disk", space(status), tuple(about))
        return found


def space(status: os.statvfs_result) -> dict[str, float]:
    """The ``disk_*`` metrics of a file system. What only root may use is neither used nor free, as ``df`` counts."""
    total, used = status.f_blocks * status.f_frsize, (status.f_blocks - status.f_bfree) * status.f_frsize
    free = status.f_bavail * status.f_frsize
    return {
        "total": total,
        "free": free,
        "used": used,
        "used_percent": 100 * used / (used + free) if used + free else 0.0,
        "inodes_total": status.f_files,
        "inodes_free": status.f_ffree,
        "inodes_used": status.f_files - status.f_ffree,
    }


def _sockets() -> Mapping[str, float]:
    def texts(*names: str) -> list[str]:
        return [read(f"/proc/net/{name}") for name in names if os.path.exists(f"/proc/net/{name}")]

    return procfs.sockets(texts("tcp", "tcp6"), texts("udp", "udp6"))


_STATES = {"R": "running", "S": "sleeping", "D": "blocked", "Z": "zombies", "X": "dead", "T": "stopped", "t": "stopped"}


def _processes() -> Mapping[str, float]:
    counts = dict.fromkeys(
        ("blocked", "dead", "paging", "running", "sleeping", "stopped", "total", "total_threads", "zombies"), 0.0
    )
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            stat = procfs.stat(read(f"/proc/{name}/stat"), 1)
        except OSError:
            continue  # it ended while we looked
        if stat is None:
            continue
        # The kernel shows idle threads of its own as I; they sleep.
        counts["paging" if stat.state == "W" else _STATES.get(stat.state, "sleeping")] += 1
        counts["total"] += 1
        counts["total_threads"] += stat.threads
    return counts
