"""Policies of the account: those for field indexes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.logs import tokens
from cloudarium.services.logs.errors import invalid, not_found, too_many
from cloudarium.services.logs.indexing import spans
from cloudarium.services.logs.indexing.document import indexed
from cloudarium.services.logs.indexing.records import ACCOUNT, AccountIndexPolicy

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        DeleteAccountPolicyRequestTypeDef,
        DescribeAccountPoliciesRequestTypeDef,
        PutAccountPolicyRequestTypeDef,
    )

TYPE = "FIELD_INDEX_POLICY"
_MOST = 20
_MOST_CRITERIA = 25 * 1024
_MOST_DOCUMENT = 30_720
_PREFIXES = re.compile(r"\s*LogGroupNamePrefix\s+IN\s+(\[.*\])\s*", re.DOTALL)


@operation(partial="FIELD_INDEX_POLICY only; its selectionCriteria LogGroupNamePrefix only, not data sources")
def put_account_policy(ctx: Context, request: PutAccountPolicyRequestTypeDef) -> Answer:
    """Make or replace a field index policy of the account.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutAccountPolicy.html
    """
    kind, name, document = request["policyType"], request["policyName"], request["policyDocument"]
    if kind != TYPE:
        raise NotThere(f"Account policies of the type {kind}")
    if request.get("dryRun"):
        raise invalid("dryRun is valid only for the policy type RETENTION_POLICY.")
    if not name:
        raise invalid("policyName must not be empty.")
    if len(document) > _MOST_DOCUMENT:
        raise invalid(f"The policy document must not exceed {_MOST_DOCUMENT} characters.")
    criteria = request.get("selectionCriteria") or ""
    prefixes = _prefixes(criteria)
    fields = indexed(document)
    table = ctx.table(AccountIndexPolicy)
    others = [each for each in table.all(ctx.scope) if each.name != name]
    for other in others:
        if _overlap(prefixes, other.prefixes):
            raise invalid(f"The selection criteria overlap with those of the account policy '{other.name}'.")
    if len(others) >= _MOST:
        raise too_many(f"An account can have at most {_MOST} field index policies.")
    now = int(ctx.clock.now() * 1000)
    spans.change(ctx.store, ctx.scope, ACCOUNT + name, now, fields, prefixes)
    made = AccountIndexPolicy(name=name, document=document, updated=now, criteria=criteria, prefixes=prefixes)
    table.put(ctx.scope, made)
    return {"accountPolicy": _view(ctx, made)}


def _prefixes(criteria: str) -> tuple[str, ...]:
    if not criteria:
        return ()
    if len(criteria.encode(errors="replace")) > _MOST_CRITERIA:
        raise invalid(f"selectionCriteria must not exceed {_MOST_CRITERIA} bytes.")
    if "DataSourceName" in criteria or "DataSourceType" in criteria:
        raise NotThere("selectionCriteria with data sources")
    found = _PREFIXES.fullmatch(criteria)
    try:
        given = msgspec.json.decode(found[1], type=list[str]) if found is not None else []
    except msgspec.MsgspecError:
        given = []
    if not given or not all(given):
        raise invalid('selectionCriteria must have the form LogGroupNamePrefix IN ["prefix"].')
    return tuple(given)


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if not one or not other:
        return True
    return any(a.startswith(b) or b.startswith(a) for a in one for b in other)


def _view(ctx: Context, policy: AccountIndexPolicy) -> Answer:
    shown: Answer = {
        "policyName": policy.name,
        "policyDocument": policy.document,
        "lastUpdatedTime": policy.updated,
        "policyType": TYPE,
        "scope": "ALL",
        "accountId": ctx.account,
    }
    if policy.criteria:
        shown["selectionCriteria"] = policy.criteria
    return shown


@operation(partial="policies of linked accounts are not listed: accountIdentifiers other than one's own are refused")
def describe_account_policies(ctx: Context, request: DescribeAccountPoliciesRequestTypeDef) -> Answer:
    """List policies of one type; of other types than FIELD_INDEX_POLICY there are none."""
    accounts = request.get("accountIdentifiers")
    if accounts and set(accounts) != {ctx.account}:
        raise NotThere("Listing policies of linked source accounts (accountIdentifiers)")
    found = ctx.table(AccountIndexPolicy).all(ctx.scope) if request["policyType"] == TYPE else []
    name = request.get("policyName")
    by_name = {each.name: each for each in found if name in (None, each.name)}
    if name is not None and not by_name:
        raise not_found("The specified account policy does not exist.")
    shown, more = tokens.page(sorted(by_name), request, 50)
    return {"accountPolicies": [_view(ctx, by_name[each]) for each in shown], **more}


@operation()
def delete_account_policy(ctx: Context, request: DeleteAccountPolicyRequestTypeDef) -> Answer:
    """Delete a policy; what it indexed stays so for 30 days from when it came."""
    if request.get("dryRun"):
        raise invalid("dryRun is valid only for the policy type RETENTION_POLICY.")
    name = request["policyName"]
    gone = ctx.table(AccountIndexPolicy).delete(ctx.scope, name) if request["policyType"] == TYPE else None
    if gone is None:
        raise not_found("The specified account policy does not exist.")
    spans.change(ctx.store, ctx.scope, ACCOUNT + name, int(ctx.clock.now() * 1000), None)
    return {}
