"""Names of AWS's services as a VPC's own DNS server answers them.

Without an endpoint a service's name is a public address, reached through an internet or NAT gateway; with a gateway
endpoint the address is the same and the route differs; an interface endpoint with private DNS gives the name the
addresses of its network interfaces (https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html).
"""

from __future__ import annotations

import re

from cloudarium.kernel.store import Scope, Store
from cloudarium.services.ec2.endpoint_services import EndpointService, find_service
from cloudarium.services.ec2.prefix_lists import SERVICE_BLOCKS
from cloudarium.services.ec2.resources import NetworkInterface, VpcEndpoint
from cloudarium.services.ec2.whereabouts import Whereabouts

_AWS = ".amazonaws.com"
_NOT_SERVICES = re.compile(r"(?:elb|compute(?:-1)?|vpce|cloudfront|rds|cache|efs)$")
"""Last labels before the domain, or after a region, of names that belong to resources, not to services."""
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
_ELSEWHERE = "198.19.255.2"
"""Where every service is found that has no address block of its own."""


class ServiceNames:
    """A name server (see ``Cloud.name_servers``) for the API endpoints of AWS."""

    def __init__(self, store: Store, vpcs: Whereabouts) -> None:
        self._store = store
        self._vpcs = vpcs

    def __call__(self, vpc_id: str, name: str, kind: str) -> list[str] | None:
        """Records of a service's or an endpoint's name asked for inside a VPC; None for other names."""
        if not name.endswith(_AWS):
            return None
        found = self._of_endpoints(vpc_id, name)
        if found is None:
            found = _public(name.removesuffix(_AWS))
        if found is None:
            return None
        return found if kind == "A" else []

    def _of_endpoints(self, vpc_id: str, name: str) -> list[str] | None:
        scope = self._vpcs.scope(vpc_id)
        if scope is None:
            return None
        for endpoint in self._store.table(VpcEndpoint).find(scope, "vpc_id", vpc_id):
            service = find_service(scope.region, endpoint.service_name, endpoint.endpoint_type)
            if endpoint.endpoint_type != "Interface" or endpoint.state != "available" or service is None:
                continue
            if endpoint.private_dns and _means(service, name):
                return self._addresses(scope, endpoint, "")
            own = f"{endpoint.vpc_endpoint_id}-{endpoint.dns_suffix}"
            head, _, rest = name.partition(".")
            if rest == service.base_dns_names(scope.region)[0] and (head == own or head.startswith(f"{own}-")):
                return self._addresses(scope, endpoint, head.removeprefix(own).removeprefix("-")) or None
        return None

    def _addresses(self, scope: Scope, endpoint: VpcEndpoint, zone: str) -> list[str]:
        table = self._store.table(NetworkInterface)
        found = (table.get(scope, each) for each in endpoint.network_interface_ids)
        return [each.private_ips[0] for each in found if each is not None and zone in ("", each.zone)]


def _means(service: EndpointService, name: str) -> bool:
    host = service.private_dns_name
    return name.endswith(host[1:]) if host.startswith("*") else name == host


def _public(labels: str) -> list[str] | None:
    """The address of ``[bucket.]service[.region]``, the labels before the domain."""
    parts = [part for part in labels.split(".") if not _REGION.fullmatch(part)]
    if not parts or _NOT_SERVICES.fullmatch(parts[-1]):
        return None
    block = SERVICE_BLOCKS.get(parts[-1])
    return [block.replace(".0/24", ".1")] if block is not None else [_ELSEWHERE]
