"""One step of one service: from what is known now to what is written now. Nothing here awaits.

So the step sees one state of all records and its writes are one transaction: what is started and what is stopped was
decided from the same tasks, and a crash leaves all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from cloudarium.kernel.context import Context
from cloudarium.services.ecs.resources import ServiceRecord, TaskSet
from cloudarium.services.ecs.scheduler.alarms import Alarms
from cloudarium.services.ecs.scheduler.announcing import Announcer
from cloudarium.services.ecs.scheduler.judging import TargetState
from cloudarium.services.ecs.scheduler.launching import Launcher
from cloudarium.services.ecs.scheduler.members import Member, Target
from cloudarium.services.ecs.scheduler.rolling import Rolling
from cloudarium.services.ecs.scheduler.sharing import Sharing


def take(
    ctx: Context,
    service: ServiceRecord,
    news: Announcer,
    launcher: Launcher,
    states: Mapping[Target, TargetState],
    alarms: Alarms,
) -> float | None:
    """Take the next step; returns after how many seconds to look again."""
    kind = Rolling if service.deployment_controller == "ECS" else Sharing
    step = kind(ctx, service, news, launcher, states, alarms)
    step.observe()
    step.keep()
    after, wake = step.outcome()
    if after.status == "DRAINING" and not ctx.table(Member).find(ctx.scope, "service_key", after.key):
        after, wake = _ended(ctx, after), None
    written = news.written(after)
    if written != service:
        ctx.table(ServiceRecord).put(ctx.scope, written)
    return wake


def _ended(ctx: Context, service: ServiceRecord) -> ServiceRecord:
    """A deleted service of which nothing is left."""
    for task_set in ctx.table(TaskSet).find(ctx.scope, "service_key", service.key):
        ctx.table(TaskSet).delete(ctx.scope, task_set.arn)
    return service.replace(status="INACTIVE", ended=ctx.clock.now(), deployments=())
