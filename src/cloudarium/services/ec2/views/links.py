"""VPC endpoints and peering connections as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Context
from cloudarium.services.ec2 import tags
from cloudarium.services.ec2.endpoint_services import find_service
from cloudarium.services.ec2.names import moment
from cloudarium.services.ec2.resources import (
    NetworkInterface,
    PeeringConnection,
    PeeringSide,
    SecurityGroup,
    Vpc,
    VpcEndpoint,
)

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        DnsEntryTypeDef,
        SecurityGroupIdentifierTypeDef,
        VpcEndpointTypeDef,
        VpcPeeringConnectionTypeDef,
        VpcPeeringConnectionVpcInfoTypeDef,
    )


def endpoint_view(ctx: Context, endpoint: VpcEndpoint) -> VpcEndpointTypeDef:
    """A VPC endpoint."""
    view: VpcEndpointTypeDef = {
        "VpcEndpointId": endpoint.vpc_endpoint_id,
        "VpcEndpointType": endpoint.endpoint_type,  # type: ignore[typeddict-item]
        "VpcId": endpoint.vpc_id,
        "ServiceName": endpoint.service_name,
        "State": endpoint.state,  # type: ignore[typeddict-item]
        "PolicyDocument": endpoint.policy,
        "RouteTableIds": list(endpoint.route_table_ids),
        "SubnetIds": list(endpoint.subnet_ids),
        "Groups": _groups(ctx, endpoint),
        "PrivateDnsEnabled": endpoint.private_dns,
        "RequesterManaged": endpoint.requester_managed,
        "NetworkInterfaceIds": list(endpoint.network_interface_ids),
        "DnsEntries": dns_entries(ctx, endpoint),
        "CreationTimestamp": moment(endpoint.created),
        "Tags": tags.view(endpoint.tags),
        "OwnerId": ctx.account,
        "ServiceRegion": ctx.region,
    }
    if endpoint.endpoint_type == "Interface":
        view["IpAddressType"] = "ipv4"
        view["DnsOptions"] = {"DnsRecordIpType": "ipv4"}
    return view


def _groups(ctx: Context, endpoint: VpcEndpoint) -> list[SecurityGroupIdentifierTypeDef]:
    table = ctx.table(SecurityGroup)
    found = ((group_id, table.get(ctx.scope, group_id)) for group_id in endpoint.group_ids)
    return [{"GroupId": group_id, "GroupName": group.name if group is not None else ""} for group_id, group in found]


def dns_entries(ctx: Context, endpoint: VpcEndpoint) -> list[DnsEntryTypeDef]:
    """The endpoint's own names: for the region, for each zone, and the service's own when private DNS is on."""
    service = find_service(ctx.region, endpoint.service_name, endpoint.endpoint_type)
    if endpoint.endpoint_type != "Interface" or service is None:
        return []
    host = service.base_dns_names(ctx.region)[0]
    base = f"{endpoint.vpc_endpoint_id}-{endpoint.dns_suffix}"
    hosted_zone = "Z7HUB22UULQXV"
    entries: list[DnsEntryTypeDef] = [{"DnsName": f"{base}.{host}", "HostedZoneId": hosted_zone}]
    for interface_id in endpoint.network_interface_ids:
        interface = ctx.table(NetworkInterface).get(ctx.scope, interface_id)
        if interface is not None:
            entries.append({"DnsName": f"{base}-{interface.zone}.{host}", "HostedZoneId": hosted_zone})
    if endpoint.private_dns:
        entries.append({"DnsName": service.private_dns_name, "HostedZoneId": "ZONEIDPENDING"})
    return entries


def peering_view(ctx: Context, peering: PeeringConnection) -> VpcPeeringConnectionTypeDef:
    """A peering connection, with the tags of the caller's side."""
    side = peering.side(ctx.scope)
    view: VpcPeeringConnectionTypeDef = {
        "AccepterVpcInfo": _side(ctx, peering.accepter, peering.state),
        "RequesterVpcInfo": _side(ctx, peering.requester, peering.state),
        "Status": {"Code": peering.state, "Message": peering.message},  # type: ignore[typeddict-item]
        "Tags": tags.view(side.tags) if side is not None else [],
        "VpcPeeringConnectionId": peering.peering_id,
    }
    if peering.state == "pending-acceptance":
        view["ExpirationTime"] = moment(peering.expires)
    return view


def _side(ctx: Context, side: PeeringSide, state: str) -> VpcPeeringConnectionVpcInfoTypeDef:
    """One of the VPCs, with the blocks it has now; those it had when it is gone."""
    view: VpcPeeringConnectionVpcInfoTypeDef = {
        "OwnerId": side.account,
        "VpcId": side.vpc_id,
        "Region": side.region,
    }
    # Of a VPC that has not accepted yet nothing is shown.
    if side.cidrs:
        vpc = ctx.table(Vpc).get(side.scope, side.vpc_id)
        blocks = vpc.networks if vpc is not None else side.cidrs
        view["CidrBlock"] = blocks[0]
        view["CidrBlockSet"] = [{"CidrBlock": block} for block in blocks]
    if state in ("active", "provisioning"):
        view["PeeringOptions"] = {
            "AllowDnsResolutionFromRemoteVpc": side.allow_remote_dns,
            "AllowEgressFromLocalClassicLinkToRemoteVpc": False,
            "AllowEgressFromLocalVpcToRemoteClassicLink": False,
        }
    return view
