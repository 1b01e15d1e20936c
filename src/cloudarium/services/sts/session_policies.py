"""What may be passed along with a session: policies and tags, their limits and their packed size.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from cloudarium.kernel.errors import AwsError

MAX_PLAIN = 2_048
MAX_ARNS = 10
_PACKED_SPACE = 1_024
"""Bytes of packed policies and tags that are 100 percent. AWS's own packing is not documented; this is zlib's."""


class Passed(NamedTuple):
    """Policies (inline text, then ARNs) and tags of a session, and their packed size in percent of what is allowed."""

    policies: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    packed_percent: int


def passed(request: Mapping[str, Any], inherited: tuple[tuple[str, str], ...] = ()) -> Passed:
    """Check and pack Policy, PolicyArns and Tags of a request. ``inherited`` are transitive tags of the caller's."""
    inline = request.get("Policy")
    arns = [each["arn"] for each in request.get("PolicyArns", []) if "arn" in each]
    if inline is not None:
        _check_document(inline)
    if len(arns) > MAX_ARNS:
        raise AwsError("ValidationError", f"Cannot exceed quota for PolicyArnsPerSession: {MAX_ARNS}", 400)
    plain = len(inline or "") + sum(len(arn) for arn in arns)
    if plain > MAX_PLAIN:
        percent = -(-plain * 100 // MAX_PLAIN)
        raise _too_large(f"Packed policy consumes {percent}% of allotted space, please use smaller policy.")
    tags = tuple((tag["Key"], tag["Value"]) for tag in request.get("Tags", []))
    _check_tags(tags, inherited)
    policies = (inline, *arns) if inline is not None else tuple(arns)
    percent = _packed_percent(policies, tags)
    if percent > 100:
        what = "session tags consumes" if not policies else "policies and session tags consumes"
        raise _too_large(f"Packed size of {what} {percent}% of allotted space.")
    own = {key.lower() for key, _ in tags}
    return Passed(policies, tags + tuple(tag for tag in inherited if tag[0].lower() not in own), percent)


def _check_document(text: str) -> None:
    try:
        document = json.loads(text)
    except ValueError:
        raise AwsError("MalformedPolicyDocument", "Syntax errors in policy.", 400) from None
    statements = document.get("Statement") if isinstance(document, dict) else None
    for statement in statements if isinstance(statements, list) else [statements]:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise AwsError("MalformedPolicyDocument", "Syntax errors in policy.", 400)
        if "Principal" in statement or "NotPrincipal" in statement:
            raise AwsError("MalformedPolicyDocument", "Policy document should not specify a principal.", 400)


def _check_tags(tags: tuple[tuple[str, str], ...], inherited: tuple[tuple[str, str], ...]) -> None:
    keys = [key.lower() for key, _ in tags]
    if len(set(keys)) != len(keys):
        message = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        raise AwsError("InvalidParameterValue", message, 400)
    if any(key.startswith("aws:") for key in keys):
        raise AwsError("InvalidParameterValue", "Tag keys may not begin with aws:.", 400)
    if fixed := {key.lower() for key, _ in inherited}.intersection(keys):
        message = f"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session: {', '.join(sorted(fixed))}"  # noqa: E501
        raise AwsError("InvalidParameterValue", message, 400)


def _packed_percent(policies: tuple[str, ...], tags: tuple[tuple[str, str], ...]) -> int:
    if not policies and not tags:
        return 0
    packed = len(zlib.compress(json.dumps([policies, tags]).encode(), 9))
    return max(1, -(-packed * 100 // _PACKED_SPACE))


def _too_large(message: str) -> AwsError:
    return AwsError("PackedPolicyTooLarge", message, 400)
