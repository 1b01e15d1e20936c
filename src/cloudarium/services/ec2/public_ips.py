"""Public addresses: where they come from.

They are taken from 198.18.0.0/16, part of the range set aside for benchmarks between networks (RFC 2544): no host of
the real internet has one, so a cloud on a desk never shadows a real address.
"""

from __future__ import annotations

import ipaddress
import random

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2.resources import Address, NetworkInterface, Tags

POOL = ipaddress.IPv4Network("198.18.0.0/16")


def new_address(ctx: Context, *, tags: Tags = (), service: str = "", wanted: str = "") -> Address:
    """An address that no account has; ``service`` names the AWS service it belongs to, if any.

    Raises ``AddressLimitExceeded`` when the pool is used up, ``InvalidAddress.NotFound`` when ``wanted`` is not free.
    """
    table = ctx.table(Address)
    used = {address.public_ip for _, address in table.everywhere()}
    if wanted:
        if wanted in used or ipaddress.IPv4Address(wanted) not in POOL:
            raise AwsError("InvalidAddress.NotFound", f"The address '{wanted}' does not belong to you.")
        ip = wanted
    else:
        ip = _free(used)
    address = Address(
        allocation_id=hex_id("eipalloc"),
        public_ip=ip,
        network_border_group=ctx.region,
        service=service,
        tags=tags,
    )
    table.put(ctx.scope, address)
    return address


def _free(used: set[str]) -> str:
    base = int(POOL.network_address)
    for _ in range(64):
        candidate = str(ipaddress.IPv4Address(base + random.randrange(256, 65_280)))
        if candidate not in used and not candidate.endswith((".0", ".255")):
            return candidate
    raise AwsError("AddressLimitExceeded", "The maximum number of addresses has been reached.")


def give(ctx: Context, interface: NetworkInterface, service: str) -> Address:
    """Give an interface's primary private address a public one that belongs to AWS, not to the account."""
    address = new_address(ctx, service=service).replace(
        association_id=hex_id("eipassoc"),
        network_interface_id=interface.network_interface_id,
        private_ip=interface.private_ips[0],
    )
    ctx.table(Address).put(ctx.scope, address)
    return address


def take_back(ctx: Context, interface_id: str) -> None:
    """An interface goes: AWS's own addresses go with it, the account's are only disassociated."""
    for address in ctx.table(Address).find(ctx.scope, "network_interface_id", interface_id):
        if address.service:
            ctx.table(Address).delete(ctx.scope, address.allocation_id)
        else:
            ctx.table(Address).put(ctx.scope, disassociated(address))


def disassociated(address: Address) -> Address:
    """The address, belonging to no interface."""
    return address.replace(association_id="", network_interface_id="", private_ip="")
