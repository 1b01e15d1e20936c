"""What containers and tasks used in a minute, from two readings of each container's counters. No I/O.

CPU is in units (1024 are one vCPU) and memory in MiB, which Container Insights calls megabytes. Network bytes are
rates; packets, errors, drops and bytes of storage are totals since the start, as the agent reports them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from cloudarium.substrate.compute.spec import Stats

_MIB = 1024 * 1024
_NANO = 1e9
_COUNTERS = (
    ("NetworkRxDropped", "rx_dropped"),
    ("NetworkRxErrors", "rx_errors"),
    ("NetworkRxPackets", "rx_packets"),
    ("NetworkTxDropped", "tx_dropped"),
    ("NetworkTxErrors", "tx_errors"),
    ("NetworkTxPackets", "tx_packets"),
)


class Pair(NamedTuple):
    """A container's counters now and the time before."""

    before: Stats
    now: Stats


class Network(msgspec.Struct, frozen=True):
    """Traffic: bytes per second, and totals by the events' names."""

    received: float = 0.0
    sent: float = 0.0
    totals: Mapping[str, int] = {}


class Usage(msgspec.Struct, frozen=True):
    """What something used. ``network`` is None where the network mode has none of its own (``host``, ``none``)."""

    cpu: float
    memory: int
    read: int
    written: int
    network: Network | None


def in_memory(reading: Stats) -> float:
    """MiB in use, without what the kernel could give up at once."""
    cache = reading.memory_stats.get("total_inactive_file", reading.memory_stats.get("inactive_file", 0))
    return max(0, reading.memory_usage - cache) / _MIB


def used_cpu(pair: Pair) -> float:
    """CPU units on average between two readings."""
    elapsed = pair.now.read_at - pair.before.read_at
    return max(0, pair.now.cpu_total_ns - pair.before.cpu_total_ns) / (elapsed * _NANO) * 1024 if elapsed > 0 else 0.0


def containers(pairs: Mapping[str, Pair], mode: str) -> dict[str, Usage]:
    """What each container of a task used, by whatever name its pair has.

    In ``awsvpc`` mode all share one interface, whose traffic is divided among them, as the agent does.
    """
    shared: Network | None = None
    if mode == "awsvpc" and pairs:
        shared = _share(_network(next(iter(pairs.values()))), len(pairs))
    return {
        name: Usage(
            used_cpu(pair),
            round(in_memory(pair.now)),
            _storage(pair.now, "read"),
            _storage(pair.now, "write"),
            shared if mode == "awsvpc" else _network(pair) if mode == "bridge" else None,
        )
        for name, pair in pairs.items()
    }


def task(pairs: Mapping[str, Pair], mode: str) -> Usage:
    """What a task used: its containers together, its one interface once."""
    each = containers(pairs, mode).values()
    networks = [usage.network for usage in each if usage.network is not None]
    network = _network(next(iter(pairs.values()))) if mode == "awsvpc" and pairs else _sum(networks)
    return Usage(
        sum(usage.cpu for usage in each),
        round(sum(in_memory(pair.now) for pair in pairs.values())),
        sum(usage.read for usage in each),
        sum(usage.written for usage in each),
        network,
    )


def _network(pair: Pair) -> Network:
    elapsed = pair.now.read_at - pair.before.read_at

    def rate(counter: str) -> float:
        return max(0, _total(pair.now, counter) - _total(pair.before, counter)) / elapsed if elapsed > 0 else 0.0

    totals = {name: _total(pair.now, counter) for name, counter in _COUNTERS}
    return Network(rate("rx_bytes"), rate("tx_bytes"), totals)


def _share(whole: Network, parts: int) -> Network:
    totals = {name: value // parts for name, value in whole.totals.items()}
    return Network(whole.received / parts, whole.sent / parts, totals)


def _sum(networks: Iterable[Network]) -> Network | None:
    found = list(networks)
    if not found:
        return None
    totals = {name: sum(each.totals.get(name, 0) for each in found) for name, _ in _COUNTERS}
    return Network(sum(each.received for each in found), sum(each.sent for each in found), totals)


def _total(reading: Stats, counter: str) -> int:
    return sum(each.get(counter, 0) for each in reading.networks.values())


def _storage(reading: Stats, operation: str) -> int:
    operations = reading.blkio.get("io_service_bytes_recursive", [])
    return sum(int(each["value"]) for each in operations if str(each.get("op", "")).lower() == operation)
