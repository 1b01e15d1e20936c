"""Load balancers: a node in each enabled zone, what the worker must know, and the state that is shown.

A node is a network interface that EC2 keeps for this service, described ``ELB app/<name>/<id>`` as on AWS.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-subnets.html
"""

from __future__ import annotations

import logging
from typing import Any

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.elbv2 import arns
from cloudarium.services.elbv2.controllers.plane import Key, Plane
from cloudarium.services.elbv2.resources import LoadBalancer, Node, Zone, node_key

log = logging.getLogger(__name__)

NAME = "elbv2.balancers"
PRINCIPAL = "elasticloadbalancing"


class Balancers:
    """Reconciles load balancers."""

    def __init__(self, cloud: Cloud, plane: Plane) -> None:
        self._cloud = cloud
        self._plane = plane
        self._balancers = cloud.store.table(LoadBalancer)
        self._nodes = cloud.store.table(Node)

    def every(self) -> list[Key]:
        """Every load balancer that is, or that left nodes behind."""
        there = [(scope, balancer.arn) for scope, balancer in self._balancers.everywhere()]
        return list(dict.fromkeys(there + [(scope, n.load_balancer_arn) for scope, n in self._nodes.everywhere()]))

    async def reconcile(self, key: Key) -> float | None:
        """Place nodes, serve, remove what should not be."""
        scope, arn = key
        ctx = self._cloud.context(scope, PRINCIPAL)
        balancer = self._balancers.get(scope, arn)
        nodes = self._nodes.find(scope, "load_balancer_arn", arn)
        if balancer is None:
            self._plane.drop(arn)
            for node in nodes:
                await self._remove_node(ctx, node)
            return None
        by_subnet = {node.subnet_id: node for node in nodes}
        for zone in balancer.zones:
            placed = by_subnet.get(zone.subnet_id)
            if placed is None:
                await self._place_node(ctx, balancer, zone)
            elif set(placed.security_groups) != set(balancer.security_groups):
                await self._move_to_groups(ctx, placed, balancer.security_groups)
        current = self._balancers.get(scope, arn)
        if current is not balancer:
            # It changed while EC2 was asked; the change has woken this key again.
            return None
        await self._plane.serve(scope, balancer)
        if balancer.state != "active":
            if not await self._plane.wait_until_served(arn):
                raise RuntimeError("the node worker does not take over the load balancer")
            self._activate(scope, arn)
        enabled = {zone.subnet_id for zone in balancer.zones}
        for node in nodes:
            if node.subnet_id not in enabled:
                await self._remove_node(ctx, node)
        return None

    def _activate(self, scope: Scope, arn: str) -> None:
        balancer = self._balancers.get(scope, arn)
        if balancer is not None:
            self._balancers.put(scope, balancer.replace(state="active", state_reason=""))

    # -- nodes -----------------------------------------------------------------------------------------------------

    async def _place_node(self, ctx: Context, balancer: LoadBalancer, zone: Zone) -> None:
        description = f"ELB {arns.load_balancer_id(balancer.arn)}"
        interface = await self._left_over(ctx, description, zone.subnet_id)
        if interface is None:
            answer = await ctx.aws.ec2.create_network_interface(
                SubnetId=zone.subnet_id,
                Groups=list(balancer.security_groups),
                Description=description,
                AssociatePublicIpAddress=balancer.scheme == "internet-facing",
            )
            found = await ctx.aws.ec2.describe_network_interfaces(
                NetworkInterfaceIds=[answer["NetworkInterface"]["NetworkInterfaceId"]]
            )
            interface = found["NetworkInterfaces"][0]
        self._nodes.put(
            ctx.scope,
            Node(
                key=node_key(balancer.arn, zone.subnet_id),
                load_balancer_arn=balancer.arn,
                subnet_id=zone.subnet_id,
                zone=zone.name,
                eni_id=interface["NetworkInterfaceId"],
                private_ip=interface["PrivateIpAddress"],
                public_ip=interface.get("Association", {}).get("PublicIp", ""),
                security_groups=tuple(group["GroupId"] for group in interface.get("Groups", ())),
            ),
        )

    async def _left_over(self, ctx: Context, description: str, subnet_id: str) -> dict[str, Any] | None:
        """An interface made for this node by a cloud that died before it could write that down."""
        filters = [
            {"Name": "description", "Values": [description]},
            {"Name": "subnet-id", "Values": [subnet_id]},
        ]
        found = await ctx.aws.ec2.describe_network_interfaces(Filters=filters)
        interfaces: list[dict[str, Any]] = found["NetworkInterfaces"]
        return interfaces[0] if interfaces else None

    async def _move_to_groups(self, ctx: Context, node: Node, groups: tuple[str, ...]) -> None:
        await ctx.aws.ec2.modify_network_interface_attribute(NetworkInterfaceId=node.eni_id, Groups=list(groups))
        self._nodes.put(ctx.scope, node.replace(security_groups=groups))

    async def _remove_node(self, ctx: Context, node: Node) -> None:
        try:
            await ctx.aws.ec2.delete_network_interface(NetworkInterfaceId=node.eni_id)
        except AwsError as error:
            if not error.code.startswith("InvalidNetworkInterfaceID"):
                raise
        self._nodes.delete(ctx.scope, node.key)
