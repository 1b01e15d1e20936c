"""Public addresses and NAT gateways."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from cloudarium.services.ec2.resources.base import Tagged


class Address(Tagged, frozen=True, kw_only=True):
    """A public IPv4 address: an Elastic IP of the account, or one that AWS gave an interface (``service``)."""

    TABLE = "ec2.addresses"
    KEY = "allocation_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("public_ip", "association_id", "network_interface_id")

    allocation_id: str
    public_ip: str
    network_border_group: str
    association_id: str = ""
    network_interface_id: str = ""
    private_ip: str = ""
    service: str = ""
    """``amazon`` or a service's name such as ``amazon-elb`` when the address is not the account's own."""
    domain_name: str = ""
    """The reverse DNS name that ModifyAddressAttribute asked for."""


class NatAddress(msgspec.Struct, frozen=True):
    """One address of a NAT gateway; ``allocation_id`` and ``public_ip`` are empty on private ones."""

    private_ip: str
    allocation_id: str = ""
    public_ip: str = ""
    association_id: str = ""
    is_primary: bool = False


NAT_ENDED = ("deleted", "failed")
"""States in which a NAT gateway has nothing any more and is only shown."""


class NatGateway(Tagged, frozen=True, kw_only=True):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NatGateway.html."""

    TABLE = "ec2.nat-gateways"
    KEY = "nat_gateway_id"
    INDEXES: ClassVar[tuple[str, ...]] = ("vpc_id", "subnet_id", "state")

    nat_gateway_id: str
    vpc_id: str
    subnet_id: str
    network_interface_id: str
    addresses: tuple[NatAddress, ...]
    connectivity: str
    state: str
    """``pending``, ``available``, ``deleting``, or one of ``NAT_ENDED``."""
    created: float
    state_since: float
    deleted: float = 0.0
    failure_code: str = ""
    failure_message: str = ""
