"""Elastic IP addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import cidr, interfaces, limits, public_ips, tags
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import combination, invalid, missing, refuse
from cloudarium.services.ec2.filters import FilterSet, nothing
from cloudarium.services.ec2.lookup import find, not_found, select
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.resources import Address, InternetGateway, NetworkInterface
from cloudarium.services.ec2.views.interfaces import address_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        AddressAttributeTypeDef,
        AllocateAddressRequestTypeDef,
        AssociateAddressRequestTypeDef,
        DescribeAddressesAttributeRequestTypeDef,
        DescribeAddressesRequestTypeDef,
        DisassociateAddressRequestTypeDef,
        ModifyAddressAttributeRequestTypeDef,
        ReleaseAddressRequestTypeDef,
        ResetAddressAttributeRequestTypeDef,
    )

FILTERS = FilterSet(
    {
        "allocation-id": "AllocationId",
        "association-id": "AssociationId",
        "domain": "Domain",
        "instance-id": nothing,
        "network-border-group": "NetworkBorderGroup",
        "network-interface-id": "NetworkInterfaceId",
        "network-interface-owner-id": "NetworkInterfaceOwnerId",
        "private-ip-address": "PrivateIpAddress",
        "public-ip": "PublicIp",
    }
)


@api(partial="only addresses of Amazon's own pool")
def allocate_address(ctx: Context, request: AllocateAddressRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AllocateAddress.html."""
    refuse(request, "CustomerOwnedIpv4Pool", "IpamPoolId")
    if request.get("PublicIpv4Pool") not in (None, "", "amazon"):
        raise AwsError(
            "InvalidPublicIpv4PoolID.NotFound", f"The public IPv4 pool ID '{request['PublicIpv4Pool']}' does not exist"
        )
    if request.get("Domain", "vpc") == "standard":
        raise invalid("Value (standard) for parameter domain is invalid. EC2-Classic is retired.")
    group = request.get("NetworkBorderGroup", ctx.region)
    if group != ctx.region:
        raise invalid(f"Value ({group}) for parameter networkBorderGroup is invalid.")
    labels = tags.specified(ctx, request, "elastic-ip")
    wanted = request.get("Address", "")
    if wanted:
        cidr.address(wanted, "address")
    count = len(_own(ctx))
    limits.check(
        count + 1, limits.ADDRESSES, "AddressLimitExceeded", "The maximum number of addresses has been reached."
    )
    address = public_ips.new_address(ctx, tags=labels, wanted=wanted)
    return {
        "AllocationId": address.allocation_id,
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": address.network_border_group,
        "Domain": "vpc",
        "PublicIp": address.public_ip,
    }


def _own(ctx: Context) -> list[Address]:
    return [address for address in ctx.table(Address).all(ctx.scope) if not address.service]


@api
def describe_addresses(ctx: Context, request: DescribeAddressesRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAddresses.html."""
    wanted_ips = request.get("PublicIps") or []
    allocation_ids = request.get("AllocationIds") or []
    if allocation_ids or wanted_ips:
        rows = [_allocated(ctx, each) for each in dict.fromkeys(allocation_ids)]
        rows += [_by_ip(ctx, each) for each in dict.fromkeys(wanted_ips)]
    else:
        rows = _own(ctx)
    return {"Addresses": FILTERS.apply([address_view(ctx, row) for row in rows], request.get("Filters"))}


def _allocated(ctx: Context, allocation_id: str) -> Address:
    address = find(ctx, Address, allocation_id)
    if address.service:
        raise not_found(Address, allocation_id)
    return address


def _by_ip(ctx: Context, public_ip: str) -> Address:
    cidr.address(public_ip, "publicIp")
    for address in ctx.table(Address).find(ctx.scope, "public_ip", public_ip):
        if not address.service:
            return address
    raise AwsError("InvalidAddress.NotFound", f"Address '{public_ip}' not found.")


def _one(ctx: Context, request: Any) -> Address:
    """The address of ``AllocationId``, or of ``PublicIp``."""
    allocation_id, public_ip = request.get("AllocationId"), request.get("PublicIp")
    if allocation_id and public_ip:
        raise combination("You may specify public IP or allocation id, but not both in the same call")
    if allocation_id:
        return _allocated(ctx, str(allocation_id))
    if public_ip:
        return _by_ip(ctx, str(public_ip))
    raise missing("allocationId")


@api(partial="there are no instances yet; addresses go to network interfaces")
def associate_address(ctx: Context, request: AssociateAddressRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html."""
    address = _one(ctx, request)
    if "InstanceId" in request:
        raise AwsError("InvalidInstanceID.NotFound", f"The instance ID '{request['InstanceId']}' does not exist")
    if "NetworkInterfaceId" not in request:
        raise missing("networkInterfaceId or instanceId")
    interface = find(ctx, NetworkInterface, request["NetworkInterfaceId"])
    interfaces.require_own(ctx, interface, "associate an address with")
    private_ip = request.get("PrivateIpAddress", interface.private_ips[0])
    if private_ip not in interface.private_ips:
        raise invalid(f"{private_ip} is not assigned to interface {interface.network_interface_id}")
    if not ctx.table(InternetGateway).find(ctx.scope, "vpc_id", interface.vpc_id):
        raise AwsError("Gateway.NotAttached", f"Network {interface.vpc_id} is not attached to any internet gateway")
    if address.association_id:
        if (address.network_interface_id, address.private_ip) == (interface.network_interface_id, private_ip):
            return {"AssociationId": address.association_id}
        if request.get("AllowReassociation") is False or _managed(ctx, address):
            raise AwsError(
                "Resource.AlreadyAssociated",
                f"resource {address.allocation_id} is already associated with associate-id {address.association_id}",
            )
    for other in ctx.table(Address).find(ctx.scope, "network_interface_id", interface.network_interface_id):
        if other.private_ip == private_ip:
            if other.service:
                # An address that AWS gave goes back to AWS when an Elastic IP takes its place.
                ctx.table(Address).delete(ctx.scope, other.allocation_id)
            elif request.get("AllowReassociation") is False:
                raise AwsError(
                    "Resource.AlreadyAssociated",
                    f"resource {interface.network_interface_id} is already associated with associate-id "
                    f"{other.association_id}",
                )
            else:
                ctx.table(Address).put(ctx.scope, public_ips.disassociated(other))
    associated = address.replace(
        association_id=hex_id("eipassoc"),
        network_interface_id=interface.network_interface_id,
        private_ip=private_ip,
    )
    ctx.table(Address).put(ctx.scope, associated)
    return {"AssociationId": associated.association_id}


def _managed(ctx: Context, address: Address) -> bool:
    interface = ctx.table(NetworkInterface).get(ctx.scope, address.network_interface_id)
    return interface is not None and interface.requester_managed


@api
def disassociate_address(ctx: Context, request: DisassociateAddressRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateAddress.html."""
    if "AssociationId" in request:
        association_id = request["AssociationId"]
        found = ctx.table(Address).find(ctx.scope, "association_id", association_id) if association_id else []
        if not found:
            raise AwsError("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")
        address = found[0]
    elif "PublicIp" in request:
        address = _by_ip(ctx, request["PublicIp"])
        if not address.association_id:
            return {}
    else:
        raise missing("associationId")
    _require_free_hand(ctx, address)
    ctx.table(Address).put(ctx.scope, public_ips.disassociated(address))
    return {}


def _require_free_hand(ctx: Context, address: Address) -> None:
    """Addresses of what AWS manages (NAT gateways, load balancers) are not the account's to take away."""
    if (address.service or _managed(ctx, address)) and not interfaces.by_service(ctx):
        raise AwsError("AuthFailure", "You do not have permission to access the specified resource.", 403)


@api
def release_address(ctx: Context, request: ReleaseAddressRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReleaseAddress.html."""
    address = _one(ctx, request)
    if address.association_id:
        _require_free_hand(ctx, address)
        raise AwsError("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")
    ctx.table(Address).delete(ctx.scope, address.allocation_id)
    return {}


# -- reverse DNS -------------------------------------------------------------------------------------------------------


@api
def describe_addresses_attribute(ctx: Context, request: DescribeAddressesAttributeRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAddressesAttribute.html."""
    rows = select(ctx, Address, request.get("AllocationIds"))
    if request.get("Attribute") == "domain-name":
        rows = [row for row in rows if row.domain_name or request.get("AllocationIds")]
    return page([_attribute_view(row) for row in rows if not row.service], request, "Addresses")


def _attribute_view(address: Address) -> AddressAttributeTypeDef:
    view: AddressAttributeTypeDef = {"PublicIp": address.public_ip, "AllocationId": address.allocation_id}
    if address.domain_name:
        view["PtrRecord"] = address.domain_name
    return view


@api(partial="reverse lookups inside VPCs are answered; that the name leads back to the address is not checked")
def modify_address_attribute(ctx: Context, request: ModifyAddressAttributeRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyAddressAttribute.html."""
    address = _allocated(ctx, request["AllocationId"])
    name = request.get("DomainName", "")
    if not name or len(name) > 255 or any(not label or len(label) > 63 for label in name.rstrip(".").split(".")):
        raise invalid(f"Value ({name}) for parameter domainName is invalid.")
    changed = address.replace(domain_name=name if name.endswith(".") else f"{name}.")
    ctx.table(Address).put(ctx.scope, changed)
    return {"Address": _attribute_view(changed)}


@api
def reset_address_attribute(ctx: Context, request: ResetAddressAttributeRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ResetAddressAttribute.html."""
    changed = _allocated(ctx, request["AllocationId"]).replace(domain_name="")
    ctx.table(Address).put(ctx.scope, changed)
    return {"Address": _attribute_view(changed)}
