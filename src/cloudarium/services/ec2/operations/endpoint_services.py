"""The services that VPC endpoints can lead to."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.ec2.api import api
from cloudarium.services.ec2.endpoint_services import EndpointService, endpoint_services
from cloudarium.services.ec2.errors import refuse
from cloudarium.services.ec2.filters import FilterSet
from cloudarium.services.ec2.paging import page

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import (
        DescribeVpcEndpointConnectionsRequestTypeDef,
        DescribeVpcEndpointServicesRequestTypeDef,
        ServiceDetailTypeDef,
    )

FILTERS = FilterSet(
    {
        "owner": "Owner",
        "service-name": "ServiceName",
        "service-region": "ServiceRegion",
        "service-type": "ServiceType[].ServiceType",
        "supported-ip-address-types": "SupportedIpAddressTypes[]",
    }
)
CONNECTION_FILTERS = FilterSet(
    {
        "ip-address-type": "IpAddressType",
        "service-id": "ServiceId",
        "transit-gateway-attachment-id": "TransitGatewayAttachmentId",
        "vpc-endpoint-owner": "VpcEndpointOwner",
        "vpc-endpoint-region": "VpcEndpointRegion",
        "vpc-endpoint-state": "VpcEndpointState",
        "vpc-endpoint-id": "VpcEndpointId",
    }
)


@api
def describe_vpc_endpoint_services(ctx: Context, request: DescribeVpcEndpointServicesRequestTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointServices.html."""
    if any(each != ctx.region for each in request.get("ServiceRegions") or ()):
        refuse(request, "ServiceRegions")
    found = endpoint_services(ctx.region)
    wanted = request.get("ServiceNames")
    if wanted:
        known = {service.name for service in found}
        for name in wanted:
            if name not in known:
                raise AwsError("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")
        found = [service for service in found if service.name in wanted]
    views = FILTERS.apply([_view(ctx, service) for service in found], request.get("Filters"))
    answer = page(views, request, "ServiceDetails")
    shown: list[Any] = answer["ServiceDetails"]
    return {"ServiceNames": list(dict.fromkeys(view["ServiceName"] for view in shown)), **answer}


def _view(ctx: Context, service: EndpointService) -> ServiceDetailTypeDef:
    places = service.zones(ctx.region)
    view: ServiceDetailTypeDef = {
        "ServiceName": service.name,
        "ServiceId": f"vpce-svc-{_number(service):017x}",
        "ServiceType": [{"ServiceType": service.endpoint_type}],  # type: ignore[typeddict-item]
        "ServiceRegion": ctx.region,
        "AvailabilityZoneIds": [zone.zone_id for zone in places],
        "AvailabilityZones": [zone.name for zone in places],
        "Owner": "amazon",
        "BaseEndpointDnsNames": service.base_dns_names(ctx.region),
        "VpcEndpointPolicySupported": True,
        "AcceptanceRequired": False,
        "ManagesVpcEndpoints": False,
        "Tags": [],
        "SupportedIpAddressTypes": ["ipv4"],
    }
    if service.endpoint_type == "Interface":
        view["PrivateDnsName"] = service.private_dns_name
        view["PrivateDnsNames"] = [{"PrivateDnsName": service.private_dns_name}]
        view["PrivateDnsNameVerificationState"] = "verified"
    return view


def _number(service: EndpointService) -> int:
    """A number that stays the same for a service, for its id."""
    return zlib.crc32(f"{service.name} {service.endpoint_type}".encode())


@api
def describe_vpc_endpoint_connections(ctx: Context, request: DescribeVpcEndpointConnectionsRequestTypeDef) -> Answer:
    """Truthfully empty: endpoint services of one's own do not exist yet, so nobody connects to them.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointConnections.html
    """
    nothing: list[dict[str, Any]] = []
    return page(CONNECTION_FILTERS.apply(nothing, request.get("Filters")), request, "VpcEndpointConnections")
