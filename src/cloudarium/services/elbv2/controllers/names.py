"""Names of load balancers: who is meant by a host, and what a name is inside a VPC."""

from __future__ import annotations

import random

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2.attributes import target_group as group_attributes
from cloudarium.services.elbv2.health.board import Board
from cloudarium.services.elbv2.node.pools import Thresholds
from cloudarium.services.elbv2.resources import LoadBalancer, Node, Rule, Target, TargetGroup

LOCAL_SUFFIX = ".elb.localhost"

_DNS = "target_group_health.dns_failover.minimum_healthy_targets"

_ADDRESSES = 8
"""Addresses in one answer."""

Handle = tuple[Scope, str]
"""A load balancer: scope and ARN."""


class Names:
    """The names in use, kept up to date."""

    def __init__(self, cloud: Cloud, board: Board) -> None:
        self._cloud = cloud
        self._board = board
        self._balancers = cloud.store.table(LoadBalancer)
        self._nodes = cloud.store.table(Node)
        self._by_name: dict[str, list[Handle]] = {}
        self._turn: dict[str, int] = {}
        for scope, balancer in self._balancers.everywhere():
            self._changed(scope, balancer.arn, None, balancer)
        self._balancers.watch(self._changed)

    def _changed(self, scope: Scope, key: str, old: LoadBalancer | None, new: LoadBalancer | None) -> None:
        if old is not None and new is None:
            for name in names_of(old):
                left = [handle for handle in self._by_name.get(name, ()) if handle != (scope, key)]
                self._by_name[name] = left
                if not left:
                    del self._by_name[name]
            self._turn.pop(key, None)
        elif new is not None and old is None:
            for name in names_of(new):
                self._by_name.setdefault(name, []).append((scope, key))

    def find(self, host: str) -> Handle | None:
        """The load balancer with a name; the one made first where a short name means several."""
        found = self._by_name.get(host)
        return found[0] if found else None

    def nodes(self, handle: Handle) -> list[Node]:
        """The nodes that DNS tells of: those of healthy zones, or all when no zone is."""
        scope, arn = handle
        balancer = self._balancers.get(scope, arn)
        enabled = {zone.subnet_id for zone in balancer.zones} if balancer is not None else set()
        nodes = [
            node
            for node in self._nodes.find(scope, "load_balancer_arn", arn)
            if node.subnet_id in enabled and node.phase == "serving"
        ]
        nodes.sort(key=lambda node: (node.layer, node.zone))
        healthy = {zone for zone in {node.zone for node in nodes} if self._zone_is_healthy(scope, arn, zone)}
        return [node for node in nodes if node.zone in healthy] or nodes

    def next_node(self, handle: Handle) -> Node | None:
        """The node for the next client from outside: one after the other, as with DNS."""
        nodes = self.nodes(handle)
        if not nodes:
            return None
        turn = self._turn[handle[1]] = self._turn.get(handle[1], -1) + 1
        return nodes[turn % len(nodes)]

    def _zone_is_healthy(self, scope: Scope, arn: str, zone: str) -> bool:
        """Whether every target group has as many healthy targets for a zone's node as DNS failover asks for.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html#target-group-health
        """
        rules = self._cloud.store.table(Rule).find(scope, "load_balancer_arn", arn)
        for group_arn in {group for rule in rules for group in rule.target_groups}:
            group = self._cloud.store.table(TargetGroup).get(scope, group_arn)
            if group is None:
                continue
            if not healthy_in_dns(self._cloud, self._board, scope, group, zone):
                return False
        return True

    def dns(self, vpc_id: str, name: str, kind: str) -> list[str] | None:
        """Answers DNS queries from inside a VPC: the nodes' private addresses there, their public ones elsewhere.

        Up to eight of them, in an order of their own each time, as on AWS.
        """
        handle = self.find(name)
        if handle is None:
            return None
        if kind != "A":
            return []
        balancer = self._balancers.get(*handle)
        if balancer is None:
            return None
        public = balancer.scheme == "internet-facing" and balancer.vpc_id != vpc_id
        nodes = self.nodes(handle)
        some = random.sample(nodes, min(len(nodes), _ADDRESSES))
        return [node.public_ip if public and node.public_ip else node.private_ip for node in some]


def healthy_in_dns(cloud: Cloud, board: Board, scope: Scope, group: TargetGroup, zone: str) -> bool:
    """Whether a group has as many healthy targets for a zone's node as its DNS failover asks for, or no targets."""
    attributes = group_attributes.TABLE.effective(group.attributes)
    cross_zone = attributes["load_balancing.cross_zone.enabled"] != "false"
    states = [
        board.health(scope, target).state
        for target in cloud.store.table(Target).find(scope, "target_group_arn", group.arn)
        if cross_zone or target.zone in (zone, "all")
    ]
    states = [state for state in states if state not in ("draining", "unused")]
    count, percentage = attributes[f"{_DNS}.count"], attributes[f"{_DNS}.percentage"]
    thresholds = Thresholds(None if count == "off" else int(count), None if percentage == "off" else int(percentage))
    return not states or thresholds.met(states.count("healthy"), len(states))


def names_of(balancer: LoadBalancer) -> tuple[str, str]:
    """The DNS name and the short local one, in lower case."""
    return balancer.dns_name.lower(), f"{balancer.name.lower()}{LOCAL_SUFFIX}"
