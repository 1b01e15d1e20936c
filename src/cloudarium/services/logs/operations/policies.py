"""Resource policies: kept and shown; who may write to a group is not held against them yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.ids import hex_token
from cloudarium.kernel.service import operation
from cloudarium.services.logs import tokens
from cloudarium.services.logs.errors import invalid, not_found, too_many
from cloudarium.services.logs.lookup import group_identified
from cloudarium.services.logs.resources import ResourcePolicy

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        DeleteResourcePolicyRequestTypeDef,
        DescribeResourcePoliciesRequestTypeDef,
        PutResourcePolicyRequestTypeDef,
    )

_MOST = 10
"""Policies of the account's scope, per region."""


@operation(partial="policies are kept and shown, but no call is held against them")
def put_resource_policy(ctx: Context, request: PutResourcePolicyRequestTypeDef) -> Answer:
    """Make or replace a policy of the account, or of one log group (``resourceArn``)."""
    resource, name = request.get("resourceArn") or "", request.get("policyName") or ""
    document = request.get("policyDocument")
    if document is None or (not name and not resource):
        raise invalid("policyDocument and either policyName or resourceArn must be specified.")
    try:
        if not isinstance(msgspec.json.decode(document), dict):
            raise invalid("The policy document is not a JSON object.")
    except msgspec.DecodeError as error:
        raise invalid("Syntax errors in policy document.") from error
    table = ctx.table(ResourcePolicy)
    if resource:
        group_identified(ctx, resource)
    elif table.get(ctx.scope, name) is None and sum(not p.resource for p in table.all(ctx.scope)) >= _MOST:
        raise too_many()
    key = resource or name
    old = table.get(ctx.scope, key)
    _revision(request.get("expectedRevisionId"), old, resource)
    made = ResourcePolicy(
        key=key,
        name=name,
        resource=resource,
        document=document,
        updated=int(ctx.clock.now() * 1000),
        revision=hex_token(32) if resource else "",
    )
    table.put(ctx.scope, made)
    return {"resourcePolicy": _view(made)} | ({"revisionId": made.revision} if resource else {})


def _revision(expected: str | None, old: ResourcePolicy | None, resource: str) -> None:
    if resource and expected != (old.revision if old is not None else None):
        raise AwsError(
            "OperationAbortedException", "The expected revision ID does not match the policy's current revision.", 400
        )


@operation()
def delete_resource_policy(ctx: Context, request: DeleteResourcePolicyRequestTypeDef) -> Answer:
    """Delete a policy."""
    resource = request.get("resourceArn") or ""
    key = resource or request.get("policyName") or ""
    old = ctx.table(ResourcePolicy).get(ctx.scope, key)
    if old is None:
        raise not_found("Policy does not exist.")
    _revision(request.get("expectedRevisionId"), old, resource)
    ctx.table(ResourcePolicy).delete(ctx.scope, key)
    return {}


@operation()
def describe_resource_policies(ctx: Context, request: DescribeResourcePoliciesRequestTypeDef) -> Answer:
    """List policies: the account's, or those of groups."""
    resource = request.get("resourceArn") or ""
    of_groups = bool(resource) or request.get("policyScope") == "RESOURCE"
    found = [each for each in ctx.table(ResourcePolicy).all(ctx.scope) if bool(each.resource) == of_groups]
    by_key = {each.key: each for each in found if not resource or each.resource == resource}
    shown, more = tokens.page(sorted(by_key), request, 50)
    return {"resourcePolicies": [_view(by_key[key]) for key in shown], **more}


def _view(made: ResourcePolicy) -> Answer:
    shown: Answer = {"policyDocument": made.document, "lastUpdatedTime": made.updated}
    if made.resource:
        shown |= {"policyScope": "RESOURCE", "resourceArn": made.resource, "revisionId": made.revision}
    else:
        shown["policyScope"] = "ACCOUNT"
    if made.name:
        shown["policyName"] = made.name
    return shown
