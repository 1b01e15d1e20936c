"""Tags of log groups and destinations: how many, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping

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
