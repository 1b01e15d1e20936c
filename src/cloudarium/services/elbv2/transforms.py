"""Transforms of a rule: rewriting the host header or the URL of requests before they go to a target.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-transforms.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cloudarium.services.elbv2.errors import invalid
from cloudarium.services.elbv2.patterns import Found, regex

_MEMBERS = {"host-header-rewrite": "HostHeaderRewriteConfig", "url-rewrite": "UrlRewriteConfig"}
_LONGEST = 1024
_GROUP = re.compile(r"\$(\d+)")


def parse(transforms: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The request's transforms, checked."""
    kinds = [transform["Type"] for transform in transforms]
    for kind in _MEMBERS:
        if kinds.count(kind) > 1:
            raise invalid(f"A rule can only have one '{kind}' transform")
    return tuple(_parse_one(transform) for transform in transforms)


def _parse_one(transform: Mapping[str, Any]) -> dict[str, Any]:
    kind = transform["Type"]
    member = _MEMBERS[kind]
    for other, owner in _MEMBERS.items():
        if owner in transform and other != kind:
            raise invalid(f"'{owner}' cannot be specified with a transform of type '{kind}'")
    rewrites = transform.get(member, {}).get("Rewrites", ())
    if len(rewrites) != 1:
        raise invalid(f"A transform of type '{kind}' must have exactly one rewrite in '{member}'")
    rewrite = rewrites[0]
    for what in ("Regex", "Replace"):
        if len(rewrite[what]) > _LONGEST:
            raise invalid(f"The '{what}' value is too long; the limit is '{_LONGEST}'")
    try:
        groups = regex(rewrite["Regex"]).groups
    except ValueError as error:
        raise invalid(f"The regular expression '{rewrite['Regex']}' is not valid: {error}") from None
    for number in _GROUP.findall(rewrite["Replace"]):
        if int(number) > groups:
            raise invalid(f"The replacement '{rewrite['Replace']}' names a capture group that does not exist")
    return {"Type": kind, member: {"Rewrites": [{"Regex": rewrite["Regex"], "Replace": rewrite["Replace"]}]}}


def replacement(text: str) -> Callable[[Found], str]:
    """What makes a transform's replacement of a match: ``$1`` is what the first group found, or nothing."""
    first, *pieces = _GROUP.split(text)
    numbers, plain = [int(number) for number in pieces[::2]], pieces[1::2]

    def replace(found: Found) -> str:
        parts = [(found.group(number) or "") + after for number, after in zip(numbers, plain, strict=True)]
        return first + "".join(parts)

    return replace
