"""What a subscription's destination gets: events of one stream as gzipped JSON.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
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


def data_messages(
    owner: str, group: str, stream: str, name: str, events: Sequence[dict[str, Any]], limit: int
) -> Iterator[tuple[bytes, int]]:
    """Gzipped messages of at most ``limit`` bytes and how many events are in each.

    A single event that cannot be made to fit is passed on all the same: the destination says what it thinks of it.
    """
    message = {
        "messageType": "DATA_MESSAGE",
        "owner": owner,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": [name],
        "logEvents": events,
    }
    packed = gzip.compress(_encode(message), 6)
    if len(packed) <= limit or len(events) == 1:
        yield packed, len(events)
        return
    half = len(events) // 2
    yield from data_messages(owner, group, stream, name, events[:half], limit)
    yield from data_messages(owner, group, stream, name, events[half:], limit)
