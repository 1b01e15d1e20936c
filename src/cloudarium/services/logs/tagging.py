"""Tags of log groups and destinations: how many, and what they may be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
