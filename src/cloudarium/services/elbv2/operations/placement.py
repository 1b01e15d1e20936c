"""SetSubnets, SetSecurityGroups, SetIpAddressType: where a load balancer's nodes are and who reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.elbv2 import network, views
from cloudarium.services.elbv2.errors import invalid, invalid_configuration
from cloudarium.services.elbv2.lookup import balancer_of
from cloudarium.services.elbv2.operations.load_balancers import check_ip_address_type, subnet_ids
from cloudarium.services.elbv2.resources import LoadBalancer

if TYPE_CHECKING:
    from types_boto3_elbv2.type_defs import (
        SetIpAddressTypeInputTypeDef,
        SetSecurityGroupsInputTypeDef,
        SetSubnetsInputTypeDef,
    )


@operation(partial="IPv4 only")
async def set_subnets(ctx: Context, request: SetSubnetsInputTypeDef) -> Answer:
    """Replace the enabled zones; the controller moves the nodes."""
    balancer = balancer_of(ctx, request["LoadBalancerArn"])
    check_ip_address_type(request.get("IpAddressType", "ipv4"))
    if request.get("EnablePrefixForIpv6SourceNat", "off") == "on":
        raise invalid("'EnablePrefixForIpv6SourceNat' is not supported for load balancers of type 'application'")
    vpc_id, zones = await network.placement(ctx, subnet_ids(request), balancer.scheme, balancer.zones)
    if vpc_id != balancer.vpc_id:
        raise invalid_configuration(f"The subnets must belong to the VPC of the load balancer '{balancer.vpc_id}'")
    balancer = balancer_of(ctx, request["LoadBalancerArn"])
    ctx.table(LoadBalancer).put(ctx.scope, balancer.replace(zones=zones))
    return {"AvailabilityZones": [views.zone(zone) for zone in zones], "IpAddressType": balancer.ip_address_type}


@operation()
async def set_security_groups(ctx: Context, request: SetSecurityGroupsInputTypeDef) -> Answer:
    """Replace the security groups of a load balancer's nodes."""
    balancer = balancer_of(ctx, request["LoadBalancerArn"])
    if "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic" in request:
        raise NotThere("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic (of network load balancers)")
    if not request["SecurityGroups"]:
        raise invalid_configuration("At least one security group must be specified")
    groups = await network.security_groups(ctx, balancer.vpc_id, request["SecurityGroups"])
    balancer = balancer_of(ctx, request["LoadBalancerArn"])
    ctx.table(LoadBalancer).put(ctx.scope, balancer.replace(security_groups=groups))
    return {"SecurityGroupIds": list(groups)}


@operation(partial="IPv4 only")
def set_ip_address_type(ctx: Context, request: SetIpAddressTypeInputTypeDef) -> Answer:
    """Set the IP address type to what it is; the dual-stack kinds are refused by name."""
    balancer_of(ctx, request["LoadBalancerArn"])
    return {"IpAddressType": check_ip_address_type(request["IpAddressType"])}
