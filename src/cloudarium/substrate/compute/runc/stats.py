"""A container's counters, read from the kernel's own files. What a file does not tell is 0."""

from __future__ import annotations

import os
import time
from typing import Any

from cloudarium.substrate.compute.runc.cgroups import Cgroups
from cloudarium.substrate.compute.spec import Stats
from cloudarium.substrate.host import proctree

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_NO_LIMIT = 1 << 62
"""Version 1 writes a number near 2**63 where there is no limit."""
_NET = (
    ("rx_bytes", 0),
    ("rx_packets", 1),
    ("rx_errors", 2),
    ("rx_dropped", 3),
    ("tx_bytes", 8),
    ("tx_packets", 9),
    ("tx_errors", 10),
    ("tx_dropped", 11),
)


def read(cgroups: Cgroups, path: str, pid: int) -> Stats:
    """The counters of the container in the cgroup ``path`` ("" without cgroups), whose first process is ``pid``."""
    fields: dict[str, Any] = {
        "read_at": time.time(),
        "cpu_online": os.cpu_count() or 1,
        "system_cpu_ns": _system_cpu(),
        "networks": networks(_text(f"/proc/{pid}/net/dev")),
    }
    if not path:
        fields |= _from_processes(pid)
    elif cgroups.version == 1:
        fields |= _version_1(cgroups, path)
    else:
        fields |= _version_2(cgroups, path)
    limit = fields.get("memory_limit", 0)
    if not 0 < limit < _NO_LIMIT:
        # Without a limit Docker tells the machine's memory.
        fields["memory_limit"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Stats(**fields)


def networks(text: str) -> dict[str, dict[str, int]]:
    """/proc/net/dev by interface, without ``lo``."""
    found = {}
    for line in text.splitlines()[2:]:
        name, _, numbers = line.partition(":")
        values = numbers.split()
        if name.strip() != "lo" and len(values) >= 12:
            found[name.strip()] = {field: int(values[place]) for field, place in _NET}
    return found


def _version_1(cgroups: Cgroups, path: str) -> dict[str, Any]:
    def text(controller: str, name: str) -> str:
        return _text(cgroups.file(path, controller, name))

    cpu, throttled = _pairs(text("cpuacct", "cpuacct.stat")), _pairs(text("cpu", "cpu.stat"))
    return {
        "cpu_total_ns": _number(text("cpuacct", "cpuacct.usage")),
        "cpu_user_ns": cpu.get("user", 0) * _TICK_NS,
        "cpu_system_ns": cpu.get("system", 0) * _TICK_NS,
        "per_cpu_ns": [int(each) for each in text("cpuacct", "cpuacct.usage_percpu").split()],
        "periods": throttled.get("nr_periods", 0),
        "throttled_periods": throttled.get("nr_throttled", 0),
        "throttled_ns": throttled.get("throttled_time", 0),
        "memory_usage": _number(text("memory", "memory.usage_in_bytes")),
        "memory_limit": _number(text("memory", "memory.limit_in_bytes")),
        "memory_max": _number(text("memory", "memory.max_usage_in_bytes")),
        "memory_stats": _pairs(text("memory", "memory.stat")),
        "pids": _number(text("pids", "pids.current")),
        "pids_limit": _number(text("pids", "pids.max")) or None,
        "blkio": {
            "io_service_bytes_recursive": _blkio(text("blkio", "blkio.throttle.io_service_bytes_recursive")),
            "io_serviced_recursive": _blkio(text("blkio", "blkio.throttle.io_serviced_recursive")),
        },
    }


def _version_2(cgroups: Cgroups, path: str) -> dict[str, Any]:
    def text(name: str) -> str:
        return _text(cgroups.file(path, "", name))

    cpu = _pairs(text("cpu.stat"))
    io = _io(text("io.stat"))
    return {
        "cpu_total_ns": cpu.get("usage_usec", 0) * 1000,
        "cpu_user_ns": cpu.get("user_usec", 0) * 1000,
        "cpu_system_ns": cpu.get("system_usec", 0) * 1000,
        "periods": cpu.get("nr_periods", 0),
        "throttled_periods": cpu.get("nr_throttled", 0),
        "throttled_ns": cpu.get("throttled_usec", 0) * 1000,
        "memory_usage": _number(text("memory.current")),
        "memory_limit": _number(text("memory.max")),
        "memory_max": _number(text("memory.peak")),
        "memory_stats": _pairs(text("memory.stat")),
        "pids": _number(text("pids.current")),
        "pids_limit": _number(text("pids.max")) or None,
        "blkio": io,
    }


def _from_processes(pid: int) -> dict[str, Any]:
    """Without cgroups: what the processes of its pid namespace used that still live."""
    namespace = proctree.pid_namespace(pid)
    user = system = resident = count = 0
    for process in proctree.members(namespace) if namespace is not None else ():
        _, _, tail = _text(f"/proc/{process.pid}/stat").rpartition(") ")
        fields = tail.split()
        if len(fields) > 21:
            user += int(fields[11]) + int(fields[13])
            system += int(fields[12]) + int(fields[14])
            resident += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
            count += int(fields[17])
    return {
        "cpu_total_ns": (user + system) * _TICK_NS,
        "cpu_user_ns": user * _TICK_NS,
        "cpu_system_ns": system * _TICK_NS,
        "memory_usage": resident,
        "memory_stats": {"rss": resident},
        "pids": count,
    }


def _system_cpu() -> int:
    """Nanoseconds that all processors worked, idle time included, as Docker's ``system_cpu_usage``."""
    first = _text("/proc/stat").partition("\n")[0].split()[1:8]
    return sum(map(int, first)) * _TICK_NS


def _blkio(text: str) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3:
            major, _, minor = fields[0].partition(":")
            found.append({"major": int(major), "minor": int(minor), "op": fields[1], "value": int(fields[2])})
    return found


def _io(text: str) -> dict[str, list[dict[str, Any]]]:
    sizes: list[dict[str, Any]] = []
    counts: list[dict[str, Any]] = []
    for line in text.splitlines():
        device, _, rest = line.partition(" ")
        major, _, minor = device.partition(":")
        values = dict(each.split("=", 1) for each in rest.split() if "=" in each)
        for target, names in (
            (sizes, {"Read": "rbytes", "Write": "wbytes"}),
            (counts, {"Read": "rios", "Write": "wios"}),
        ):
            for op, key in names.items():
                value = int(values.get(key, 0))
                target.append({"major": int(major), "minor": int(minor), "op": op, "value": value})
    return {"io_service_bytes_recursive": sizes, "io_serviced_recursive": counts}


def _pairs(text: str) -> dict[str, int]:
    return {f[0]: int(f[1]) for line in text.splitlines() if len(f := line.split()) == 2 and f[1].isdigit()}


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isdigit() else 0


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""
