"""DHCP option sets."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_id
from cloudarium.services.ec2 import tags
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import invalid, missing
from cloudarium.services.ec2.filters import FilterSet
from cloudarium.services.ec2.lookup import find, select
from cloudarium.services.ec2.names import AMAZON_DNS
from cloudarium.services.ec2.paging import page
from cloudarium.services.ec2.resources import DhcpOptions, Vpc
from cloudarium.services.ec2.views.vpcs import dhcp_view

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        AssociateDhcpOptionsRequestTypeDef,
        CreateDhcpOptionsRequestTypeDef,
        DeleteDhcpOptionsRequestTypeDef,
        DescribeDhcpOptionsRequestTypeDef,
    )

FILTERS = FilterSet(
    {
        "dhcp-options-id": "DhcpOptionsId",
        "key": "DhcpConfigurations[].Key",
        "value": "DhcpConfigurations[].Values[].Value",
        "owner-id": "OwnerId",
    }
)

_MOST = {
    "domain-name": 1,
    "domain-name-servers": 4,
    "ntp-servers": 4,
    "netbios-name-servers": 4,
    "netbios-node-type": 1,
    "ipv6-address-preferred-lease-time": 1,
}
"""The options AWS knows, and how many values each may have."""

_PARTIAL = "the domain name and DNS servers take effect in workloads; NTP and NetBIOS options are kept and shown only"


@api(partial=_PARTIAL)
def create_dhcp_options(ctx: Context, request: CreateDhcpOptionsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateDhcpOptions.html."""
    labels = tags.specified(ctx, request, "dhcp-options")
    configurations = tuple(_configuration(each) for each in request["DhcpConfigurations"])
    if not configurations:
        raise missing("dhcpConfiguration")
    if len({key for key, _ in configurations}) != len(configurations):
        raise invalid("Duplicate DHCP option keys are not allowed.")
    options = DhcpOptions(dhcp_options_id=hex_id("dopt"), configurations=configurations, tags=labels)
    ctx.table(DhcpOptions).put(ctx.scope, options)
    return {"DhcpOptions": dhcp_view(ctx, options)}


def _configuration(each: Any) -> tuple[str, tuple[str, ...]]:
    key, values = each.get("Key", ""), tuple(each.get("Values") or ())
    if key not in _MOST:
        raise invalid(f"Value ({key}) for parameter name is invalid. Unknown DHCP option")
    if not values:
        raise missing(f"value of DHCP option {key}")
    if key.endswith("-servers"):
        # AWS takes several servers as one value joined by commas, too.
        values = tuple(part.strip() for value in values for part in value.split(","))
    if len(values) > _MOST[key]:
        raise invalid(f"Value ({', '.join(values)}) for parameter {key} is invalid. Too many values")
    if key.endswith("-servers"):
        for value in values:
            if not _is_server(key, value):
                raise invalid(f"Value ({value}) for parameter {key} is invalid. Invalid IP address")
    if key == "netbios-node-type" and values[0] not in ("1", "2", "4", "8"):
        raise invalid(f"Value ({values[0]}) for parameter value is invalid. Invalid netbios-node-type")
    return key, values


def _is_server(key: str, value: str) -> bool:
    if key == "domain-name-servers" and value == AMAZON_DNS:
        return True
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


@api
def describe_dhcp_options(ctx: Context, request: DescribeDhcpOptionsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeDhcpOptions.html."""
    views = [dhcp_view(ctx, each) for each in select(ctx, DhcpOptions, request.get("DhcpOptionsIds"))]
    return page(FILTERS.apply(views, request.get("Filters")), request, "DhcpOptions")


@api
def delete_dhcp_options(ctx: Context, request: DeleteDhcpOptionsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteDhcpOptions.html."""
    options = find(ctx, DhcpOptions, request["DhcpOptionsId"])
    if any(vpc.dhcp_options_id == options.dhcp_options_id for vpc in ctx.table(Vpc).all(ctx.scope)):
        raise AwsError(
            "DependencyViolation",
            f"The dhcpOptions '{options.dhcp_options_id}' has dependencies and cannot be deleted.",
        )
    ctx.table(DhcpOptions).delete(ctx.scope, options.dhcp_options_id)
    return {}


NO_OPTIONS = "default"
"""``AssociateDhcpOptions`` takes this word for no options at all, and DescribeVpcs shows it."""


@api(partial=_PARTIAL)
def associate_dhcp_options(ctx: Context, request: AssociateDhcpOptionsRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateDhcpOptions.html."""
    vpc = find(ctx, Vpc, request["VpcId"])
    options_id = request["DhcpOptionsId"]
    if options_id != NO_OPTIONS:
        options_id = find(ctx, DhcpOptions, options_id).dhcp_options_id
    ctx.table(Vpc).put(ctx.scope, vpc.replace(dhcp_options_id=options_id))
    return {}
