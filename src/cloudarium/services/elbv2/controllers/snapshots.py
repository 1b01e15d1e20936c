"""A load balancer's records as the snapshot that its nodes work by."""

from __future__ import annotations

from collections.abc import Sequence

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2 import arns
from cloudarium.services.elbv2.attributes import listener as listener_attributes
from cloudarium.services.elbv2.attributes import load_balancer as balancer_attributes
from cloudarium.services.elbv2.attributes import target_group as group_attributes
from cloudarium.services.elbv2.health.board import Board
from cloudarium.services.elbv2.node import wire
from cloudarium.services.elbv2.resources import (
    DEFAULT_PRIORITY,
    Listener,
    LoadBalancer,
    Node,
    Rule,
    Target,
    TargetGroup,
)


def snapshot(
    cloud: Cloud,
    scope: Scope,
    balancer: LoadBalancer,
    board: Board,
    revision: int,
    nodes: Sequence[Node],
    all_nodes: Sequence[Node],
) -> wire.Balancer:
    """Everything a worker must know of a load balancer, of whose nodes it carries these."""
    rules = cloud.store.table(Rule).find(scope, "load_balancer_arn", balancer.arn)
    listeners = cloud.store.table(Listener).find(scope, "load_balancer_arn", balancer.arn)
    # Each node begins with another target, so that few requests over several nodes come out even.
    first = {node.eni_id: turn for turn, node in enumerate(sorted(all_nodes, key=lambda n: (n.layer, n.zone)))}
    groups = dict.fromkeys(arn for rule in rules for arn in rule.target_groups)
    return wire.Balancer(
        arn=balancer.arn,
        revision=revision,
        id=arns.load_balancer_id(balancer.arn),
        dns_name=balancer.dns_name,
        cookie_key=balancer.cookie_key,
        attributes=balancer_attributes.TABLE.effective(balancer.attributes),
        nodes=tuple(wire.NodeSnap(node.zone, node.eni_id, node.private_ip, first[node.eni_id]) for node in nodes),
        listeners=tuple(
            wire.ListenerSnap(
                listener.arn,
                listener.port,
                listener.protocol,
                listener_attributes.TABLE.effective(listener.attributes),
                _rules([rule for rule in rules if rule.listener_arn == listener.arn]),
            )
            for listener in listeners
        ),
        groups=tuple(_group(cloud, scope, arn, board) for arn in groups),
    )


def _rules(rules: list[Rule]) -> tuple[wire.RuleSnap, ...]:
    rules.sort(key=lambda rule: (rule.priority == DEFAULT_PRIORITY, rule.priority))
    return tuple(wire.RuleSnap(rule.priority, rule.conditions, rule.actions, rule.transforms) for rule in rules)


def _group(cloud: Cloud, scope: Scope, arn: str, board: Board) -> wire.GroupSnap:
    group = cloud.store.table(TargetGroup).get(scope, arn)
    assert group is not None, "a target group in use cannot be deleted"
    zones = board.zones_in_use(scope, arn) or frozenset()
    targets = [
        wire.TargetSnap(
            target.key,
            target.address,
            target.port,
            target.zone,
            board.health(scope, target).state,
            board.slow_since(scope, target.key),
            {} if target.draining_until is not None else board.by_zone(scope, target.key),
            board.weight(scope, group, target.key),
        )
        for target in cloud.store.table(Target).find(scope, "target_group_arn", arn)
        # A target in a zone that is not enabled gets no traffic, not even when nothing else is healthy.
        if target.zone == "all" or target.zone in zones
    ]
    return wire.GroupSnap(
        arn, group.protocol_version, group_attributes.TABLE.effective(group.attributes), tuple(targets)
    )
