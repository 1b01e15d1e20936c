"""Rollback triggers: alarms that turn an operation back while it goes on, and for a while after everything is made.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-rollback-triggers.html
"""

from __future__ import annotations

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation.resources import Stack

EVERY = 15.0
"""Cloud seconds between two looks. AWS does not say how often it looks; alarms are evaluated by the minute."""


async def problem(ctx: Context, stack: Stack) -> str:
    """Why the operation is to be turned back: an alarm that is in ALARM, or is not there; empty if there is none."""
    names = {arn.split(":alarm:", 1)[-1]: arn for arn, _ in stack.triggers}
    types = sorted({kind.removeprefix("AWS::CloudWatch::").replace("Alarm", "") for _, kind in stack.triggers})
    kinds = ["CompositeAlarm" if each == "Composite" else "MetricAlarm" for each in types]
    found = await ctx.aws.cloudwatch.describe_alarms(AlarmNames=list(names), AlarmTypes=kinds)
    alarms = [*found.get("MetricAlarms", []), *found.get("CompositeAlarms", [])]
    known = {each["AlarmName"] for each in alarms}
    if missing := [arn for name, arn in names.items() if name not in known]:
        return f"The following rollback trigger(s) do not exist: [{', '.join(missing)}]"
    if alarmed := [each["AlarmArn"] for each in alarms if each["StateValue"] == "ALARM"]:
        return f"The following rollback trigger(s) went to ALARM state: [{', '.join(alarmed)}]"
    return ""


def seconds_left(ctx: Context, stack: Stack) -> float:
    """For how long the stack, complete now, is still watched before it counts as such; a look's time at most."""
    operation = stack.operation
    if operation is None or stack.monitoring_minutes <= 0 or not stack.triggers:
        return 0.0
    if not operation.watch_until:
        until = ctx.clock.now() + stack.monitoring_minutes * 60
        operation = msgspec.structs.replace(operation, watch_until=until)
        ctx.table(Stack).put(ctx.scope, stack.replace(operation=operation))
    return min(EVERY, operation.watch_until - ctx.clock.now())
