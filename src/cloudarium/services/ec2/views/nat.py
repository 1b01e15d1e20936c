"""NAT gateways as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.services.ec2 import tags
from cloudarium.services.ec2.names import moment
from cloudarium.services.ec2.resources import NatAddress, NatGateway

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import NatGatewayAddressTypeDef, NatGatewayTypeDef


def nat_view(nat: NatGateway) -> NatGatewayTypeDef:
    """A NAT gateway."""
    view: NatGatewayTypeDef = {
        "CreateTime": moment(nat.created),
        "NatGatewayAddresses": [nat_address_view(nat, each) for each in nat.addresses],
        "NatGatewayId": nat.nat_gateway_id,
        "State": nat.state,  # type: ignore[typeddict-item]
        "SubnetId": nat.subnet_id,
        "VpcId": nat.vpc_id,
        "Tags": tags.view(nat.tags),
        "ConnectivityType": nat.connectivity,  # type: ignore[typeddict-item]
        "AvailabilityMode": "zonal",
    }
    if nat.deleted:
        view["DeleteTime"] = moment(nat.deleted)
    if nat.failure_code and nat.state != "pending":
        view["FailureCode"] = nat.failure_code
        view["FailureMessage"] = nat.failure_message
    return view


_SETTLED = {"available": "succeeded", "deleted": "succeeded", "failed": "failed", "deleting": "disassociating"}


def nat_address_view(nat: NatGateway, address: NatAddress, status: str = "") -> NatGatewayAddressTypeDef:
    """An address of a NAT gateway; while the gateway is being made only what was asked for is known."""
    view: NatGatewayAddressTypeDef = {"IsPrimary": address.is_primary}
    if address.allocation_id:
        view["AllocationId"] = address.allocation_id
    if nat.state != "pending" and nat.network_interface_id:
        view["NetworkInterfaceId"] = nat.network_interface_id
        view["PrivateIp"] = address.private_ip
        if address.public_ip:
            view["PublicIp"] = address.public_ip
            view["AssociationId"] = address.association_id
    settled = _SETTLED.get(nat.state, "associating")
    view["Status"] = status or settled  # type: ignore[typeddict-item]
    return view
