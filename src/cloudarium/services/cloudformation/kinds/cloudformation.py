"""CloudFormation's own resource types: nested stacks and wait conditions. CDK's metadata makes nothing, as on AWS.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_CloudFormation.html
"""

from __future__ import annotations

import json
from typing import Any

from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, Work
from cloudarium.services.cloudformation.kinds.nested import NestedStack
from cloudarium.services.cloudformation.resources import Handle, StackResource, resource_key
from cloudarium.services.cloudformation.wait_conditions import WAITS, handle_in, url

_LONGEST_WAIT = 43_200


class Metadata(Kind):
    """What CDK notes about itself."""

    type = "AWS::CDK::Metadata"

    async def create(self, work: Work) -> str:
        """Nothing is made; it has an id all the same."""
        return work.token

    async def update(self, work: Work) -> None:
        """Nothing to change."""

    async def delete(self, work: Work) -> None:
        """Nothing to delete."""


class WaitConditionHandle(Kind):
    """A URL; signals sent to it are for the wait condition that has it."""

    type = "AWS::CloudFormation::WaitConditionHandle"

    async def create(self, work: Work) -> str:
        """The URL, which is also what ``Ref`` gives."""
        ctx = work.ctx
        ctx.table(Handle).put(ctx.scope, Handle(id=work.token, stack_id=work.stack_id))
        return url(ctx.cloud, ctx.scope, work.token)

    async def update(self, work: Work) -> None:
        """It has no properties."""

    async def delete(self, work: Work) -> None:
        """Forget it, and what was sent to it."""
        work.ctx.table(Handle).delete(work.ctx.scope, handle_in(work.physical_id))


class WaitCondition(Kind):
    """Waits for signals: those sent to its handle, or with a CreationPolicy those of SignalResource."""

    type = WAITS

    async def create(self, work: Work) -> str:
        """Nothing is made: it waits."""
        if "Handle" in work.properties:
            if "Timeout" not in work.properties:
                raise Failed("Timeout must be specified for a WaitCondition with a Handle.")
            if not 0 <= _seconds(work) <= _LONGEST_WAIT:
                raise Failed(f"Timeout must be between 0 and {_LONGEST_WAIT} seconds.")
        return f"{work.stack_id}/{work.logical_id}"

    async def ready(self, work: Work) -> bool:
        """Once as many signals have come as it counts."""
        if "Handle" not in work.properties:
            return True
        signals = self._signals(work)
        for id_, (status, reason, _) in signals.items():
            if status == "FAILURE":
                raise Failed(f"WaitCondition received failed message: '{reason}' for uniqueId: {id_}")
        wanted = int(work.properties.get("Count", 1))
        if len(signals) >= wanted:
            return True
        row = work.ctx.table(StackResource).get(work.ctx.scope, resource_key(work.stack_id, work.logical_id))
        if row is not None and work.ctx.clock.now() >= row.since + _seconds(work):
            raise Failed(f"WaitCondition timed out. Received {len(signals)} conditions when expecting {wanted}")
        return False

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Data``: what was sent, by unique id."""
        return {"Data": json.dumps({id_: data for id_, (_, _, data) in self._signals(work).items()})}

    async def update(self, work: Work) -> None:
        """AWS does not have that."""
        raise Failed("Update to resource type AWS::CloudFormation::WaitCondition is not supported.")

    async def delete(self, work: Work) -> None:
        """Nothing to delete."""

    @staticmethod
    def _signals(work: Work) -> dict[str, tuple[str, str, str]]:
        address = str(work.properties.get("Handle", ""))
        handle = work.ctx.table(Handle).get(work.ctx.scope, handle_in(address))
        return handle.signals if handle is not None else {}


def _seconds(work: Work) -> int:
    try:
        return int(work.properties["Timeout"])
    except ValueError:
        raise Failed("Timeout must be a number of seconds.") from None


KINDS: dict[str, Kind] = {
    kind.type: kind for kind in (Metadata(), NestedStack(), WaitCondition(), WaitConditionHandle())
}
