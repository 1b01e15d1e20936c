"""SQS's resource types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SQS.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, Settled, document, found_or_none, picked, taken, unless
from cloudarium.services.cloudformation.kinds.kind import Work

_NONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_AS_NEW = {
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "DelaySeconds": "0",
    "FifoThroughputLimit": "perQueue",
    "KmsDataKeyReusePeriodSeconds": "300",
    "KmsMasterKeyId": "",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedrivePolicy": "",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
"""What may be changed, and what it is where the template is silent:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""


class Queue(Once):
    """A queue; its physical id is its URL."""

    type = "AWS::SQS::Queue"
    service, making = "sqs", "create_queue"
    unbuilt = frozenset({"RedriveAllowPolicy"})

    async def create(self, work: Work) -> str:
        """Its URL. SQS takes a queue like one that is there for the same, so that it is there is asked first."""
        name = self._name(work)
        if await found_or_none(work.ctx.aws.sqs.get_queue_url(QueueName=name), *_NONE) is not None:
            raise taken(self, name)
        attributes = _said(work)
        if work.properties.get("FifoQueue"):
            attributes["FifoQueue"] = "true"
        return await self.make(work, QueueName=name, Attributes=attributes, tags=tagging.own(work))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its URL."""
        return str(answer["QueueUrl"])

    async def update(self, work: Work) -> None:
        """Attributes and tags. moto forgets the queue's policy with every change that does not repeat it."""
        sqs, url = work.ctx.aws.sqs, work.physical_id
        names = [name for name in _AS_NEW if work.before.get(name) != work.properties.get(name)]
        if names:
            changed = picked(_AS_NEW | _said(work), names)
            policy = await _attributes(work, url, "Policy")
            await sqs.set_queue_attributes(QueueUrl=url, Attributes=policy | changed)
        await tagging.settle(
            work,
            (await sqs.list_queue_tags(QueueUrl=url)).get("Tags", {}),
            lambda tags: sqs.tag_queue(QueueUrl=url, Tags=tags),
            lambda keys: sqs.untag_queue(QueueUrl=url, TagKeys=keys),
        )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``, ``QueueName``, ``QueueUrl``."""
        arn = (await _attributes(work, work.physical_id, "QueueArn"))["QueueArn"]
        return {"Arn": arn, "QueueName": arn.rpartition(":")[2], "QueueUrl": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Delete it with all that is in it."""
        with unless(*_NONE):
            await work.ctx.aws.sqs.delete_queue(QueueUrl=work.physical_id)

    def _name(self, work: Work) -> str:
        generated = f"{work.short_name(75)}.fifo" if work.properties.get("FifoQueue") else work.short_name(80)
        return str(work.properties.get("QueueName") or generated)


class QueuePolicy(Settled):
    """One policy for queues. It is no thing of its own."""

    type = "AWS::SQS::QueuePolicy"

    async def create(self, work: Work) -> str:
        """A made-up name."""
        return work.name

    async def settle(self, work: Work) -> None:
        """Set it on the queues, and take it from those that had it before."""
        policy = document(work.properties["PolicyDocument"])
        for url in work.before.get("Queues", []):
            if url not in work.properties["Queues"]:
                await _set_policy(work, url, "")
        for url in work.properties["Queues"]:
            await work.ctx.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id``."""
        return {"Id": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Take it from all."""
        for url in work.properties["Queues"]:
            await _set_policy(work, url, "")


class QueueInlinePolicy(Once):
    """The policy of one queue; its physical id is the queue's URL."""

    type = "AWS::SQS::QueueInlinePolicy"
    service, making = "sqs", "set_queue_attributes"

    async def create(self, work: Work) -> str:
        """A policy that is there already is somebody else's."""
        url = str(work.properties["Queue"])
        if await _attributes(work, url, "Policy"):
            raise taken(self, url)
        return await self.make(work, QueueUrl=url, Attributes={"Policy": document(work.properties["PolicyDocument"])})

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """The queue's URL."""
        return str(work.properties["Queue"])

    async def update(self, work: Work) -> None:
        """Set it."""
        policy = document(work.properties["PolicyDocument"])
        await work.ctx.aws.sqs.set_queue_attributes(QueueUrl=work.properties["Queue"], Attributes={"Policy": policy})

    async def delete(self, work: Work) -> None:
        """Gone with its queue as well."""
        await _set_policy(work, work.physical_id, "")


async def _attributes(work: Work, url: str, name: str) -> dict[str, str]:
    answer = await work.ctx.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
    found: dict[str, str] = answer.get("Attributes", {})
    return found


async def _set_policy(work: Work, url: str, policy: str) -> None:
    with unless(*_NONE):
        await work.ctx.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def _said(work: Work) -> dict[str, str]:
    """The properties as SQS takes attributes: all of them texts."""
    return {name: _text(work.properties[name]) for name in _AS_NEW if name in work.properties}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict) else str(value)


KINDS = {kind.type: kind for kind in (Queue(), QueuePolicy(), QueueInlinePolicy())}
