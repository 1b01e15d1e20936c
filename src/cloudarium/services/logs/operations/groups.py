"""Log groups: made, listed, deleted, protected from deletion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.ids import hex_token
from cloudarium.kernel.service import operation
from cloudarium.services.logs import arns, tokens
from cloudarium.services.logs.errors import exists, invalid, not_possible
from cloudarium.services.logs.lookup import check_group_name, group_identified, group_named, group_of
from cloudarium.services.logs.operations.index_policies import forget_group
from cloudarium.services.logs.resources import DELIVERY, INFREQUENT, STANDARD, AccountProtection, LogGroup, MetricFilter
from cloudarium.services.logs.start import running
from cloudarium.services.logs.tagging import checked, tagged

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        CreateLogGroupRequestTypeDef,
        DeleteLogGroupRequestTypeDef,
        DescribeLogGroupsRequestTypeDef,
        ListLogGroupsRequestTypeDef,
        PutLogGroupDeletionProtectionRequestTypeDef,
    )


@operation(partial="kmsKeyId and the class ESSENTIALS are refused")
def create_log_group(ctx: Context, request: CreateLogGroupRequestTypeDef) -> Answer:
    """Make an empty group."""
    name = request["logGroupName"]
    check_group_name(name)
    if name.startswith("aws/"):
        raise invalid("Log groups starting with AWS/ are reserved for AWS.")
    log_class = request.get("logGroupClass") or STANDARD
    if log_class not in (STANDARD, INFREQUENT, DELIVERY):
        raise NotThere(f"The log group class {log_class}")
    if request.get("kmsKeyId"):
        raise NotThere("Encryption of log groups with KMS keys (kmsKeyId)")
    table = ctx.table(LogGroup)
    if table.get(ctx.scope, name) is not None:
        raise exists("The specified log group already exists")
    group = LogGroup(
        name=name,
        uid=hex_token(20),
        created=int(ctx.clock.now() * 1000),
        log_class=log_class,
        retention=1 if log_class == DELIVERY else None,
        tags=checked(ctx.principal, {}, request.get("tags") or {}),
        deletion_protection=bool(request.get("deletionProtectionEnabled")),
    )
    table.put(ctx.scope, group)
    return {}


@operation()
def delete_log_group(ctx: Context, request: DeleteLogGroupRequestTypeDef) -> Answer:
    """Delete a group with its streams, events and filters."""
    group = group_named(ctx, request["logGroupName"])
    if group.deletion_protection:
        raise not_possible(
            "The log group has deletion protection enabled. Disable deletion protection before deleting the log group."
        )
    running(ctx.cloud).filters.forget_group(ctx.scope, group.uid)
    forget_group(ctx, group.uid)
    ctx.table(LogGroup).delete(ctx.scope, group.name)
    return {}


@operation()
def put_log_group_deletion_protection(ctx: Context, request: PutLogGroupDeletionProtectionRequestTypeDef) -> Answer:
    """Protect a group from deletion, or no longer."""
    group = group_identified(ctx, request["logGroupIdentifier"])
    changed = group.replace(deletion_protection=bool(request["deletionProtectionEnabled"]))
    ctx.table(LogGroup).put(ctx.scope, changed)
    return {}


def _view(ctx: Context, group: LogGroup) -> Answer:
    arn = arns.group_arn(ctx.scope, group.name)
    shown: Answer = {
        "logGroupName": group.name,
        "creationTime": group.created,
        "metricFilterCount": len(ctx.table(MetricFilter).find(ctx.scope, "group", group.uid)),
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "storedBytes": running(ctx.cloud).storage.stored(group.uid),
        "logGroupClass": group.log_class,
        "deletionProtectionEnabled": group.deletion_protection,
    }
    if group.retention is not None:
        shown["retentionInDays"] = group.retention
    if group.protections:
        shown["dataProtectionStatus"] = "ACTIVATED" if group.protections[-1].document else "DELETED"
    account = ctx.table(AccountProtection).get(ctx.scope, "account")
    if account is not None and account.protections[-1].document and group.log_class == STANDARD:
        shown["inheritedProperties"] = ["ACCOUNT_DATA_PROTECTION"]
    return shown


def _only_here(ctx: Context, accounts: list[str] | None) -> None:
    if accounts and set(accounts) != {ctx.account}:
        raise NotThere("Listing log groups of linked source accounts (accountIdentifiers)")


@operation(partial="groups of linked accounts are not listed: accountIdentifiers other than one's own are refused")
def describe_log_groups(ctx: Context, request: DescribeLogGroupsRequestTypeDef) -> Answer:
    """List groups, by name."""
    _only_here(ctx, list(request.get("accountIdentifiers") or ()))
    prefix, pattern = request.get("logGroupNamePrefix"), request.get("logGroupNamePattern")
    if prefix is not None and pattern is not None:
        raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    table = ctx.table(LogGroup)
    if identifiers := request.get("logGroupIdentifiers"):
        if prefix is not None or pattern is not None:
            raise invalid("logGroupIdentifiers cannot be combined with a name prefix or pattern.")
        parsed = [arns.parse_group(each) if each.startswith("arn:") else (ctx.scope, each) for each in identifiers]
        wanted = {each[1] for each in parsed if each is not None and each[0] == ctx.scope}
        groups = [group for group in table.all(ctx.scope) if group.name in wanted]
    else:
        groups = table.all(ctx.scope)
    if prefix:
        groups = [group for group in groups if group.name.startswith(prefix)]
    if pattern:
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html: a substring,
        # whatever its case.
        folded = pattern.lower()
        groups = [group for group in groups if folded in group.name.lower()]
    if log_class := request.get("logGroupClass"):
        groups = [group for group in groups if group.log_class == log_class]
    by_name = {group.name: group for group in groups}
    shown, more = tokens.page(sorted(by_name), request, 50)
    return {"logGroups": [_view(ctx, by_name[name]) for name in shown], **more}


@operation(partial="dataSources and fieldIndexNames are refused")
def list_log_groups(ctx: Context, request: ListLogGroupsRequestTypeDef) -> Answer:
    """List groups whose names match ``[^]text[|[^]text…]``."""
    _only_here(ctx, list(request.get("accountIdentifiers") or ()))
    for name in ("dataSources", "fieldIndexNames"):
        if request.get(name):
            raise NotThere(f"ListLogGroups with {name}")
    groups = ctx.table(LogGroup).all(ctx.scope)
    if pattern := request.get("logGroupNamePattern"):
        # Texts and anchors only: the pattern of the model allows nothing that could backtrack.
        matches = re.compile("|".join(_escaped(part) for part in pattern.split("|"))).search
        groups = [group for group in groups if matches(group.name)]
    if log_class := request.get("logGroupClass"):
        groups = [group for group in groups if group.log_class == log_class]
    for wanted in request.get("logGroupTags") or ():
        groups = [group for group in groups if tagged(group.tags, wanted["key"], wanted.get("values") or ())]
    by_name = {group.name: group for group in groups}
    shown, more = tokens.page(sorted(by_name), request, 50)
    found = [
        {
            "logGroupName": name,
            "logGroupArn": arns.group_arn(ctx.scope, name),
            "logGroupClass": by_name[name].log_class,
        }
        for name in shown
    ]
    return {"logGroups": found, **more}


def _escaped(part: str) -> str:
    return "^" + re.escape(part[1:]) if part.startswith("^") else re.escape(part)


_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


@operation()
def put_retention_policy(ctx: Context, request: Answer) -> Answer:
    """Keep events for some days only."""
    group = group_of(ctx, request)
    days = request["retentionInDays"]
    if days not in _DAYS:
        allowed = ", ".join(map(str, _DAYS))
        raise invalid(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{allowed}]"
        )
    _change_retention(ctx, group, days)
    return {}


@operation()
def delete_retention_policy(ctx: Context, request: Answer) -> Answer:
    """Keep events for ever."""
    _change_retention(ctx, group_of(ctx, request), None)
    return {}


def _change_retention(ctx: Context, group: LogGroup, days: int | None) -> None:
    if group.log_class == DELIVERY:
        raise invalid("The retention of log groups of the class DELIVERY cannot be changed.")
    ctx.table(LogGroup).put(ctx.scope, group.replace(retention=days))
