"""Templates: as they were given, what they ask for, and whether they are any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloudarium.kernel.context import Answer, Context
from cloudarium.kernel.errors import NotThere
from cloudarium.kernel.service import operation
from cloudarium.services.cloudformation.checking import check_recognized, needed_capabilities, unrecognized
from cloudarium.services.cloudformation.engine.parsed import beside
from cloudarium.services.cloudformation.errors import invalid
from cloudarium.services.cloudformation.lookup import change_set_of, stack_to_show
from cloudarium.services.cloudformation.resources import Settings
from cloudarium.services.cloudformation.template import Parameter, Template, read
from cloudarium.services.cloudformation.template.extensions import expanded
from cloudarium.services.cloudformation.templates import template_of_text, template_text, text_of

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import (
        GetTemplateInputTypeDef,
        GetTemplateSummaryInputTypeDef,
        ValidateTemplateInputTypeDef,
    )


@operation
async def get_template(ctx: Context, request: GetTemplateInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html"""
    if name := request.get("ChangeSetName"):
        change_set = change_set_of(ctx, name, request.get("StackName", ""))
        key, settings = change_set.template, change_set.settings
    elif name := request.get("StackName"):
        stack = stack_to_show(ctx, name)
        key, settings = stack.template, stack.settings
    else:
        raise invalid("Either StackName or ChangeSetName must be specified.")
    text = text_of(ctx, key)
    if request.get("TemplateStage", "Original") == "Processed":
        text = await _processed(text, settings)
    return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}


async def _processed(text: str, settings: Settings) -> str:
    template = await template_of_text(text) if text else None
    if template is None or not template.transforms:
        return text
    return await beside(len(text), _unfolded, text, template, settings.parameters | settings.found)


def _unfolded(text: str, template: Template, parameters: dict[str, str]) -> str:
    document = expanded(read(text), template.parameters, parameters)
    return msgspec.json.encode({key: value for key, value in document.items() if key != "Transform"}).decode()


@operation(partial="no stack sets, and no ResourceIdentifierSummaries, which are for imports")
async def get_template_summary(ctx: Context, request: GetTemplateSummaryInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html"""
    if "StackSetName" in request:
        raise NotThere("StackSetName in cloudformation:GetTemplateSummary")
    if name := request.get("StackName"):
        text = text_of(ctx, stack_to_show(ctx, name).template)
    else:
        text = await template_text(ctx, request)
    template = await template_of_text(text)
    config = request.get("TemplateSummaryConfig", {})
    strange = unrecognized(template)
    if strange and not config.get("TreatUnrecognizedResourceTypesAsWarnings"):
        check_recognized(template)
    summary = _summary(template, whole=True)
    if strange:
        summary["Warnings"] = {"UnrecognizedResourceTypes": strange}
    summary["ResourceTypes"] = list(dict.fromkeys(each.type for each in template.resources.values()))
    if "AWSTemplateFormatVersion" in (document := await beside(len(text), read, text)):
        summary["Version"] = str(document["AWSTemplateFormatVersion"])
    if template.metadata:
        summary["Metadata"] = msgspec.json.encode(template.metadata).decode()
    return summary


@operation
async def validate_template(ctx: Context, request: ValidateTemplateInputTypeDef) -> Answer:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ValidateTemplate.html"""
    template = await template_of_text(await template_text(ctx, request))
    check_recognized(template)
    return _summary(template, whole=False)


def _summary(template: Template, *, whole: bool) -> dict[str, Any]:
    summary: dict[str, Any] = {"Parameters": [_declared(each, whole=whole) for each in template.parameters.values()]}
    if template.description:
        summary["Description"] = template.description
    if template.transforms:
        summary["DeclaredTransforms"] = list(template.transforms)
    capabilities, why = needed_capabilities(template)
    if capabilities:
        summary["Capabilities"] = capabilities
    if why:
        summary["CapabilitiesReason"] = why
    return summary


def _declared(parameter: Parameter, *, whole: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"ParameterKey": parameter.name, "NoEcho": parameter.no_echo}
    if parameter.default is not None:
        shown["DefaultValue"] = parameter.default
    if parameter.description:
        shown["Description"] = parameter.description
    if whole:
        constraints = {"AllowedValues": list(parameter.allowed_values)} if parameter.allowed_values else {}
        shown |= {"ParameterType": parameter.type, "ParameterConstraints": constraints}
    return shown
