"""Prefix lists by id: the account's own, and those AWS manages in each region.

AWS's lists hold the addresses of S3 and DynamoDB. In this cloud those services answer on addresses of 198.19.0.0/16,
half of the range set aside for benchmarks (RFC 2544), which is never in use on the internet; the other half,
198.18.0.0/16, is what Elastic IPs are taken from (``public_ips.py``).
"""

from __future__ import annotations

import hashlib

from cloudarium.kernel.context import Context
from cloudarium.services.ec2.lookup import check_id, not_found
from cloudarium.services.ec2.resources import ManagedPrefixList, PrefixListEntry, PrefixListVersion

_KNOWN_IDS = {
    ("us-east-1", "s3"): "pl-63a5400a",
    ("us-east-2", "s3"): "pl-7ba54012",
    ("us-west-1", "s3"): "pl-6ba54002",
    ("us-west-2", "s3"): "pl-68a54001",
    ("eu-west-1", "s3"): "pl-6da54004",
    ("eu-central-1", "s3"): "pl-6ea54007",
    ("ap-southeast-1", "s3"): "pl-6fa54006",
    ("ap-southeast-2", "s3"): "pl-6ca54005",
    ("ap-northeast-1", "s3"): "pl-61a54008",
    ("sa-east-1", "s3"): "pl-6aa54003",
    ("us-east-1", "dynamodb"): "pl-02cd2c6b",
}
"""Ids that AWS documents; those of other regions are derived from the names, so that they stay the same."""

SERVICE_BLOCKS = {"s3": "198.19.0.0/24", "dynamodb": "198.19.1.0/24"}
"""Where gateway endpoints find each service."""


def aws_list_id(region: str, service: str) -> str:
    """The id of AWS's own list of a service."""
    digest = hashlib.blake2s(f"{region} {service}".encode(), digest_size=4).hexdigest()
    return _KNOWN_IDS.get((region, service), f"pl-{digest}")


def aws_list_name(region: str, service: str) -> str:
    """The name of AWS's own list of a service, which is also its endpoint's service name."""
    return f"com.amazonaws.{region}.{service}"


def aws_lists(region: str) -> list[ManagedPrefixList]:
    """The lists that AWS manages in a region."""
    return [
        ManagedPrefixList(
            prefix_list_id=aws_list_id(region, service),
            name=aws_list_name(region, service),
            max_entries=0,
            versions=(PrefixListVersion(1, (PrefixListEntry(block),)),),
            owner="AWS",
        )
        for service, block in SERVICE_BLOCKS.items()
    ]


def all_prefix_lists(ctx: Context) -> list[ManagedPrefixList]:
    """AWS's and the account's own lists."""
    return [*aws_lists(ctx.region), *ctx.table(ManagedPrefixList).all(ctx.scope)]


def get_prefix_list(ctx: Context, list_id: str) -> ManagedPrefixList | None:
    """A list by id, or None."""
    own = ctx.table(ManagedPrefixList).get(ctx.scope, list_id)
    return own or next((each for each in aws_lists(ctx.region) if each.prefix_list_id == list_id), None)


def find_prefix_list(ctx: Context, list_id: str) -> ManagedPrefixList:
    """A list by id; raises ``InvalidPrefixListID.NotFound``."""
    found = get_prefix_list(ctx, list_id)
    if found is None:
        check_id(ManagedPrefixList, list_id)
        raise not_found(ManagedPrefixList, list_id)
    return found
