"""AWS::Logs::MetricFilter, AWS::Logs::SubscriptionFilter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds import shapes, tagging
from cloudarium.services.cloudformation.kinds.calls import taken, unless
from cloudarium.services.cloudformation.kinds.kind import Kind, Work
from cloudarium.services.cloudformation.kinds.logs.common import GONE, parameters


class _Filter(Kind):
    """A filter of a group; its physical id, which ``Ref`` gives, is its name. Putting one would change one of the same
    name, so it is looked for first.
    """

    called = ""
    """What its operations call it."""
    listed = ""
    """The member of the answer that lists them."""

    def _name(self, work: Work) -> str:
        return work.physical_id or str(work.properties.get("FilterName") or work.short_name(512))

    def _request(self, work: Work) -> dict[str, Any]:
        raise NotImplementedError

    async def _there(self, work: Work) -> dict[str, Any] | None:
        name = self._name(work)
        describe = getattr(work.ctx.aws.logs, f"describe_{self.called}s")
        answer = await describe(logGroupName=work.properties["LogGroupName"], filterNamePrefix=name, limit=1)
        return next((each for each in answer[self.listed] if each["filterName"] == name), None)

    async def create(self, work: Work) -> str:
        """Make it."""
        if await self._there(work) is not None:
            raise taken(self, f"{work.properties['LogGroupName']}|{self._name(work)}")
        await self.update(work)
        return self._name(work)

    async def found(self, work: Work) -> str:
        """The filter of the name, if it is just what this template says: nothing tells who has made it."""
        there = await self._there(work)
        same = there is not None and all(there.get(key) == value for key, value in self._request(work).items())
        return self._name(work) if same else ""

    async def update(self, work: Work) -> None:
        """Put it anew."""
        await getattr(work.ctx.aws.logs, f"put_{self.called}")(filterName=self._name(work), **self._request(work))

    async def delete(self, work: Work) -> None:
        """Delete it."""
        with unless(GONE):
            await getattr(work.ctx.aws.logs, f"delete_{self.called}")(
                logGroupName=work.properties["LogGroupName"], filterName=work.physical_id
            )


class MetricFilter(_Filter):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-metricfilter.html"""

    type = "AWS::Logs::MetricFilter"
    unbuilt = frozenset({"FieldSelectionCriteria"})
    called = "metric_filter"
    listed = "metricFilters"

    def _request(self, work: Work) -> dict[str, Any]:
        names = ("ApplyOnTransformedLogs", "EmitSystemFieldDimensions", "FilterPattern", "LogGroupName")
        return {
            **parameters(work.properties, *names),
            "metricTransformations": [_transformation(each) for each in work.properties["MetricTransformations"]],
        }


def _transformation(given: Mapping[str, Any]) -> dict[str, Any]:
    """Dimensions are a list in a template, and a map in the API. Without a unit it is None."""
    converted: dict[str, Any] = {"unit": "None", **shapes.camel(given, {}, frozenset())}
    if "Dimensions" in given:
        converted["dimensions"] = tagging.by_key(given["Dimensions"])
    return converted


class SubscriptionFilter(_Filter):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-subscriptionfilter.html"""

    type = "AWS::Logs::SubscriptionFilter"
    unbuilt = frozenset({"FieldSelectionCriteria"})
    called = "subscription_filter"
    listed = "subscriptionFilters"

    def _request(self, work: Work) -> dict[str, Any]:
        names = (
            "ApplyOnTransformedLogs", "DestinationArn", "Distribution", "EmitSystemFields", "FilterPattern",
            "LogGroupName", "RoleArn",
        )  # fmt: skip
        return parameters(work.properties, *names)
