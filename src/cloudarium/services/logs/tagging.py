"""Tags of log groups and destinations: how many, and what they may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal
from cloudarium.kernel.tags import is_reserved
from cloudarium.services.logs.errors import invalid

MOST = 50


def checked(principal: Principal, old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """``old`` with ``new`` added; raises when there are too many or one is AWS's own."""
    _refuse_reserved(principal, new)
    tags = {**old, **new}
    # AWS's own do not count.
    if sum(not key.startswith("aws:") for key in tags) > MOST:
        raise AwsError("TooManyTagsException", f"A resource can have no more than {MOST} tags.", 400)
    return tags


def without(principal: Principal, tags: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """Tags less those of some keys; raises when one is AWS's own."""
    gone = set(keys)
    _refuse_reserved(principal, gone)
    return {key: value for key, value in tags.items() if key not in gone}


def _refuse_reserved(principal: Principal, keys: Iterable[str]) -> None:
    if any(is_reserved(key, principal) for key in keys):
        raise invalid("Tag keys starting with aws: are reserved for system use.")


def tagged(tags: Mapping[str, str], key: str, values: Sequence[str]) -> bool:
    """Whether a filter of tags finds something with ``tags``: the key, with one of the values if there are any.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagFilter.html: ``*`` at an end of a value
    stands for anything, then whatever the case; ``!`` before one negates it.
    """
    return key in tags and (not values or any(_fits(tags[key], each) for each in values))


def _fits(value: str, wanted: str) -> bool:
    if wanted.startswith("!"):
        return not _fits(value, wanted[1:])
    before, after = wanted.startswith("*"), wanted.endswith("*")
    if not before and not after:
        return value == wanted
    value, wanted = value.lower(), wanted.strip("*").lower()
    if before and after:
        return wanted in value
    return value.endswith(wanted) if before else value.startswith(wanted)
