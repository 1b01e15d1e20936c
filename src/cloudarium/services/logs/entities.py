"""What log events belong to: the ``entity`` of PutLogEvents, which Logs Insights shows as ``@entity.…``.

A faulty entity is refused by its kind of fault, and the events are taken all the same. Which fault has which name is
AWS's list of names put to use; AWS documents no more than the names.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/adding-your-own-related-telemetry.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_RejectedEntityInfo.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from cloudarium.services.logs.resources import STANDARD, LogGroup

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import EntityTypeDef

_RESOURCE = frozenset({"ResourceType", "Identifier"})
_SERVICE = frozenset({"Name"})
_REQUIRED: Mapping[str, frozenset[str]] = {
    "AWS::Resource": _RESOURCE, "Resource": _RESOURCE,
    "AWS::Service": _SERVICE, "RemoteService": _SERVICE, "Service": _SERVICE,
}  # fmt: skip
_ALWAYS = frozenset({"Type", "Environment"})
_KEYS = _ALWAYS | _RESOURCE | _SERVICE


def fault(entity: EntityTypeDef, group: LogGroup) -> str | None:
    """The ``errorType`` by which an entity is rejected; None when it is taken."""
    keys = entity.get("keyAttributes", {})
    if group.log_class != STANDARD:
        return "UnsupportedLogGroupType"
    if "Type" not in keys:
        return "MissingRequiredFields"
    required = _REQUIRED.get(keys["Type"])
    if required is None:
        return "InvalidTypeValue"
    if keys.keys() - (_ALWAYS | required):
        return "InvalidKeyAttributes"
    return "MissingRequiredFields" if required - keys.keys() else None


def text_of(entity: EntityTypeDef) -> str:
    """An entity as JSON, the same for the same entity; its members are named as Logs Insights names them."""
    shown = {"KeyAttributes": entity.get("keyAttributes", {}), "Attributes": entity.get("attributes", {})}
    return msgspec.json.encode({name: value for name, value in shown.items() if value}, order="sorted").decode()
