"""What NAT gateways are made of: an interface of their own in a subnet, and its addresses."""

from __future__ import annotations

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import interfaces, public_ips
from cloudarium.services.ec2.lookup import find
from cloudarium.services.ec2.resources import Address, NatAddress, NatGateway, NetworkInterface

OWNER = interfaces.Owner("amazon-nat", "nat_gateway")
"""AWS's own NAT gateways show their account's number here; this name says the same more plainly."""


def take_address(ctx: Context, allocation_id: str, interface_id: str, private_ip: str, *, primary: bool) -> NatAddress:
    """Associate an Elastic IP of the account with an address of a NAT gateway's interface."""
    address = find(ctx, Address, allocation_id)
    if address.association_id:
        raise AwsError(
            "Resource.AlreadyAssociated",
            f"Elastic IP address [{allocation_id}] is already associated",
        )
    associated = address.replace(
        association_id=hex_id("eipassoc"), network_interface_id=interface_id, private_ip=private_ip
    )
    ctx.table(Address).put(ctx.scope, associated)
    return NatAddress(private_ip, allocation_id, address.public_ip, associated.association_id, primary)


def free_addresses(ctx: Context, addresses: tuple[NatAddress, ...]) -> None:
    """Give the account its Elastic IPs back."""
    for each in addresses:
        found = ctx.table(Address).get(ctx.scope, each.allocation_id) if each.allocation_id else None
        if found is not None:
            ctx.table(Address).put(ctx.scope, public_ips.disassociated(found))


def set_private_ips(ctx: Context, nat: NatGateway, private_ips: tuple[str, ...]) -> None:
    """Let the gateway's interface hold exactly these addresses."""
    interface = find(ctx, NetworkInterface, nat.network_interface_id)
    ctx.table(NetworkInterface).put(ctx.scope, interface.replace(private_ips=private_ips))


def remove_interface(ctx: Context, nat: NatGateway) -> None:
    """The gateway is gone: so is its interface, and the Elastic IPs are the account's again."""
    interface = ctx.table(NetworkInterface).get(ctx.scope, nat.network_interface_id)
    if interface is not None:
        interfaces.delete(ctx, interface)
