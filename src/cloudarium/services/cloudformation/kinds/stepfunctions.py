"""Step Functions' resource types.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_StepFunctions.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudformation.kinds import tagging
from cloudarium.services.cloudformation.kinds.calls import Once, found_or_none, refuse, taken, unless
from cloudarium.services.cloudformation.kinds.kind import Failed, Work

_NONE = "StateMachineDoesNotExist"
_SUBSTITUTED = re.compile(r"\$\{([A-Za-z0-9_]{1,200})\}")
_OPTIONS = ("LoggingConfiguration", "TracingConfiguration")


class StateMachine(Once):
    """A state machine; its physical id is its ARN."""

    type = "AWS::StepFunctions::StateMachine"
    service, making = "stepfunctions", "create_state_machine"
    unbuilt = frozenset({"EncryptionConfiguration"})

    async def create(self, work: Work) -> str:
        """Its ARN. moto answers with the one that is there, so that it is there is asked first."""
        name = str(work.properties.get("StateMachineName") or f"{work.logical_id[:67]}{work.name[-13:]}")
        arn = work.ctx.arn("states", f"stateMachine:{name}")
        call = work.ctx.aws.stepfunctions.describe_state_machine(stateMachineArn=arn)
        if await found_or_none(call, _NONE) is not None:
            raise taken(self, arn)
        return await self.make(
            work,
            name=name,
            definition=await _definition(work),
            roleArn=work.properties["RoleArn"],
            type=work.properties.get("StateMachineType", "STANDARD"),
            **_options(work.properties),
            tags=tagging.pairs(tagging.own(work), "key", "value"),
        )

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its ARN."""
        return str(answer["stateMachineArn"])

    async def update(self, work: Work) -> None:
        """Definition, role, options and tags."""
        for name in _OPTIONS:
            if name in work.before and name not in work.properties:
                raise NotThere(f"Taking the {name} from an {self.type}")
        api, arn = work.ctx.aws.stepfunctions, work.physical_id
        await api.update_state_machine(
            stateMachineArn=arn,
            definition=await _definition(work),
            roleArn=work.properties["RoleArn"],
            **_options(work.properties),
        )
        await tagging.settle(
            work,
            tagging.by_key((await api.list_tags_for_resource(resourceArn=arn)).get("tags", []), "key", "value"),
            lambda tags: api.tag_resource(resourceArn=arn, tags=tagging.pairs(tags, "key", "value")),
            lambda keys: api.untag_resource(resourceArn=arn, tagKeys=keys),
        )

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Arn`` and ``Name``."""
        return {"Arn": work.physical_id, "Name": work.physical_id.rpartition(":")[2]}

    async def delete(self, work: Work) -> None:
        """Delete it."""
        with unless(_NONE):
            await work.ctx.aws.stepfunctions.delete_state_machine(stateMachineArn=work.physical_id)


async def _definition(work: Work) -> str:
    """The definition as a text, from wherever it is, with what is to be substituted in it."""
    said = work.properties
    if "DefinitionString" in said:
        text = str(said["DefinitionString"])
    elif "Definition" in said:
        text = json.dumps(said["Definition"])
    elif (where := said.get("DefinitionS3Location")) is not None:
        version = {"VersionId": where["Version"]} if "Version" in where else {}
        answer = await work.ctx.aws.s3.get_object(Bucket=where["Bucket"], Key=where["Key"], **version)
        text = bytes(answer["Body"]).decode()
    else:
        raise Failed("Property 'Definition', 'DefinitionString' or 'DefinitionS3Location' must be specified.")
    values = said.get("DefinitionSubstitutions", {})
    return _SUBSTITUTED.sub(lambda found: str(values.get(found[1], found[0])), text)


def _options(properties: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if (tracing := properties.get("TracingConfiguration")) is not None:
        said["tracingConfiguration"] = {"enabled": tracing.get("Enabled", False)}
    if (logging := properties.get("LoggingConfiguration")) is not None:
        refuse("AWS::StepFunctions::StateMachine LoggingConfiguration", logging, ["Destinations"])
        said["loggingConfiguration"] = {
            "level": logging.get("Level", "OFF"),
            "includeExecutionData": logging.get("IncludeExecutionData", False),
        }
    return said


KINDS = {kind.type: kind for kind in (StateMachine(),)}
