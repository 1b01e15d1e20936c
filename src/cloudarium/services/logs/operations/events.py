"""PutLogEvents."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.logs import entities
from cloudarium.services.logs.errors import failed_validation, no_stream, unavailable
from cloudarium.services.logs.eventids import sequence_token
from cloudarium.services.logs.ingest import check
from cloudarium.services.logs.lookup import group_named
from cloudarium.services.logs.start import running

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import PutLogEventsRequestTypeDef

log = logging.getLogger(__name__)


@operation(data=("logEvents",))
def put_log_events(ctx: Context, request: PutLogEventsRequestTypeDef) -> Answer:
    """Take events of a stream. The call is answered when they are on disk, and seen by every filter."""
    group = group_named(ctx, request["logGroupName"])
    parts = running(ctx.cloud)
    stream = parts.storage.catalog.id_of(group.uid, request["logStreamName"])
    if stream is None:
        raise no_stream()
    events = request["logEvents"]
    times = [event["timestamp"] for event in events]
    messages = [_bytes(event["message"]) for event in events]
    if not all(messages):
        raise failed_validation(
            "logEvents", "[]", "Member must satisfy constraint: [Member must have length greater than or equal to 1]"
        )
    now = int(ctx.clock.now() * 1000)
    taken = check(times, messages, now, group.retention)
    if taken.start or taken.end < len(times):
        times, messages = times[taken.start : taken.end], messages[taken.start : taken.end]
    given = request.get("entity")
    fault = entities.fault(given, group) if given is not None else None
    if times:
        entity = entities.text_of(given) if given is not None and fault is None else None
        try:
            first = parts.storage.append(group.uid, stream, now, times, messages, entity)
        except OSError as error:
            log.error("log events could not be written: %s", error)
            raise unavailable(error) from error
        parts.filters.ingested(ctx.scope, group, stream, request["logStreamName"], first, now, times, messages)
    answer: Answer = {"nextSequenceToken": sequence_token(stream, now)}
    if taken.rejected:
        answer["rejectedLogEventsInfo"] = taken.rejected
    if fault is not None:
        answer["rejectedEntityInfo"] = {"errorType": fault}
    return answer


def _bytes(message: str) -> bytes:
    try:
        return message.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, which JSON can spell and UTF-8 cannot.
        return message.encode(errors="replace")
