"""What happened, in plain integers: per node of a load balancer, and per target group and node.

Collected and zeroed by the cloud once a minute, or sooner when there is much; put together by zone, they are what
``services.elbv2.metrics`` gives AWS's names and dimensions to.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


class NodeCounts(msgspec.Struct, array_like=True):
    """Of one node since the last collection."""

    requests: int = 0
    new_connections: int = 0
    active_connections: int = 0
    rejected_connections: int = 0
    bytes_processed: int = 0
    rule_evaluations: int = 0
    redirects: int = 0
    redirect_limit_exceeded: int = 0
    fixed_responses: int = 0
    grpc_requests: int = 0
    non_compliant: int = 0
    dropped_invalid_headers: int = 0
    forwarded_invalid_headers: int = 0
    non_sticky: int = 0
    elb_codes: dict[int, int] = msgspec.field(default_factory=dict)
    """Statuses that the load balancer itself answered."""

    def handled(self) -> int:
        """Requests that cost something: forwarded or answered."""
        return self.requests + self.redirects + self.fixed_responses


class GroupCounts(msgspec.Struct, array_like=True):
    """Of one target group as one node saw it since the last collection."""

    requests: int = 0
    requests_with_target: int = 0
    connection_errors: int = 0
    unhealthy_routing: int = 0
    codes: dict[int, int] = msgspec.field(default_factory=dict)
    """By class: 2, 3, 4, 5."""
    response_times: dict[int, int] = msgspec.field(default_factory=dict)
    """Microseconds, and how often: in steps of 10 up to a millisecond, of 100 up to 0.1 s, then of 1,000 and 10,000."""
    target_requests: dict[str, int] = msgspec.field(default_factory=dict)
    """By the target's key, of those that had any."""
    target_errors: dict[str, int] = msgspec.field(default_factory=dict)
    """Answers 5xx and failed connections, likewise."""

    def answered(self, status: int, micros: int, times: int) -> None:
        """Count answers of the group's targets: their status, and the microseconds that each took."""
        kind = status // 100
        self.codes[kind] = self.codes.get(kind, 0) + times
        # Whole numbers, as rounding fractions costs several times as much.
        step = 10 if micros <= 1_000 else 100 if micros < 100_000 else 1_000 if micros < 1_000_000 else 10_000
        micros = (micros + step // 2) // step * step
        self.response_times[micros] = self.response_times.get(micros, 0) + times


class Counts(msgspec.Struct, array_like=True):
    """Everything one load balancer counted: by node, groups by node and ARN; or the same by zone."""

    nodes: dict[str, NodeCounts] = msgspec.field(default_factory=dict)
    groups: dict[str, dict[str, GroupCounts]] = msgspec.field(default_factory=dict)
    zones: dict[str, str] = msgspec.field(default_factory=dict)
    """The zone of each node."""

    def by_zone(self) -> Counts:
        """The same with the nodes of each zone put together."""
        found = Counts()
        for node, counts in self.nodes.items():
            zone = self.zones.get(node, node)
            add(found.nodes.setdefault(zone, NodeCounts()), counts)
            groups = found.groups.setdefault(zone, {})
            for arn, group in self.groups.get(node, {}).items():
                add(groups.setdefault(arn, GroupCounts()), group)
        return found

    def take(self, other: Counts) -> None:
        """Add what was counted later, of which the open connections are the newer ones."""
        for node, counts in other.nodes.items():
            there = self.nodes.setdefault(node, NodeCounts())
            there.active_connections = 0
            add(there, counts)
            groups = self.groups.setdefault(node, {})
            for arn, group in other.groups.get(node, {}).items():
                add(groups.setdefault(arn, GroupCounts()), group)
        self.zones.update(other.zones)


def add(total: S, more: S) -> None:
    """Add numbers, and numbers by key, field by field."""
    for name in total.__struct_fields__:
        there, value = getattr(total, name), getattr(more, name)
        if isinstance(value, dict):
            for key, count in value.items():
                there[key] = there.get(key, 0) + count
        elif value:
            setattr(total, name, there + value)
