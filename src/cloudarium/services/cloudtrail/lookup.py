"""Events as LookupEvents shows them, and whether one has an attribute.

https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_Event.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from cloudarium.kernel.store import JournalEntry
from cloudarium.services.cloudtrail.resources import resources_of

ATTRIBUTES = frozenset(
    {"EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId"}
)


def has(record: dict[str, Any], attribute: str, value: str) -> bool:
    """Whether a record has a lookup attribute of this value; upper and lower case count."""
    if attribute in ("ResourceType", "ResourceName"):
        place = 0 if attribute == "ResourceType" else 1
        return any(resource[place] == value for resource in _resources(record))
    return _ATTRIBUTES[attribute](record) == value


def event(entry: JournalEntry, record: dict[str, Any]) -> dict[str, Any]:
    """One event; members that do not apply are absent."""
    shown: dict[str, Any] = {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "ReadOnly": _read_only(record),
        "EventTime": datetime.fromtimestamp(int(entry.time), UTC),
        "EventSource": record["eventSource"],
        "Resources": [{"ResourceType": kind, "ResourceName": name} for kind, name in _resources(record)],
        "CloudTrailEvent": bytes(entry.data).decode(),
    }
    if access_key := _access_key(record):
        shown["AccessKeyId"] = access_key
    if user := _user_name(record):
        shown["Username"] = user
    return shown


def parse(entry: JournalEntry) -> dict[str, Any]:
    """The record in a line of the journal."""
    record: dict[str, Any] = msgspec.json.decode(entry.data)
    return record


def _resources(record: dict[str, Any]) -> list[tuple[str, str]]:
    return resources_of(record.get("requestParameters"), record.get("responseElements"))


def _read_only(record: dict[str, Any]) -> str:
    return "true" if record.get("readOnly") else "false"


def _access_key(record: dict[str, Any]) -> str:
    return str(record.get("userIdentity", {}).get("accessKeyId") or "")


def _user_name(record: dict[str, Any]) -> str:
    """The user's name; of a role session its name; ``root`` for the root user; the service that called."""
    identity = record.get("userIdentity", {})
    kind = identity.get("type")
    if kind == "Root":
        return "root"
    if kind == "AWSService":
        return str(identity.get("invokedBy", ""))
    if name := identity.get("userName"):
        return str(name)
    return str(identity.get("arn", "")).rpartition("/")[2]


_ATTRIBUTES: dict[str, Callable[[dict[str, Any]], str]] = {
    "EventId": lambda record: str(record["eventID"]),
    "EventName": lambda record: str(record["eventName"]),
    "ReadOnly": _read_only,
    "Username": _user_name,
    "EventSource": lambda record: str(record["eventSource"]),
    "AccessKeyId": _access_key,
}
