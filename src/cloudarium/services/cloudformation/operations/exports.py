"""Exports, and who imports them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.cloudformation.engine.outcome import users_of
from cloudarium.services.cloudformation.errors import invalid
from cloudarium.services.cloudformation.paging import page
from cloudarium.services.cloudformation.resources import Export

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import ListExportsInputTypeDef, ListImportsInputTypeDef


@operation
def list_exports(ctx: Context, request: ListExportsInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListExports.html"""
    exports = sorted(ctx.table(Export).all(ctx.scope), key=lambda each: each.name)
    shown, more = page(exports, request)
    return {"Exports": [{"ExportingStackId": e.stack_id, "Name": e.name, "Value": e.value} for e in shown], **more}


@operation
def list_imports(ctx: Context, request: ListImportsInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListImports.html"""
    name = request["ExportName"]
    if ctx.table(Export).get(ctx.scope, name) is None:
        raise invalid(f"Export '{name}' does not exist.")
    users = sorted(users_of(ctx, name))
    if not users:
        raise invalid(f"Export '{name}' is not imported by any stack.")
    shown, more = page(users, request)
    return {"Imports": list(shown), **more}
