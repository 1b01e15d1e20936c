"""What every stored EC2 resource shares, and the two records that are not resources."""

from __future__ import annotations

from cloudarium.kernel.store import Record

Tags = tuple[tuple[str, str], ...]
"""Key and value, in the order in which they were given."""


class Tagged(Record, frozen=True, kw_only=True):
    """A resource that CreateTags can tag."""

    tags: Tags = ()


class AccountNetwork(Record, frozen=True, kw_only=True):
    """Says that this account and region got its default VPC once; deleting that VPC does not bring it back."""

    TABLE = "ec2.account-networks"
    KEY = "name"
    NAME = "network"

    name: str = NAME
    default_vpc_made: bool = True


class ClientToken(Record, frozen=True, kw_only=True):
    """What a client token made, so that a retried call finds it instead of making it twice."""

    TABLE = "ec2.client-tokens"
    KEY = "token"

    token: str
    """The operation's name, a colon, and the caller's token."""
    fingerprint: str
    """A digest of the other parameters: the same token with others is an error."""
    resource_id: str
    created: float
