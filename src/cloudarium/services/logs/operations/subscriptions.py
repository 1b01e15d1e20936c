"""Subscription filters, and the destinations through which other accounts subscribe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.logs import arns, tokens
from cloudarium.services.logs.errors import invalid, not_found, not_possible, too_many
from cloudarium.services.logs.filters.destinations import target_of
from cloudarium.services.logs.filters.quotas import check_regexes, checked_pattern
from cloudarium.services.logs.lookup import group_named
from cloudarium.services.logs.resources import STANDARD, Destination, LogGroup, SubscriptionFilter
from cloudarium.services.logs.start import running
from cloudarium.services.logs.tagging import checked

if TYPE_CHECKING:
    from types_boto3_logs.type_defs import (
        DeleteDestinationRequestTypeDef,
        DeleteSubscriptionFilterRequestTypeDef,
        DescribeDestinationsRequestTypeDef,
        DescribeSubscriptionFiltersRequestTypeDef,
        PutDestinationPolicyRequestTypeDef,
        PutDestinationRequestTypeDef,
        PutSubscriptionFilterRequestTypeDef,
    )

_MOST = 2
"""Subscription filters of a log group."""
_SYSTEM_FIELDS = ("@aws.account", "@aws.region", "@source.log")


async def check_destination(ctx: Context, arn: str, role: str | None) -> None:
    """See that a destination takes a test message."""
    target = target_of(ctx.cloud, ctx.scope, arn)
    if target.kind != "lambda" and ":destination:" not in arn and not role:
        raise invalid("destinationArn for vendor kinesis or firehose cannot be used without roleArn.")
    await target.check(int(ctx.clock.now() * 1000))


@operation(partial="applyOnTransformedLogs and fieldSelectionCriteria are refused; roleArn is not assumed")
async def put_subscription_filter(ctx: Context, request: PutSubscriptionFilterRequestTypeDef) -> Answer:
    """Make or change a subscription, after a test message has reached its destination."""
    group = group_named(ctx, request["logGroupName"])
    if group.log_class != STANDARD:
        raise not_possible(f"Subscription filters are not supported for log groups of the class {group.log_class}.")
    for name in ("applyOnTransformedLogs", "fieldSelectionCriteria"):
        if request.get(name):
            raise NotThere(f"PutSubscriptionFilter with {name}")
    pattern = checked_pattern(request["filterPattern"])
    system = tuple(request.get("emitSystemFields") or ())
    if any(each not in _SYSTEM_FIELDS for each in system):
        raise invalid(f"emitSystemFields must be among {', '.join(_SYSTEM_FIELDS)}.")
    table = ctx.table(SubscriptionFilter)
    key = f"{group.uid}/{request['filterName']}"
    if table.get(ctx.scope, key) is None and len(table.find(ctx.scope, "group", group.uid)) >= _MOST:
        raise too_many()
    check_regexes(ctx, group, key, pattern)
    await check_destination(ctx, request["destinationArn"], request.get("roleArn"))
    now = int(ctx.clock.now() * 1000)
    # Others may have gone on meanwhile: the group may be gone, or its filters too many.
    group = group_named(ctx, group.name)
    key = f"{group.uid}/{request['filterName']}"
    old = table.get(ctx.scope, key)
    if old is None:
        if len(table.find(ctx.scope, "group", group.uid)) >= _MOST:
            raise too_many()
        running(ctx.cloud).filters.subscriptions.begin_at_end(ctx.scope, key, group.uid)
    made = SubscriptionFilter(
        key=key,
        group=group.uid,
        name=request["filterName"],
        pattern=request["filterPattern"],
        destination=request["destinationArn"],
        role=request.get("roleArn") or "",
        distribution=request.get("distribution") or "ByLogStream",
        created=old.created if old is not None else now,
        system_fields=system,
    )
    table.put(ctx.scope, made)
    return {}


@operation()
def delete_subscription_filter(ctx: Context, request: DeleteSubscriptionFilterRequestTypeDef) -> Answer:
    """Delete a subscription."""
    group = group_named(ctx, request["logGroupName"])
    key = f"{group.uid}/{request['filterName']}"
    if ctx.table(SubscriptionFilter).get(ctx.scope, key) is None:
        raise not_found("The specified subscription filter does not exist.")
    running(ctx.cloud).filters.subscriptions.forget(ctx.scope, key)
    return {}


@operation()
def describe_subscription_filters(ctx: Context, request: DescribeSubscriptionFiltersRequestTypeDef) -> Answer:
    """List the subscriptions of a group."""
    group = group_named(ctx, request["logGroupName"])
    prefix = request.get("filterNamePrefix") or ""
    found = ctx.table(SubscriptionFilter).find(ctx.scope, "group", group.uid)
    by_name = {each.name: each for each in found if each.name.startswith(prefix)}
    shown, more = tokens.page(sorted(by_name), request, 50)
    return {"subscriptionFilters": [_view(group, by_name[name]) for name in shown], **more}


def _view(group: LogGroup, made: SubscriptionFilter) -> Answer:
    shown: Answer = {
        "filterName": made.name,
        "logGroupName": group.name,
        "filterPattern": made.pattern,
        "destinationArn": made.destination,
        "distribution": made.distribution,
        "creationTime": made.created,
        "applyOnTransformedLogs": False,
    }
    if made.role:
        shown["roleArn"] = made.role
    if made.system_fields:
        shown["emitSystemFields"] = list(made.system_fields)
    return shown


# -- destinations ------------------------------------------------------------------------------------------------------


@operation(partial="the role is not assumed and the access policy is not evaluated")
def put_destination(ctx: Context, request: PutDestinationRequestTypeDef) -> Answer:
    """Make or change a destination in front of a Kinesis or Firehose stream."""
    target = request["targetArn"]
    if ":kinesis:" not in target and ":firehose:" not in target:
        raise invalid("Invalid targetArn: only Kinesis and Firehose streams can be targets of a destination.")
    table, name = ctx.table(Destination), request["destinationName"]
    old = table.get(ctx.scope, name)
    made = Destination(
        name=name,
        arn=arns.destination_arn(ctx.scope, name),
        target=target,
        role=request["roleArn"],
        policy=old.policy if old is not None else "",
        created=old.created if old is not None else int(ctx.clock.now() * 1000),
        tags=checked(ctx.principal, old.tags if old is not None else {}, request.get("tags") or {}),
    )
    table.put(ctx.scope, made)
    return {"destination": _destination(made)}


@operation(partial="the policy is kept and not evaluated, so forceUpdate has nothing to force")
def put_destination_policy(ctx: Context, request: PutDestinationPolicyRequestTypeDef) -> Answer:
    """Say who may subscribe through a destination."""
    found = ctx.table(Destination).get(ctx.scope, request["destinationName"])
    if found is None:
        raise not_found("The specified destination does not exist.")
    try:
        msgspec.json.decode(request["accessPolicy"])
    except msgspec.DecodeError as error:
        raise invalid("The specified access policy is not valid JSON.") from error
    ctx.table(Destination).put(ctx.scope, found.replace(policy=request["accessPolicy"]))
    return {}


@operation()
def delete_destination(ctx: Context, request: DeleteDestinationRequestTypeDef) -> Answer:
    """Delete a destination; subscriptions to it deliver no more."""
    if ctx.table(Destination).delete(ctx.scope, request["destinationName"]) is None:
        raise not_found("The specified destination does not exist.")
    return {}


@operation()
def describe_destinations(ctx: Context, request: DescribeDestinationsRequestTypeDef) -> Answer:
    """List destinations by name."""
    prefix = request.get("DestinationNamePrefix") or ""
    by_name = {each.name: each for each in ctx.table(Destination).all(ctx.scope) if each.name.startswith(prefix)}
    shown, more = tokens.page(sorted(by_name), request, 50)
    return {"destinations": [_destination(by_name[name]) for name in shown], **more}


def _destination(made: Destination) -> Answer:
    shown: Answer = {
        "destinationName": made.name,
        "targetArn": made.target,
        "roleArn": made.role,
        "arn": made.arn,
        "creationTime": made.created,
    }
    if made.policy:
        shown["accessPolicy"] = made.policy
    return shown
