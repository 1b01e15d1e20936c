"""AWS::Lambda::Function.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, Settled, picked, refuse, unless
from cloudarium.services.cloudformation.kinds.kind import Failed, Work

_NONE = "ResourceNotFoundException"
_AS_NEW: dict[str, Any] = {
    "Description": "",
    "Environment": {"Variables": {}},
    "Layers": [],
    "MemorySize": 128,
    "Timeout": 3,
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
}
"""What may be changed and left out, and what it is then."""
_REQUIRED = ("Handler", "Role", "Runtime")
_FIXED = ("Architectures", "CodeSigningConfigArn", "EphemeralStorage", "KmsKeyArn", "TracingConfig")
"""What moto's Lambda keeps as it was made."""


class Function(Once, Settled):
    """A function; its physical id is its name. Lambda is moto's, which runs none."""

    type = "AWS::Lambda::Function"
    service, making = "lambda_", "create_function"
    unbuilt = frozenset(
        {
            "CapacityProviderConfig",
            "DeadLetterConfig",
            "DurableConfig",
            "FileSystemConfigs",
            "FunctionScalingConfig",
            "ImageConfig",
            "LoggingConfig",
            "PublishToLatestPublished",
            "RecursiveLoop",
            "RuntimeManagementConfig",
            "SnapStart",
            "TenancyConfig",
        }
    )

    async def create(self, work: Work) -> str:
        """Its name."""
        properties = work.properties
        said = picked(properties, (*_AS_NEW, *_REQUIRED, *_FIXED, "PackageType"))
        if "KmsKeyArn" in said:
            said["KMSKeyArn"] = said.pop("KmsKeyArn")
        name = str(properties.get("FunctionName") or work.short_name(64))
        return await self.make(work, FunctionName=name, Code=_code(properties), **said, Tags=tagging.own(work))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its name."""
        return str(answer["FunctionName"])

    async def settle(self, work: Work) -> None:
        """How much of it may run at once."""
        api, name = work.ctx.aws.lambda_, work.physical_id
        if (most := work.properties.get("ReservedConcurrentExecutions")) is not None:
            await api.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=most)
        elif "ReservedConcurrentExecutions" in work.before:
            await api.delete_function_concurrency(FunctionName=name)

    async def update(self, work: Work) -> None:
        """Code, configuration and tags."""
        for name in _FIXED:
            if work.before.get(name) != work.properties.get(name):
                raise NotThere(f"Changing the {name} of an {self.type}")
        api, name = work.ctx.aws.lambda_, work.physical_id
        if work.before["Code"] != work.properties["Code"]:
            await api.update_function_code(FunctionName=name, **_code(work.properties))
        said = picked(_AS_NEW, work.before) | picked(work.properties, (*_AS_NEW, *_REQUIRED))
        await api.update_function_configuration(FunctionName=name, **said)
        arn = (await self.attributes(work))["Arn"]
        await tagging.settle(
            work,
            (await api.list_tags(Resource=arn)).get("Tags", {}),
            lambda tags: api.tag_resource(Resource=arn, Tags=tags),
            lambda keys: api.untag_resource(Resource=arn, TagKeys=keys),
        )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn``."""
        made = await work.ctx.aws.lambda_.get_function_configuration(FunctionName=work.physical_id)
        return {"Arn": made["FunctionArn"]}

    async def delete(self, work: Work) -> None:
        """Delete it with all its versions."""
        with unless(_NONE):
            await work.ctx.aws.lambda_.delete_function(FunctionName=work.physical_id)


def _code(properties: Any) -> dict[str, Any]:
    """Where the code is. What a template has inline is a source file, of which Lambda makes an archive."""
    code = properties["Code"]
    refuse("AWS::Lambda::Function Code", code, ["ImageUri", "S3ObjectStorageMode", "SourceKMSKeyArn"])
    if "ZipFile" not in code:
        return picked(code, ("S3Bucket", "S3Key", "S3ObjectVersion"))
    runtime = str(properties.get("Runtime", ""))
    ending = next((end for start, end in (("nodejs", "js"), ("python", "py")) if runtime.startswith(start)), None)
    if ending is None:
        raise Failed("ZipFile can only be used when Runtime is set to either of nodejs, python.")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        # Of a fixed date: the same source is the same code.
        archive.writestr(zipfile.ZipInfo(f"index.{ending}"), code["ZipFile"])
    return {"ZipFile": made.getvalue()}
