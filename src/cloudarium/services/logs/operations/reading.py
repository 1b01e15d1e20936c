"""GetLogEvents, FilterLogEvents, GetLogRecord."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.logs import tokens
from cloudarium.services.logs.errors import invalid, no_group, no_stream, not_found, not_possible
from cloudarium.services.logs.eventids import event_id, page_token, parse_page_token, parse_pointer, pointer
from cloudarium.services.logs.filters.quotas import checked_pattern
from cloudarium.services.logs.lookup import group_of, owner
from cloudarium.services.logs.protection.history import histories
from cloudarium.services.logs.reading.masking import mask_of
from cloudarium.services.logs.reading.pages import Event, read
from cloudarium.services.logs.resources import STANDARD, LogGroup
from cloudarium.services.logs.start import running

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        FilterLogEventsRequestTypeDef,
        GetLogEventsRequestTypeDef,
        GetLogRecordRequestTypeDef,
    )

_EVER = 1 << 61
_LATEST = 1 << 42
"""No event is as late as this (the year 2109): tokens hold times up to here."""
_DESCENDING_FROM = 1_704_067_200_000
"""2024-01-01: FilterLogEvents goes backwards only from there on."""


def _oldest(ctx: Context, group: LogGroup) -> int:
    """Events before this have expired, whether or not their file is gone yet."""
    if group.retention is None:
        return 0
    return int((ctx.clock.now() - group.retention * 86_400) * 1000)


@operation()
async def get_log_events(ctx: Context, request: GetLogEventsRequestTypeDef) -> Answer:
    """One page of a stream, with tokens for the pages before and after it.

    At either end of the stream the token that was given comes back, as AWS documents.
    """
    group = group_of(ctx, request)
    if group.log_class != STANDARD:
        raise not_possible(f"GetLogEvents is not supported for log groups of the class {group.log_class}.")
    storage = running(ctx.cloud).storage
    row = storage.catalog.find(group.uid, request["logStreamName"])
    if row is None:
        raise no_stream()
    start = min(max(request.get("startTime") or 0, _oldest(ctx, group)), _LATEST)
    end = request.get("endTime")
    # endTime itself is not included (FilterLogEvents includes it).
    last = _EVER if end is None else end - 1
    if end is not None and (request.get("startTime") or 0) > end:
        raise invalid("startTime must be before endTime.")
    backwards, after, given = not request.get("startFromHead"), None, request.get("nextToken")
    if given is not None:
        parsed = parse_page_token(given)
        if parsed is None:
            raise tokens.bad_token()
        backwards, after = parsed[0] == "b", parsed[1]
    limit = request.get("limit") or 10_000
    # Files from before the stream's first event or after its last need not be looked at.
    low, high = max(start, row.first or 0), min(last, row.last if row.last is not None else -1)
    page = await read(storage, group.uid, low, high, [row.id], after=after, backwards=backwards, limit=limit)
    found = page.events[::-1] if backwards else page.events
    if found:
        before, beyond = found[0].place, found[-1].place
    elif after is None:
        before = beyond = start, -1
    else:
        # The token that was given comes back. The other one leads back to what the page before it showed: neither
        # way is the event at its place itself included.
        time, seq = after
        before, beyond = (after, (time, seq - 1)) if backwards else ((time, seq + 1), after)
    mask = mask_of(histories(ctx.store, ctx.scope, group), bool(request.get("unmask")))
    return {
        "events": [{"timestamp": each.time, "message": mask(each), "ingestionTime": each.ingested} for each in found],
        "nextForwardToken": page_token("f", beyond),
        "nextBackwardToken": page_token("b", before),
    }


@operation()
async def filter_log_events(ctx: Context, request: FilterLogEventsRequestTypeDef) -> Answer:
    """Search a group, or some of its streams, with a filter pattern."""
    group = group_of(ctx, request)
    if group.log_class != STANDARD:
        raise not_possible(f"FilterLogEvents is not supported for log groups of the class {group.log_class}.")
    pattern = checked_pattern(request.get("filterPattern") or "")
    place = tokens.position(request, tuple[bool, tokens.Number, tokens.Number])
    backwards = request.get("startFromHead") is False
    after = None
    if place is not None:
        backwards, after = place[0], (place[1], place[2])
    elif backwards and (request.get("startTime") or 0) < _DESCENDING_FROM:
        raise invalid("startFromHead can be false only when startTime is on or after 2024-01-01T00:00:00Z.")
    start, end = max(request.get("startTime") or 0, _oldest(ctx, group)), request.get("endTime")
    last = _EVER if end is None else end
    if (request.get("startTime") or 0) > last:
        raise invalid("startTime cannot be greater than endTime.")
    storage = running(ctx.cloud).storage
    streams = _streams(ctx, group, request)
    limit = request.get("limit") or 10_000
    page = await read(
        storage, group.uid, start, last, streams, after=after, backwards=backwards, limit=limit,
        pattern=None if pattern.everything else pattern,
    )  # fmt: skip
    names = storage.catalog.names({each.stream for each in page.events})
    mask = mask_of(histories(ctx.store, ctx.scope, group), bool(request.get("unmask")))
    answer: Answer = {
        "events": [
            {
                "logStreamName": names[each.stream],
                "timestamp": each.time,
                "message": mask(each),
                "ingestionTime": each.ingested,
                "eventId": event_id(each.time, each.seq),
            }
            for each in page.events
            # A stream that was deleted since.
            if each.stream in names
        ],
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html: always empty
        # since 2020.
        "searchedLogStreams": [],
    }
    if page.next is not None:
        answer["nextToken"] = tokens.token([backwards, *page.next], request)
    return answer


def _streams(ctx: Context, group: LogGroup, request: FilterLogEventsRequestTypeDef) -> list[int] | None:
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
    catalog = running(ctx.cloud).storage.catalog
    if names and prefix:
        raise invalid("logStreamNamePrefix and logStreamNames are mutually exclusive parameters.")
    if names:
        found = [catalog.id_of(group.uid, name) for name in names]
        if None in found:
            raise no_stream()
        return [each for each in found if each is not None]
    if prefix:
        ids = catalog.ids_with_prefix(group.uid, prefix)
        if not ids:
            raise no_stream()
        return ids
    return None


@operation()
async def get_log_record(ctx: Context, request: GetLogRecordRequestTypeDef) -> Answer:
    """All fields of one event that a query pointed out (``@ptr``)."""
    text = request["logRecordPointer"]
    place = parse_pointer(text)
    if place is None:
        raise invalid("The specified log record pointer is invalid.")
    uid, timestamp, seq = place
    found = owner(ctx, uid)
    if found is None:
        raise no_group()
    group = found[1]
    storage = running(ctx.cloud).storage
    page = await read(storage, uid, timestamp, timestamp, None, after=(timestamp, seq - 1), limit=1)
    if not page.events or page.events[0].seq != seq or timestamp < _oldest(ctx, group):
        raise not_found("The specified log record does not exist.")
    event = page.events[0]
    mask = mask_of(histories(ctx.store, ctx.scope, group), bool(request.get("unmask")))
    return {"logRecord": _record(ctx, group, event, mask(event))}


def _record(ctx: Context, group: LogGroup, event: Event, message: str) -> dict[str, str]:
    from cloudarium.services.logs.reading.fields import discovered

    catalog = running(ctx.cloud).storage.catalog
    name = catalog.names([event.stream]).get(event.stream, "")
    entity = discovered(catalog.entities.at(event.stream, event.seq) or "")
    return {
        "@timestamp": str(event.time),
        "@ingestionTime": str(event.ingested),
        "@message": message,
        "@logStream": name,
        "@log": f"{ctx.account}:{group.name}",
        "@ptr": pointer(group.uid, event.time, event.seq),
        **discovered(message),
        **{f"@entity.{field}": value for field, value in entity.items()},
    }
