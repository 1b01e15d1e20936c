"""Saved queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.ids import request_id
from cloudarium.kernel.service import operation
from cloudarium.services.logs import tokens
from cloudarium.services.logs.errors import not_found, too_many
from cloudarium.services.logs.resources import QueryDefinition

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        DeleteQueryDefinitionRequestTypeDef,
        DescribeQueryDefinitionsRequestTypeDef,
        PutQueryDefinitionRequestTypeDef,
    )

_MOST = 1_000


@operation()
def put_query_definition(ctx: Context, request: PutQueryDefinitionRequestTypeDef) -> Answer:
    """Save a query, or replace a saved one."""
    table = ctx.table(QueryDefinition)
    identifier = request.get("queryDefinitionId")
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
