"""Policies of the account: field indexes, data protection, subscription filters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.logs import tokens
from cloudarium.services.logs.errors import invalid, not_found, too_many
from cloudarium.services.logs.filters.quotas import checked_pattern
from cloudarium.services.logs.indexing import spans
from cloudarium.services.logs.indexing.document import indexed
from cloudarium.services.logs.indexing.records import ACCOUNT, AccountIndexPolicy
from cloudarium.services.logs.operations.protection import check_policy
from cloudarium.services.logs.operations.subscriptions import check_destination
from cloudarium.services.logs.protection.history import changed
from cloudarium.services.logs.resources import AccountProtection, AccountSubscription
from cloudarium.services.logs.start import running

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        DeleteAccountPolicyRequestTypeDef,
        DescribeAccountPoliciesRequestTypeDef,
        PutAccountPolicyRequestTypeDef,
    )

INDEXES = "FIELD_INDEX_POLICY"
PROTECTION = "DATA_PROTECTION_POLICY"
SUBSCRIPTION = "SUBSCRIPTION_FILTER_POLICY"
_MOST = 20
_MOST_CRITERIA = 25 * 1024
_MOST_DOCUMENT = 30_720
_PREFIXES = re.compile(r"\s*LogGroupNamePrefix\s+IN\s+(\[.*\])\s*", re.DOTALL)


_EXCLUDED = re.compile(r"\s*LogGroupName\s+NOT\s+IN\s+(\[.*\])\s*", re.DOTALL)


@operation(
    partial="FIELD_INDEX_POLICY, with selectionCriteria LogGroupNamePrefix only, not data sources; "
    "DATA_PROTECTION_POLICY and SUBSCRIPTION_FILTER_POLICY"
)
async def put_account_policy(ctx: Context, request: PutAccountPolicyRequestTypeDef) -> Answer:
    """Make or replace a policy of the account.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutAccountPolicy.html
    """
    kind, name, document = request["policyType"], request["policyName"], request["policyDocument"]
    if kind not in (INDEXES, PROTECTION, SUBSCRIPTION):
        raise NotThere(f"Account policies of the type {kind}")
    if request.get("dryRun"):
        raise invalid("dryRun is valid only for the policy type RETENTION_POLICY.")
    if not name or name.startswith("aws/"):
        raise invalid("policyName must not be empty, nor start with aws/.")
    if len(document) > _MOST_DOCUMENT:
        raise invalid(f"The policy document must not exceed {_MOST_DOCUMENT} characters.")
    criteria = request.get("selectionCriteria") or ""
    now = int(ctx.clock.now() * 1000)
    if kind == SUBSCRIPTION:
        return {"accountPolicy": await _put_subscription(ctx, name, document, criteria, now)}
    put = _put_protection if kind == PROTECTION else _put_indexes
    return {"accountPolicy": put(ctx, name, document, criteria, now)}


class _Subscription(msgspec.Struct, forbid_unknown_fields=True):
    """The document of a subscription filter policy."""

    destination: str = msgspec.field(name="DestinationArn")
    role: str = msgspec.field(name="RoleArn", default="")
    pattern: str = msgspec.field(name="FilterPattern", default="")
    distribution: Literal["Random", "ByLogStream"] = msgspec.field(name="Distribution", default="ByLogStream")


async def _put_subscription(ctx: Context, name: str, document: str, criteria: str, now: int) -> Answer:
    try:
        given = msgspec.json.decode(document, type=_Subscription)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise invalid(f"The subscription filter policy document is not valid: {error}") from error
    excluded = _listed(_EXCLUDED, criteria, 'LogGroupName NOT IN ["name"]') if criteria else ()
    checked_pattern(given.pattern)
    _only_one(ctx, name)
    await check_destination(ctx, given.destination, given.role)
    # Others may have gone on meanwhile.
    _only_one(ctx, name)
    made = AccountSubscription(
        name=name, document=document, updated=now, criteria=criteria, excluded=excluded, pattern=given.pattern,
        destination=given.destination, role=given.role, distribution=given.distribution,
    )  # fmt: skip
    ctx.table(AccountSubscription).put(ctx.scope, made)
    return _view(ctx, SUBSCRIPTION, name, document, now, criteria)


def _only_one(ctx: Context, name: str) -> None:
    old = ctx.table(AccountSubscription).get(ctx.scope, "account")
    if old is not None and old.name != name:
        raise too_many("An account can have at most one subscription filter policy.")


def _put_protection(ctx: Context, name: str, document: str, criteria: str, now: int) -> Answer:
    if criteria:
        raise invalid(f"selectionCriteria is not valid for the policy type {PROTECTION}.")
    check_policy(ctx, document)
    table = ctx.table(AccountProtection)
    old = table.get(ctx.scope, "account")
    if old is not None and old.protections[-1].document and old.name != name:
        raise too_many("An account can have at most one data protection policy.")
    protections = changed(old.protections if old is not None else (), document, now)
    table.put(ctx.scope, AccountProtection(name=name, protections=protections))
    return _view(ctx, PROTECTION, name, document, now)


def _put_indexes(ctx: Context, name: str, document: str, criteria: str, now: int) -> Answer:
    prefixes = _prefixes(criteria)
    fields = indexed(document)
    table = ctx.table(AccountIndexPolicy)
    others = [each for each in table.all(ctx.scope) if each.name != name]
    for other in others:
        if _overlap(prefixes, other.prefixes):
            raise invalid(f"The selection criteria overlap with those of the account policy '{other.name}'.")
    if len(others) >= _MOST:
        raise too_many(f"An account can have at most {_MOST} field index policies.")
    spans.change(ctx.store, ctx.scope, ACCOUNT + name, now, fields, prefixes)
    made = AccountIndexPolicy(name=name, document=document, updated=now, criteria=criteria, prefixes=prefixes)
    table.put(ctx.scope, made)
    return _view(ctx, INDEXES, name, document, now, criteria)


def _prefixes(criteria: str) -> tuple[str, ...]:
    if not criteria:
        return ()
    if "DataSourceName" in criteria or "DataSourceType" in criteria:
        raise NotThere("selectionCriteria with data sources")
    return _listed(_PREFIXES, criteria, 'LogGroupNamePrefix IN ["prefix"]')


def _listed(form: re.Pattern[str], criteria: str, shown: str) -> tuple[str, ...]:
    """The texts in selection criteria of some form."""
    if len(criteria.encode(errors="replace")) > _MOST_CRITERIA:
        raise invalid(f"selectionCriteria must not exceed {_MOST_CRITERIA} bytes.")
    found = form.fullmatch(criteria)
    try:
        given = msgspec.json.decode(found[1], type=list[str]) if found is not None else []
    except msgspec.MsgspecError:
        given = []
    if not given or not all(given):
        raise invalid(f"selectionCriteria must have the form {shown}.")
    return tuple(given)


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if not one or not other:
        return True
    return any(a.startswith(b) or b.startswith(a) for a in one for b in other)


def _view(ctx: Context, kind: str, name: str, document: str, updated: int, criteria: str = "") -> Answer:
    shown: Answer = {
        "policyName": name,
        "policyDocument": document,
        "lastUpdatedTime": updated,
        "policyType": kind,
        "scope": "ALL",
        "accountId": ctx.account,
    }
    if criteria:
        shown["selectionCriteria"] = criteria
    return shown


def _all(ctx: Context, kind: str) -> list[dict[str, Any]]:
    if kind == INDEXES:
        listed = ctx.table(AccountIndexPolicy).all(ctx.scope)
        return [_view(ctx, kind, each.name, each.document, each.updated, each.criteria) for each in listed]
    if kind == SUBSCRIPTION:
        made = ctx.table(AccountSubscription).all(ctx.scope)
        return [_view(ctx, kind, each.name, each.document, each.updated, each.criteria) for each in made]
    found = ctx.table(AccountProtection).get(ctx.scope, "account") if kind == PROTECTION else None
    if found is None or not (last := found.protections[-1]).document:
        return []
    return [_view(ctx, kind, found.name, last.document, last.since)]


@operation(partial="policies of linked accounts are not listed: accountIdentifiers other than one's own are refused")
def describe_account_policies(ctx: Context, request: DescribeAccountPoliciesRequestTypeDef) -> Answer:
    """List policies of one type."""
    accounts = request.get("accountIdentifiers")
    if accounts and set(accounts) != {ctx.account}:
        raise NotThere("Listing policies of linked source accounts (accountIdentifiers)")
    name = request.get("policyName")
    by_name = {
        each["policyName"]: each for each in _all(ctx, request["policyType"]) if name in (None, each["policyName"])
    }
    if name is not None and not by_name:
        raise not_found("The specified account policy does not exist.")
    shown, more = tokens.page(sorted(by_name), request, 50)
    return {"accountPolicies": [by_name[each] for each in shown], **more}


@operation()
def delete_account_policy(ctx: Context, request: DeleteAccountPolicyRequestTypeDef) -> Answer:
    """Delete a policy; what it indexed stays so for 30 days from when it came, what it masks is masked for ever."""
    if request.get("dryRun"):
        raise invalid("dryRun is valid only for the policy type RETENTION_POLICY.")
    kind, name, now = request["policyType"], request["policyName"], int(ctx.clock.now() * 1000)
    if not any(each["policyName"] == name for each in _all(ctx, kind)):
        raise not_found("The specified account policy does not exist.")
    if kind == INDEXES:
        ctx.table(AccountIndexPolicy).delete(ctx.scope, name)
        spans.change(ctx.store, ctx.scope, ACCOUNT + name, now, None)
        return {}
    if kind == SUBSCRIPTION:
        running(ctx.cloud).filters.subscriptions.forget_account(ctx.scope)
        return {}
    table = ctx.table(AccountProtection)
    if (old := table.get(ctx.scope, "account")) is not None:
        table.put(ctx.scope, old.replace(protections=changed(old.protections, "", now)))
    return {}
