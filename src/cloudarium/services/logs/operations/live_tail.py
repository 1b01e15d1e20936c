"""StartLiveTail: a stream of what comes in."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.service import operation
from cloudarium.services.logs import arns
from cloudarium.services.logs.errors import invalid, not_possible, too_many
from cloudarium.services.logs.filters.quotas import checked_pattern
from cloudarium.services.logs.filters.tails import MOST_SESSIONS, Tail, Tails, identifier
from cloudarium.services.logs.lookup import group_identified
from cloudarium.services.logs.resources import STANDARD
from cloudarium.services.logs.start import running

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import StartLiveTailRequestTypeDef

_BUFFERED = 10
"""Updates kept for a slow client; older ones are dropped, as on AWS."""


@operation()
async def start_live_tail(ctx: Context, request: StartLiveTailRequestTypeDef) -> Answer:
    """Show events of up to ten groups as they come in, for up to three hours."""
    named = request["logGroupIdentifiers"]
    if any(not each.startswith("arn:") or arns.parse_group(each) is None for each in named):
        raise invalid("logGroupIdentifiers must be ARNs of log groups.")
    groups = [group_identified(ctx, each) for each in named]
    for group in groups:
        if group.log_class != STANDARD:
            raise not_possible(f"Live Tail is not supported for log groups of the class {group.log_class}.")
    names, prefixes = request.get("logStreamNames") or [], request.get("logStreamNamePrefixes") or []
    if names and prefixes:
        raise invalid("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.")
    if (names or prefixes) and len(groups) > 1:
        raise invalid("Log streams can be specified only when one log group is.")
    pattern = checked_pattern(request.get("logEventFilterPattern") or "")
    tails = running(ctx.cloud).filters.tails
    if tails.count(ctx.account) >= MOST_SESSIONS:
        raise too_many()
    session = _Session()
    tail = Tail(
        {group.uid: identifier(ctx.scope, group) for group in groups},
        pattern,
        frozenset(names),
        tuple(prefixes),
        session.update,
        session.end,
    )
    tails.add(ctx.account, tail)
    start: dict[str, Any] = {
        "requestId": ctx.request_id,
        "sessionId": request_id(),
        "logGroupIdentifiers": list(named),
        "logEventFilterPattern": request.get("logEventFilterPattern") or "",
        "logStreamNames": list(names),
        "logStreamNamePrefixes": list(prefixes),
    }
    return {"responseStream": session.events(start, tails, tail)}


class _Session:
    """Between the tail, which is told of updates, and the client, which takes them when it can."""

    def __init__(self) -> None:
        self._updates: deque[dict[str, Any]] = deque(maxlen=_BUFFERED)
        self._wake = asyncio.Event()
        self._ended = False

    def update(self, update: dict[str, Any]) -> None:
        self._updates.append(update)
        self._wake.set()

    def end(self) -> None:
        self._ended = True
        self._wake.set()

    async def events(self, start: dict[str, Any], tails: Tails, tail: Tail) -> AsyncIterator[dict[str, Any]]:
        """The members of the event stream, one after another; the session is over when nobody asks for more."""
        try:
            yield {"sessionStart": start}
            while True:
                while self._updates:
                    yield {"sessionUpdate": self._updates.popleft()}
                if self._ended:
                    yield {"SessionTimeoutException": {"message": "The Live Tail session has timed out."}}
                    return
                self._wake.clear()
                await self._wake.wait()
        finally:
            tails.remove(tail)
