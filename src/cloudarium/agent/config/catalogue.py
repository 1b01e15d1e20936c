"""The metrics of every collector, with their units.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/metrics-collected-by-CloudWatch-agent.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-procstat-process-metrics.html
"""

from __future__ import annotations

CPU_STATES = ("active", "guest", "guest_nice", "idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")


def _all(unit: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), unit)


UNITS: dict[str, dict[str, str]] = {
    "cpu": {f"time_{state}": "None" for state in CPU_STATES} | {f"usage_{state}": "Percent" for state in CPU_STATES},
    "disk": _all("Bytes", "free total used")
    | _all("Count", "inodes_free inodes_total inodes_used")
    | _all("Percent", "used_percent"),
    "diskio": _all("Count", "iops_in_progress reads writes")
    | _all("Bytes", "read_bytes write_bytes")
    | _all("Milliseconds", "io_time read_time write_time"),
    "mem": _all("Bytes", "active available buffered cached free inactive total used")
    | _all("Percent", "available_percent used_percent"),
    "net": _all("Bytes", "bytes_recv bytes_sent")
    | _all("Count", "drop_in drop_out err_in err_out packets_recv packets_sent"),
    "netstat": _all(
        "Count",
        "tcp_close tcp_close_wait tcp_closing tcp_established tcp_fin_wait1 tcp_fin_wait2 tcp_last_ack tcp_listen "
        "tcp_none tcp_syn_sent tcp_syn_recv tcp_time_wait udp_socket",
    ),
    "processes": _all("Count", "blocked dead paging running sleeping stopped total total_threads zombies"),
    "swap": _all("Bytes", "free used") | _all("Percent", "used_percent"),
    "procstat": _all(
        "Count",
        "cpu_time cpu_time_system cpu_time_user pid pid_count read_count write_count involuntary_context_switches "
        "voluntary_context_switches realtime_priority nice_priority signals_pending rlimit_cpu_time_hard "
        "rlimit_cpu_time_soft rlimit_file_locks_hard rlimit_file_locks_soft",
    )
    | _all("Percent", "cpu_usage")
    | _all(
        "Bytes",
        "memory_data memory_locked memory_rss memory_stack memory_swap memory_vms read_bytes write_bytes "
        "rlimit_memory_data_hard rlimit_memory_data_soft rlimit_memory_locked_hard rlimit_memory_locked_soft "
        "rlimit_memory_rss_hard rlimit_memory_rss_soft rlimit_memory_stack_hard rlimit_memory_stack_soft "
        "rlimit_memory_vms_hard",
    ),
}

ABSENT = {
    "processes": {"idle": "FreeBSD", "wait": "FreeBSD"},
}
"""Documented metrics of other systems."""

STANDARD_UNITS = frozenset(
    [
        "Seconds",
        "Microseconds",
        "Milliseconds",
        "Bytes",
        "Kilobytes",
        "Megabytes",
        "Gigabytes",
        "Terabytes",
        "Bits",
        "Kilobits",
        "Megabits",
        "Gigabits",
        "Terabits",
        "Percent",
        "Count",
        "Bytes/Second",
        "Kilobytes/Second",
        "Megabytes/Second",
        "Gigabytes/Second",
        "Terabytes/Second",
        "Bits/Second",
        "Kilobits/Second",
        "Megabits/Second",
        "Gigabits/Second",
        "Terabits/Second",
        "Count/Second",
        "None",
    ]
)


def full_name(kind: str, name: str) -> str | None:
    """``usage_idle`` or ``cpu_usage_idle`` as ``cpu_usage_idle``; None when there is no such metric."""
    short = name.removeprefix(f"{kind}_")
    if kind == "procstat" and name in ("pid_count", "procstat_lookup_pid_count", "lookup_pid_count"):
        return "procstat_lookup_pid_count"
    return f"{kind}_{short}" if short in UNITS[kind] else None


def unit_of(name: str) -> str:
    """The unit of a metric by its whole name."""
    kind, _, short = name.partition("_")
    return UNITS[kind].get(short.removeprefix("lookup_"), "None")
