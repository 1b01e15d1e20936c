"""What a stack's template means with its settings and the resources that are there.

What only the outside knows (zones, exports of other stacks, parameters in SSM) is asked for when it is first needed.
Secrets are not: references to them stay in what is stored and shown, and are followed right before a resource is made
(``secrets``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cloudarium.kernel.context import Context
from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import PARTITION
from cloudarium.kernel.store import Scope
from cloudarium.services.cloudformation.engine.parsed import Known, known_soon
from cloudarium.services.cloudformation.errors import invalid
from cloudarium.services.cloudformation.resources import Export, Settings, Stack, StackResource, StackTemplate
from cloudarium.services.cloudformation.template import (
    Missing,
    Template,
    Values,
    as_value,
    conditions,
    dynamic_reference,
    resolve,
)

_MOST_LOOKUPS = 1_000
HIDDEN = "****"


class Unresolved(Exception):
    """Something in the template has no value; the text is a status reason. ``whole``: of the stack, not of one
    resource.
    """

    def __init__(self, message: str, *, whole: bool = False) -> None:
        super().__init__(message)
        self.whole = whole


async def stored_template(ctx: Context, key: str, settings: Settings) -> Known:
    """A stored template, with a stack's parameters."""
    stored = ctx.table(StackTemplate).get(ctx.scope, key)
    if stored is None:
        raise invalid("The template is no longer available.")
    return await known_soon(stored.text, settings.parameters | settings.found)


def values_of(
    ctx: Context,
    stack: tuple[str, str],
    template: Template,
    settings: Settings,
    resources: Iterable[StackResource] = (),
    *,
    hide: bool = False,
) -> Values:
    """Values for the template of a stack (its id and name). ``hide``: those of NoEcho parameters are not told."""
    id_, name = stack
    given: dict[str, Any] = {}
    for parameter in template.parameters.values():
        text = settings.found.get(parameter.name, settings.parameters.get(parameter.name, ""))
        if hide and parameter.no_echo:
            text = HIDDEN
        given[parameter.name] = as_value(parameter, text)
    pseudo = {
        "AWS::AccountId": ctx.account,
        "AWS::NotificationARNs": list(settings.notification_arns),
        "AWS::Partition": PARTITION,
        "AWS::Region": ctx.region,
        "AWS::StackId": id_,
        "AWS::StackName": name,
        "AWS::URLSuffix": "amazonaws.com",
    }
    made = {
        each.logical_id: (each.made.reference, each.made.attributes)
        for each in resources
        if each.made is not None and not each.left and not each.action
    }
    values = Values(parameters=given, pseudo=pseudo, mappings=template.mappings, made=made)
    values.conditions = conditions(template, values)
    return values


async def resolved(ctx: Context, node: Any, values: Values) -> Any:
    """A part of the template with everything put in; what is asked outside stays in ``values``."""
    for _ in range(_MOST_LOOKUPS):
        try:
            return resolve(node, values)
        except Missing as missing:
            values.outside[missing.kind, missing.key] = await _found(ctx, missing)
    raise Unresolved("Template error: too many references to values outside of the stack")


def imports(values: Values) -> frozenset[str]:
    """The exports of other stacks that were used so far."""
    return frozenset(key for kind, key in values.outside if kind == "import")


def stored_resources(ctx: Context, stack: Stack) -> list[StackResource]:
    """Every resource of a stack, those that are only there until they are deleted too, by logical id."""
    return sorted(ctx.table(StackResource).find(ctx.scope, "stack_id", stack.id), key=lambda each: each.key)


async def _found(ctx: Context, missing: Missing) -> Any:
    match missing.kind:
        case "zones":
            aws = ctx.cloud.aws(Scope(ctx.account, missing.key or ctx.region), ctx.principal)
            zones = (await aws.ec2.describe_availability_zones())["AvailabilityZones"]
            return [zone["ZoneName"] for zone in zones if zone["State"] == "available"]
        case "import":
            export = ctx.table(Export).get(ctx.scope, missing.key)
            if export is None or _goes(ctx, export.stack_id):
                raise Unresolved(f"No export named {missing.key} found.", whole=True)
            return export.value
        case "ssm":
            asked = dynamic_reference(missing.key)
            name = f"{asked.name}:{asked.version}" if asked.version else asked.name
            return (await ssm_values(ctx, [name]))[name]
        case "ssm-secure" | "secretsmanager":
            return missing.key
    raise Unresolved(f"Unresolved resource dependencies [{missing.key}] in the Resources block of the template")


def _goes(ctx: Context, stack_id: str) -> bool:
    """Whether a stack is being deleted: nobody is to lean on what it exports any more."""
    stack = ctx.table(Stack).get(ctx.scope, stack_id)
    return stack is not None and stack.operation is not None and stack.operation.kind == "delete"


async def ssm_values(ctx: Context, names: Iterable[str]) -> Mapping[str, str]:
    """Values of String and StringList parameters of SSM; a name may end in a version."""
    found, absent = {}, []
    for name in dict.fromkeys(names):
        try:
            parameter = (await ctx.aws.ssm.get_parameter(Name=name))["Parameter"]
        except AwsError as error:
            if error.code not in ("ParameterNotFound", "ParameterVersionNotFound", "ValidationException"):
                raise
            absent.append(name)
            continue
        if parameter["Type"] == "SecureString":
            raise Unresolved(f"Parameters [{name}] referenced by template have types not supported by CloudFormation.")
        found[name] = str(parameter["Value"])
    if absent:
        names_ = ", ".join(absent)
        raise Unresolved(f"Unable to fetch parameters [{names_}] from parameter store for this account.")
    return found
