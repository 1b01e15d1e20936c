"""CloudWatch alarms that fail a deployment.

Alarms that were in ALARM when the deployment began say nothing about it. Once everything is replaced the deployment
bakes as long as the alarms need to notice: the longest of their evaluation windows.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.services.ecs.resources import ServiceRecord
from cloudarium.services.ecs.scheduler.announcing import Announcer


class Alarms(NamedTuple):
    """The names of the alarms in ALARM, and how long to bake, in seconds."""

    ringing: frozenset[str] = frozenset()
    bake: float = 0.0


async def look(ctx: Context, service: ServiceRecord, news: Announcer) -> Alarms:
    """The state of a service's deployment alarms; nothing rings when it has none or no deployment is under way."""
    settings: dict[str, Any] = service.deployment_configuration.get("alarms") or {}
    primary = service.primary
    if not settings.get("enable") or not settings.get("alarmNames"):
        return Alarms()
    if primary is None or primary.rollout_state != "IN_PROGRESS":
        return Alarms()
    try:
        found = await ctx.aws.cloudwatch.describe_alarms(AlarmNames=list(settings["alarmNames"]))
    except AwsError as error:
        news.complain("alarms", f"(service {service.name}) was unable to describe alarms with (error {error.message})")
        return Alarms()
    metric = found.get("MetricAlarms", [])
    ringing = {a["AlarmName"] for a in [*metric, *found.get("CompositeAlarms", [])] if a.get("StateValue") == "ALARM"}
    windows = [float(a.get("Period", 60)) * float(a.get("EvaluationPeriods", 1)) for a in metric]
    return Alarms(frozenset(ringing), max(windows, default=0.0))
