"""AWS::Logs::LogGroup, AWS::Logs::LogStream."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Settled, document, found_or_none, unless
from cloudarium.services.cloudformation.kinds.kind import Failed, Kind, Work
from cloudarium.services.cloudformation.kinds.logs.common import GONE, parameters


class LogGroup(Settled):
    """A log group; its physical id, which ``Ref`` gives, is its name.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
    """

    type = "AWS::Logs::LogGroup"
    unbuilt = frozenset({"BearerTokenAuthenticationEnabled", "KmsKeyId"})

    async def create(self, work: Work) -> str:
        """Make it; a name that is taken is refused."""
        name = self._name(work)
        request = parameters(work.properties, "LogGroupClass", "DeletionProtectionEnabled")
        await work.ctx.aws.logs.create_log_group(logGroupName=name, tags=dict(work.tags), **request)
        return name

    def _name(self, work: Work) -> str:
        return str(work.properties.get("LogGroupName") or work.short_name(512))

    def _arn(self, work: Work, name: str) -> str:
        return work.ctx.arn("logs", f"log-group:{name}")

    async def found(self, work: Work) -> str:
        """The group of the name, if an attempt before has made it."""
        name = self._name(work)
        asked = work.ctx.aws.logs.list_tags_for_resource(resourceArn=self._arn(work, name))
        there = await found_or_none(asked, GONE)
        return name if there is not None and tagging.is_marked(work, there["tags"]) else ""

    async def settle(self, work: Work) -> None:
        """Retention, protection, policies and tags: each is a call of its own."""
        logs, name, before, after = work.ctx.aws.logs, work.physical_id, work.before, work.properties
        if before and before.get("LogGroupClass", "STANDARD") != after.get("LogGroupClass", "STANDARD"):
            raise Failed("LogGroupClass cannot be changed after the log group was created.")
        if (days := after.get("RetentionInDays")) is not None:
            await logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        elif "RetentionInDays" in before:
            await logs.delete_retention_policy(logGroupName=name)
        protected = bool(after.get("DeletionProtectionEnabled"))
        if protected != bool(before.get("DeletionProtectionEnabled")):
            await logs.put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=protected)
        if "DataProtectionPolicy" in after:
            policy = document(after["DataProtectionPolicy"])
            await logs.put_data_protection_policy(logGroupIdentifier=name, policyDocument=policy)
        elif "DataProtectionPolicy" in before:
            with unless(GONE):
                await logs.delete_data_protection_policy(logGroupIdentifier=name)
        await self._index(work)
        await self._share(work)
        await self._retag(work)

    async def _index(self, work: Work) -> None:
        policies = work.properties.get("FieldIndexPolicies") or []
        if len(policies) > 1:
            raise Failed("A log group can have one field index policy.")
        for each in policies:
            await work.ctx.aws.logs.put_index_policy(logGroupIdentifier=work.physical_id, policyDocument=document(each))
        if not policies and work.before.get("FieldIndexPolicies"):
            with unless(GONE):
                await work.ctx.aws.logs.delete_index_policy(logGroupIdentifier=work.physical_id)

    async def _share(self, work: Work) -> None:
        """The policy of the group itself, which is changed by naming its present revision."""
        wanted = work.properties.get("ResourcePolicyDocument")
        if wanted is None and "ResourcePolicyDocument" not in work.before:
            return
        logs, arn = work.ctx.aws.logs, self._arn(work, work.physical_id)
        found = (await logs.describe_resource_policies(resourceArn=arn))["resourcePolicies"]
        revision = {"expectedRevisionId": found[0]["revisionId"]} if found else {}
        if wanted is None:
            if found:
                await logs.delete_resource_policy(resourceArn=arn, **revision)
        elif not found or found[0]["policyDocument"] != document(wanted):
            await logs.put_resource_policy(resourceArn=arn, policyDocument=document(wanted), **revision)

    async def _retag(self, work: Work) -> None:
        logs, arn = work.ctx.aws.logs, self._arn(work, work.physical_id)
        if removed := tagging.dropped(work):
            await logs.untag_resource(resourceArn=arn, tagKeys=removed)
        if work.tags:
            await logs.tag_resource(resourceArn=arn, tags=dict(work.tags))

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``, as AWS gives it: with all of the group's streams."""
        return {"Arn": self._arn(work, work.physical_id) + ":*"}

    async def delete(self, work: Work) -> None:
        """Delete it with all that is in it."""
        with unless(GONE):
            await work.ctx.aws.logs.delete_log_group(logGroupName=work.physical_id)


class LogStream(Kind):
    """A stream; its physical id, which ``Ref`` gives, is its name.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-logstream.html
    """

    type = "AWS::Logs::LogStream"

    def _name(self, work: Work) -> str:
        return work.physical_id or str(work.properties.get("LogStreamName") or work.short_name(512))

    async def create(self, work: Work) -> str:
        """Make it; a name that is taken is refused."""
        name = self._name(work)
        await work.ctx.aws.logs.create_log_stream(logGroupName=work.properties["LogGroupName"], logStreamName=name)
        return name

    async def found(self, work: Work) -> str:
        """The stream of the name: nothing tells who has made it."""
        name, group = self._name(work), work.properties["LogGroupName"]
        asked = work.ctx.aws.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=name, limit=1)
        there = await found_or_none(asked, GONE)
        names = [each["logStreamName"] for each in there["logStreams"]] if there is not None else []
        return name if name in names else ""

    async def update(self, work: Work) -> None:
        """Nothing can change in place."""

    async def delete(self, work: Work) -> None:
        """Delete it."""
        with unless(GONE):
            await work.ctx.aws.logs.delete_log_stream(
                logGroupName=work.properties["LogGroupName"], logStreamName=work.physical_id
            )
