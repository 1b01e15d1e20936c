"""Data protection policies of log groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.logs.errors import invalid, not_found, not_possible
from cloudarium.services.logs.lookup import group_identified
from cloudarium.services.logs.protection.history import changed
from cloudarium.services.logs.protection.policy import check, destinations
from cloudarium.services.logs.resources import STANDARD, LogGroup

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        DeleteDataProtectionPolicyRequestTypeDef,
        GetDataProtectionPolicyRequestTypeDef,
        PutDataProtectionPolicyRequestTypeDef,
    )


def check_policy(ctx: Context, document: str) -> None:
    """Refuse a document that is no policy, or whose findings would go to a log group that is not there."""
    check(document)
    for each in destinations(document):
        if each.kind == "CloudWatchLogs" and ctx.table(LogGroup).get(ctx.scope, each.name) is None:
            raise invalid(f"The log group {each.name} of FindingsDestination does not exist.")


def _set(ctx: Context, group: LogGroup, document: str) -> int:
    now = int(ctx.clock.now() * 1000)
    ctx.table(LogGroup).put(ctx.scope, group.replace(protections=changed(group.protections, document, now)))
    return now


@operation(partial="managed data identifiers that are not known here are refused by name")
def put_data_protection_policy(ctx: Context, request: PutDataProtectionPolicyRequestTypeDef) -> Answer:
    """Mask sensitive data in what comes in from now on."""
    group = group_identified(ctx, request["logGroupIdentifier"])
    if group.log_class != STANDARD:
        raise not_possible(f"Data protection is not supported for log groups of the class {group.log_class}.")
    check_policy(ctx, request["policyDocument"])
    updated = _set(ctx, group, request["policyDocument"])
    return {
        "logGroupIdentifier": request["logGroupIdentifier"],
        "policyDocument": request["policyDocument"],
        "lastUpdatedTime": updated,
    }


@operation()
def get_data_protection_policy(ctx: Context, request: GetDataProtectionPolicyRequestTypeDef) -> Answer:
    """The policy of a group."""
    group = group_identified(ctx, request["logGroupIdentifier"])
    answer: Answer = {"logGroupIdentifier": request["logGroupIdentifier"]}
    if group.protections and group.protections[-1].document:
        last = group.protections[-1]
        answer |= {"policyDocument": last.document, "lastUpdatedTime": last.since}
    return answer


@operation()
def delete_data_protection_policy(ctx: Context, request: DeleteDataProtectionPolicyRequestTypeDef) -> Answer:
    """Mask no more of what comes in from now on."""
    group = group_identified(ctx, request["logGroupIdentifier"])
    if not group.protections or not group.protections[-1].document:
        raise not_found("The specified log group does not have a data protection policy.")
    _set(ctx, group, "")
    return {}
