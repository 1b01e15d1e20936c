"""Measurements of single processes: chosen by a pid file, by their name, or by their command line.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-procstat-process-metrics.html
"""

from __future__ import annotations

import os
import time

from cloudarium.agent.config.plan import CollectorPlan
from cloudarium.agent.logs.events import compile_pattern
from cloudarium.agent.metrics import procfs
from cloudarium.agent.metrics.points import Sample

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_DIMENSION = {"pid_file": "pidfile", "exe": "exe", "pattern": "pattern"}
_MOST = 1_000
"""Processes one entry may select."""


class ProcStat:
    """One entry of ``procstat``. A process that may not be looked into says less."""

    def __init__(self, plan: CollectorPlan) -> None:
        self._how, self._what = plan.finder
        self._wanted = {each.name for each in plan.measurements}
        self._pattern = compile_pattern(self._what) if self._how != "pid_file" else None
        self._before: dict[tuple[int, int], tuple[float, int]] = {}

    def collect(self) -> list[Sample]:
        """See Collector."""
        about = ((_DIMENSION[self._how], self._what),)
        found: list[Sample] = []
        seen: dict[tuple[int, int], tuple[float, int]] = {}
        pids = self._pids()
        for pid in pids:
            try:
                values, name = self._one(pid, seen)
            except (OSError, ValueError):
                continue  # it ended while we looked
            dimensions = (*about, ("process_name", name))
            found += [Sample(f"procstat_{key}", dimensions, float(value)) for key, value in values.items()]
        self._before = seen
        found.append(Sample("procstat_lookup_pid_count", (*about, ("pid_finder", "native")), float(len(pids))))
        return found

    def _pids(self) -> list[int]:
        if self._pattern is None:
            try:
                with open(self._what, encoding="ascii") as file:
                    pid = int(file.read(64).strip())
            except (OSError, ValueError):
                return []
            return [pid] if os.path.exists(f"/proc/{pid}") else []
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._selects(pid)][:_MOST]

    def _selects(self, pid: int) -> bool:
        assert self._pattern is not None
        try:
            if self._how == "exe":
                text = _read(pid, "comm").rstrip("\n")
            else:
                text = _read(pid, "cmdline").rstrip("\0").replace("\0", " ")
        except OSError:
            return False
        return bool(text) and self._pattern.search(text) is not None

    def _one(self, pid: int, seen: dict[tuple[int, int], tuple[float, int]]) -> tuple[dict[str, float], str]:
        stat = procfs.stat(_read(pid, "stat"), _PAGE)
        if stat is None:
            raise ValueError(f"/proc/{pid}/stat is not understood")
        tick = time.monotonic()
        busy = stat.user + stat.system
        key = (pid, stat.started)
        seen[key] = (tick, busy)
        values: dict[str, float] = {
            "pid": pid, "cpu_time": busy * 100 / _TICKS, "cpu_time_user": stat.user * 100 / _TICKS,
            "cpu_time_system": stat.system * 100 / _TICKS, "memory_rss": stat.resident, "memory_vms": stat.virtual,
            "nice_priority": stat.nice + 20, "realtime_priority": stat.realtime,
        }  # fmt: skip
        if key in self._before and tick > self._before[key][0]:
            then, before = self._before[key]
            values["cpu_usage"] = 100 * (busy - before) / _TICKS / (tick - then)
        values |= _status(procfs.colons(_read(pid, "status")))
        if any("rlimit" in name for name in self._wanted):
            values |= procfs.limits(_read(pid, "limits"))
        try:
            io = procfs.colons(_read(pid, "io"))
        except OSError:
            io = {}  # somebody else's process
        for name, field in (
            ("read_bytes", "read_bytes"),
            ("write_bytes", "write_bytes"),
            ("read_count", "syscr"),
            ("write_count", "syscw"),
        ):
            if io.get(field, "").isdigit():
                values[name] = int(io[field])
        return values, stat.name


def _status(fields: dict[str, str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, field in (
        ("memory_data", "VmData"), ("memory_stack", "VmStk"), ("memory_swap", "VmSwap"), ("memory_locked", "VmLck"),
    ):  # fmt: skip
        words = fields.get(field, "").split()
        if words and words[0].isdigit():
            found[name] = int(words[0]) * 1024
    for name, field in (
        ("voluntary_context_switches", "voluntary_ctxt_switches"),
        ("involuntary_context_switches", "nonvoluntary_ctxt_switches"),
    ):
        if fields.get(field, "").isdigit():
            found[name] = int(fields[field])
    try:
        found["signals_pending"] = int(fields.get("SigPnd", "0"), 16).bit_count()
    except ValueError:
        pass
    return found


def _read(pid: int, name: str) -> str:
    with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
        return file.read()
