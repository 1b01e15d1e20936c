"""GetLogGroupFields: which fields the events of a while have, and how many of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.logs.lookup import group_of
from cloudarium.services.logs.reading.fields import discovered
from cloudarium.services.logs.reading.pages import read
from cloudarium.services.logs.start import running

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import GetLogGroupFieldsRequestTypeDef

_AROUND = 8 * 60_000
_RECENT = 15 * 60_000
_LOOKED_AT = 10_000
"""Events of which fields are found: enough for percentages."""
_ALWAYS = ("@timestamp", "@ingestionTime", "@message", "@logStream", "@log", "@ptr")


@operation()
async def get_log_group_fields(ctx: Context, request: GetLogGroupFieldsRequestTypeDef) -> Answer:
    """Fields of the events around a time, or of the last quarter of an hour; the most frequent first."""
    group = group_of(ctx, request)
    now, time = int(ctx.clock.now() * 1000), request.get("time")
    # The API counts this time in seconds; milliseconds come from those who count everything else so.
    middle = None if time is None else time * 1000 if time < 1 << 35 else time
    start, end = (now - _RECENT, now) if middle is None else (middle - _AROUND, middle + _AROUND)
    page = await read(running(ctx.cloud).storage, group.uid, start, end, None, backwards=True, limit=_LOOKED_AT)
    counted: Counter[str] = Counter()
    for event in page.events:
        counted.update(_ALWAYS)
        counted.update(list(discovered(event.message.decode(errors="replace"))))
    total = max(1, len(page.events))
    return {
        "logGroupFields": [{"name": name, "percent": count * 100 // total} for name, count in counted.most_common()]
    }
