"""A lookup table's content from what CreateLookupTable and UpdateLookupTable are given."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.errors import invalid
from cloudarium.services.logs.insights.records import CANCELLED, COMPLETE, QueryRun
from cloudarium.services.logs.lookups import csvs
from cloudarium.services.logs.start import running

_LARGEST = f"The content of a lookup table must not exceed {csvs.MOST_BYTES} bytes."


class Content(NamedTuple):
    """A body that is on disk under ``file``, and what is in it."""

    file: str
    columns: tuple[str, ...]
    rows: int
    size: int


async def content(ctx: Context, request: Mapping[str, Any]) -> Content:
    """Check and write what ``tableBody`` or ``queryId`` gives. Raises InvalidParameterException.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLookupTable.html
    """
    body, query = request.get("tableBody"), request.get("queryId")
    if (body is None) == (query is None):
        raise invalid("You must specify either tableBody or queryId, but not both.")
    if request.get("kmsKeyId"):
        raise NotThere("Encryption of lookup tables with KMS keys (kmsKeyId)")
    if body is None:
        found = await _of_query(ctx, str(query))
        return await asyncio.to_thread(_written, ctx, found)
    return await asyncio.to_thread(_written, ctx, body)


def _written(ctx: Context, found: str | list[list[tuple[str, str]]]) -> Content:
    text = found if isinstance(found, str) else _table(found)
    try:
        body = text.encode()
    except UnicodeEncodeError as error:
        raise invalid("The content of a lookup table must use UTF-8 encoding.") from error
    if len(body) > csvs.MOST_BYTES:
        raise invalid(_LARGEST)
    try:
        columns, count = csvs.count(text)
    except csvs.BadCsv as error:
        raise invalid(str(error)) from error
    return Content(running(ctx.cloud).lookups.write(body), columns, count, len(body))


async def _of_query(ctx: Context, identifier: str) -> list[list[tuple[str, str]]]:
    from cloudarium.services.logs.insights.engine import queries

    known = queries(ctx.cloud)
    query = ctx.table(QueryRun).get(ctx.scope, identifier)
    if query is None:
        raise invalid(f"Query with ID {identifier} does not exist.")
    if query.status == CANCELLED:
        raise NotThere("A lookup table of the partial results of a cancelled query")
    if query.status != COMPLETE:
        raise invalid(f"Query with ID {identifier} is not complete: {query.status}")
    return await known.results(query, 0, query.found)


def _table(found: list[list[tuple[str, str]]]) -> str:
    """Results as CSV: a column for each field, in order of appearance. ``@ptr`` only means something to the API."""
    names = list(dict.fromkeys(field for row in found for field, _ in row if field != "@ptr"))
    if not names:
        raise invalid("The query has no results to make a lookup table of.")
    if sum(len(value) for row in found for _, value in row) > csvs.MOST_BYTES * 2:
        raise invalid(_LARGEST)
    return csvs.written(names, ([values.get(name, "") for name in names] for values in map(dict, found)))
