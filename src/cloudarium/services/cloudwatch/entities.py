"""What points belong to: the ``Entity`` of PutMetricData.

No operation of CloudWatch gives entities back, so they are checked and not kept. A faulty one matters only where a
request asks for it (StrictEntityValidation); otherwise the points are taken without it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/adding-your-own-related-telemetry.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RESOURCE = frozenset({"ResourceType", "Identifier"})
_SERVICE = frozenset({"Name", "Environment"})
_REQUIRED: Mapping[str, frozenset[str]] = {
    "AWS::Resource": _RESOURCE, "Resource": _RESOURCE,
    "AWS::Service": _SERVICE, "RemoteService": _SERVICE - {"Environment"}, "Service": _SERVICE,
}  # fmt: skip
_KEYS = frozenset({"Type", "Environment"}) | _RESOURCE | _SERVICE


def fault(entity: Mapping[str, Any]) -> str:
    """What is wrong with an entity, "" when nothing is."""
    keys: Mapping[str, str] = entity.get("KeyAttributes", {})
    if unknown := sorted(keys.keys() - _KEYS):
        return f"the key attribute {unknown[0]} is not known"
    if "Type" not in keys:
        return "the key attribute Type is missing"
    required = _REQUIRED.get(keys["Type"])
    if required is None:
        return f"the Type {keys['Type']} is not known"
    if missing := sorted(required - keys.keys()):
        return f"the key attribute {missing[0]} is missing"
    return ""
