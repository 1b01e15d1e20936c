"""Regions and their Availability Zones, as AWS lists them.

On AWS the letter of a zone maps to a different zone id in each account; here ``a`` is ``az1`` and so on, in the order
in which the region's letters come, except where AWS gives a region other numbers.
"""

from __future__ import annotations

from typing import NamedTuple


class Zone(NamedTuple):
    """One Availability Zone."""

    name: str
    zone_id: str
    number: int


class Region(NamedTuple):
    """One region. ``opt_in`` regions are off in a new AWS account; here every region is on."""

    name: str
    code: str
    long_name: str
    opt_in: bool
    zones: tuple[Zone, ...]


def _region(
    name: str, code: str, long_name: str, letters: str = "abc", ids: str = "123", opt_in: bool = False
) -> Region:
    zones = tuple(
        Zone(f"{name}{letter}", f"{code}-az{number}", place)
        for place, (letter, number) in enumerate(zip(letters, ids, strict=True), 1)
    )
    return Region(name, code, long_name, opt_in, zones)


_ALL = (
    _region("us-east-1", "use1", "US East (N. Virginia)", "abcdef", "123456"),
    _region("us-east-2", "use2", "US East (Ohio)"),
    _region("us-west-1", "usw1", "US West (N. California)", "ab", "13"),
    _region("us-west-2", "usw2", "US West (Oregon)", "abcd", "1234"),
    _region("af-south-1", "afs1", "Africa (Cape Town)", opt_in=True),
    _region("ap-east-1", "ape1", "Asia Pacific (Hong Kong)", opt_in=True),
    _region("ap-east-2", "ape2", "Asia Pacific (Taipei)", opt_in=True),
    _region("ap-northeast-1", "apne1", "Asia Pacific (Tokyo)", "acd", "412"),
    _region("ap-northeast-2", "apne2", "Asia Pacific (Seoul)", "abcd", "1234"),
    _region("ap-northeast-3", "apne3", "Asia Pacific (Osaka)"),
    _region("ap-south-1", "aps1", "Asia Pacific (Mumbai)"),
    _region("ap-south-2", "aps2", "Asia Pacific (Hyderabad)", opt_in=True),
    _region("ap-southeast-1", "apse1", "Asia Pacific (Singapore)"),
    _region("ap-southeast-2", "apse2", "Asia Pacific (Sydney)"),
    _region("ap-southeast-3", "apse3", "Asia Pacific (Jakarta)", opt_in=True),
    _region("ap-southeast-4", "apse4", "Asia Pacific (Melbourne)", opt_in=True),
    _region("ap-southeast-5", "apse5", "Asia Pacific (Malaysia)", opt_in=True),
    _region("ap-southeast-6", "apse6", "Asia Pacific (New Zealand)", opt_in=True),
    _region("ap-southeast-7", "apse7", "Asia Pacific (Thailand)", opt_in=True),
    _region("ca-central-1", "cac1", "Canada (Central)", "abd", "124"),
    _region("ca-west-1", "caw1", "Canada West (Calgary)", opt_in=True),
    _region("eu-central-1", "euc1", "Europe (Frankfurt)"),
    _region("eu-central-2", "euc2", "Europe (Zurich)", opt_in=True),
    _region("eu-north-1", "eun1", "Europe (Stockholm)"),
    _region("eu-south-1", "eus1", "Europe (Milan)", opt_in=True),
    _region("eu-south-2", "eus2", "Europe (Spain)", opt_in=True),
    _region("eu-west-1", "euw1", "Europe (Ireland)"),
    _region("eu-west-2", "euw2", "Europe (London)"),
    _region("eu-west-3", "euw3", "Europe (Paris)"),
    _region("il-central-1", "ilc1", "Israel (Tel Aviv)", opt_in=True),
    _region("me-central-1", "mec1", "Middle East (UAE)", opt_in=True),
    _region("me-south-1", "mes1", "Middle East (Bahrain)", opt_in=True),
    _region("mx-central-1", "mxc1", "Mexico (Central)", opt_in=True),
    _region("sa-east-1", "sae1", "South America (Sao Paulo)"),
)

REGIONS = {region.name: region for region in _ALL}


def region(name: str) -> Region:
    """A region by name; one that AWS does not have gets three zones, so that private partitions can be rehearsed."""
    return REGIONS.get(name) or _region(name, name.replace("-", ""), name)


def zones(region_name: str) -> tuple[Zone, ...]:
    """The Availability Zones of a region."""
    return region(region_name).zones
