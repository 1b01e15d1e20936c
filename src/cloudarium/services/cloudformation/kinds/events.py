"""EventBridge's resource types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Events.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, Settled, document, found_or_none, picked, taken, unless
from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, NeedsReplacement, Work

_NONE = "ResourceNotFoundException"


class Rule(Once, Settled):
    """A rule and its targets. Its physical id is its name; on another bus than the default one, the bus's before it."""

    type = "AWS::Events::Rule"
    service, making = "events", "put_rule"

    async def create(self, work: Work) -> str:
        """Its id. EventBridge would change one that is there, so that it is there is asked first."""
        name = self._name(work)
        if await found_or_none(work.ctx.aws.events.describe_rule(Name=name, **_bus(work)), _NONE) is not None:
            raise taken(self, name)
        return await self.make(work, Name=name, **self._said(work), Tags=tagging.pairs(tagging.own(work)))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name, and before it that of a bus which is not the default one."""
        bus = str(work.properties.get("EventBusName", "default")).rpartition("/")[2]
        return self._name(work) if bus == "default" else f"{bus}|{self._name(work)}"

    async def settle(self, work: Work) -> None:
        """Its targets."""
        events, name = work.ctx.aws.events, _rule(work)
        wanted = {each["Id"]: each for each in work.properties.get("Targets", [])}
        gone = [each["Id"] for each in work.before.get("Targets", []) if each["Id"] not in wanted]
        if gone:
            await events.remove_targets(Rule=name, Ids=gone, **_bus(work))
        if wanted:
            answer = await events.put_targets(Rule=name, Targets=list(wanted.values()), **_bus(work))
            if failed := answer.get("FailedEntries"):
                raise Failed(f"{failed[0].get('ErrorCode', '')}: {failed[0].get('ErrorMessage', '')}")

    async def update(self, work: Work) -> None:
        """All about it at once, and tags. A rule stays on its bus: AWS takes another one."""
        if _bus(work) != picked(work.before, ["EventBusName"]):
            raise NeedsReplacement
        events = work.ctx.aws.events
        await events.put_rule(Name=_rule(work), **self._said(work))
        arn = (await self.attributes(work))["Arn"]
        await tagging.settle(
            work,
            tagging.by_key((await events.list_tags_for_resource(ResourceARN=arn)).get("Tags", [])),
            lambda tags: events.tag_resource(ResourceARN=arn, Tags=tagging.pairs(tags)),
            lambda keys: events.untag_resource(ResourceARN=arn, TagKeys=keys),
        )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn`` and ``RuleName``."""
        made = await work.ctx.aws.events.describe_rule(Name=_rule(work), **_bus(work))
        return {"Arn": made["Arn"], "RuleName": made["Name"]}

    async def delete(self, work: Work) -> None:
        """Its targets go first."""
        events, name = work.ctx.aws.events, _rule(work)
        with unless(_NONE):
            targets = (await events.list_targets_by_rule(Rule=name, **_bus(work)))["Targets"]
            if targets:
                await events.remove_targets(Rule=name, Ids=[each["Id"] for each in targets], **_bus(work))
            await events.delete_rule(Name=name, **_bus(work))

    def _said(self, work: Work) -> dict[str, Any]:
        said = picked(work.properties, ("Description", "RoleArn", "ScheduleExpression", "State"))
        if "EventPattern" in work.properties:
            said["EventPattern"] = document(work.properties["EventPattern"])
        return {"State": "ENABLED", **said, **_bus(work)}

    def _name(self, work: Work) -> str:
        return str(work.properties.get("Name") or work.short_name(64))


class EventBus(Once, Settled):
    """An event bus; its physical id is its name."""

    type = "AWS::Events::EventBus"
    service, making = "events", "create_event_bus"
    unbuilt = frozenset({"EventSourceName", "LogConfig"})

    async def create(self, work: Work) -> str:
        """Its name."""
        said = picked(work.properties, ("Name", "Description", "KmsKeyIdentifier", "DeadLetterConfig"))
        return await self.make(work, **said, Tags=tagging.pairs(tagging.own(work)))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return str(work.properties["Name"])

    async def settle(self, work: Work) -> None:
        """Its policy."""
        if "Policy" in work.before and work.before["Policy"] != work.properties.get("Policy"):
            with unless(_NONE):
                await work.ctx.aws.events.remove_permission(EventBusName=work.physical_id, RemoveAllPermissions=True)
        if (policy := work.properties.get("Policy")) is not None:
            await work.ctx.aws.events.put_permission(EventBusName=work.physical_id, Policy=document(policy))

    async def update(self, work: Work) -> None:
        """Its tags. EventBridge has a call for what else could change, which moto has not."""
        for name in ("Description", "KmsKeyIdentifier", "DeadLetterConfig"):
            if work.before.get(name) != work.properties.get(name):
                raise NotThere(f"Changing the {name} of an {self.type}")
        events, arn = work.ctx.aws.events, (await self.attributes(work))["Arn"]
        await tagging.settle(
            work,
            tagging.by_key((await events.list_tags_for_resource(ResourceARN=arn)).get("Tags", [])),
            lambda tags: events.tag_resource(ResourceARN=arn, Tags=tagging.pairs(tags)),
            lambda keys: events.untag_resource(ResourceARN=arn, TagKeys=keys),
        )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn`` and ``Name``."""
        made = await work.ctx.aws.events.describe_event_bus(Name=work.physical_id)
        return {"Arn": made["Arn"], "Name": made["Name"]}

    async def delete(self, work: Work) -> None:
        """Delete it."""
        with unless(_NONE):
            await work.ctx.aws.events.delete_event_bus(Name=work.physical_id)


class EventBusPolicy(Kind):
    """One statement of a bus's policy. Its physical id is the statement's and the bus's."""

    type = "AWS::Events::EventBusPolicy"

    async def create(self, work: Work) -> str:
        """Put it."""
        await self.update(work)
        return f"{work.properties['StatementId']}|{work.properties.get('EventBusName', 'default')}"

    async def update(self, work: Work) -> None:
        """Put it: whole, or of its parts."""
        events, said = work.ctx.aws.events, work.properties
        if (statement := said.get("Statement")) is None:
            parts = picked(said, ("StatementId", "Action", "Principal", "Condition"))
            await events.put_permission(**parts, **_bus(work))
            return
        whole = json.loads(statement) if isinstance(statement, str) else statement
        policy = {"Version": "2012-10-17", "Statement": [{**whole, "Sid": said["StatementId"]}]}
        await events.put_permission(Policy=json.dumps(policy), **_bus(work))

    async def delete(self, work: Work) -> None:
        """Gone with its bus as well."""
        with unless(_NONE):
            await work.ctx.aws.events.remove_permission(StatementId=work.properties["StatementId"], **_bus(work))


class Archive(Once):
    """An archive of a bus's events; its physical id is its name."""

    type = "AWS::Events::Archive"
    service, making = "events", "create_archive"
    unbuilt = frozenset({"KmsKeyIdentifier"})

    async def create(self, work: Work) -> str:
        """Its name."""
        source = work.properties["SourceArn"]
        return await self.make(work, ArchiveName=self._name(work), EventSourceArn=source, **self._said(work))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return self._name(work)

    async def update(self, work: Work) -> None:
        """What it keeps, and how long. moto takes silence for no change."""
        for name in ("Description", "EventPattern", "RetentionDays"):
            if work.before.get(name) and not work.properties.get(name):
                raise NotThere(f"Taking the {name} from an {self.type}")
        await work.ctx.aws.events.update_archive(ArchiveName=work.physical_id, **self._said(work))

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn`` and ``ArchiveName``."""
        return {"Arn": work.ctx.arn("events", f"archive/{work.physical_id}"), "ArchiveName": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Delete it with what is in it."""
        with unless(_NONE):
            await work.ctx.aws.events.delete_archive(ArchiveName=work.physical_id)

    def _name(self, work: Work) -> str:
        return str(work.properties.get("ArchiveName") or work.short_name(48))

    def _said(self, work: Work) -> dict[str, Any]:
        said = picked(work.properties, ("Description", "RetentionDays"))
        if "EventPattern" in work.properties:
            said["EventPattern"] = document(work.properties["EventPattern"])
        return said


def _bus(work: Work) -> dict[str, Any]:
    return picked(work.properties, ["EventBusName"])


def _rule(work: Work) -> str:
    """A rule's name from its physical id."""
    return work.physical_id.rpartition("|")[2]


KINDS = {kind.type: kind for kind in (Rule(), EventBus(), EventBusPolicy(), Archive())}
