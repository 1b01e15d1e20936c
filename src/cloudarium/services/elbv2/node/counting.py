"""What happened, in plain integers: per node (zone) of a load balancer, and per target group and zone.

Collected and zeroed by the cloud once a minute; ``services.elbv2.metrics`` gives the numbers AWS's names and
dimensions.
"""

from __future__ import annotations

import msgspec


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


class GroupCounts(msgspec.Struct, array_like=True):
    """Of one target group as one node saw it since the last collection."""

    requests: int = 0
    requests_with_target: int = 0
    connection_errors: int = 0
    unhealthy_routing: int = 0
    codes: dict[int, int] = msgspec.field(default_factory=dict)
    """By class: 2, 3, 4, 5."""
    response_times: dict[float, int] = msgspec.field(default_factory=dict)
    """Seconds, to three significant digits, and how often."""

    def took(self, seconds: float) -> None:
        """Count a response time."""
        rounded = _rounded(seconds)
        self.response_times[rounded] = self.response_times.get(rounded, 0) + 1


def _rounded(seconds: float) -> float:
    """To three significant digits below 100 s: cheaper than formatting."""
    if seconds < 0.001:
        return round(seconds, 6)
    if seconds < 0.1:
        return round(seconds, 4)
    return round(seconds, 3) if seconds < 1 else round(seconds, 2)


class Counts(msgspec.Struct, array_like=True):
    """Everything one load balancer counted: nodes by zone, groups by (zone, ARN)."""

    nodes: dict[str, NodeCounts] = msgspec.field(default_factory=dict)
    groups: dict[str, dict[str, GroupCounts]] = msgspec.field(default_factory=dict)
