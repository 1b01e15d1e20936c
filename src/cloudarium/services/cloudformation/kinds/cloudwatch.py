"""AWS::CloudWatch::*: alarms, dashboards and anomaly detectors.

CloudWatch's API spells its members as templates do.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_CloudWatch.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import found_or_none, taken, unless
from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, Work
from cloudarium.services.cloudformation.kinds.shapes import without


async def _tags(work: Work, arn: str) -> dict[str, str]:
    return tagging.by_key((await work.ctx.aws.cloudwatch.list_tags_for_resource(ResourceARN=arn))["Tags"])


async def _retag(work: Work, arn: str) -> None:
    if removed := tagging.dropped(work):
        await work.ctx.aws.cloudwatch.untag_resource(ResourceARN=arn, TagKeys=removed)
    if work.tags:
        await work.ctx.aws.cloudwatch.tag_resource(ResourceARN=arn, Tags=tagging.pairs(work.tags))


class _AnyAlarm(Kind):
    """An alarm of some kind; its physical id, which ``Ref`` gives, is its name. Putting one would change one of the
    same name, so it is looked for first.
    """

    def _name(self, work: Work) -> str:
        return work.physical_id or str(work.properties.get("AlarmName") or work.short_name(255))

    def _arn(self, work: Work) -> str:
        return work.ctx.arn("cloudwatch", f"alarm:{self._name(work)}")

    async def _put(self, work: Work, **request: Any) -> None:
        raise NotImplementedError

    async def _is_there(self, work: Work) -> bool:
        answer = await work.ctx.aws.cloudwatch.describe_alarms(
            AlarmNames=[self._name(work)], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        return bool(answer["MetricAlarms"] or answer["CompositeAlarms"])

    async def create(self, work: Work) -> str:
        """Make it."""
        if await self._is_there(work):
            raise taken(self, self._name(work))
        await self._put(work, Tags=tagging.pairs(work.tags))
        return self._name(work)

    async def found(self, work: Work) -> str:
        """The alarm of the name, if an attempt before has made it."""
        mine = await self._is_there(work) and tagging.is_marked(work, await _tags(work, self._arn(work)))
        return self._name(work) if mine else ""

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``."""
        return {"Arn": self._arn(work)}

    async def update(self, work: Work) -> None:
        """Put it anew, whole; its state stays, and its tags are calls of their own."""
        await self._put(work)
        await _retag(work, self._arn(work))

    async def delete(self, work: Work) -> None:
        """Delete it."""
        with unless("ResourceNotFound"):
            await work.ctx.aws.cloudwatch.delete_alarms(AlarmNames=[work.physical_id])


class Alarm(_AnyAlarm):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html"""

    type = "AWS::CloudWatch::Alarm"
    unbuilt = frozenset(
        {"ActionConfiguration", "EvaluationCriteria", "EvaluationInterval", "EvaluationWindow", "WarmUpConfiguration"}
    )

    async def _put(self, work: Work, **request: Any) -> None:
        properties = without(work.properties, "AlarmName", "Tags")
        await work.ctx.aws.cloudwatch.put_metric_alarm(AlarmName=self._name(work), **properties, **request)


class CompositeAlarm(_AnyAlarm):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html"""

    type = "AWS::CloudWatch::CompositeAlarm"
    unbuilt = frozenset({"ActionConfiguration"})

    async def _put(self, work: Work, **request: Any) -> None:
        properties = without(work.properties, "AlarmName", "Tags")
        await work.ctx.aws.cloudwatch.put_composite_alarm(AlarmName=self._name(work), **properties, **request)


class Dashboard(Kind):
    """A dashboard; its physical id, which ``Ref`` gives, is its name.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-dashboard.html
    """

    type = "AWS::CloudWatch::Dashboard"

    def _name(self, work: Work) -> str:
        return work.physical_id or str(work.properties.get("DashboardName") or work.short_name(255))

    async def _arn(self, work: Work) -> str:
        """The ARN of the dashboard of the name, or empty when there is none."""
        asked = work.ctx.aws.cloudwatch.get_dashboard(DashboardName=self._name(work))
        there = await found_or_none(asked, "ResourceNotFound")
        return str(there["DashboardArn"]) if there is not None else ""

    async def create(self, work: Work) -> str:
        """Make it; PutDashboard would change one of the same name, so it is looked for first."""
        if await self._arn(work):
            raise taken(self, self._name(work))
        await work.ctx.aws.cloudwatch.put_dashboard(
            DashboardName=self._name(work),
            DashboardBody=work.properties["DashboardBody"],
            Tags=tagging.pairs(work.tags),
        )
        return self._name(work)

    async def found(self, work: Work) -> str:
        """The dashboard of the name, if an attempt before has made it."""
        arn = await self._arn(work)
        return self._name(work) if arn and tagging.is_marked(work, await _tags(work, arn)) else ""

    async def update(self, work: Work) -> None:
        """Put another body; tags are calls of their own."""
        await work.ctx.aws.cloudwatch.put_dashboard(
            DashboardName=work.physical_id, DashboardBody=work.properties["DashboardBody"]
        )
        await _retag(work, await self._arn(work))

    async def delete(self, work: Work) -> None:
        """Delete it."""
        with unless("ResourceNotFound"):
            await work.ctx.aws.cloudwatch.delete_dashboards(DashboardNames=[work.physical_id])


class AnomalyDetector(Kind):
    """An anomaly detector; its physical id, which ``Ref`` gives, is the detector's.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-anomalydetector.html
    """

    type = "AWS::CloudWatch::AnomalyDetector"

    def _request(self, work: Work) -> dict[str, Any]:
        request = dict(work.properties)
        if "Configuration" in request:
            request["Configuration"] = _configuration(request["Configuration"])
        return request

    async def _there(self, work: Work) -> dict[str, Any] | None:
        """The detector of what this one is to watch."""
        given = work.properties
        metric = given.get("SingleMetricAnomalyDetector") or given
        api = work.ctx.aws.cloudwatch
        if "MetricMathAnomalyDetector" in given:
            request: dict[str, Any] = {"AnomalyDetectorTypes": ["METRIC_MATH"]}
        else:
            request = {name: metric[name] for name in ("Namespace", "MetricName", "Dimensions") if name in metric}
        while True:
            answer = await api.describe_anomaly_detectors(**request)
            for each in answer["AnomalyDetectors"]:
                if _watches(each, given, metric):
                    return dict(each)
            if "NextToken" not in answer:
                return None
            request["NextToken"] = answer["NextToken"]

    async def create(self, work: Work) -> str:
        """Make it; putting one would change one of the same metric, so it is looked for first."""
        there = await self._there(work)
        if there is not None:
            raise taken(self, there["AnomalyDetectorId"])
        made = await work.ctx.aws.cloudwatch.put_anomaly_detector(**self._request(work))
        return str(made["AnomalyDetectorId"])

    async def found(self, work: Work) -> str:
        """The detector of this metric: it has no tags, so nothing tells who has made it."""
        there = await self._there(work)
        return str(there["AnomalyDetectorId"]) if there is not None else ""

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id``."""
        return {"Id": work.physical_id}

    async def update(self, work: Work) -> None:
        """Have it learn otherwise."""
        await work.ctx.aws.cloudwatch.put_anomaly_detector(**self._request(work))

    async def delete(self, work: Work) -> None:
        """Delete it, with what it has learned."""
        with unless("ResourceNotFoundException"):
            await work.ctx.aws.cloudwatch.delete_anomaly_detector(AnomalyDetectorId=work.physical_id)


def _watches(shown: Mapping[str, Any], given: Mapping[str, Any], metric: Mapping[str, Any]) -> bool:
    if "MetricMathAnomalyDetector" in given:
        wanted: list[Mapping[str, Any]] = given["MetricMathAnomalyDetector"].get("MetricDataQueries") or []
        there = shown["MetricMathAnomalyDetector"]["MetricDataQueries"]
        return [dict(each) for each in wanted] == [dict(each) for each in there]
    dimensions = [tagging.by_key(each.get("Dimensions") or (), key="Name") for each in (shown, metric)]
    same = all(shown.get(name) == metric.get(name) for name in ("Namespace", "MetricName", "Stat"))
    return same and dimensions[0] == dimensions[1]


def _configuration(given: Mapping[str, Any]) -> dict[str, Any]:
    """The API spells the time zone otherwise, and takes moments: in a template they are texts in UTC."""
    converted = without(given, "MetricTimeZone")
    if "MetricTimeZone" in given:
        converted["MetricTimezone"] = given["MetricTimeZone"]
    if "ExcludedTimeRanges" in given:
        converted["ExcludedTimeRanges"] = [
            {name: _moment(each[name]) for name in ("StartTime", "EndTime")} for each in given["ExcludedTimeRanges"]
        ]
    return converted


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failed(f"Invalid time in ExcludedTimeRanges: {text[:64]}") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


_EVERY = (Alarm, CompositeAlarm, Dashboard, AnomalyDetector)

KINDS: dict[str, Kind] = {each.type: each() for each in _EVERY}
