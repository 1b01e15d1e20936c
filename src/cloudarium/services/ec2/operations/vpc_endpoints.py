"""VPC endpoints: gateways to S3 and DynamoDB, and interfaces to the other services."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import interfaces, limits, tags, tokens
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.controllers import require_gateways
from cloudarium.services.ec2.endpoint_services import find_service
from cloudarium.services.ec2.errors import combination, invalid, missing, refuse
from cloudarium.services.ec2.filters import FilterSet
from cloudarium.services.ec2.lookup import find, find_all, select
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.prefix_lists import aws_list_id
from cloudarium.services.ec2.resources import (
    NetworkInterface,
    Route,
    RouteTable,
    SecurityGroup,
    Subnet,
    Vpc,
    VpcEndpoint,
)
from cloudarium.services.ec2.views.links import endpoint_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        CreateVpcEndpointRequestTypeDef,
        DeleteVpcEndpointsRequestTypeDef,
        DescribeVpcEndpointsRequestTypeDef,
        ModifyVpcEndpointRequestTypeDef,
    )

FILTERS = FilterSet(
    {
        "ip-address-type": "IpAddressType",
        "service-name": "ServiceName",
        "service-region": "ServiceRegion",
        "vpc-id": "VpcId",
        "vpc-endpoint-id": "VpcEndpointId",
        "vpc-endpoint-state": "State",
        "vpc-endpoint-type": "VpcEndpointType",
    }
)

FULL_ACCESS = json.dumps(
    {"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
)
"""The policy of an endpoint that was given none."""

_PARTIAL = (
    "Gateway and Interface endpoints to AWS services of the region; policies are kept and not enforced, and what is "
    "behind them speaks HTTP, not yet HTTPS"
)
_OWNER = "amazon-aws"


@api(partial=_PARTIAL)
def create_vpc_endpoint(ctx: Context, request: CreateVpcEndpointRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html."""
    refuse(request, "ServiceNetworkArn", "ResourceConfigurationArn")
    labels = tags.specified(ctx, request, "vpc-endpoint")
    vpc = find(ctx, Vpc, request["VpcId"])
    kind = request.get("VpcEndpointType", "Gateway")
    if kind not in ("Gateway", "Interface"):
        raise NotThere(f"The VPC endpoint type {kind}")
    if request.get("ServiceRegion", ctx.region) != ctx.region:
        raise NotThere("A VPC endpoint to a service of another region")
    name = request.get("ServiceName", "")
    if not name:
        raise missing("serviceName")
    if find_service(ctx.region, name, kind) is None:
        other = find_service(ctx.region, name, "Interface" if kind == "Gateway" else "Gateway")
        if other is not None:
            raise AwsError(
                "InvalidParameter",
                f"Endpoint type ({kind}) does not match available service types ([{other.endpoint_type}]).",
            )
        raise AwsError("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")
    require_gateways(ctx.cloud, "A gateway endpoint" if kind == "Gateway" else "An interface endpoint")
    endpoint = tokens.made_before(ctx, "CreateVpcEndpoint", request, VpcEndpoint)
    if endpoint is None:
        base = VpcEndpoint(
            vpc_endpoint_id=hex_id("vpce"),
            vpc_id=vpc.vpc_id,
            service_name=name,
            endpoint_type=kind,
            state="pending",
            created=ctx.clock.now(),
            policy=_policy(request.get("PolicyDocument")),
            tags=labels,
        )
        endpoint = _gateway(ctx, base, request) if kind == "Gateway" else _interface(ctx, vpc, base, request)
        ctx.table(VpcEndpoint).put(ctx.scope, endpoint)
        tokens.remember(ctx, "CreateVpcEndpoint", request, endpoint.vpc_endpoint_id)
    answer: Answer = {"VpcEndpoint": endpoint_view(ctx, endpoint)}
    if "ClientToken" in request:
        answer["ClientToken"] = request["ClientToken"]
    return answer


def _policy(document: str | None) -> str:
    if not document:
        return FULL_ACCESS
    try:
        found = json.loads(document)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "Statement" not in found:
        raise AwsError("InvalidPolicyDocument", "Policy document is not well formed.")
    return document


# -- gateway endpoints -------------------------------------------------------------------------------------------------


def _gateway(ctx: Context, endpoint: VpcEndpoint, request: Any) -> VpcEndpoint:
    if request.get("PrivateDnsEnabled"):
        raise AwsError("InvalidParameter", "Private DNS is only supported for Interface endpoints.")
    for name in ("SubnetIds", "SecurityGroupIds", "SubnetConfigurations", "DnsOptions"):
        if request.get(name):
            raise AwsError("InvalidParameter", f"{name} is only supported for Interface endpoints.")
    found = [each for each in ctx.table(VpcEndpoint).all(ctx.scope) if each.endpoint_type == "Gateway"]
    limits.check(
        len(found) + 1,
        limits.GATEWAY_ENDPOINTS_PER_REGION,
        "VpcEndpointLimitExceeded",
        "The maximum number of VPC endpoints has been reached.",
    )
    return _add_tables(ctx, endpoint, request.get("RouteTableIds") or ())


def _add_tables(ctx: Context, endpoint: VpcEndpoint, table_ids: Any) -> VpcEndpoint:
    """Put the endpoint's route into tables; raises ``RouteAlreadyExists`` for a second endpoint to one service."""
    destination = aws_list_id(ctx.region, endpoint.service_name.rpartition(".")[2])
    added = list(endpoint.route_table_ids)
    for table in find_all(ctx, RouteTable, dict.fromkeys(table_ids)):
        if table.route_table_id in added:
            continue
        if table.vpc_id != endpoint.vpc_id:
            raise AwsError(
                "InvalidParameter", f"Route table {table.route_table_id} does not belong to VPC {endpoint.vpc_id}"
            )
        if any(route.destination == destination for route in table.routes):
            raise AwsError(
                "RouteAlreadyExists",
                f"route table {table.route_table_id} already has a route with destination-prefix-list-id {destination}",
            )
        route = Route(destination, endpoint.vpc_endpoint_id)
        ctx.table(RouteTable).put(ctx.scope, table.replace(routes=(*table.routes, route)))
        added.append(table.route_table_id)
    return endpoint.replace(route_table_ids=tuple(added))


def _remove_tables(ctx: Context, endpoint: VpcEndpoint, table_ids: Any) -> VpcEndpoint:
    for table_id in table_ids:
        table = ctx.table(RouteTable).get(ctx.scope, table_id)
        if table is not None:
            left = tuple(route for route in table.routes if route.target != endpoint.vpc_endpoint_id)
            ctx.table(RouteTable).put(ctx.scope, table.replace(routes=left))
    return endpoint.replace(route_table_ids=tuple(each for each in endpoint.route_table_ids if each not in table_ids))


# -- interface endpoints -----------------------------------------------------------------------------------------------


def _interface(ctx: Context, vpc: Vpc, endpoint: VpcEndpoint, request: Any) -> VpcEndpoint:
    if request.get("RouteTableIds"):
        raise AwsError("InvalidParameter", "Route tables are only supported for Gateway endpoints.")
    _check_ip_type(request)
    # On unless switched off: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html
    private_dns = bool(request.get("PrivateDnsEnabled", True))
    if "PrivateDnsEnabled" not in request and not _can_have_names(vpc):
        private_dns = False
    siblings = ctx.table(VpcEndpoint).find(ctx.scope, "vpc_id", vpc.vpc_id)
    if private_dns:
        _check_private_dns(vpc, endpoint, siblings)
    limits.check(
        sum(each.endpoint_type == "Interface" for each in siblings) + 1,
        limits.INTERFACE_ENDPOINTS_PER_VPC,
        "VpcEndpointLimitExceeded",
        "The maximum number of VPC endpoints has been reached.",
    )
    endpoint = endpoint.replace(private_dns=private_dns, dns_suffix=_suffix())
    group_ids = request.get("SecurityGroupIds")
    subnets = find_all(ctx, Subnet, dict.fromkeys(request.get("SubnetIds") or ()))
    fixed = {each.get("SubnetId"): each.get("Ipv4") for each in request.get("SubnetConfigurations") or ()}
    endpoint = _add_subnets(ctx, endpoint, subnets, group_ids, fixed)
    if endpoint.group_ids or subnets:
        return endpoint
    default = [g for g in ctx.table(SecurityGroup).find(ctx.scope, "vpc_id", vpc.vpc_id) if g.name == "default"]
    chosen = group_ids or [default[0].group_id]
    return endpoint.replace(group_ids=tuple(each.group_id for each in find_all(ctx, SecurityGroup, chosen)))


def _can_have_names(vpc: Vpc) -> bool:
    return vpc.dns_support and vpc.dns_hostnames


def _check_private_dns(vpc: Vpc, endpoint: VpcEndpoint, siblings: list[VpcEndpoint]) -> None:
    """Raise when an endpoint cannot take over its service's own name in a VPC."""
    if not _can_have_names(vpc):
        raise AwsError(
            "InvalidParameter",
            f"Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to "
            f"true for {vpc.vpc_id}",
        )
    if any(
        each.private_dns
        and each.service_name == endpoint.service_name
        and each.endpoint_type == "Interface"
        and each.vpc_endpoint_id != endpoint.vpc_endpoint_id
        for each in siblings
    ):
        raise AwsError(
            "InvalidParameter",
            f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
            f"{endpoint.service_name} in the VPC {vpc.vpc_id}",
        )


def _suffix() -> str:
    return os.urandom(4).hex()


def _check_ip_type(request: Any) -> None:
    if request.get("IpAddressType", "ipv4") != "ipv4":
        raise NotThere(f"The IP address type {request['IpAddressType']}")
    options = request.get("DnsOptions") or {}
    if options.get("DnsRecordIpType", "ipv4") not in ("ipv4", "service-defined"):
        raise NotThere(f"The DNS record IP type {options['DnsRecordIpType']}")
    refuse(options, "PrivateDnsOnlyForInboundResolverEndpoint", "PrivateDnsPreference", "PrivateDnsSpecifiedDomains")


def _add_subnets(
    ctx: Context, endpoint: VpcEndpoint, subnets: list[Subnet], group_ids: Any, fixed: dict[Any, Any]
) -> VpcEndpoint:
    taken = {find(ctx, Subnet, each).zone for each in endpoint.subnet_ids}
    for subnet in subnets:
        if subnet.subnet_id in endpoint.subnet_ids:
            continue
        if subnet.vpc_id != endpoint.vpc_id:
            raise AwsError("InvalidParameter", f"Subnet {subnet.subnet_id} does not belong to VPC {endpoint.vpc_id}")
        if subnet.zone in taken:
            raise AwsError(
                "DuplicateSubnetsInSameZone",
                f"Found another VPC endpoint subnet in the availability zone of "
                f"{subnet.subnet_id}. VPC endpoint subnets should be in different availability zones supported by the "
                "VPC endpoint service.",
            )
        taken.add(subnet.zone)
        ip = fixed.get(subnet.subnet_id)
        made = interfaces.create(
            ctx,
            subnet,
            group_ids=group_ids or None,
            wanted=[ip] if ip else (),
            description=f"VPC Endpoint Interface {endpoint.vpc_endpoint_id}",
        )
        made = interfaces.keep_for(ctx, made, interfaces.Owner(_OWNER, "vpc_endpoint"))
        endpoint = endpoint.replace(
            subnet_ids=(*endpoint.subnet_ids, subnet.subnet_id),
            network_interface_ids=(*endpoint.network_interface_ids, made.network_interface_id),
            group_ids=made.group_ids,
        )
    return endpoint


def _remove_subnets(ctx: Context, endpoint: VpcEndpoint, subnet_ids: Any) -> VpcEndpoint:
    left = []
    for interface_id in endpoint.network_interface_ids:
        interface = ctx.table(NetworkInterface).get(ctx.scope, interface_id)
        if interface is not None and interface.subnet_id in subnet_ids:
            interfaces.delete(ctx, interface)
        else:
            left.append(interface_id)
    return endpoint.replace(
        subnet_ids=tuple(each for each in endpoint.subnet_ids if each not in subnet_ids),
        network_interface_ids=tuple(left),
    )


# -- the rest ----------------------------------------------------------------------------------------------------------


@api
def describe_vpc_endpoints(ctx: Context, request: DescribeVpcEndpointsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpoints.html."""
    views = [endpoint_view(ctx, each) for each in select(ctx, VpcEndpoint, request.get("VpcEndpointIds"))]
    return page(FILTERS.apply(views, request.get("Filters")), request, "VpcEndpoints")


@api
def delete_vpc_endpoints(ctx: Context, request: DeleteVpcEndpointsRequestTypeDef) -> Answer:
    """Each endpoint by itself: those that cannot be deleted are listed as unsuccessful.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcEndpoints.html
    """
    unsuccessful = []
    for endpoint_id in dict.fromkeys(request["VpcEndpointIds"]):
        try:
            endpoint = find(ctx, VpcEndpoint, endpoint_id)
        except AwsError as error:
            item = {"ResourceId": endpoint_id, "Error": {"Code": error.code, "Message": error.message}}
            unsuccessful.append(item)
            continue
        gone = _remove_tables(ctx, endpoint, endpoint.route_table_ids)
        ctx.table(VpcEndpoint).put(ctx.scope, gone.replace(state="deleting"))
    return {"Unsuccessful": unsuccessful}


@api(partial=_PARTIAL)
def modify_vpc_endpoint(ctx: Context, request: ModifyVpcEndpointRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html."""
    endpoint = find(ctx, VpcEndpoint, request["VpcEndpointId"])
    if endpoint.state == "deleting":
        raise AwsError("InvalidVpcEndpointState", f"The VPC endpoint {endpoint.vpc_endpoint_id} is being deleted.")
    if request.get("ResetPolicy") and request.get("PolicyDocument"):
        raise combination("resetPolicy cannot be used with policyDocument")
    if request.get("ResetPolicy") or "PolicyDocument" in request:
        endpoint = endpoint.replace(policy=_policy(request.get("PolicyDocument")))
    if endpoint.endpoint_type == "Gateway":
        for name in ("AddSubnetIds", "RemoveSubnetIds", "AddSecurityGroupIds", "RemoveSecurityGroupIds"):
            if request.get(name):
                raise AwsError("InvalidParameter", f"{name} is only supported for Interface endpoints.")
        endpoint = _remove_tables(ctx, endpoint, request.get("RemoveRouteTableIds") or ())
        endpoint = _add_tables(ctx, endpoint, request.get("AddRouteTableIds") or ())
    else:
        endpoint = _modified_interface(ctx, endpoint, request)
    ctx.table(VpcEndpoint).put(ctx.scope, endpoint)
    return {"Return": True}


def _modified_interface(ctx: Context, endpoint: VpcEndpoint, request: Any) -> VpcEndpoint:
    if request.get("AddRouteTableIds") or request.get("RemoveRouteTableIds"):
        raise AwsError("InvalidParameter", "Route tables are only supported for Gateway endpoints.")
    _check_ip_type(request)
    removed = set(request.get("RemoveSecurityGroupIds") or ())
    groups = [each for each in endpoint.group_ids if each not in removed]
    groups += [each for each in request.get("AddSecurityGroupIds") or () if each not in groups]
    if not groups:
        raise invalid("A VPC endpoint needs at least one security group.")
    endpoint = _remove_subnets(ctx, endpoint, request.get("RemoveSubnetIds") or ())
    endpoint = endpoint.replace(group_ids=tuple(groups))
    for interface in find_all(ctx, NetworkInterface, endpoint.network_interface_ids):
        checked = interfaces.groups_for(ctx, interfaces.subnet_of(ctx, interface), groups)
        ctx.table(NetworkInterface).put(ctx.scope, interface.replace(group_ids=checked))
    subnets = find_all(ctx, Subnet, dict.fromkeys(request.get("AddSubnetIds") or ()))
    fixed = {each.get("SubnetId"): each.get("Ipv4") for each in request.get("SubnetConfigurations") or ()}
    endpoint = _add_subnets(ctx, endpoint, subnets, groups, fixed)
    if "PrivateDnsEnabled" in request:
        if request["PrivateDnsEnabled"]:
            siblings = ctx.table(VpcEndpoint).find(ctx.scope, "vpc_id", endpoint.vpc_id)
            _check_private_dns(find(ctx, Vpc, endpoint.vpc_id), endpoint, siblings)
        endpoint = endpoint.replace(private_dns=bool(request["PrivateDnsEnabled"]))
    return endpoint
