"""Bucket policies whose statements have conditions.

moto takes a condition that does not hold for a denial, and so refuses whatever a statement such as "deny what does not
come over TLS" is about, which every bucket of CDK's has. Here such a statement says nothing, as on AWS. Of conditions
only one can be told: calls to the cloud's one port count as secure, since nothing leaves the machine. A statement with
any other condition says nothing either; policies are not enforced yet (docs/features.md, PLAT-8).
"""

from __future__ import annotations

import json
from typing import Any

_SECURE = "aws:securetransport"
_installed = False


def install() -> None:
    """Put this in place of moto's. Harmless when done again."""
    global _installed
    if _installed:
        return
    _installed = True
    from moto.s3.models import FakeBucket

    def get_permission(self: Any, action: str, resource: str) -> Any:
        from moto.iam.access_control import IAMPolicy, PermissionResult

        if self.policy is None:
            return PermissionResult.NEUTRAL
        return IAMPolicy(json.dumps(told(json.loads(self.policy)))).is_action_permitted(action, resource)

    FakeBucket.get_permission = get_permission  # type: ignore[method-assign]


def told(policy: dict[str, Any]) -> dict[str, Any]:
    """A policy without the statements whose conditions do not hold or cannot be told; the others without conditions."""
    statements = policy.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    kept = [each for each in statements if _holds(each.get("Condition") or {})]
    plain = [{key: value for key, value in each.items() if key != "Condition"} for each in kept]
    return {**policy, "Statement": plain}


def _holds(conditions: Any) -> bool:
    return isinstance(conditions, dict) and all(
        operator.removesuffix("IfExists") == "Bool"
        and isinstance(wanted, dict)
        and all(key.lower() == _SECURE and _true(value) for key, value in wanted.items())
        for operator, wanted in conditions.items()
    )


def _true(value: Any) -> bool:
    return any(str(each).lower() == "true" for each in (value if isinstance(value, list) else [value]))
