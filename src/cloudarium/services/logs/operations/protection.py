"""Data protection policies of log groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.service import operation
from cloudarium.services.logs.errors import not_found, not_possible
from cloudarium.services.logs.lookup import group_identified
from cloudarium.services.logs.protection.policy import check
from cloudarium.services.logs.resources import STANDARD, LogGroup, Protection

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        DeleteDataProtectionPolicyRequestTypeDef,
        GetDataProtectionPolicyRequestTypeDef,
        PutDataProtectionPolicyRequestTypeDef,
    )

_KEPT = 20
"""Former policies that still mask what came in under them."""


def _set(ctx: Context, group: LogGroup, document: str) -> int:
    now = int(ctx.clock.now() * 1000)
    protections = (*group.protections, Protection(document=document, since=now))[-_KEPT:]
    ctx.table(LogGroup).put(ctx.scope, group.replace(protections=protections))
    return now


@operation(partial="findings go nowhere: FindingsDestination is refused; so are managed identifiers not known here")
def put_data_protection_policy(ctx: Context, request: PutDataProtectionPolicyRequestTypeDef) -> Answer:
    """Mask sensitive data in what comes in from now on."""
    group = group_identified(ctx, request["logGroupIdentifier"])
    if group.log_class != STANDARD:
        raise not_possible(f"Data protection is not supported for log groups of the class {group.log_class}.")
    check(request["policyDocument"])
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
