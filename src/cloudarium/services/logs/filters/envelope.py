"""What a subscription's destination gets: events of one stream as gzipped JSON.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


def control_message(kind: str, now: int) -> bytes:
    """What AWS sends to see whether a destination (``Kinesis``, ``Firehose``) can be reached. ``now``: milliseconds."""
    return gzip.compress(
        _encode(
            {
                "messageType": "CONTROL_MESSAGE",
                "owner": "CloudwatchLogs",
                "logGroup": "",
                "logStream": "",
                "subscriptionFilters": [],
                "logEvents": [
                    {
                        "id": "",
                        "timestamp": now,
                        "message": f"CWL CONTROL MESSAGE: Checking health of destination {kind}.",
                    }
                ],
            }
        ),
        6,
    )


def envelope(owner: str, group: str, stream: str, name: str, *, account: bool = False) -> dict[str, Any]:
    """What a message tells besides its events; ``account``: that the filter is the account's policy."""
    about: dict[str, Any] = {
        "messageType": "DATA_MESSAGE",
        "owner": owner,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": [name],
    }
    return about | ({"policyLevel": "ACCOUNT_LEVEL_POLICY"} if account else {})


def data_messages(
    about: Mapping[str, Any], events: Sequence[dict[str, Any]], limit: int
) -> Iterator[tuple[bytes, int]]:
    """Gzipped messages of at most ``limit`` bytes and how many events are in each.

    A single event that cannot be made to fit is passed on all the same: the destination says what it thinks of it.
    """
    packed = gzip.compress(_encode({**about, "logEvents": events}), 6)
    if len(packed) <= limit or len(events) == 1:
        yield packed, len(events)
        return
    half = len(events) // 2
    yield from data_messages(about, events[:half], limit)
    yield from data_messages(about, events[half:], limit)
