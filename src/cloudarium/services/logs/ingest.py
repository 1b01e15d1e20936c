"""What PutLogEvents takes of a batch: the rules of its documentation, purely.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from cloudarium.services.logs.errors import failed_validation, invalid

MAX_BATCH = 1_048_576
OVERHEAD = 26
"""Bytes that AWS counts for every event besides its message."""
MAX_EVENTS = 10_000
_DAY = 86_400_000
_FUTURE = 2 * 3_600_000
PAST = 14 * _DAY
"""Milliseconds by which an event may be older than the call that brings it."""


class Accepted(NamedTuple):
    """Which events of a batch are taken (``start`` to ``end``), and ``rejectedLogEventsInfo`` for the others."""

    start: int
    end: int
    rejected: dict[str, int]


def check(times: list[int], messages: list[bytes], now: int, retention_days: int | None) -> Accepted:
    """Hold a batch against the rules; raises InvalidParameterException when none of it can be taken.

    ``now`` and ``times`` are milliseconds since 1970.
    """
    count = len(times)
    if not 1 <= count <= MAX_EVENTS:
        bound = f"less than or equal to {MAX_EVENTS}" if count else "greater than or equal to 1"
        raise failed_validation("logEvents", "[]", f"Member must have length {bound}")
    size = sum(map(len, messages)) + OVERHEAD * count
    if size > MAX_BATCH:
        largest = max(map(len, messages)) + OVERHEAD
        if largest > MAX_BATCH:
            raise invalid(f"Log event too large: {largest} bytes exceeds limit of {MAX_BATCH}")
        raise invalid(f"Upload too large: {size} bytes exceeds limit of {MAX_BATCH}")
    if count > 1 and times != sorted(times):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    # Only valid events count for the span of 24 hours.
    too_old = bisect_left(times, now - PAST)
    too_new = bisect_right(times, now + _FUTURE)
    expired = bisect_left(times, now - retention_days * _DAY) if retention_days is not None else 0
    start = max(too_old, expired)
    rejected = {}
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired > too_old:
        rejected["expiredLogEventEndIndex"] = expired
    if too_new < count:
        rejected["tooNewLogEventStartIndex"] = too_new
    if start < too_new and times[too_new - 1] - times[start] > _DAY:
        raise invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    return Accepted(start, max(start, too_new), rejected)
