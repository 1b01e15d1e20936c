"""Managed prefix lists."""

from __future__ import annotations

import msgspec

from cloudarium.services.ec2.resources.base import Tagged


class PrefixListEntry(msgspec.Struct, frozen=True):
    """One CIDR block of a list."""

    cidr: str
    description: str | None = None


class PrefixListVersion(msgspec.Struct, frozen=True):
    """The entries as they were in one version."""

    version: int
    entries: tuple[PrefixListEntry, ...]


class ManagedPrefixList(Tagged, frozen=True, kw_only=True):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ManagedPrefixList.html."""

    TABLE = "ec2.prefix-lists"
    KEY = "prefix_list_id"

    prefix_list_id: str
    name: str
    max_entries: int
    versions: tuple[PrefixListVersion, ...]
    """Oldest first; the last one is in force."""
    state: str = "create-complete"
    address_family: str = "IPv4"
    owner: str = ""
    """Set on AWS's own lists, which are computed and never stored."""

    @property
    def version(self) -> int:
        """The number of the version in force."""
        return self.versions[-1].version

    @property
    def entries(self) -> tuple[PrefixListEntry, ...]:
        """The entries in force."""
        return self.versions[-1].entries
