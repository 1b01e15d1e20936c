"""CreateLoadBalancer, DescribeLoadBalancers, DeleteLoadBalancer and their attributes.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.elbv2 import arns, network, tagging, views
from cloudarium.services.elbv2.attributes import load_balancer as attributes
from cloudarium.services.elbv2.attributes import to_response
from cloudarium.services.elbv2.errors import invalid, load_balancer_not_found, names_not_found
from cloudarium.services.elbv2.logging_bucket import check_bucket
from cloudarium.services.elbv2.lookup import balancer_of
from cloudarium.services.elbv2.paging import page
from cloudarium.services.elbv2.quotas import LOAD_BALANCERS
from cloudarium.services.elbv2.resources import Listener, LoadBalancer, Rule, Zone
from cloudarium.services.elbv2.start import running

if TYPE_CHECKING:
    from types_boto3_elbv2.type_defs import (
        CreateLoadBalancerInputTypeDef,
        DeleteLoadBalancerInputTypeDef,
        DescribeCapacityReservationInputTypeDef,
        DescribeLoadBalancerAttributesInputTypeDef,
        DescribeLoadBalancersInputTypeDef,
        ModifyLoadBalancerAttributesInputTypeDef,
    )

_NAME = re.compile(r"[A-Za-z0-9-]+")
_MOST_ARNS = 20


@operation(partial="application load balancers with IPv4 addresses only")
async def create_load_balancer(ctx: Context, request: CreateLoadBalancerInputTypeDef) -> Answer:
    """Store a load balancer; its nodes are placed by the controller, which makes it active."""
    if (kind := request.get("Type", "application")) != "application":
        raise NotThere(f"The load balancer type '{kind}'")
    for member in ("CustomerOwnedIpv4Pool", "IpamPools"):
        if member in request:
            raise NotThere(f"{member} of CreateLoadBalancer")
    if request.get("EnablePrefixForIpv6SourceNat", "off") == "on":
        raise invalid("'EnablePrefixForIpv6SourceNat' is not supported for load balancers of type 'application'")
    name = _check_name(request["Name"])
    ip_address_type = check_ip_address_type(request.get("IpAddressType", "ipv4"))
    scheme = request.get("Scheme", "internet-facing")
    tags = tagging.from_request(ctx, request.get("Tags"))
    vpc_id, zones = await network.placement(ctx, subnet_ids(request), scheme)
    groups = await network.security_groups(ctx, vpc_id, request.get("SecurityGroups", ()))
    if (parts := running(ctx.cloud)) is not None:
        await parts.plane.wait_for_worker()

    table = ctx.table(LoadBalancer)
    if same_name := table.find(ctx.scope, "name", name):
        return _again(ctx, same_name[0], scheme, zones, groups, tags)
    if table.count(ctx.scope) >= LOAD_BALANCERS:
        raise AwsError("TooManyLoadBalancers", "The maximum number of load balancers has been reached")
    balancer = LoadBalancer(
        arn=arns.load_balancer(ctx, name),
        name=name,
        dns_name=arns.dns_name(name, scheme, ctx.region),
        scheme=scheme,
        ip_address_type=ip_address_type,
        vpc_id=vpc_id,
        zones=zones,
        security_groups=groups,
        created=ctx.clock.now(),
        cookie_key=os.urandom(32),
        tags=tags,
    )
    table.put(ctx.scope, balancer)
    return {"LoadBalancers": [views.load_balancer(balancer, ctx.region)]}


def _again(
    ctx: Context,
    there: LoadBalancer,
    scheme: str,
    zones: tuple[Zone, ...],
    groups: tuple[str, ...],
    tags: dict[str, str],
) -> Answer:
    settings = there.scheme, there.zones, set(there.security_groups), tags and there.tags
    if settings != (scheme, zones, set(groups), tags):
        raise AwsError(
            "DuplicateLoadBalancerName",
            f"A load balancer with the same name '{there.name}' exists, but with different settings",
        )
    return {"LoadBalancers": [views.load_balancer(there, ctx.region)]}


def _check_name(name: str) -> str:
    if not name:
        raise invalid("The load balancer name cannot be empty")
    if len(name) > 32:
        raise invalid(f"The load balancer name '{name}' cannot be longer than '32' characters")
    if not _NAME.fullmatch(name):
        raise invalid(
            f"The load balancer name '{name}' can only contain characters that are alphanumeric characters or "
            "hyphens(-)"
        )
    if name.startswith("-") or name.endswith("-"):
        raise invalid(f"The load balancer name '{name}' cannot begin or end with '-'")
    if name.startswith("internal-"):
        raise invalid(f"The load balancer name '{name}' cannot begin with 'internal-'")
    return name


def check_ip_address_type(kind: str) -> str:
    """``ipv4``; the dual-stack kinds are refused by name."""
    if kind != "ipv4":
        raise NotThere(f"The IP address type '{kind}' (IPv6)")
    return kind


def subnet_ids(request: Any) -> list[str]:
    """The subnets of a request with Subnets or SubnetMappings."""
    plain, mappings = request.get("Subnets"), request.get("SubnetMappings")
    if plain and mappings:
        raise invalid("You must specify either subnets or subnet mappings, but not both")
    if not plain and not mappings:
        raise invalid("You must specify subnets")
    ids = list(plain or ())
    for mapping in mappings or ():
        if "SubnetId" not in mapping:
            raise invalid("A subnet ID must be specified in a subnet mapping")
        for member in ("AllocationId", "PrivateIPv4Address", "IPv6Address", "SourceNatIpv6Prefix"):
            if member in mapping:
                raise invalid(f"'{member}' is not supported for load balancers with type 'application'")
        ids.append(mapping["SubnetId"])
    return ids


@operation()
def describe_load_balancers(ctx: Context, request: DescribeLoadBalancersInputTypeDef) -> Answer:
    """Load balancers by ARN, by name, or all."""
    wanted, names = request.get("LoadBalancerArns"), request.get("Names")
    if wanted and names:
        raise invalid("Load balancer names and load balancer ARNs cannot be specified at the same time")
    if wanted:
        if len(wanted) > _MOST_ARNS:
            raise invalid(f"The maximum number of load balancer ARNs that can be specified is '{_MOST_ARNS}'")
        for arn in wanted:
            arns.check("load balancer", arn)
    table = ctx.table(LoadBalancer)
    if wanted or names:
        keys, by = (wanted, "arn") if wanted else (names, "name")
        found = [b for b in table.all(ctx.scope) if getattr(b, by) in set(keys or ())]
        missing = set(keys or ()) - {getattr(balancer, by) for balancer in found}
        if missing and names:
            raise names_not_found("LoadBalancerNotFound", "Load balancers", sorted(missing))
        if missing:
            raise load_balancer_not_found()
    else:
        found = table.all(ctx.scope)
    some, marker = page(found, request, lambda balancer: balancer.arn)
    answer: Answer = {"LoadBalancers": [views.load_balancer(balancer, ctx.region) for balancer in some]}
    return {**answer, "NextMarker": marker} if marker else answer


@operation()
def delete_load_balancer(ctx: Context, request: DeleteLoadBalancerInputTypeDef) -> Answer:
    """Delete a load balancer with its listeners and rules; succeeds when it is gone already."""
    arn = arns.check("load balancer", request["LoadBalancerArn"])
    balancer = ctx.table(LoadBalancer).get(ctx.scope, arn)
    if balancer is None:
        return {}
    if balancer.attributes.get("deletion_protection.enabled") == "true":
        raise AwsError(
            "OperationNotPermitted", f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        )
    for rule in ctx.table(Rule).find(ctx.scope, "load_balancer_arn", arn):
        ctx.table(Rule).delete(ctx.scope, rule.arn)
    for listener in ctx.table(Listener).find(ctx.scope, "load_balancer_arn", arn):
        ctx.table(Listener).delete(ctx.scope, listener.arn)
    ctx.table(LoadBalancer).delete(ctx.scope, arn)
    return {}


@operation()
def describe_load_balancer_attributes(ctx: Context, request: DescribeLoadBalancerAttributesInputTypeDef) -> Answer:
    """Every attribute of a load balancer with the value in force."""
    balancer = balancer_of(ctx, request["LoadBalancerArn"])
    return {"Attributes": to_response(attributes.TABLE.effective(balancer.attributes))}


@operation(partial="connection and health check logs, zonal shift and IPv6 attributes only as they are by default")
async def modify_load_balancer_attributes(ctx: Context, request: ModifyLoadBalancerAttributesInputTypeDef) -> Answer:
    """Set attributes; enabling access logs proves that the bucket can be written."""
    balancer = balancer_of(ctx, request["LoadBalancerArn"])
    changes = attributes.TABLE.parse(request["Attributes"])
    effective = attributes.TABLE.effective({**balancer.attributes, **changes})
    attributes.check(effective)
    if effective["access_logs.s3.enabled"] == "true" and any(key.startswith("access_logs.") for key in changes):
        await check_bucket(ctx, effective["access_logs.s3.bucket"], effective["access_logs.s3.prefix"])
        balancer = balancer_of(ctx, request["LoadBalancerArn"])
    ctx.table(LoadBalancer).put(ctx.scope, balancer.replace(attributes={**balancer.attributes, **changes}))
    return {"Attributes": to_response(effective)}


@operation()
def describe_capacity_reservation(ctx: Context, request: DescribeCapacityReservationInputTypeDef) -> Answer:
    """The capacity reserved: none, since ModifyCapacityReservation is not there."""
    balancer_of(ctx, request["LoadBalancerArn"])
    return {"DecreaseRequestsRemaining": 2, "CapacityReservationState": []}
