"""Which VPCs a changed record concerns: how the tables wake the network controller."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cloudarium.kernel.store import Record, Scope, Store
from cloudarium.services.ec2.resources import (
    Address,
    Attachment,
    InternetGateway,
    ManagedPrefixList,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    PeeringConnection,
    RouteTable,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Vpc,
    VpcEndpoint,
)

VpcKey = tuple[Scope, str]

_WITH_VPC: tuple[type[Record], ...] = (
    Vpc,
    Subnet,
    RouteTable,
    InternetGateway,
    NatGateway,
    NetworkInterface,
    SecurityGroup,
    NetworkAcl,
    VpcEndpoint,
    Attachment,
)


def watch(store: Store, wake: Callable[[VpcKey], None]) -> None:
    """Call ``wake`` with every VPC that a change concerns."""

    def through(concerned: Callable[[Scope, Any], Iterable[VpcKey]]) -> Callable[[Scope, str, Any, Any], None]:
        def changed(scope: Scope, _: str, old: Any, new: Any) -> None:
            keys = {key for record in (old, new) if record is not None for key in concerned(scope, record)}
            for key in keys:
                wake(key)

        return changed

    def own(scope: Scope, record: Any) -> Iterable[VpcKey]:
        return ((scope, record.vpc_id),) if record.vpc_id else ()

    def of_rule(scope: Scope, rule: SecurityGroupRule) -> Iterable[VpcKey]:
        group = store.table(SecurityGroup).get(scope, rule.group_id)
        return ((scope, group.vpc_id),) if group is not None else ()

    def of_address(scope: Scope, address: Address) -> Iterable[VpcKey]:
        interface = store.table(NetworkInterface).get(scope, address.network_interface_id)
        return ((scope, interface.vpc_id),) if interface is not None else ()

    def of_list(scope: Scope, _: ManagedPrefixList) -> Iterable[VpcKey]:
        return [(scope, vpc.vpc_id) for vpc in store.table(Vpc).all(scope)]

    def of_peering(_: Scope, peering: PeeringConnection) -> Iterable[VpcKey]:
        return [(side.scope, side.vpc_id) for side in (peering.requester, peering.accepter)]

    for kind in _WITH_VPC:
        store.table(kind).watch(through(own))
    store.table(SecurityGroupRule).watch(through(of_rule))
    store.table(Address).watch(through(of_address))
    store.table(ManagedPrefixList).watch(through(of_list))
    store.table(PeeringConnection).watch(through(of_peering))
