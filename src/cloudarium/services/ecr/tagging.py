"""Tags of repositories and their limits: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-using-tags.html."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.tags import is_reserved

MOST = 50


def from_request(
    principal: Principal, tags: Iterable[Mapping[str, str]], present: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Tags of a request on top of those that are there."""
    merged = dict(present or {})
    for tag in tags:
        key, value = tag["Key"], tag.get("Value", "")
        if not 1 <= len(key) <= 128 or is_reserved(key, principal):
            raise _invalid("tag key", key)
        if len(value) > 256:
            raise _invalid("tag value", value)
        merged[key] = value
    # AWS's own do not count.
    if (count := sum(not key.startswith("aws:") for key in merged)) > MOST:
        message = f"The repository has too many tags: {count} (the limit is {MOST})"
        raise AwsError("TooManyTagsException", message)
    return merged


def without(principal: Principal, tags: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """Tags less some, which need not be there."""
    gone = set(keys)
    if reserved := sorted(key for key in gone if is_reserved(key, principal)):
        raise _invalid("tag key", reserved[0])
    return {key: value for key, value in tags.items() if key not in gone}


def to_response(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API shows them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _invalid(what: str, text: str) -> AwsError:
    message = f"Invalid parameter at 'tags' failed to satisfy constraint: 'Invalid {what}: {text[:140]}'"
    return AwsError("InvalidTagParameterException", message)
