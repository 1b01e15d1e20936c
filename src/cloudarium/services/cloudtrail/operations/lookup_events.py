"""LookupEvents."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError, NotThere
from cloudarium.kernel.paging import BadToken, position, token
from cloudarium.kernel.service import operation
from cloudarium.services.cloudtrail.lookup import ATTRIBUTES, event, has, parse

if TYPE_CHECKING:
    from types_boto3_cloudtrail.type_defs import LookupEventsRequestTypeDef

_JOURNAL = "cloudtrail"
_KEPT = 90 * 86_400
_PAGE = 50
_CHUNK = 200
_SCANNED = 4_000
"""Lines read for one answer. When fewer events were found by then, the answer has fewer, and a token to go on with."""


@operation(partial="management events of this cloud; Insights events are refused")
async def lookup_events(ctx: Context, request: LookupEventsRequestTypeDef) -> Answer:
    """Events of the last 90 days, newest first. An answer may have few events or none and still a NextToken.

    https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
    """
    if "EventCategory" in request:
        raise NotThere("Insights events (EventCategory) in cloudtrail:LookupEvents")
    attribute, value = _attribute(request)
    oldest = ctx.clock.now() - _KEPT
    start = max(oldest, _seconds(request.get("StartTime"), oldest))
    end = _seconds(request.get("EndTime"), 1e18)
    if start > end:
        raise AwsError("InvalidTimeRangeException", "The start time must be before the end time.", 400)
    most = request.get("MaxResults", _PAGE)
    if not 0 < most <= _PAGE:
        raise AwsError("InvalidMaxResultsException", f"MaxResults must be between 1 and {_PAGE}.", 400)
    before = _before(request)
    events: list[dict[str, Any]] = []
    name = value if attribute == "EventName" else None
    for _ in range(0, _SCANNED, _CHUNK):
        lines = ctx.store.read(
            _JOURNAL, ctx.scope, start=start, end=end, key=name, before_id=before, limit=_CHUNK
        )  # fmt: skip
        for line in lines:
            before = line.id
            record = parse(line)
            if attribute is None or has(record, attribute, value):
                events.append(event(line, record))
                if len(events) == most:
                    return {"Events": events, "NextToken": token(before, request)}
        if len(lines) < _CHUNK:
            return {"Events": events}
        # A search far back must not hold up the loop.
        await asyncio.sleep(0)
    return {"Events": events, "NextToken": token(before, request)}


def _attribute(request: LookupEventsRequestTypeDef) -> tuple[str | None, str]:
    attributes = request.get("LookupAttributes", [])
    if not attributes:
        return None, ""
    if len(attributes) > 1:
        message = "You can specify only one lookup attribute in a request."
        raise AwsError("InvalidLookupAttributesException", message, 400)
    key, value = attributes[0]["AttributeKey"], attributes[0]["AttributeValue"]
    if key not in ATTRIBUTES or not value:
        raise AwsError("InvalidLookupAttributesException", f"The lookup attribute {key} is not valid.", 400)
    return key, value


def _before(request: LookupEventsRequestTypeDef) -> int | None:
    text = request.get("NextToken")
    if text is None:
        return None
    try:
        return int(position(text, request))
    except (BadToken, ValueError, TypeError):
        message = "The token is invalid or was used with other parameters than the request it came from."
        raise AwsError("InvalidNextTokenException", message, 400) from None


def _seconds(moment: datetime | str | None, otherwise: float) -> float:
    if moment is None:
        return otherwise
    when = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
    return when.timestamp()
