"""Tags of log groups and destinations: how many, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cloudarium.kernel.errors import AwsError
from cloudarium.services.logs.errors import invalid

MOST = 50


def checked(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """``old`` with ``new`` added; raises when there are too many or one is AWS's own."""
    if any(key.lower().startswith("aws:") for key in new):
        raise invalid("Tag keys starting with aws: are reserved for system use.")
    tags = {**old, **new}
    if len(tags) > MOST:
        raise AwsError("TooManyTagsException", f"A resource can have no more than {MOST} tags.", 400)
    return tags


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
