"""Internet gateways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import limits, tags
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import dependency, invalid
from cloudarium.services.ec2.filters import FilterSet
from cloudarium.services.ec2.lookup import find, select
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.resources import Address, InternetGateway, NetworkInterface, Vpc
from cloudarium.services.ec2.views.routing import internet_gateway_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        AttachInternetGatewayRequestTypeDef,
        CreateInternetGatewayRequestTypeDef,
        DeleteInternetGatewayRequestTypeDef,
        DescribeInternetGatewaysRequestTypeDef,
        DetachInternetGatewayRequestTypeDef,
    )

FILTERS = FilterSet(
    {
        "attachment.state": "Attachments[].State",
        "attachment.vpc-id": "Attachments[].VpcId",
        "internet-gateway-id": "InternetGatewayId",
        "owner-id": "OwnerId",
    }
)


@api
def create_internet_gateway(ctx: Context, request: CreateInternetGatewayRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateInternetGateway.html."""
    labels = tags.specified(ctx, request, "internet-gateway")
    limits.check(
        ctx.table(InternetGateway).count(ctx.scope) + 1,
        limits.VPCS,
        "InternetGatewayLimitExceeded",
        "The maximum number of internet gateways has been reached.",
    )
    gateway = InternetGateway(internet_gateway_id=hex_id("igw"), tags=labels)
    ctx.table(InternetGateway).put(ctx.scope, gateway)
    return {"InternetGateway": internet_gateway_view(ctx, gateway)}


@api
def describe_internet_gateways(ctx: Context, request: DescribeInternetGatewaysRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInternetGateways.html."""
    rows = select(ctx, InternetGateway, request.get("InternetGatewayIds"))
    views = FILTERS.apply([internet_gateway_view(ctx, row) for row in rows], request.get("Filters"))
    return page(views, request, "InternetGateways")


@api
def attach_internet_gateway(ctx: Context, request: AttachInternetGatewayRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachInternetGateway.html."""
    gateway = find(ctx, InternetGateway, request["InternetGatewayId"])
    vpc = find(ctx, Vpc, request["VpcId"])
    if gateway.vpc_id:
        raise AwsError(
            "Resource.AlreadyAssociated",
            f"resource {gateway.internet_gateway_id} is already attached to network {gateway.vpc_id}",
        )
    if ctx.table(InternetGateway).find(ctx.scope, "vpc_id", vpc.vpc_id):
        raise invalid(f"Network {vpc.vpc_id} already has an internet gateway attached")
    ctx.table(InternetGateway).put(ctx.scope, gateway.replace(vpc_id=vpc.vpc_id))
    return {}


@api
def detach_internet_gateway(ctx: Context, request: DetachInternetGatewayRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachInternetGateway.html."""
    gateway = find(ctx, InternetGateway, request["InternetGatewayId"])
    vpc = find(ctx, Vpc, request["VpcId"])
    if gateway.vpc_id != vpc.vpc_id:
        raise AwsError(
            "Gateway.NotAttached", f"resource {gateway.internet_gateway_id} is not attached to network {vpc.vpc_id}"
        )
    for interface in ctx.table(NetworkInterface).find(ctx.scope, "vpc_id", vpc.vpc_id):
        if ctx.table(Address).find(ctx.scope, "network_interface_id", interface.network_interface_id):
            raise AwsError(
                "DependencyViolation",
                f"Network {vpc.vpc_id} has some mapped public address(es). "
                "Please unmap those public address(es) before detaching the gateway.",
            )
    ctx.table(InternetGateway).put(ctx.scope, gateway.replace(vpc_id=""))
    return {}


@api
def delete_internet_gateway(ctx: Context, request: DeleteInternetGatewayRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteInternetGateway.html."""
    gateway = find(ctx, InternetGateway, request["InternetGatewayId"])
    if gateway.vpc_id:
        raise dependency("internetGateway", gateway.internet_gateway_id)
    ctx.table(InternetGateway).delete(ctx.scope, gateway.internet_gateway_id)
    return {}
