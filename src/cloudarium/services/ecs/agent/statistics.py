"""Counters of a container in the shape of Docker's stats API, as the metadata endpoint gives them. No I/O.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-examples.html
"""

from __future__ import annotations

from typing import Any

from cloudarium.services.ecs.agent.documents import stamp
from cloudarium.substrate.compute.spec import Stats

_BLKIO = (
    "io_service_bytes_recursive",
    "io_serviced_recursive",
    "io_queue_recursive",
    "io_service_time_recursive",
    "io_wait_time_recursive",
    "io_merged_recursive",
    "io_time_recursive",
    "sectors_recursive",
)


def stats_document(name: str, runtime_id: str, now: Stats, before: Stats | None) -> dict[str, Any]:
    """A reading, and the one before it as ``precpu_stats``."""
    document: dict[str, Any] = {
        "read": stamp(now.read_at),
        "preread": stamp(before.read_at) if before is not None else "0001-01-01T00:00:00Z",
        "pids_stats": {"current": now.pids} | ({"limit": now.pids_limit} if now.pids_limit else {}),
        "blkio_stats": {each: now.blkio.get(each, []) for each in _BLKIO},
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _cpu(now),
        "precpu_stats": _cpu(before) if before is not None else {},
        "memory_stats": {
            "usage": now.memory_usage,
            "max_usage": now.memory_max,
            "stats": dict(now.memory_stats),
            "limit": now.memory_limit,
        },
        "name": name,
        "id": runtime_id,
        "networks": {interface: dict(counters) for interface, counters in now.networks.items()},
    }
    if before is not None and now.read_at > before.read_at:
        document["network_rate_stats"] = {
            "rx_bytes_per_sec": _rate(now, before, "rx_bytes"),
            "tx_bytes_per_sec": _rate(now, before, "tx_bytes"),
        }
    return document


def _cpu(reading: Stats) -> dict[str, Any]:
    return {
        "cpu_usage": {
            "total_usage": reading.cpu_total_ns,
            "percpu_usage": list(reading.per_cpu_ns),
            "usage_in_kernelmode": reading.cpu_system_ns,
            "usage_in_usermode": reading.cpu_user_ns,
        },
        "system_cpu_usage": reading.system_cpu_ns,
        "online_cpus": reading.cpu_online,
        "throttling_data": {
            "periods": reading.periods,
            "throttled_periods": reading.throttled_periods,
            "throttled_time": reading.throttled_ns,
        },
    }


def _rate(now: Stats, before: Stats, counter: str) -> float:
    total = sum(each.get(counter, 0) for each in now.networks.values())
    earlier = sum(each.get(counter, 0) for each in before.networks.values())
    return max(0.0, (total - earlier) / (now.read_at - before.read_at))
