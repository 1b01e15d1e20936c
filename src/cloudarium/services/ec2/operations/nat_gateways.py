"""NAT gateways. Their states move on in ``lifecycle.py``, once the network really has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import cidr, interfaces, limits, tags, tokens
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.controllers import require_gateways
from cloudarium.services.ec2.errors import combination, invalid, missing, refuse
from cloudarium.services.ec2.filters import FilterSet
from cloudarium.services.ec2.lookup import find, find_all, select
from cloudarium.services.ec2.nat import OWNER, free_addresses, set_private_ips, take_address
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.resources import (
    Address,
    InternetGateway,
    NatAddress,
    NatGateway,
    NetworkInterface,
    Subnet,
)
from cloudarium.services.ec2.views.nat import nat_address_view, nat_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        AssignPrivateNatGatewayAddressRequestTypeDef,
        AssociateNatGatewayAddressRequestTypeDef,
        CreateNatGatewayRequestTypeDef,
        DeleteNatGatewayRequestTypeDef,
        DescribeNatGatewaysRequestTypeDef,
        DisassociateNatGatewayAddressRequestTypeDef,
        UnassignPrivateNatGatewayAddressRequestTypeDef,
    )

FILTERS = FilterSet({"nat-gateway-id": "NatGatewayId", "state": "State", "subnet-id": "SubnetId", "vpc-id": "VpcId"})


@api(partial="zonal gateways; regional ones are refused. Traffic leaves by the primary address only")
def create_nat_gateway(ctx: Context, request: CreateNatGatewayRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNatGateway.html."""
    require_gateways(ctx.cloud, "A NAT gateway")
    refuse(request, "AvailabilityZoneAddresses")
    if request.get("AvailabilityMode", "zonal") != "zonal":
        refuse(request, "AvailabilityMode")
    labels = tags.specified(ctx, request, "natgateway")
    connectivity = request.get("ConnectivityType", "public")
    _check_parameters(request, connectivity)
    subnet = find(ctx, Subnet, request.get("SubnetId", ""))
    nat = tokens.made_before(ctx, "CreateNatGateway", request, NatGateway)
    if nat is None:
        problem = _problem(ctx, subnet, request, connectivity)
        made = _failing(ctx, subnet, request, problem) if problem else _make(ctx, subnet, request, connectivity)
        nat = made.replace(tags=labels)
        ctx.table(NatGateway).put(ctx.scope, nat)
        tokens.remember(ctx, "CreateNatGateway", request, nat.nat_gateway_id)
    answer: Answer = {"NatGateway": nat_view(nat)}
    if "ClientToken" in request:
        answer["ClientToken"] = request["ClientToken"]
    return answer


def _check_parameters(request: Any, connectivity: str) -> None:
    if not request.get("SubnetId"):
        raise missing("subnetId")
    if connectivity == "public" and not request.get("AllocationId"):
        raise missing("allocationId")
    if connectivity == "private" and (request.get("AllocationId") or request.get("SecondaryAllocationIds")):
        raise combination("Elastic IP addresses cannot be associated with a private NAT gateway.")
    if connectivity not in ("public", "private"):
        raise invalid(f"Value ({connectivity}) for parameter connectivityType is invalid.")
    wanted, count = request.get("SecondaryPrivateIpAddresses"), request.get("SecondaryPrivateIpAddressCount")
    if wanted and count:
        raise combination("secondaryPrivateIpAddressCount cannot be used with secondaryPrivateIpAddresses")
    if connectivity == "public" and count:
        raise combination("secondaryPrivateIpAddressCount can only be used with private NAT gateways.")
    if _secondary(request) >= limits.NAT_ADDRESSES:
        raise invalid(f"A NAT gateway can have at most {limits.NAT_ADDRESSES} addresses.")


def _secondary(request: Any) -> int:
    """How many addresses besides the primary one a gateway is to have."""
    count = request.get("SecondaryPrivateIpAddressCount") or 0
    lists = ("SecondaryPrivateIpAddresses", "SecondaryAllocationIds")
    return max(count, *(len(request.get(name) or ()) for name in lists))


def _problem(ctx: Context, subnet: Subnet, request: Any, connectivity: str) -> tuple[str, str] | None:
    """Code and message of what lets a gateway fail after the call that asked for it has been answered.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NatGateway.html
    """
    if connectivity == "public":
        allocations = [request["AllocationId"], *(request.get("SecondaryAllocationIds") or ())]
        for address in find_all(ctx, Address, allocations):
            if address.association_id:
                taken = f"Elastic IP address {address.allocation_id} is already associated"
                return "Resource.AlreadyAssociated", taken
        if not ctx.table(InternetGateway).find(ctx.scope, "vpc_id", subnet.vpc_id):
            return "Gateway.NotAttached", f"Network {subnet.vpc_id} has no Internet gateway attached"
    free = cidr.capacity(subnet.cidr) - len(interfaces.taken_addresses(ctx, subnet))
    if free < 1 + _secondary(request):
        full = "Subnet has insufficient free addresses to create this NAT gateway"
        return "InsufficientFreeAddressesInSubnet", full
    return None


def _failing(ctx: Context, subnet: Subnet, request: Any, problem: tuple[str, str]) -> NatGateway:
    """A gateway that will never have an interface."""
    now = ctx.clock.now()
    return NatGateway(
        nat_gateway_id=hex_id("nat"),
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.subnet_id,
        network_interface_id="",
        addresses=(NatAddress("", request.get("AllocationId") or "", is_primary=True),),
        connectivity=request.get("ConnectivityType", "public"),
        state="pending",
        created=now,
        state_since=now,
        failure_code=problem[0],
        failure_message=problem[1],
    )


def _make(ctx: Context, subnet: Subnet, request: Any, connectivity: str) -> NatGateway:
    nat_id = hex_id("nat")
    primary = request.get("PrivateIpAddress")
    others = list(request.get("SecondaryPrivateIpAddresses") or ())
    allocations = list(request.get("SecondaryAllocationIds") or ())
    extra = request.get("SecondaryPrivateIpAddressCount") or max(0, len(allocations) - len(others))
    interface = interfaces.create(
        ctx,
        subnet,
        group_ids=(),
        wanted=[primary, *others] if primary else (),
        extra=extra if primary else 0,
        description=f"Interface for NAT Gateway {nat_id}",
    )
    if not primary and (others or extra):
        used = interfaces.taken_addresses(ctx, subnet)
        more = [interfaces.claim(subnet, ip, used) for ip in others] + [
            interfaces.pick(subnet, used) for _ in range(extra)
        ]
        interface = interface.replace(private_ips=(*interface.private_ips, *more))
    interface = interfaces.keep_for(ctx, interface, OWNER)
    if connectivity == "public":
        wanted = [request["AllocationId"], *allocations]
        pairs = list(zip(wanted, interface.private_ips, strict=False))
        addresses = tuple(
            take_address(ctx, allocation, interface.network_interface_id, ip, primary=place == 0)
            for place, (allocation, ip) in enumerate(pairs)
        )
    else:
        addresses = tuple(NatAddress(ip, is_primary=place == 0) for place, ip in enumerate(interface.private_ips))
    now = ctx.clock.now()
    return NatGateway(
        nat_gateway_id=nat_id,
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.subnet_id,
        network_interface_id=interface.network_interface_id,
        addresses=addresses,
        connectivity=connectivity,
        state="pending",
        created=now,
        state_since=now,
    )


@api
def describe_nat_gateways(ctx: Context, request: DescribeNatGatewaysRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNatGateways.html."""
    views = [nat_view(nat) for nat in select(ctx, NatGateway, request.get("NatGatewayIds"))]
    return page(FILTERS.apply(views, cast("Any", request).get("Filter")), request, "NatGateways")


@api
def delete_nat_gateway(ctx: Context, request: DeleteNatGatewayRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNatGateway.html."""
    nat = find(ctx, NatGateway, request["NatGatewayId"])
    if nat.state in ("pending", "available"):
        ctx.table(NatGateway).put(ctx.scope, nat.replace(state="deleting", state_since=ctx.clock.now()))
    elif nat.state == "failed":
        now = ctx.clock.now()
        ctx.table(NatGateway).put(ctx.scope, nat.replace(state="deleted", state_since=now, deleted=now))
    return {"NatGatewayId": nat.nat_gateway_id}


# -- secondary addresses -----------------------------------------------------------------------------------------------


def _changeable(ctx: Context, nat_id: str, connectivity: str) -> NatGateway:
    nat = find(ctx, NatGateway, nat_id)
    if nat.state != "available":
        raise AwsError("InvalidState", f"The NAT gateway {nat_id} is in the state {nat.state}.")
    if nat.connectivity != connectivity:
        raise AwsError("InvalidParameter", f"The NAT gateway {nat_id} is not a {connectivity} NAT gateway.")
    return nat


def _room(nat: NatGateway, more: int) -> None:
    if len(nat.addresses) + more > limits.NAT_ADDRESSES:
        raise invalid(f"A NAT gateway can have at most {limits.NAT_ADDRESSES} addresses.")


@api
def associate_nat_gateway_address(ctx: Context, request: AssociateNatGatewayAddressRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateNatGatewayAddress.html."""
    refuse(request, "AvailabilityZone", "AvailabilityZoneId")
    nat = _changeable(ctx, request["NatGatewayId"], "public")
    allocations = list(request["AllocationIds"])
    _room(nat, len(allocations))
    private_ips = _more_private_ips(ctx, nat, request.get("PrivateIpAddresses") or (), len(allocations))
    new = tuple(
        take_address(ctx, allocation, nat.network_interface_id, ip, primary=False)
        for allocation, ip in zip(allocations, private_ips, strict=True)
    )
    return _with(ctx, nat, new, "associating")


@api
def assign_private_nat_gateway_address(ctx: Context, request: AssignPrivateNatGatewayAddressRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssignPrivateNatGatewayAddress.html."""
    nat = _changeable(ctx, request["NatGatewayId"], "private")
    wanted = request.get("PrivateIpAddresses") or []
    count = request.get("PrivateIpAddressCount") or len(wanted)
    if not count:
        raise missing("privateIpAddresses or privateIpAddressCount")
    _room(nat, count)
    new = tuple(NatAddress(ip) for ip in _more_private_ips(ctx, nat, wanted, count))
    return _with(ctx, nat, new, "assigning")


def _more_private_ips(ctx: Context, nat: NatGateway, wanted: Any, count: int) -> list[str]:
    if wanted and len(wanted) != count:
        raise combination("The number of private IP addresses must equal the number of addresses to add.")
    subnet = find(ctx, Subnet, nat.subnet_id)
    used = interfaces.taken_addresses(ctx, subnet)
    new = [interfaces.claim(subnet, ip, used) for ip in wanted]
    new += [interfaces.pick(subnet, used) for _ in range(count - len(new))]
    held = find(ctx, NetworkInterface, nat.network_interface_id).private_ips
    set_private_ips(ctx, nat, (*held, *new))
    return new


def _with(ctx: Context, nat: NatGateway, new: tuple[NatAddress, ...], status: str) -> Answer:
    ctx.table(NatGateway).put(ctx.scope, nat.replace(addresses=(*nat.addresses, *new)))
    return {
        "NatGatewayId": nat.nat_gateway_id,
        "NatGatewayAddresses": [nat_address_view(nat, each, status) for each in new],
    }


@api(partial="connections are cut at once instead of being drained")
def disassociate_nat_gateway_address(ctx: Context, request: DisassociateNatGatewayAddressRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateNatGatewayAddress.html."""
    nat = _changeable(ctx, request["NatGatewayId"], "public")
    wanted = set(request["AssociationIds"])
    going = tuple(each for each in nat.addresses if each.association_id in wanted)
    if lost := wanted - {each.association_id for each in going}:
        name = sorted(lost)[0]
        raise AwsError("InvalidAssociationID.NotFound", f"The association ID '{name}' does not exist")
    return _without(ctx, nat, going, "disassociating")


@api(partial="connections are cut at once instead of being drained")
def unassign_private_nat_gateway_address(
    ctx: Context, request: UnassignPrivateNatGatewayAddressRequestTypeDef
) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UnassignPrivateNatGatewayAddress.html."""
    nat = _changeable(ctx, request["NatGatewayId"], "private")
    wanted = set(request["PrivateIpAddresses"])
    going = tuple(each for each in nat.addresses if each.private_ip in wanted)
    if lost := wanted - {each.private_ip for each in going}:
        raise invalid(f"{sorted(lost)[0]} is not an address of NAT gateway {nat.nat_gateway_id}")
    return _without(ctx, nat, going, "unassigning")


def _without(ctx: Context, nat: NatGateway, going: tuple[NatAddress, ...], status: str) -> Answer:
    if any(each.is_primary for each in going):
        raise AwsError("InvalidParameter", "The primary address of a NAT gateway cannot be removed.")
    free_addresses(ctx, going)
    left = tuple(each for each in nat.addresses if each not in going)
    gone = {each.private_ip for each in going}
    held = find(ctx, NetworkInterface, nat.network_interface_id).private_ips
    set_private_ips(ctx, nat, tuple(ip for ip in held if ip not in gone))
    ctx.table(NatGateway).put(ctx.scope, nat.replace(addresses=left))
    return {
        "NatGatewayId": nat.nat_gateway_id,
        "NatGatewayAddresses": [nat_address_view(nat, each, status) for each in going],
    }
