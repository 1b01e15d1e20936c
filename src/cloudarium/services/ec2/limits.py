"""Amazon VPC's quotas (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).

Quotas that protect a network's shape are AWS's defaults. Those that only count resources of an account (VPCs, Elastic
IPs, internet gateways) stand at the height to which Service Quotas raises them on request, so that many stacks fit
into one local account.
"""

from __future__ import annotations

from cloudarium.kernel.errors import AwsError

VPCS = 100
ADDRESSES = 100
SUBNETS_PER_VPC = 200
CIDRS_PER_VPC = 5
ROUTE_TABLES_PER_VPC = 200
ROUTES_PER_TABLE = 500
GROUPS_PER_REGION = 2500
RULES_PER_GROUP = 60
GROUPS_PER_INTERFACE = 5
NACLS_PER_VPC = 200
ENTRIES_PER_NACL = 20
INTERFACES_PER_REGION = 5000
PEERINGS_PER_VPC = 50
INTERFACE_ENDPOINTS_PER_VPC = 50
GATEWAY_ENDPOINTS_PER_REGION = 20
NAT_ADDRESSES = 8
PREFIX_LISTS = 100
PREFIX_LIST_ENTRIES = 1000
ADDRESSES_PER_INTERFACE = 50
"""As on the largest instance types; an interface here is not bound to a type."""


def check(count: int, limit: int, code: str, message: str) -> None:
    """Raise AWS's error when ``count`` resources would exceed ``limit``."""
    if count > limit:
        raise AwsError(code, message)
