"""AWS::Logs::ResourcePolicy, AWS::Logs::AccountPolicy: policies of the account."""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.kinds.calls import document, found_or_none, taken, unless
from cloudarium.services.cloudformation.kinds.kind import Kind, Work
from cloudarium.services.cloudformation.kinds.logs.common import GONE, parameters


class ResourcePolicy(Kind):
    """A resource policy of the account; its physical id, which ``Ref`` gives, is its name.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-resourcepolicy.html
    """

    type = "AWS::Logs::ResourcePolicy"

    async def _there(self, work: Work) -> str | None:
        found = (await work.ctx.aws.logs.describe_resource_policies())["resourcePolicies"]
        return next((each["policyDocument"] for each in found if each["policyName"] == _policy(work)), None)

    async def create(self, work: Work) -> str:
        """Make it, unless there is one of this name."""
        if await self._there(work) is not None:
            raise taken(self, _policy(work))
        await self.update(work)
        return _policy(work)

    async def found(self, work: Work) -> str:
        """The policy of the name, if it is just what this template says: nothing tells who has made it."""
        return _policy(work) if await self._there(work) == document(work.properties["PolicyDocument"]) else ""

    async def update(self, work: Work) -> None:
        """Put another document."""
        await work.ctx.aws.logs.put_resource_policy(
            policyName=_policy(work), policyDocument=document(work.properties["PolicyDocument"])
        )

    async def delete(self, work: Work) -> None:
        """Delete it."""
        with unless(GONE):
            await work.ctx.aws.logs.delete_resource_policy(policyName=work.physical_id)


def _policy(work: Work) -> str:
    return str(work.properties["PolicyName"])


class AccountPolicy(Kind):
    """A policy for all log groups of the account; its physical id, which ``Ref`` gives, is put together of account,
    type and name.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-accountpolicy.html
    """

    type = "AWS::Logs::AccountPolicy"

    def _id(self, work: Work) -> str:
        return f"{work.ctx.account}|{work.properties['PolicyType']}|{_policy(work)}"

    def _request(self, work: Work) -> dict[str, Any]:
        return parameters(work.properties, "PolicyDocument", "PolicyName", "PolicyType", "Scope", "SelectionCriteria")

    async def _there(self, work: Work) -> dict[str, Any] | None:
        asked = work.ctx.aws.logs.describe_account_policies(**parameters(work.properties, "PolicyName", "PolicyType"))
        answer = await found_or_none(asked, GONE)
        return next(iter(answer["accountPolicies"]), None) if answer is not None else None

    async def create(self, work: Work) -> str:
        """Make it, unless there is one of this name."""
        if await self._there(work) is not None:
            raise taken(self, self._id(work))
        await self.update(work)
        return self._id(work)

    async def found(self, work: Work) -> str:
        """The policy of the name, if it is just what this template says: nothing tells who has made it."""
        there = await self._there(work)
        same = there is not None and all(there.get(key) == value for key, value in self._request(work).items())
        return self._id(work) if same else ""

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``AccountId``."""
        return {"AccountId": work.ctx.account}

    async def update(self, work: Work) -> None:
        """Put it anew."""
        await work.ctx.aws.logs.put_account_policy(**self._request(work))

    async def delete(self, work: Work) -> None:
        """Delete it."""
        _, kind, name = work.physical_id.split("|", 2)
        with unless(GONE):
            await work.ctx.aws.logs.delete_account_policy(policyName=name, policyType=kind)
