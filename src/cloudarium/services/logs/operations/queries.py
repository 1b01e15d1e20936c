"""Queries of Logs Insights, run and saved."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.service import operation
from cloudarium.services.logs import tokens
from cloudarium.services.logs.arns import group_arn
from cloudarium.services.logs.errors import invalid, not_found, too_many
from cloudarium.services.logs.insights.records import ACTIVE, COMPLETE, QueryRun
from cloudarium.services.logs.lookup import group_of
from cloudarium.services.logs.resources import LogGroup, QueryDefinition
from cloudarium.services.logs.start import running

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        DeleteQueryDefinitionRequestTypeDef,
        DescribeQueriesRequestTypeDef,
        DescribeQueryDefinitionsRequestTypeDef,
        GetLogGroupFieldsRequestTypeDef,
        GetQueryResultsRequestTypeDef,
        ListLogGroupsForQueryRequestTypeDef,
        PutQueryDefinitionRequestTypeDef,
        StartQueryRequestTypeDef,
        StopQueryRequestTypeDef,
    )

_MOST = 1_000
_AT_ONCE = 100
"""Queries that an account may have under way in a region."""
_PAGE = 10_000
_GROUPS_PAGE = 50
_AROUND = 8 * 60
_RECENT = 15 * 60


@operation(
    partial="queryLanguage SQL and PPL; parse … xml; stats … by bin() offset; histogram and values in stats; "
    "SOURCE of data sources and by tags; "
    "filterIndex with the fields of data sources, and without an index on disk; other accounts' groups"
)
def start_query(ctx: Context, request: StartQueryRequestTypeDef) -> Answer:
    """Start a query in CloudWatch Logs Insights' own language."""
    # On first use only: the compiler and what runs it are of no use to those who only write logs.
    from cloudarium.services.logs.insights.engine import queries
    from cloudarium.services.logs.insights.starting import prepared

    known = queries(ctx.cloud)
    query = prepared(ctx, request, request_id())
    if known.active(ctx.scope) >= _AT_ONCE:
        raise too_many(f"Account maximum query concurrency limit of [{_AT_ONCE}] reached.")
    known.submit(ctx.scope, query)
    return {"queryId": query.id}


@operation()
async def get_query_results(ctx: Context, request: GetQueryResultsRequestTypeDef) -> Answer:
    """A query's status and, when it is complete, one page of up to 10,000 results."""
    from cloudarium.services.logs.insights.engine import queries

    known = queries(ctx.cloud)
    query = _query(ctx, request["queryId"])
    place = tokens.position({**request, "maxItems": None}, tokens.Count) or 0
    answer: Answer = {
        "queryLanguage": "CWLI",
        "results": [],
        "status": query.status,
        "statistics": {
            "recordsMatched": float(query.matched),
            "recordsScanned": float(query.scanned),
            "estimatedRecordsSkipped": 0.0,
            "bytesScanned": float(query.bytes),
            "estimatedBytesSkipped": 0.0,
            "logGroupsScanned": float(len(query.groups) - query.skipped) if query.status == COMPLETE else 0.0,
            "resultCount": float(query.found),
        },
    }
    if query.status == COMPLETE:
        size = request.get("maxItems") or _PAGE
        found, beyond = await known.results(query, place, size), place + size
        answer["results"] = [[{"field": field, "value": value} for field, value in row] for row in found]
        if beyond < query.found:
            answer["nextToken"] = tokens.token(beyond, {**request, "maxItems": None})
    return answer


@operation()
def stop_query(ctx: Context, request: StopQueryRequestTypeDef) -> Answer:
    """Stop a query that is not over."""
    from cloudarium.services.logs.insights.engine import queries

    known = queries(ctx.cloud)
    query = _query(ctx, request["queryId"])
    if query.status not in ACTIVE:
        raise invalid(f"Query with ID {query.id} is not in a running state: {query.status}")
    known.stop(ctx.scope, query)
    return {"success": True}


def _query(ctx: Context, identifier: str) -> QueryRun:
    found = ctx.table(QueryRun).get(ctx.scope, identifier)
    if found is None:
        raise not_found(f"Query with ID {identifier} does not exist.")
    return found


@operation()
def describe_queries(ctx: Context, request: DescribeQueriesRequestTypeDef) -> Answer:
    """Queries of the last seven days, newest first."""
    from cloudarium.services.logs.insights.engine import queries

    queries(ctx.cloud)
    group, status = request.get("logGroupName"), request.get("status")
    # Only queries in this language can have been started.
    every = ctx.table(QueryRun).all(ctx.scope) if (request.get("queryLanguage") or "CWLI") == "CWLI" else []
    found = [
        each for each in every if (group is None or group in each.names) and (status is None or each.status == status)
    ]
    by_key = {f"{(1 << 62) - each.created:020d}{each.id}": each for each in found}
    shown, more = tokens.page(sorted(by_key), request, 1_000, limit="maxResults")
    return {"queries": [_info(by_key[key]) for key in shown], **more}


def _info(query: QueryRun) -> Answer:
    shown: Answer = {
        "queryLanguage": "CWLI",
        "queryId": query.id,
        "queryString": query.text,
        "status": query.status,
        "createTime": query.created,
        "queryDuration": query.duration,
        "bytesScanned": float(query.bytes),
        "userIdentity": query.user,
    }
    if query.names:
        shown["logGroupName"] = query.names[0]
    return shown


@operation()
def list_log_groups_for_query(ctx: Context, request: ListLogGroupsForQueryRequestTypeDef) -> Answer:
    """The groups that a query looks at, those of queries within it included."""
    from cloudarium.services.logs.insights.engine import queries

    queries(ctx.cloud)
    query = _query(ctx, request["queryId"])
    table = ctx.table(LogGroup)
    nested = [found[0].name for uids in query.nested for uid in uids if (found := table.find(ctx.scope, "uid", uid))]
    names = {*query.names, *nested} - set(query.left)
    shown, more = tokens.page(sorted(names), request, _GROUPS_PAGE, limit="maxResults")
    return {"logGroupIdentifiers": [group_arn(ctx.scope, name) for name in shown], **more}


@operation(partial="percentages come from a sample of 10,000 events; other accounts' groups")
async def get_log_group_fields(ctx: Context, request: GetLogGroupFieldsRequestTypeDef) -> Answer:
    """Fields of a group's events around a time, or of the last fifteen minutes."""
    from cloudarium.services.logs.insights.fields import percentages

    group = group_of(ctx, request)
    center, now = request.get("time"), ctx.clock.now()
    start, end = (now - _RECENT, now) if center is None else (center - _AROUND, center + _AROUND)
    if group.retention is not None:
        start = max(start, now - group.retention * 86_400)
    first, last = int(start * 1000), int(end * 1000)
    storage = running(ctx.cloud).storage
    pieces, entities = storage.pieces(group.uid, first, last), storage.catalog.entities.of_group(group.uid)
    found = await asyncio.to_thread(percentages, pieces, first, last, entities)
    return {"logGroupFields": [{"name": name, "percent": percent} for name, percent in found]}


@operation()
def put_query_definition(ctx: Context, request: PutQueryDefinitionRequestTypeDef) -> Answer:
    """Save a query, or replace a saved one. A request that comes again with its clientToken saves nothing more."""
    table = ctx.table(QueryDefinition)
    identifier, client_token = request.get("queryDefinitionId"), request.get("clientToken") or ""
    if identifier is None and client_token:
        again = next((each for each in table.all(ctx.scope) if each.client_token == client_token), None)
        if again is not None:
            return {"queryDefinitionId": again.id}
    if identifier is not None and table.get(ctx.scope, identifier) is None:
        raise not_found("The specified query definition does not exist.")
    if identifier is None and table.count(ctx.scope) >= _MOST:
        raise too_many()
    parameters: tuple[dict[str, Any], ...] = tuple(dict(each) for each in request.get("parameters") or ())
    made = QueryDefinition(
        id=identifier or request_id(),
        name=request["name"],
        query=request["queryString"],
        language=request.get("queryLanguage") or "CWLI",
        groups=tuple(request.get("logGroupNames") or ()),
        parameters=parameters,
        modified=int(ctx.clock.now() * 1000),
        client_token=client_token,
    )
    table.put(ctx.scope, made)
    return {"queryDefinitionId": made.id}


@operation()
def delete_query_definition(ctx: Context, request: DeleteQueryDefinitionRequestTypeDef) -> Answer:
    """Delete a saved query."""
    if ctx.table(QueryDefinition).delete(ctx.scope, request["queryDefinitionId"]) is None:
        raise not_found("The specified query definition does not exist.")
    return {"success": True}


@operation()
def describe_query_definitions(ctx: Context, request: DescribeQueryDefinitionsRequestTypeDef) -> Answer:
    """List saved queries by name."""
    prefix, language = request.get("queryDefinitionNamePrefix") or "", request.get("queryLanguage")
    found = [each for each in ctx.table(QueryDefinition).all(ctx.scope) if each.name.startswith(prefix)]
    by_key = {f"{each.name}\0{each.id}": each for each in found if language in (None, each.language)}
    shown, more = tokens.page(sorted(by_key), request, 1_000, limit="maxResults")
    return {"queryDefinitions": [_view(by_key[key]) for key in shown], **more}


def _view(made: QueryDefinition) -> Answer:
    shown: Answer = {
        "queryLanguage": made.language,
        "queryDefinitionId": made.id,
        "name": made.name,
        "queryString": made.query,
        "lastModified": made.modified,
        "logGroupNames": list(made.groups),
    }
    if made.parameters:
        shown["parameters"] = list(made.parameters)
    return shown
