"""States that move by themselves: NAT gateways, VPC endpoints and peering connections.

A state that says the network has something is reached when the fabric really has it; what AWS forgets after a while
is forgotten by the cloud's clock.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.store import Scope
from cloudarium.services.ec2 import interfaces, nat
from cloudarium.services.ec2.controllers import Networks
from cloudarium.services.ec2.resources import (
    PEERINGS,
    NatGateway,
    NetworkInterface,
    PeeringConnection,
    PeeringSide,
    Vpc,
    VpcEndpoint,
)

LIFECYCLE = "ec2.lifecycle"

NAT_VISIBLE = 3600.0
"""A NAT gateway that was deleted or failed is shown for about an hour: https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-working-with.html."""

PEERING_VISIBLE = {"failed": 7200.0, "deleted": 7200.0, "rejected": 172_800.0, "expired": 172_800.0}
"""Seconds for which an ended peering is shown: https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html."""

Key = tuple[str, Scope, str]
"""Kind (``nat``, ``endpoint``, ``peering``), scope, id."""


class Lifecycle:
    """Moves resources on to their next state."""

    def __init__(self, cloud: Cloud, networks: Networks) -> None:
        self._cloud = cloud
        self._networks = networks

    def keys(self) -> Iterable[Hashable]:
        """Every resource whose state may move."""
        store = self._cloud.store
        yield from (("nat", scope, row.nat_gateway_id) for scope, row in store.table(NatGateway).everywhere())
        yield from (("endpoint", scope, row.vpc_endpoint_id) for scope, row in store.table(VpcEndpoint).everywhere())
        yield from (("peering", scope, row.peering_id) for scope, row in store.table(PeeringConnection).everywhere())

    def watch(self) -> None:
        """Look again at whatever changes, and at all of a VPC that has settled."""
        store = self._cloud.store
        store.table(NatGateway).watch(lambda scope, key, *_: self._wake("nat", scope, key))
        store.table(VpcEndpoint).watch(lambda scope, key, *_: self._wake("endpoint", scope, key))
        store.table(PeeringConnection).watch(lambda scope, key, *_: self._wake("peering", scope, key))
        self._networks.on_settled(self._wake_vpc)

    def _wake(self, kind: str, scope: Scope, key: str) -> None:
        self._cloud.enqueue(LIFECYCLE, (kind, scope, key))

    def _wake_vpc(self, scope: Scope, vpc_id: str) -> None:
        store = self._cloud.store
        for gateway in store.table(NatGateway).find(scope, "vpc_id", vpc_id):
            if gateway.state in ("pending", "deleting"):
                self._wake("nat", scope, gateway.nat_gateway_id)
        for endpoint in store.table(VpcEndpoint).find(scope, "vpc_id", vpc_id):
            if endpoint.state in ("pending", "deleting"):
                self._wake("endpoint", scope, endpoint.vpc_endpoint_id)
        for peering in store.table(PeeringConnection).find(PEERINGS, "vpc_ids", vpc_id):
            if peering.state in ("provisioning", "deleting"):
                self._wake("peering", PEERINGS, peering.peering_id)

    async def reconcile(self, key: Key) -> float | None:
        """The next step of one resource; returns after how many seconds to look again."""
        kind, scope, resource_id = key
        async with self._cloud.store.transaction():
            if kind == "nat":
                return self._nat(scope, resource_id)
            if kind == "endpoint":
                return self._endpoint(scope, resource_id)
            return self._peering(resource_id)

    # -- NAT gateways --------------------------------------------------------------------------------------------------

    def _nat(self, scope: Scope, nat_id: str) -> float | None:
        table = self._cloud.store.table(NatGateway)
        gateway = table.get(scope, nat_id)
        if gateway is None:
            return None
        now = self._cloud.clock.now()
        known = self._networks.settled(gateway.vpc_id)
        has_it = known is not None and any(each.id == nat_id for each in known.nat_gateways)
        if gateway.state == "pending" and gateway.failure_code:
            table.put(scope, gateway.replace(state="failed", state_since=now, deleted=now))
            return NAT_VISIBLE
        if gateway.state == "pending" and has_it:
            table.put(scope, gateway.replace(state="available", state_since=now))
        elif gateway.state == "deleting" and known is not None and not has_it:
            nat.remove_interface(self._cloud.context(scope, "ec2"), gateway)
            table.put(scope, gateway.replace(state="deleted", state_since=now, deleted=now))
            return NAT_VISIBLE
        elif gateway.state in ("deleted", "failed"):
            left = gateway.state_since + NAT_VISIBLE - now
            if left > 0:
                return left
            table.delete(scope, nat_id)
        return None

    # -- endpoints -----------------------------------------------------------------------------------------------------

    def _endpoint(self, scope: Scope, endpoint_id: str) -> float | None:
        table = self._cloud.store.table(VpcEndpoint)
        endpoint = table.get(scope, endpoint_id)
        if endpoint is None:
            return None
        known = self._networks.settled(endpoint.vpc_id)
        if known is None:
            return None
        gateway = endpoint.endpoint_type == "Gateway"
        listed = {each.id for each in (known.gateway_endpoints if gateway else known.enis)}
        parts = {endpoint_id} if gateway else set(endpoint.network_interface_ids)
        if endpoint.state == "pending" and parts <= listed:
            table.put(scope, endpoint.replace(state="available"))
        elif endpoint.state == "deleting" and (not gateway or not parts & listed):
            ctx = self._cloud.context(scope, "ec2")
            for interface_id in endpoint.network_interface_ids:
                interface = self._cloud.store.table(NetworkInterface).get(scope, interface_id)
                if interface is not None:
                    interfaces.delete(ctx, interface)
            table.delete(scope, endpoint_id)
        return None

    # -- peering connections -------------------------------------------------------------------------------------------

    def _peering(self, peering_id: str) -> float | None:
        table = self._cloud.store.table(PeeringConnection)
        peering = table.get(PEERINGS, peering_id)
        if peering is None:
            return None
        now = self._cloud.clock.now()
        if peering.state == "pending-acceptance":
            if now < peering.expires:
                return peering.expires - now
            table.put(PEERINGS, peering.replace(state="expired", message="Expired", state_since=now))
        elif peering.state == "provisioning" and all(self._lists(side, peering_id) for side in _sides(peering)):
            table.put(PEERINGS, peering.replace(state="active", message="Active", state_since=now))
        elif peering.state == "deleting" and not any(self._lists(side, peering_id) for side in _sides(peering)):
            table.put(PEERINGS, peering.replace(state="deleted", state_since=now))
        elif peering.state in PEERING_VISIBLE:
            left = peering.state_since + PEERING_VISIBLE[peering.state] - now
            if left > 0:
                return left
            table.delete(PEERINGS, peering_id)
        return None

    def _lists(self, side: PeeringSide, peering_id: str) -> bool:
        """Whether the network of a side's VPC has the peering. A VPC that is gone has nothing."""
        if self._cloud.store.table(Vpc).get(side.scope, side.vpc_id) is None:
            return False
        known = self._networks.settled(side.vpc_id)
        return known is not None and any(each.id == peering_id for each in known.peerings)


def _sides(peering: PeeringConnection) -> tuple[PeeringSide, PeeringSide]:
    return peering.requester, peering.accepter
