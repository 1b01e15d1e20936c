"""Log streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.logs import arns, tokens
from cloudarium.services.logs.errors import exists, invalid, no_stream, unavailable
from cloudarium.services.logs.eventids import sequence_token
from cloudarium.services.logs.lookup import check_stream_name, group_named, group_of
from cloudarium.services.logs.resources import LogGroup
from cloudarium.services.logs.start import running
from cloudarium.services.logs.storage import StreamRow

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        CreateLogStreamRequestTypeDef,
        DeleteLogStreamRequestTypeDef,
        DescribeLogStreamsRequestTypeDef,
    )


@operation()
def create_log_stream(ctx: Context, request: CreateLogStreamRequestTypeDef) -> Answer:
    """Make an empty stream."""
    group, name = group_named(ctx, request["logGroupName"]), request["logStreamName"]
    check_stream_name(name)
    try:
        made = running(ctx.cloud).storage.catalog.create(group.uid, name, int(ctx.clock.now() * 1000))
    except OSError as error:
        raise unavailable(error) from error
    if not made:
        raise exists("The specified log stream already exists")
    return {}


@operation()
def delete_log_stream(ctx: Context, request: DeleteLogStreamRequestTypeDef) -> Answer:
    """Delete a stream; its events are no longer found and go with their files."""
    group = group_named(ctx, request["logGroupName"])
    try:
        gone = running(ctx.cloud).storage.catalog.delete(group.uid, request["logStreamName"])
    except OSError as error:
        raise unavailable(error) from error
    if gone is None:
        raise no_stream()
    return {}


@operation()
def describe_log_streams(ctx: Context, request: DescribeLogStreamsRequestTypeDef) -> Answer:
    """List streams by name or by the time of their last event."""
    group = group_of(ctx, request)
    catalog = running(ctx.cloud).storage.catalog
    prefix, descending = request.get("logStreamNamePrefix") or "", bool(request.get("descending"))
    limit = request.get("limit") or 50
    if request.get("orderBy") == "LastEventTime":
        if prefix:
            raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        after = tokens.position(request, tuple[tokens.Number, str])
        rows = catalog.by_last(group.uid, after=after, descending=descending, limit=limit + 1)
    else:
        after = tokens.position(request, str)
        rows = catalog.by_name(group.uid, prefix=prefix, after=after, descending=descending, limit=limit + 1)
    answer: Answer = {"logStreams": [_view(ctx, group, row) for row in rows[:limit]]}
    if len(rows) > limit:
        last = rows[limit - 1]
        by_last = request.get("orderBy") == "LastEventTime"
        place = [-1 if last.last is None else last.last, last.name] if by_last else last.name
        answer["nextToken"] = tokens.token(place, request)
    return answer


def _view(ctx: Context, group: LogGroup, row: StreamRow) -> Answer:
    shown: Answer = {
        "logStreamName": row.name,
        "creationTime": row.created,
        "arn": arns.stream_arn(ctx.scope, group.name, row.name),
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogStream.html: always 0 since 2019.
        "storedBytes": 0,
        "uploadSequenceToken": sequence_token(row.id, row.ingested or row.created),
    }
    if row.last is not None:
        shown |= {
            "firstEventTimestamp": row.first,
            "lastEventTimestamp": row.last,
            "lastIngestionTime": row.ingested,
        }
    return shown
