"""Telling a stack's SNS topics of its events, in their order, at least once each.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-add-tags.html
"""

from __future__ import annotations

import logging

from cloudarium.kernel.cloud import Cloud
from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudformation.resources import Stack, StackEvent
from cloudarium.services.cloudformation.views import moment

log = logging.getLogger(__name__)

_SUBJECT = "AWS CloudFormation Notification"


class Notices:
    """The controller; its keys are scope and id of a stack."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._events = cloud.store.table(StackEvent)

    def keys(self) -> list[tuple[Scope, str]]:
        """Stacks with events that somebody is still to be told of."""
        return list(dict.fromkeys((scope, each.stack_id) for scope, each in self._events.everywhere() if each.topics))

    async def reconcile(self, key: tuple[Scope, str]) -> float | None:
        """Tell what is still to be told. A topic that cannot be published to is passed over."""
        scope, stack_id = key
        ctx = self._cloud.context(scope, "cloudformation")
        stack = self._cloud.store.table(Stack).get(scope, stack_id)
        untold = [each for each in self._events.find(scope, "stack_id", stack_id) if each.topics]
        for event in sorted(untold, key=lambda each: each.number):
            if stack is not None:
                await _tell(ctx, stack, event)
            if self._events.get(scope, event.key) is not None:
                self._events.put(scope, event.replace(topics=()))
        return None


async def _tell(ctx: Context, stack: Stack, event: StackEvent) -> None:
    for topic in event.topics:
        try:
            await ctx.aws.sns.publish(TopicArn=topic, Subject=_SUBJECT, Message=message(ctx.account, stack, event))
        except AwsError as error:
            log.warning("stack %s: %s cannot be told of an event: %s", stack.name, topic, error)


def message(account: str, stack: Stack, event: StackEvent) -> str:
    """An event as subscribers are told of it: a line for each member, which programs have learned to take apart."""
    members = {
        "StackId": stack.id,
        "Timestamp": moment(event.at).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "EventId": event.id,
        "LogicalResourceId": event.logical_id,
        "Namespace": account,
        "PhysicalResourceId": event.physical_id,
        "PrincipalId": account,
        "ResourceProperties": event.properties or "null",
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "ResourceType": event.type,
        "StackName": stack.name,
        "ClientRequestToken": event.token or "null",
    }
    return "".join(f"{name}='{value}'\n" for name, value in members.items())
