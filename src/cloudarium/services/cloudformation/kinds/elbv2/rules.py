"""AWS::ElasticLoadBalancingV2::ListenerRule."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import picked
from cloudarium.services.cloudformation.kinds.elbv2.base import ElbKind
from cloudarium.services.cloudformation.kinds.kind import Work

_SETTINGS = ("Actions", "Conditions", "Transforms")


class ListenerRule(ElbKind):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-listenerrule.html."""

    type = "AWS::ElasticLoadBalancingV2::ListenerRule"
    arn_name, listed, operation = "RuleArn", "Rules", "rule"

    async def create(self, work: Work) -> str:
        """A priority that is taken already is an error, as on AWS."""
        given = picked(work.properties, ("ListenerArn", "Priority", *_SETTINGS))
        answer = await work.ctx.aws.elbv2.create_rule(**given, **self.labels(work))
        return str(answer["Rules"][0]["RuleArn"])

    async def found(self, work: Work) -> str:
        """The listener's rule of that priority, when it carries this resource's mark."""
        elbv2 = work.ctx.aws.elbv2
        page: dict[str, Any] = {}
        while True:
            answer = await elbv2.describe_rules(ListenerArn=work.properties["ListenerArn"], **page)
            for rule in answer["Rules"]:
                if rule["Priority"] == str(work.properties["Priority"]) and rule["RuleArn"] != work.replaces:
                    tags = await elbv2.describe_tags(ResourceArns=[rule["RuleArn"]])
                    mark = tagging.by_key(tags["TagDescriptions"][0]["Tags"])
                    return str(rule["RuleArn"]) if tagging.is_marked(work, mark) else ""
            if not answer.get("NextMarker"):
                return ""
            page = {"Marker": answer["NextMarker"]}

    async def update(self, work: Work) -> None:
        """Its place among the rules, and what it does."""
        elbv2, arn, properties = work.ctx.aws.elbv2, work.physical_id, work.properties
        if properties["Priority"] != work.before.get("Priority"):
            place = {"RuleArn": arn, "Priority": properties["Priority"]}
            await elbv2.set_rule_priorities(RulePriorities=[place])
        given = picked(properties, _SETTINGS)
        if given != picked(work.before, _SETTINGS):
            if not given.get("Transforms"):
                given.pop("Transforms", None)
                given["ResetTransforms"] = True
            await elbv2.modify_rule(RuleArn=arn, **given)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """Its ARN, and that it is none that a listener has by itself."""
        return {"IsDefault": False, "RuleArn": work.physical_id}

    async def remove(self, work: Work) -> None:
        """By its ARN."""
        await work.ctx.aws.elbv2.delete_rule(RuleArn=work.physical_id)
