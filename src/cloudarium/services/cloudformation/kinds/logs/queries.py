"""AWS::Logs::QueryDefinition."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from cloudarium.services.cloudformation.kinds.calls import unless
from cloudarium.services.cloudformation.kinds.kind import Kind, Work
from cloudarium.services.cloudformation.kinds.logs.common import GONE, parameters


class QueryDefinition(Kind):
    """A saved query; its physical id, which ``Ref`` gives, is the query definition's.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-querydefinition.html
    """

    type = "AWS::Logs::QueryDefinition"

    def _request(self, work: Work) -> dict[str, Any]:
        return parameters(work.properties, "LogGroupNames", "Name", "Parameters", "QueryLanguage", "QueryString")

    async def create(self, work: Work) -> str:
        """Save it; the token makes an attempt that comes again the same one."""
        made = await work.ctx.aws.logs.put_query_definition(clientToken=str(UUID(work.token)), **self._request(work))
        return str(made["queryDefinitionId"])

    async def found(self, work: Work) -> str:
        """A definition tells nothing of its token: the same request with it gives the same one again."""
        answer = await work.ctx.aws.logs.describe_query_definitions(queryDefinitionNamePrefix=work.properties["Name"])
        return await self.create(work) if answer["queryDefinitions"] else ""

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``QueryDefinitionId``."""
        return {"QueryDefinitionId": work.physical_id}

    async def update(self, work: Work) -> None:
        """Replace what is saved."""
        await work.ctx.aws.logs.put_query_definition(queryDefinitionId=work.physical_id, **self._request(work))

    async def delete(self, work: Work) -> None:
        """Delete it."""
        with unless(GONE):
            await work.ctx.aws.logs.delete_query_definition(queryDefinitionId=work.physical_id)
