"""Load balancers: the nodes in each enabled zone, what the workers must know, and the state that is shown.

A node is a network interface that EC2 keeps for this service, described ``ELB app/<name>/<id>`` as on AWS. Each zone
has one for every layer that the load asks for (see ``scaling``). A node of a higher layer joins DNS when it is served;
when it is not needed any more it leaves DNS first, goes on accepting while clients may still know its address, then
finishes what is under way, and only then its interface is deleted.
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
from cloudarium.services.elbv2.controllers.log_delivery import LogDelivery
from cloudarium.services.elbv2.controllers.plane import Key, Plane
from cloudarium.services.elbv2.resources import LoadBalancer, Node, Zone, node_key

log = logging.getLogger(__name__)

NAME = "elbv2.balancers"
PRINCIPAL = "elasticloadbalancing"

_KNOWN = 300.0
"""Cloud seconds for which clients may go on using an address that DNS does not tell any more: its TTL several times."""
_FINISHING = 300.0
"""Cloud seconds that what is under way at a node has, which accepts no more, before its interface goes."""
_TRY_AGAIN = 60.0
"""Cloud seconds after which a subnet without free addresses is tried again."""


def alike(old: LoadBalancer, new: LoadBalancer) -> bool:
    """Whether two versions of a load balancer are the same to its nodes: state and tags are for its owner only."""
    return old.replace(state=new.state, state_reason=new.state_reason, tags=new.tags) == new


class Balancers:
    """Reconciles load balancers."""

    def __init__(self, cloud: Cloud, plane: Plane, logs: LogDelivery) -> None:
        self._cloud = cloud
        self._plane = plane
        self._logs = logs
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
            await self._plane.hand_over(arn)
            await self._logs.finish(scope, arn)
            self._plane.drop(arn)
            for node in nodes:
                await self._remove_node(ctx, node)
            return None
        by_key = {node.key: node for node in nodes}
        full = ""
        for layer in range(balancer.layers):
            for zone in balancer.zones:
                placed = by_key.get(node_key(arn, zone.subnet_id, layer))
                if placed is None:
                    full = await self._try_to_place(ctx, balancer, zone, layer) or full
                elif set(placed.security_groups) != set(balancer.security_groups):
                    await self._move_to_groups(ctx, placed, balancer.security_groups)
        now = self._balancers.get(scope, arn)
        if now is None or not alike(balancer, now):
            # It changed while EC2 was asked; the change has woken this key again.
            return None
        balancer = now
        after = self._move_along(scope, balancer)
        await self._plane.serve(scope, balancer)
        joining = [n for n in self._nodes.find(scope, "load_balancer_arn", arn) if n.phase == "joining"]
        if joining or not balancer.state.startswith("active"):
            if not await self._plane.wait_until_served(arn):
                raise RuntimeError("the node workers do not take over the load balancer")
            for node in joining:
                self._enter(scope, node.key, "serving")
        self._show_state(scope, arn, full)
        enabled = {zone.subnet_id for zone in balancer.zones}
        for node in nodes:
            if node.subnet_id not in enabled:
                await self._remove_node(ctx, node)
        for node in self._nodes.find(scope, "load_balancer_arn", arn):
            if node.phase == "drained" and self._left(node, _FINISHING) <= 0:
                await self._remove_node(ctx, node)
        return min(after or _TRY_AGAIN, _TRY_AGAIN) if full else after

    # -- layers --------------------------------------------------------------------------------------------------------

    async def _try_to_place(self, ctx: Context, balancer: LoadBalancer, zone: Zone, layer: int) -> str:
        """Place a node; the subnet's id where it has no address left for one that only load asks for."""
        try:
            await self._place_node(ctx, balancer, zone, layer)
        except AwsError as error:
            if not layer or error.code != "InsufficientFreeAddressesInSubnet":
                raise
            return zone.subnet_id
        return ""

    def _move_along(self, scope: Scope, balancer: LoadBalancer) -> float | None:
        """Bring nodes of the higher layers to their next phase; when to look again."""
        waits = []
        for node in self._nodes.find(scope, "load_balancer_arn", balancer.arn):
            if node.layer < balancer.layers:
                if node.phase == "leaving":
                    self._enter(scope, node.key, "serving")
                elif node.phase == "drained":
                    self._enter(scope, node.key, "joining")
            elif node.phase in ("joining", "serving"):
                waits.append(_KNOWN)
                self._enter(scope, node.key, "leaving")
            elif node.phase == "leaving":
                if (left := self._left(node, _KNOWN)) > 0:
                    waits.append(left)
                else:
                    waits.append(_FINISHING)
                    self._enter(scope, node.key, "drained")
            elif (left := self._left(node, _FINISHING)) > 0:
                waits.append(left)
        return min(waits, default=None)

    def _left(self, node: Node, of: float) -> float:
        return node.since + of - self._cloud.clock.now()

    def _enter(self, scope: Scope, key: str, phase: str) -> None:
        node = self._nodes.get(scope, key)
        if node is not None:
            self._nodes.put(scope, node.replace(phase=phase, since=self._cloud.clock.now()))

    def _show_state(self, scope: Scope, arn: str, full: str) -> None:
        """Active, or impaired: routing, but without what it needs to scale (DescribeLoadBalancers' State)."""
        balancer = self._balancers.get(scope, arn)
        state = "active_impaired" if full else "active"
        reason = f"Not enough free IP addresses in {full} for the load balancer to scale" if full else ""
        if balancer is not None and (balancer.state, balancer.state_reason) != (state, reason):
            self._balancers.put(scope, balancer.replace(state=state, state_reason=reason))

    # -- nodes -----------------------------------------------------------------------------------------------------

    async def _place_node(self, ctx: Context, balancer: LoadBalancer, zone: Zone, layer: int) -> None:
        description = f"ELB {arns.load_balancer_id(balancer.arn)}"
        interface = await self._left_over(ctx, balancer.arn, description, zone.subnet_id)
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
                key=node_key(balancer.arn, zone.subnet_id, layer),
                load_balancer_arn=balancer.arn,
                subnet_id=zone.subnet_id,
                zone=zone.name,
                eni_id=interface["NetworkInterfaceId"],
                private_ip=interface["PrivateIpAddress"],
                public_ip=interface.get("Association", {}).get("PublicIp", ""),
                security_groups=tuple(group["GroupId"] for group in interface.get("Groups", ())),
                layer=layer,
                phase="joining" if layer else "serving",
                since=self._cloud.clock.now(),
            ),
        )

    async def _left_over(self, ctx: Context, arn: str, description: str, subnet_id: str) -> dict[str, Any] | None:
        """An interface made for a node by a cloud that died before it could write that down."""
        filters = [
            {"Name": "description", "Values": [description]},
            {"Name": "subnet-id", "Values": [subnet_id]},
        ]
        found = await ctx.aws.ec2.describe_network_interfaces(Filters=filters)
        known = {node.eni_id for node in self._nodes.find(ctx.scope, "load_balancer_arn", arn)}
        interfaces: list[dict[str, Any]] = found["NetworkInterfaces"]
        return next((each for each in interfaces if each["NetworkInterfaceId"] not in known), None)

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
