"""Tags: how they come in, what AWS forbids, how they go out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.tags import is_reserved
from cloudarium.services.ec2.errors import invalid, missing

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import TagTypeDef

    from cloudarium.services.ec2.resources import Tags

MAX_TAGS = 50
MAX_KEY = 127
MAX_VALUE = 255


def view(tags: Tags) -> list[TagTypeDef]:
    """Tags as the API shows them."""
    return [{"Key": key, "Value": value} for key, value in tags]


def parse(ctx: Context, tags: Iterable[Mapping[str, Any]]) -> Tags:
    """Tags of a request; raises AWS's errors for reserved, repeated or overlong ones.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
    """
    found: dict[str, str] = {}
    for tag in tags:
        key = tag.get("Key")
        value = tag.get("Value", "")
        if not key:
            raise missing("Tag.Key")
        check_key(ctx, key)
        if len(key) > MAX_KEY:
            raise invalid(f"Tag key exceeds the maximum length of {MAX_KEY} characters")
        if len(value) > MAX_VALUE:
            raise invalid(f"Tag value exceeds the maximum length of {MAX_VALUE} characters")
        if key in found:
            raise invalid(f"Duplicate tag key '{key}' specified.")
        found[key] = value
    return _limited(found)


def check_key(ctx: Context, key: str) -> None:
    """Raise AWS's error when the caller may neither set nor remove a tag of this key."""
    if is_reserved(key, ctx.principal):
        raise invalid(f"Tag keys starting with 'aws:' are reserved for internal use (key '{key}')")


def merge(old: Tags, new: Tags) -> Tags:
    """``old`` with ``new`` added or put in place; raises ``TagLimitExceeded``."""
    return _limited({**dict(old), **dict(new)})


def _limited(tags: Mapping[str, str]) -> Tags:
    # AWS's own tags do not count.
    if sum(not key.startswith("aws:") for key in tags) > MAX_TAGS:
        raise AwsError("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
    return tuple(tags.items())


def specified(ctx: Context, request: Mapping[str, Any], resource_type: str) -> Tags:
    """The tags that ``TagSpecifications`` of a creation ask for; raises for those of another resource type."""
    return specified_for(ctx, request, (resource_type,))[resource_type]


def specified_for(ctx: Context, request: Mapping[str, Any], resource_types: Sequence[str]) -> dict[str, Tags]:
    """As ``specified``, for an operation that makes several kinds of resource."""
    found: dict[str, Tags] = {name: () for name in resource_types}
    seen = set()
    for specification in request.get("TagSpecifications") or ():
        name = specification.get("ResourceType")
        if not name:
            raise invalid("Tag specification resource type must have a value")
        if name not in found:
            raise invalid(f"'{name}' is not a valid taggable resource type for this operation.")
        if name in seen:
            raise invalid(f"Duplicate tag specification for resource type '{name}'.")
        seen.add(name)
        if not specification.get("Tags"):
            raise invalid("Tag specification must have at least one tag")
        found[name] = parse(ctx, specification["Tags"])
    return found
