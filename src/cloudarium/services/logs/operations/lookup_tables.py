"""Lookup tables: made of CSV or of a query's results, listed, replaced, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.logs import tokens
from cloudarium.services.logs.errors import exists, invalid, not_found, too_many
from cloudarium.services.logs.lookups.making import content
from cloudarium.services.logs.lookups.tables import LookupTable, parse_table, table_arn
from cloudarium.services.logs.start import running
from cloudarium.services.logs.tagging import checked

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        CreateLookupTableRequestTypeDef,
        DeleteLookupTableRequestTypeDef,
        DescribeLookupTablesRequestTypeDef,
        GetLookupTableRequestTypeDef,
        UpdateLookupTableRequestTypeDef,
    )

_MOST = 100
"""Tables of an account in a region."""
_PAGE = 50
_PARTIAL = (
    "kmsKeyId, and partial results of cancelled queries; at most 1,000 columns, rows as long as the header, "
    "and of rows that match equally the first counts"
)


@operation(partial=_PARTIAL, data=("tableBody",))
async def create_lookup_table(ctx: Context, request: CreateLookupTableRequestTypeDef) -> Answer:
    """Make a table of CSV or of a query's results.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLookupTable.html
    """
    name = request["lookupTableName"]
    tags = checked(ctx.principal, {}, request.get("tags") or {})
    _check_free(ctx, name)
    made = await content(ctx, request)
    try:
        # Another call may have come first while the content was read.
        _check_free(ctx, name)
    except BaseException:
        running(ctx.cloud).lookups.drop(made.file)
        raise
    now = int(ctx.clock.now() * 1000)
    description = request.get("description") or ""
    table = LookupTable(name=name, updated=now, description=description, tags=tags, **made._asdict())
    ctx.table(LookupTable).put(ctx.scope, table)
    return {"lookupTableArn": table_arn(ctx.scope, name), "createdAt": now}


def _check_free(ctx: Context, name: str) -> None:
    tables = ctx.table(LookupTable)
    if tables.get(ctx.scope, name) is not None:
        raise exists(f"Lookup table with name '{name}' already exists.")
    if tables.count(ctx.scope) >= _MOST:
        raise too_many(f"An account can have at most {_MOST} lookup tables in a Region.")


@operation()
def describe_lookup_tables(ctx: Context, request: DescribeLookupTablesRequestTypeDef) -> Answer:
    """List tables by name, without their rows."""
    size = request.get("maxResults")
    if size is not None and size < 1:
        raise invalid("maxResults must be between 1 and 100.")
    prefix = request.get("lookupTableNamePrefix") or ""
    by_name = {each.name: each for each in ctx.table(LookupTable).all(ctx.scope) if each.name.startswith(prefix)}
    shown, more = tokens.page(sorted(by_name), request, _PAGE, limit="maxResults")
    return {"lookupTables": [_view(ctx, by_name[name]) for name in shown], **more}


def _view(ctx: Context, table: LookupTable) -> Answer:
    shown: Answer = {
        "lookupTableArn": table_arn(ctx.scope, table.name),
        "lookupTableName": table.name,
        "tableFields": list(table.columns),
        "recordsCount": table.rows,
        "sizeBytes": table.size,
        "lastUpdatedTime": table.updated,
    }
    if table.description:
        shown["description"] = table.description
    return shown


@operation()
async def get_lookup_table(ctx: Context, request: GetLookupTableRequestTypeDef) -> Answer:
    """A table with its CSV, as it was given."""
    table = identified(ctx, request["lookupTableArn"])
    shown = _view(ctx, table)
    del shown["tableFields"], shown["recordsCount"]
    return {**shown, "tableBody": await running(ctx.cloud).lookups.body(table)}


@operation(partial=_PARTIAL, data=("tableBody",))
async def update_lookup_table(ctx: Context, request: UpdateLookupTableRequestTypeDef) -> Answer:
    """Replace everything that is in a table. Queries that already run go on with what it had."""
    arn = request["lookupTableArn"]
    identified(ctx, arn)
    made = await content(ctx, request)
    try:
        table = identified(ctx, arn)
    except BaseException:
        running(ctx.cloud).lookups.drop(made.file)
        raise
    now = int(ctx.clock.now() * 1000)
    description = request.get("description")
    description = table.description if description is None else description
    ctx.table(LookupTable).put(
        ctx.scope, table.replace(updated=now, description=description, **made._asdict())
    )  # fmt: skip
    return {"lookupTableArn": table_arn(ctx.scope, table.name), "lastUpdatedTime": now}


@operation()
def delete_lookup_table(ctx: Context, request: DeleteLookupTableRequestTypeDef) -> Answer:
    """Delete a table. Queries that name it fail from then on."""
    table = identified(ctx, request["lookupTableArn"])
    ctx.table(LookupTable).delete(ctx.scope, table.name)
    return {}


def identified(ctx: Context, arn: str) -> LookupTable:
    """The table that an ARN means; raises InvalidParameterException or ResourceNotFoundException."""
    parsed = parse_table(arn)
    if parsed is None:
        raise invalid(f"Invalid lookup table ARN: {arn}")
    found = ctx.table(LookupTable).get(ctx.scope, parsed[1]) if parsed[0] == ctx.scope else None
    if found is None:
        raise not_found(f"Lookup table '{parsed[1]}' does not exist.")
    return found
