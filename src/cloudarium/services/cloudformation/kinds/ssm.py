"""Systems Manager's resource types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SSM.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, found_or_none, picked, taken, unless
from cloudarium.services.cloudformation.kinds.kind import NeedsReplacement, Work

_NO_PARAMETER = "ParameterNotFound"
_NO_DOCUMENT = "InvalidDocument"
_PARAMETER = {"Description": "", "AllowedPattern": "", "DataType": "text", "Tier": "Standard", "Policies": "[]"}
"""What may be changed beside the value, and what it is where the template is silent."""


async def _settle_tags(work: Work, type_: str, name: str) -> None:
    ssm = work.ctx.aws.ssm
    listed = await ssm.list_tags_for_resource(ResourceType=type_, ResourceId=name)
    await tagging.settle(
        work,
        tagging.by_key(listed.get("TagList", [])),
        lambda tags: ssm.add_tags_to_resource(ResourceType=type_, ResourceId=name, Tags=tagging.pairs(tags)),
        lambda keys: ssm.remove_tags_from_resource(ResourceType=type_, ResourceId=name, TagKeys=keys),
    )


class Parameter(Once):
    """A parameter; its physical id is its name. Its tags are of the form of a map."""

    type = "AWS::SSM::Parameter"
    service, making = "ssm", "put_parameter"

    async def create(self, work: Work) -> str:
        """Its name."""
        name = self._name(work)
        if await found_or_none(work.ctx.aws.ssm.get_parameter(Name=name), _NO_PARAMETER) is not None:
            raise taken(self, name)
        said = picked(work.properties, ("Type", "Value", *_PARAMETER))
        return await self.make(work, Name=name, **said, Tags=tagging.pairs(tagging.own(work)))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return self._name(work)

    async def update(self, work: Work) -> None:
        """Another version where something changed, and tags."""
        names = ("Type", "Value", *_PARAMETER)
        if picked(work.before, names) != picked(work.properties, names):
            as_new = {name: value for name, value in _PARAMETER.items() if name in work.before}
            said = as_new | picked(work.properties, names)
            await work.ctx.aws.ssm.put_parameter(Name=work.physical_id, **said, Overwrite=True)
        await _settle_tags(work, "Parameter", work.physical_id)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Type``, ``Value`` and ``Arn``."""
        made = (await work.ctx.aws.ssm.get_parameter(Name=work.physical_id))["Parameter"]
        return {"Type": made["Type"], "Value": made["Value"], "Arn": made["ARN"]}

    async def delete(self, work: Work) -> None:
        """Delete it."""
        with unless(_NO_PARAMETER):
            await work.ctx.aws.ssm.delete_parameter(Name=work.physical_id)

    def _name(self, work: Work) -> str:
        # AWS's generated names of parameters begin like this, whatever the stack is called.
        return str(work.properties.get("Name") or f"CFN-{work.logical_id}{work.name[-13:]}")


class Document(Once):
    """A document; its physical id is its name. Like on AWS it is replaced unless ``UpdateMethod`` says otherwise."""

    type = "AWS::SSM::Document"
    service, making = "ssm", "create_document"
    unbuilt = frozenset({"Attachments", "Requires"})

    async def create(self, work: Work) -> str:
        """Its name."""
        said = picked(work.properties, ("DocumentType", "DocumentFormat", "TargetType", "VersionName"))
        return await self.make(
            work,
            Name=str(work.properties.get("Name") or work.short_name(128)),
            Content=_content(work),
            **{"DocumentType": "Command", "DocumentFormat": "JSON"} | said,
            Tags=tagging.pairs(tagging.own(work)),
        )

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return str(answer["DocumentDescription"]["Name"])

    async def update(self, work: Work) -> None:
        """Another content takes another document, unless ``UpdateMethod`` is NewVersion: then another version."""
        if self._differs(work):
            if work.properties.get("UpdateMethod", "Replace") != "NewVersion":
                raise NeedsReplacement
            await self._settle_version(work)
        await _settle_tags(work, "Document", work.physical_id)

    async def delete(self, work: Work) -> None:
        """Delete it with all its versions."""
        with unless(_NO_DOCUMENT):
            await work.ctx.aws.ssm.delete_document(Name=work.physical_id)

    @staticmethod
    def _differs(work: Work) -> bool:
        names = ("Content", "DocumentFormat", "TargetType", "VersionName")
        return picked(work.before, names) != picked(work.properties, names)

    async def _settle_version(self, work: Work) -> None:
        """No two versions have the same content: on the way back there is one already."""
        ssm, name, content = work.ctx.aws.ssm, work.physical_id, _content(work)
        latest = int((await ssm.describe_document(Name=name))["Document"]["LatestVersion"])
        for version in map(str, range(1, latest + 1)):
            if (await ssm.get_document(Name=name, DocumentVersion=version))["Content"] == content:
                break
        else:
            said = picked(work.properties, ("DocumentFormat", "TargetType", "VersionName"))
            made = await ssm.update_document(
                Name=name, Content=content, DocumentVersion="$LATEST", **{"DocumentFormat": "JSON"} | said
            )
            version = made["DocumentDescription"]["DocumentVersion"]
        await ssm.update_document_default_version(Name=name, DocumentVersion=version)


def _content(work: Work) -> str:
    content = work.properties["Content"]
    return content if isinstance(content, str) else json.dumps(content)


KINDS = {kind.type: kind for kind in (Parameter(), Document())}
