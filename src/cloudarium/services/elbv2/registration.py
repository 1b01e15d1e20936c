"""Targets as they are registered: each checked against the group's type and VPC.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetDescription.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.elbv2 import network
from cloudarium.services.elbv2.errors import invalid
from cloudarium.services.elbv2.resources import LoadBalancer, Node, Target, TargetGroup, target_key

ALL = "all"
_PRIVATE = tuple(
    ipaddress.IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
_NOT_RUNNING = ("shutting-down", "terminated", "stopping", "stopped")


async def new_targets(ctx: Context, group: TargetGroup, given: Sequence[Mapping[str, Any]]) -> list[Target]:
    """Records for the targets a request describes; raises InvalidTarget or ValidationError for the first bad one."""
    if not given:
        raise invalid("You must specify at least one target")
    seen: set[str] = set()
    for description in given:
        port = description.get("Port", group.port)
        if not 1 <= port <= 65535:
            raise invalid(f"Target port '{port}' must be between '1-65535' inclusive")
        key = target_key(group.arn, description["Id"], port)
        if key in seen:
            raise invalid(f"Target '{description['Id']}' was specified more than once")
        seen.add(key)
        if "QuicServerId" in description:
            raise invalid("A QUIC server ID cannot be specified for target groups with the HTTP protocol")
    if group.target_type == "instance":
        return await _instances(ctx, group, given)
    return await _addresses(ctx, group, given)


async def _addresses(ctx: Context, group: TargetGroup, given: Sequence[Mapping[str, Any]]) -> list[Target]:
    parsed = [(description, _ipv4(description["Id"])) for description in given]
    subnets = [
        (ipaddress.IPv4Network(subnet["CidrBlock"]), subnet["AvailabilityZone"])
        for subnet in await network.subnets_of_vpc(ctx, group.vpc_id)
    ]
    taken = {
        node.private_ip
        for node in ctx.table(Node).all(ctx.scope)
        if (balancer := ctx.table(LoadBalancer).get(ctx.scope, node.load_balancer_arn)) is not None
        and balancer.vpc_id == group.vpc_id
    }
    now = ctx.clock.now()
    targets = []
    for description, address in parsed:
        home = next((zone for cidr, zone in subnets if address in cidr), None)
        said = description.get("AvailabilityZone")
        if str(address) in taken:
            raise AwsError(
                "InvalidTarget",
                f"The IP address '{address}' cannot be used as a target, as it is in use by a load balancer",
            )
        zone = _zone_within(address, home, said) if home else _zone_outside(address, said, {z for _, z in subnets})
        targets.append(_target(group, description, str(address), zone, zone, now))
    return targets


def _ipv4(text: str) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        raise invalid(f"The IP address '{text}' is not a valid IPv4 address") from None


def _zone_within(address: ipaddress.IPv4Address, home: str, said: str | None) -> str:
    if said is not None and said != home:
        raise invalid(
            f"The IP address '{address}' is within the VPC, and cannot have its Availability Zone overridden to "
            f"'{said}' from '{home}'"
        )
    return home


def _zone_outside(address: ipaddress.IPv4Address, said: str | None, zones: set[str]) -> str:
    if not any(address in cidr for cidr in _PRIVATE):
        raise invalid(
            f"The IP address '{address}' must be within the subnets of the VPC or one of the ranges "
            f"[{', '.join(str(cidr) for cidr in _PRIVATE)}]"
        )
    if said is None or (said != ALL and said not in zones):
        raise invalid(
            "You must specify a valid Availability Zone or select 'all' for all enabled Availability zones, since the "
            f"IP address '{address}' is outside the VPC"
        )
    return said


async def _instances(ctx: Context, group: TargetGroup, given: Sequence[Mapping[str, Any]]) -> list[Target]:
    for description in given:
        if not description["Id"].startswith("i-"):
            raise invalid(f"Instance ID '{description['Id']}' is not valid")
        if "AvailabilityZone" in description:
            raise invalid("You cannot specify an Availability Zone for targets of target type 'instance'")
    found = await network.instances(ctx, [description["Id"] for description in given])
    stopped = [f"'{key}'" for key, instance in found.items() if instance["State"]["Name"] in _NOT_RUNNING]
    if stopped:
        raise AwsError(
            "InvalidTarget",
            f"The following targets are not in a running state and cannot be registered: {', '.join(stopped)}",
        )
    elsewhere = [f"'{key}'" for key, instance in found.items() if instance.get("VpcId") != group.vpc_id]
    if elsewhere:
        raise AwsError(
            "InvalidTarget",
            f"The following targets are not in the target group VPC '{group.vpc_id}': {', '.join(elsewhere)}",
        )
    now = ctx.clock.now()
    return [
        _target(
            group,
            description,
            found[description["Id"]]["PrivateIpAddress"],
            found[description["Id"]]["Placement"]["AvailabilityZone"],
            "",
            now,
        )
        for description in given
    ]


def _target(
    group: TargetGroup, description: Mapping[str, Any], address: str, zone: str, shown: str, now: float
) -> Target:
    port = description.get("Port", group.port)
    return Target(
        key=target_key(group.arn, description["Id"], port),
        target_group_arn=group.arn,
        id=description["Id"],
        port=port,
        address=address,
        zone=zone,
        zone_given=shown,
        registered=now,
    )
