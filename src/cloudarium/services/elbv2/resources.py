"""What is stored: load balancers and their nodes, listeners, rules, target groups, targets.

Actions, conditions and transforms are kept in the shape of the API (they were validated on the way in) and compiled
where traffic flows. Attributes keep only what was set; defaults live in ``attributes``. Times are cloud seconds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cloudarium.kernel.store import Record

DEFAULT_PRIORITY = 0
"""The priority under which a listener's default rule is kept; the API says ``default``."""


class Zone(msgspec.Struct, frozen=True):
    """An enabled Availability Zone and the one subnet through which the load balancer is in it."""

    name: str
    subnet_id: str


class LoadBalancer(Record, frozen=True, kw_only=True):
    """An Application Load Balancer. ``state`` is AWS's: provisioning, active, active_impaired or failed.

    ``cookie_key`` encrypts the stickiness cookies of its nodes.
    """

    TABLE = "elbv2.load_balancers"
    KEY = "arn"
    INDEXES = ("name",)

    arn: str
    name: str
    dns_name: str
    scheme: str
    ip_address_type: str
    vpc_id: str
    zones: tuple[Zone, ...]
    security_groups: tuple[str, ...]
    created: float
    state: str = "provisioning"
    state_reason: str = ""
    cookie_key: bytes = b""
    layers: int = 1
    """Nodes per zone that its load asks for."""
    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class Node(Record, frozen=True, kw_only=True):
    """One of a load balancer's nodes: a network interface in a subnet, with addresses of its own.

    Each zone has one of layer 0; those of higher layers come with load and go without it. Kept after the load
    balancer is gone until the interface is deleted. ``key`` is ``<load balancer ARN>|<subnet>``, and for the higher
    layers ``|<layer>``. ``phase`` is joining (not yet in DNS), serving, leaving (not in DNS any more, but accepting)
    or drained (finishing what is under way); ``since`` is the cloud time when it began.
    """

    TABLE = "elbv2.nodes"
    KEY = "key"
    INDEXES = ("load_balancer_arn",)

    key: str
    load_balancer_arn: str
    subnet_id: str
    zone: str
    eni_id: str
    private_ip: str
    public_ip: str = ""
    security_groups: tuple[str, ...] = ()
    layer: int = 0
    phase: str = "serving"
    since: float = 0.0


class Listener(Record, frozen=True, kw_only=True):
    """A port of a load balancer. Its default actions are those of its default rule."""

    TABLE = "elbv2.listeners"
    KEY = "arn"
    INDEXES = ("load_balancer_arn",)

    arn: str
    load_balancer_arn: str
    port: int
    protocol: str
    default_rule_arn: str
    created: float
    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class Rule(Record, frozen=True, kw_only=True):
    """A listener's rule; ``target_groups`` are the ARNs its forward action names."""

    TABLE = "elbv2.rules"
    KEY = "arn"
    INDEXES = ("listener_arn", "load_balancer_arn", "target_groups")

    arn: str
    listener_arn: str
    load_balancer_arn: str
    priority: int
    conditions: tuple[dict[str, Any], ...]
    actions: tuple[dict[str, Any], ...]
    transforms: tuple[dict[str, Any], ...] = ()
    target_groups: tuple[str, ...] = ()
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class HostPort(Record, frozen=True, kw_only=True):
    """A loopback port of the host that leads to a listener; kept so that a restarted cloud opens the same one."""

    TABLE = "elbv2.host_ports"
    KEY = "key"

    key: str
    load_balancer_arn: str
    port: int
    host_port: int


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How a target group's targets are probed. Seconds; ``port`` is ``traffic-port`` or a number."""

    protocol: str
    port: str
    path: str
    interval: int
    timeout: int
    healthy_threshold: int
    unhealthy_threshold: int
    matcher: str


class TargetGroup(Record, frozen=True, kw_only=True):
    """A set of targets and how to reach and probe them."""

    TABLE = "elbv2.target_groups"
    KEY = "arn"
    INDEXES = ("name",)

    arn: str
    name: str
    protocol: str
    protocol_version: str
    port: int
    vpc_id: str
    target_type: str
    ip_address_type: str
    health_check: HealthCheck
    created: float
    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class Target(Record, frozen=True, kw_only=True):
    """A registered target: one record each, so that registering one does not rewrite the group.

    ``address`` is where it is dialed (an instance's primary private address); ``zone`` is where it is, ``all`` when
    it is nowhere in particular; ``zone_given`` is what the caller said, which is what the API shows. While
    ``draining_until`` is set the target is deregistering.
    """

    TABLE = "elbv2.targets"
    KEY = "key"
    INDEXES = ("target_group_arn", "id")

    key: str
    target_group_arn: str
    id: str
    port: int
    address: str
    zone: str
    zone_given: str = ""
    registered: float = 0.0
    draining_until: float | None = None


def target_key(target_group_arn: str, target_id: str, port: int) -> str:
    """The key of a target's record."""
    return f"{target_group_arn}|{target_id}|{port}"


def node_key(load_balancer_arn: str, subnet_id: str, layer: int = 0) -> str:
    """The key of a node's record."""
    return f"{load_balancer_arn}|{subnet_id}" + (f"|{layer}" if layer else "")
