"""Regions, Availability Zones and what an account is told about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.ec2 import defaults, limits
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.errors import invalid
from cloudarium.services.ec2.filters import FilterSet, nothing
from cloudarium.services.ec2.regions import REGIONS, Region, region

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        AvailabilityZoneTypeDef,
        DescribeAccountAttributesRequestTypeDef,
        DescribeAvailabilityZonesRequestTypeDef,
        DescribeRegionsRequestTypeDef,
        RegionTypeDef,
    )

ZONE_FILTERS = FilterSet(
    {
        "group-long-name": "GroupLongName",
        "group-name": "GroupName",
        "message": "Messages[].Message",
        "opt-in-status": "OptInStatus",
        "parent-zone-id": nothing,
        "parent-zone-name": nothing,
        "parentZoneId": nothing,
        "parentZoneName": nothing,
        "region-name": "RegionName",
        "state": "State",
        "zone-id": "ZoneId",
        "zone-name": "ZoneName",
        "zone-type": "ZoneType",
    },
    tags="",
)
REGION_FILTERS = FilterSet(
    {"endpoint": "Endpoint", "opt-in-status": "OptInStatus", "region-name": "RegionName"}, tags=""
)


def _zone_views(where: Region) -> list[AvailabilityZoneTypeDef]:
    group = f"{where.name}-zg-1"
    return [
        {
            "OptInStatus": "opt-in-not-required",
            "Messages": [],
            "RegionName": where.name,
            "ZoneName": zone.name,
            "ZoneId": zone.zone_id,
            "GroupName": group,
            "NetworkBorderGroup": where.name,
            "ZoneType": "availability-zone",
            "GroupLongName": f"{where.long_name} 1",
            "State": "available",
        }
        for zone in where.zones
    ]


@api(sees_vpcs=False)
def describe_availability_zones(ctx: Context, request: DescribeAvailabilityZonesRequestTypeDef) -> Answer:
    """Availability Zones only: Local Zones and Wavelength Zones, which one opts into, are never offered.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html
    """
    views = _zone_views(region(ctx.region))
    for parameter, member, word in (("ZoneNames", "ZoneName", "name"), ("ZoneIds", "ZoneId", "id")):
        wanted = _wanted(request, parameter)
        if wanted:
            known = {str(view.get(member)) for view in views}
            lost = [each for each in wanted if each not in known]
            if lost:
                raise invalid(f"Invalid availability zone{'-id' if word == 'id' else ''}: [{', '.join(lost)}]")
            views = [view for view in views if str(view.get(member)) in wanted]
    return {"AvailabilityZones": ZONE_FILTERS.apply(views, request.get("Filters"))}


def _wanted(request: Any, parameter: str) -> list[str]:
    return list(request.get(parameter) or [])


def _region_view(where: Region) -> RegionTypeDef:
    return {
        "OptInStatus": "opted-in" if where.opt_in else "opt-in-not-required",
        "RegionName": where.name,
        "Endpoint": f"ec2.{where.name}.amazonaws.com",
    }


@api(sees_vpcs=False)
def describe_regions(ctx: Context, request: DescribeRegionsRequestTypeDef) -> Answer:
    """Every region works here, so those that AWS keeps off in new accounts are shown as opted in.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
    """
    names = request.get("RegionNames") or []
    lost = [name for name in names if name not in REGIONS]
    if lost:
        raise invalid(f"Invalid region name{'s' if len(lost) > 1 else ''}: {', '.join(lost)}")
    views = [_region_view(where) for where in REGIONS.values() if not names or where.name in names]
    return {"Regions": REGION_FILTERS.apply(views, request.get("Filters"))}


@api
def describe_account_attributes(ctx: Context, request: DescribeAccountAttributesRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAccountAttributes.html."""
    vpc = defaults.default_vpc(ctx)
    values = {
        "supported-platforms": ["VPC"],
        "default-vpc": [vpc.vpc_id if vpc is not None else "none"],
        "max-instances": ["20"],
        "vpc-max-security-groups-per-interface": [str(limits.GROUPS_PER_INTERFACE)],
        "max-elastic-ips": [str(limits.ADDRESSES)],
        "vpc-max-elastic-ips": [str(limits.ADDRESSES)],
    }
    names: list[str] = list(request.get("AttributeNames") or ()) or list(values)
    for name in names:
        if name not in values:
            raise AwsError("InvalidParameterValue", f"Value ({name}) for parameter attributeName is invalid.")
    return {
        "AccountAttributes": [
            {"AttributeName": name, "AttributeValues": [{"AttributeValue": value} for value in values[name]]}
            for name in names
        ]
    }
