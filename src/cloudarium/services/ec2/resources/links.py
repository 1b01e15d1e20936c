"""What joins a VPC to others: endpoints and peering connections."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from cloudarium.kernel.store import Record, Scope
from cloudarium.services.ec2.resources.base import Tagged, Tags


class VpcEndpoint(Tagged, frozen=True, kw_only=True):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcEndpoint.html."""

    TABLE = "ec2.vpc-endpoints"
    KEY = "vpc_endpoint_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id", "route_table_ids", "subnet_ids", "group_ids")

    vpc_endpoint_id: str
    vpc_id: str
    service_name: str
    endpoint_type: str
    """``Gateway`` or ``Interface``."""
    state: str
    """In the lower case in which the API answers: ``pending``, ``available``, ``deleting``."""
    created: float
    policy: str
    route_table_ids: tuple[str, ...] = ()
    subnet_ids: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()
    network_interface_ids: tuple[str, ...] = ()
    private_dns: bool = False
    dns_suffix: str = ""
    """The random part of the endpoint's own DNS names."""
    requester_managed: bool = False


class PeeringSide(msgspec.Struct, frozen=True):
    """One of the two VPCs of a peering connection."""

    account: str
    region: str
    vpc_id: str
    cidrs: tuple[str, ...]
    tags: Tags = ()
    """Each side tags the connection for itself."""
    allow_remote_dns: bool = False

    @property
    def scope(self) -> Scope:
        """Where the VPC's own record lives."""
        return Scope(self.account, self.region)


PEERINGS = Scope("*", "*")
"""Peering connections may join accounts and regions, so they live in one scope of their own."""


class PeeringConnection(Record, frozen=True, kw_only=True):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcPeeringConnection.html."""

    TABLE = "ec2.peering-connections"
    KEY = "peering_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_ids",)

    peering_id: str
    requester: PeeringSide
    accepter: PeeringSide
    state: str
    message: str
    expires: float
    """When an unanswered request expires (seven days), in cloud seconds."""
    state_since: float

    @property
    def vpc_ids(self) -> tuple[str, str]:
        """Both VPCs."""
        return (self.requester.vpc_id, self.accepter.vpc_id)

    def side(self, scope: Scope) -> PeeringSide | None:
        """The side that belongs to an account and region (the requester's when both do), or None."""
        if self.requester.scope == scope:
            return self.requester
        return self.accepter if self.accepter.scope == scope else None
