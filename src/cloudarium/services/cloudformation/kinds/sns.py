"""SNS's resource types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SNS.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.client import AwsClient
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, Settled, document, found_or_none, taken, unless
from cloudarium.services.cloudformation.kinds.kind import Kind, Work

_NONE = ("NotFound", "ResourceNotFound")
_TOPIC = {"ContentBasedDeduplication": "false", "DisplayName": "", "KmsMasterKeyId": ""}
_SUBSCRIPTION = {
    "FilterPolicyScope": "MessageAttributes",
    "FilterPolicy": "{}",
    "DeliveryPolicy": "",
    "RawMessageDelivery": "false",
    "RedrivePolicy": "",
    "SubscriptionRoleArn": "",
}
"""What may be changed, and what it is where the template is silent. A filter's scope is read with the filter, so it
comes first."""


class Topic(Once, Settled):
    """A topic, with subscriptions where it names some; its physical id is its ARN."""

    type = "AWS::SNS::Topic"
    service, making = "sns", "create_topic"
    unbuilt = frozenset(
        {
            "ArchivePolicy",
            "DataProtectionPolicy",
            "DeliveryStatusLogging",
            "FifoThroughputScope",
            "MaximumMessageSize",
            "SignatureVersion",
            "TracingConfig",
        }
    )

    async def create(self, work: Work) -> str:
        """Its ARN. SNS answers with the one that is there, so that it is there is asked first."""
        name = self._name(work)
        arn = work.ctx.arn("sns", name)
        if await found_or_none(work.ctx.aws.sns.get_topic_attributes(TopicArn=arn), *_NONE) is not None:
            raise taken(self, arn)
        attributes = {key: _text(work.properties[key]) for key in _TOPIC if key in work.properties}
        if work.properties.get("FifoTopic"):
            attributes["FifoTopic"] = "true"
        tags = tagging.pairs(tagging.own(work))
        return await self.make(work, Name=name, Attributes=attributes, Tags=tags)

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its ARN."""
        return str(answer["TopicArn"])

    async def settle(self, work: Work) -> None:
        """Its subscriptions."""
        sns = work.ctx.aws.sns
        wanted = [(each["Protocol"], each["Endpoint"]) for each in work.properties.get("Subscription", [])]
        before = [(each["Protocol"], each["Endpoint"]) for each in work.before.get("Subscription", [])]
        for target in before:
            if target not in wanted and (subscription := await self._subscription(work, *target)):
                await sns.unsubscribe(SubscriptionArn=subscription)
        for protocol, endpoint in wanted:
            await sns.subscribe(TopicArn=work.physical_id, Protocol=protocol, Endpoint=endpoint)

    async def update(self, work: Work) -> None:
        """Attributes and tags."""
        sns, arn = work.ctx.aws.sns, work.physical_id
        for name, as_new in _TOPIC.items():
            if work.before.get(name) != work.properties.get(name):
                value = _text(work.properties.get(name, as_new))
                await sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)
        await tagging.settle(
            work,
            tagging.by_key((await sns.list_tags_for_resource(ResourceArn=arn)).get("Tags", [])),
            lambda tags: sns.tag_resource(ResourceArn=arn, Tags=tagging.pairs(tags)),
            lambda keys: sns.untag_resource(ResourceArn=arn, TagKeys=keys),
        )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``TopicArn`` and ``TopicName``."""
        return {"TopicArn": work.physical_id, "TopicName": work.physical_id.rpartition(":")[2]}

    async def delete(self, work: Work) -> None:
        """Its subscriptions go with it."""
        with unless(*_NONE):
            await work.ctx.aws.sns.delete_topic(TopicArn=work.physical_id)

    def _name(self, work: Work) -> str:
        generated = f"{work.short_name(251)}.fifo" if work.properties.get("FifoTopic") else work.short_name(256)
        return str(work.properties.get("TopicName") or generated)

    async def _subscription(self, work: Work, protocol: str, endpoint: str) -> str:
        token: dict[str, Any] = {}
        while True:
            answer = await work.ctx.aws.sns.list_subscriptions_by_topic(TopicArn=work.physical_id, **token)
            for each in answer.get("Subscriptions", []):
                if (each["Protocol"], each["Endpoint"]) == (protocol, endpoint):
                    return str(each["SubscriptionArn"])
            if not (token := {"NextToken": answer["NextToken"]} if answer.get("NextToken") else {}):
                return ""


class Subscription(Settled):
    """A subscription; its physical id is its ARN. ``Region`` is the topic's, where that is another one."""

    type = "AWS::SNS::Subscription"
    unbuilt = frozenset({"ReplayPolicy"})

    async def create(self, work: Work) -> str:
        """Its ARN; SNS answers with the same for the same topic and endpoint."""
        said = {name: work.properties[name] for name in ("TopicArn", "Protocol", "Endpoint") if name in work.properties}
        answer = await self._sns(work).subscribe(**said, ReturnSubscriptionArn=True)
        return str(answer["SubscriptionArn"])

    async def settle(self, work: Work) -> None:
        """Its attributes."""
        for name, as_new in _SUBSCRIPTION.items():
            if name in work.properties or name in work.before:
                await self._sns(work).set_subscription_attributes(
                    SubscriptionArn=work.physical_id,
                    AttributeName=name,
                    AttributeValue=_text(work.properties.get(name, as_new)),
                )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``."""
        return {"Arn": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Unsubscribe."""
        with unless(*_NONE):
            await self._sns(work).unsubscribe(SubscriptionArn=work.physical_id)

    def _sns(self, work: Work) -> AwsClient:
        region = work.properties.get("Region", work.ctx.region)
        return work.ctx.cloud.aws(Scope(work.ctx.account, region), work.ctx.principal).sns


class TopicPolicy(Settled):
    """One policy for topics. It is no thing of its own."""

    type = "AWS::SNS::TopicPolicy"

    async def create(self, work: Work) -> str:
        """A made-up name."""
        return work.name

    async def settle(self, work: Work) -> None:
        """Set it on the topics; those that had it before get what new ones have."""
        for arn in work.before.get("Topics", []):
            if arn not in work.properties["Topics"]:
                await _set_policy(work, arn, _default_policy(work, arn))
        for arn in work.properties["Topics"]:
            await work.ctx.aws.sns.set_topic_attributes(
                TopicArn=arn, AttributeName="Policy", AttributeValue=document(work.properties["PolicyDocument"])
            )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id``."""
        return {"Id": work.physical_id}

    async def delete(self, work: Work) -> None:
        """A topic always has a policy, so they get what new ones have."""
        for arn in work.properties["Topics"]:
            await _set_policy(work, arn, _default_policy(work, arn))


class TopicInlinePolicy(Kind):
    """The policy of one topic; its physical id is the topic's ARN."""

    type = "AWS::SNS::TopicInlinePolicy"

    async def create(self, work: Work) -> str:
        """Set it."""
        await self.update(work)
        return str(work.properties["TopicArn"])

    async def update(self, work: Work) -> None:
        """Set it."""
        await work.ctx.aws.sns.set_topic_attributes(
            TopicArn=work.properties["TopicArn"],
            AttributeName="Policy",
            AttributeValue=document(work.properties["PolicyDocument"]),
        )

    async def delete(self, work: Work) -> None:
        """The topic gets what new ones have."""
        await _set_policy(work, work.physical_id, _default_policy(work, work.physical_id))


async def _set_policy(work: Work, arn: str, policy: str) -> None:
    with unless(*_NONE):
        await work.ctx.aws.sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)


def _default_policy(work: Work, arn: str) -> str:
    """What SNS gives a topic that nobody gave a policy."""
    allowed = "GetTopicAttributes SetTopicAttributes AddPermission RemovePermission DeleteTopic Subscribe"
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{name}" for name in f"{allowed} ListSubscriptionsByTopic Publish".split()],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": work.ctx.account}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)


KINDS = {kind.type: kind for kind in (Topic(), Subscription(), TopicPolicy(), TopicInlinePolicy())}
