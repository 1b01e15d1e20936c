"""Field index policies of log groups, and the indexes that they make."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.logs import arns, tokens
from cloudarium.services.logs.errors import invalid, not_found
from cloudarium.services.logs.indexing import spans
from cloudarium.services.logs.indexing.document import indexed
from cloudarium.services.logs.indexing.records import AccountIndexPolicy, IndexPolicy
from cloudarium.services.logs.lookup import group_identified
from cloudarium.services.logs.resources import STANDARD, LogGroup

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        DeleteIndexPolicyRequestTypeDef,
        DescribeFieldIndexesRequestTypeDef,
        DescribeIndexPoliciesRequestTypeDef,
        PutIndexPolicyRequestTypeDef,
    )

_PAGE = 500


@operation(
    partial="there is no index on disk: filterIndex leaves out groups and events that are not indexed, and reads every "
    "other one; filter reads as much as without a policy. A facet is an index, of which no values are counted"
)
def put_index_policy(ctx: Context, request: PutIndexPolicyRequestTypeDef) -> Answer:
    """Index fields of what comes into a group from now on.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutIndexPolicy.html
    """
    group = group_identified(ctx, request["logGroupIdentifier"])
    if group.log_class != STANDARD:
        raise invalid(f"Field index policies are not supported for log groups of the class {group.log_class}.")
    document = request["policyDocument"]
    fields = indexed(document)
    now = int(ctx.clock.now() * 1000)
    spans.change(ctx.store, ctx.scope, group.uid, now, fields)
    made = IndexPolicy(group=group.uid, document=document, updated=now)
    ctx.table(IndexPolicy).put(ctx.scope, made)
    return {"indexPolicy": _own(ctx, group, made)}


def _own(ctx: Context, group: LogGroup, policy: IndexPolicy) -> Answer:
    return {
        "logGroupIdentifier": arns.group_arn(ctx.scope, group.name),
        "lastUpdateTime": policy.updated,
        "policyDocument": policy.document,
        "source": "LOG_GROUP",
    }


@operation()
def describe_index_policies(ctx: Context, request: DescribeIndexPoliciesRequestTypeDef) -> Answer:
    """The policy that applies to a group: its own, or else one of the account."""
    group = group_identified(ctx, request["logGroupIdentifiers"][0])
    if request.get("nextToken") is not None:
        # There is never more than one page.
        raise tokens.bad_token()
    own = ctx.table(IndexPolicy).get(ctx.scope, group.uid)
    if own is not None:
        return {"indexPolicies": [_own(ctx, group, own)]}
    if group.log_class != STANDARD:
        return {"indexPolicies": []}
    found = [each for each in ctx.table(AccountIndexPolicy).all(ctx.scope) if each.covers(group.name)]
    return {
        "indexPolicies": [
            {
                "logGroupIdentifier": arns.group_arn(ctx.scope, group.name),
                "lastUpdateTime": each.updated,
                "policyDocument": each.document,
                "policyName": each.name,
                "source": "ACCOUNT",
            }
            for each in found
        ]
    }


@operation()
def delete_index_policy(ctx: Context, request: DeleteIndexPolicyRequestTypeDef) -> Answer:
    """Index no more of what comes in; what is indexed stays so for 30 days from when it came."""
    group = group_identified(ctx, request["logGroupIdentifier"])
    if ctx.table(IndexPolicy).delete(ctx.scope, group.uid) is None:
        raise not_found("The specified log group does not have an index policy.")
    spans.change(ctx.store, ctx.scope, group.uid, int(ctx.clock.now() * 1000), None)
    return {}


def forget_group(ctx: Context, uid: str) -> None:
    """Drop the policy of a group that is deleted."""
    ctx.table(IndexPolicy).delete(ctx.scope, uid)
    spans.forget(ctx.store, ctx.scope, uid)


@operation(partial="no field is indexed automatically: AUTO is never there; nor are the indexes of data sources")
async def describe_field_indexes(ctx: Context, request: DescribeFieldIndexesRequestTypeDef) -> Answer:
    """Indexes of groups, with the times of the first and the last event that they have.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeFieldIndexes.html
    """
    from cloudarium.services.logs.insights.indexing import begun, found

    groups = {
        group.name: group for group in map(lambda each: group_identified(ctx, each), request["logGroupIdentifiers"])
    }
    wanted = request.get("indexCategories") or ["DEFAULT", "CUSTOM", "INACTIVE"]
    now = int(ctx.clock.now() * 1000)
    searches = [begun(ctx, group, now) for group in groups.values()]
    every = [each for group in await asyncio.to_thread(lambda: list(map(found, searches))) for each in group]
    by_key = {
        f"{each.group}\0{each.field}": {
            "logGroupIdentifier": arns.group_arn(ctx.scope, each.group),
            "fieldIndexName": each.field,
            "lastScanTime": now,
            "type": each.type,
            "indexCategory": each.category,
            **({} if each.first is None else {"firstEventTime": each.first, "lastEventTime": each.last}),
        }
        for each in every
        if each.category in wanted
    }
    shown, more = tokens.page(sorted(by_key), request, _PAGE)
    return {"fieldIndexes": [by_key[key] for key in shown], **more}
