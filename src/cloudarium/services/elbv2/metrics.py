"""What load balancers publish in AWS/ApplicationELB: names, dimensions and units as AWS documents them.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html

Pure but for the sink: counts of one minute in, metric points out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cloudarium.kernel.metrics import Bucket, MetricKey, Metrics
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2.node.counting import Counts, GroupCounts, NodeCounts

NAMESPACE = "AWS/ApplicationELB"
_MINUTE = 60.0

_LB, _AZ, _TG = "LoadBalancer", "AvailabilityZone", "TargetGroup"


class Publisher:
    """Publishes one load balancer's minute. ``at`` is a cloud time within that minute."""

    def __init__(self, metrics: Metrics, scope: Scope, balancer: str, at: float) -> None:
        """``balancer`` is ``app/<name>/<id>``."""
        self._metrics = metrics
        self._scope = scope
        self._balancer = balancer
        self._at = at

    # -- traffic ---------------------------------------------------------------------------------------------------

    def traffic(self, counts: Counts, target_counts: Mapping[str, int]) -> None:
        """What nodes counted. ``target_counts`` is how many targets each group has, by its ARN's last part."""
        for zone, node in counts.nodes.items():
            self._node(zone, node)
            for arn, group in counts.groups.get(zone, {}).items():
                self._group(zone, arn.rpartition(":")[2], group)
        self._balancer_wide(list(counts.nodes.values()))
        self._per_target(counts, target_counts)

    def _node(self, zone: str, node: NodeCounts) -> None:
        by_name = {
            "RequestCount": node.requests,
            "RejectedConnectionCount": node.rejected_connections,
            "HTTP_Redirect_Count": node.redirects,
            "HTTP_Redirect_Url_Limit_Exceeded_Count": node.redirect_limit_exceeded,
            "HTTP_Fixed_Response_Count": node.fixed_responses,
            "GrpcRequestCount": node.grpc_requests,
            "DesyncMitigationMode_NonCompliant_Request_Count": node.non_compliant,
            "NonStickyRequestCount": node.non_sticky,
        }
        for code, count in node.elb_codes.items():
            for name in _elb_code_names(code):
                by_name[name] = by_name.get(name, 0) + count
        for name, count in by_name.items():
            self._count(name, count, [{}, {_AZ: zone}])
        # These two are not published without the zone.
        self._count("ForwardedInvalidHeaderRequestCount", node.forwarded_invalid_headers, [{_AZ: zone}])
        self._count("DroppedInvalidHeaderRequestCount", node.dropped_invalid_headers, [{_AZ: zone}])

    def _group(self, zone: str, group_id: str, group: GroupCounts) -> None:
        alone = [{_TG: group_id}, {_TG: group_id, _AZ: zone}]
        everywhere = [{}, {_AZ: zone}, *alone]
        self._count("RequestCount", group.requests, alone)
        self._count("TargetConnectionErrorCount", group.connection_errors, everywhere)
        self._count("UnhealthyRoutingRequestCount", group.unhealthy_routing, alone)
        for kind, count in group.codes.items():
            if 2 <= kind <= 5:
                self._count(f"HTTPCode_Target_{kind}XX_Count", count, everywhere)
        if group.response_times:
            for dimensions in everywhere:
                bucket = Bucket()
                for micros, count in group.response_times.items():
                    bucket.add(micros / 1e6, count)
                self._merge("TargetResponseTime", "Seconds", dimensions, bucket)

    def _balancer_wide(self, nodes: list[NodeCounts]) -> None:
        connections = sum(node.new_connections for node in nodes)
        active = sum(node.active_connections for node in nodes)
        processed = sum(node.bytes_processed for node in nodes)
        evaluations = sum(node.rule_evaluations for node in nodes)
        self._sum("NewConnectionCount", connections)
        self._sum("ActiveConnectionCount", active)
        self._sum("ProcessedBytes", processed, "Bytes")
        self._sum("RuleEvaluations", evaluations)
        if connections or active or processed:
            self._sum("ConsumedLCUs", consumed_lcus(connections, active, processed, evaluations), "None")

    def _per_target(self, counts: Counts, target_counts: Mapping[str, int]) -> None:
        requests: dict[str, int] = {}
        for groups in counts.groups.values():
            for arn, group in groups.items():
                group_id = arn.rpartition(":")[2]
                requests[group_id] = requests.get(group_id, 0) + group.requests
        for group_id, count in requests.items():
            if count and (targets := target_counts.get(group_id, 0)):
                bucket = Bucket()
                bucket.add(count / targets)
                self._merge("RequestCountPerTarget", "Count", {_TG: group_id}, bucket)
                # Without the load balancer, too: what scaling policies follow.
                key = MetricKey(NAMESPACE, "RequestCountPerTarget", ((_TG, group_id),))
                self._metrics.merge(self._scope, key, "Count", bucket, self._at)

    # -- health ----------------------------------------------------------------------------------------------------

    def health(
        self,
        group_id: str,
        by_zone: Mapping[str, tuple[int, int]],
        *,
        routing: Mapping[str, bool],
        dns: Mapping[str, bool],
    ) -> None:
        """Healthy and unhealthy targets of a group as each zone's node sees them; by zone, whether there are enough of
        them for the node to send to healthy ones only, and to stay in DNS.
        """
        for zone, (healthy, unhealthy) in by_zone.items():
            for dimensions in ({_TG: group_id}, {_TG: group_id, _AZ: zone}):
                self._gauge("HealthyHostCount", healthy, dimensions)
                self._gauge("UnHealthyHostCount", unhealthy, dimensions)
        for what, states in (("Routing", routing), ("DNS", dns)):
            for zone, enough in states.items():
                name = f"HealthyState{what}" if enough else f"UnhealthyState{what}"
                for dimensions in ({_TG: group_id}, {_TG: group_id, _AZ: zone}):
                    self._gauge(name, 1, dimensions)

    def anomalies(self, group_id: str, by_zone: Mapping[str, tuple[int, int]]) -> None:
        """Anomalous targets of a group and those under mitigation, of those that each zone's node sends to."""
        for zone, (anomalous, mitigated) in by_zone.items():
            for dimensions in ({_TG: group_id}, {_TG: group_id, _AZ: zone}):
                self._gauge("AnomalousHostCount", anomalous, dimensions)
                self._gauge("MitigatedHostCount", mitigated, dimensions)

    # -- points ----------------------------------------------------------------------------------------------------

    def _count(self, name: str, count: int, dimension_sets: Iterable[Mapping[str, str]]) -> None:
        """``count`` points of 1: Minimum, Maximum and Average all return 1, as documented."""
        if count:
            for dimensions in dimension_sets:
                bucket = Bucket()
                bucket.add(1.0, count)
                self._merge(name, "Count", dimensions, bucket)

    def _sum(self, name: str, value: float, unit: str = "Count") -> None:
        if value:
            self._gauge(name, value, {}, unit)

    def _gauge(self, name: str, value: float, dimensions: Mapping[str, str], unit: str = "Count") -> None:
        bucket = Bucket()
        bucket.add(value)
        self._merge(name, unit, dimensions, bucket)

    def _merge(self, name: str, unit: str, dimensions: Mapping[str, str], bucket: Bucket) -> None:
        pairs = tuple(sorted({**dimensions, _LB: self._balancer}.items()))
        self._metrics.merge(self._scope, MetricKey(NAMESPACE, name, pairs), unit, bucket, self._at)


def _elb_code_names(code: int) -> list[str]:
    names = [f"HTTPCode_ELB_{code // 100}XX_Count"] if 3 <= code // 100 <= 5 else []
    if code in (500, 502, 503, 504):
        names.append(f"HTTPCode_ELB_{code}_Count")
    return names


def consumed_lcus(new_connections: int, active_connections: int, processed_bytes: int, rule_evaluations: int) -> float:
    """Load balancer capacity units of a minute: the dimension that is used most.

    https://aws.amazon.com/elasticloadbalancing/pricing/
    """
    return max(
        new_connections / _MINUTE / 25,
        active_connections / 3000,
        processed_bytes * 60 / 1e9,
        rule_evaluations / _MINUTE / 1000,
    )
