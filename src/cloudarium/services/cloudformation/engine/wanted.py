"""What a resource is to be, worked out from the template: the target of its action."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from cloudarium.kernel.context import Context
from cloudarium.services.cloudformation import schemas
from cloudarium.services.cloudformation.engine.evaluation import Unresolved, resolved
from cloudarium.services.cloudformation.resources import Made, Stack
from cloudarium.services.cloudformation.template import Resource, Values

_DEFAULT_SIGNAL_TIMEOUT = 300.0
_LONGEST_PROPERTIES = 16_384
"""Characters of properties that an event keeps."""


async def wanted(
    ctx: Context, stack: Stack, resource: Resource, needs: Collection[str], values: Values, hidden: Values
) -> tuple[Made, str]:
    """What the resource is to be, and its properties as events show them. Raises ``Unresolved``.

    ``hidden`` are the values without those that nobody may see.
    """
    properties = await resolved(ctx, resource.properties, values)
    hidden.outside = values.outside
    shown = msgspec.json.encode(await resolved(ctx, resource.properties, hidden)).decode()
    schema = schemas.find(resource.type)
    if schema is not None:
        properties = schema.coerced(properties)
        if problems := schema.problems(properties):
            raise Unresolved(schemas.failure(resource.logical_id, problems))
    signals = await _signals(ctx, resource.creation_policy, values)
    made = Made(
        type=resource.type,
        properties=properties,
        tags=tags(stack, resource.logical_id, schema, properties),
        depends_on=tuple(sorted(needs)),
        deletion_policy=resource.deletion_policy or "Delete",
        update_replace_policy=resource.update_replace_policy or "Delete",
        signals_wanted=signals[0],
        signals_within=signals[1],
    )
    return made, shown if len(shown) <= _LONGEST_PROPERTIES else ""


def tags(stack: Stack, logical_id: str, schema: schemas.Schema | None, properties: Mapping[str, Any]) -> dict[str, str]:
    """All tags of a resource: the stack's, its own, which win, and AWS's; none where its type has no tags.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html
    """
    if schema is None or not schema.tag_property:
        return {}
    found = dict(stack.settings.tags)
    own = properties.get(schema.tag_property)
    if isinstance(own, Mapping):
        found |= {str(key): str(value) for key, value in own.items()}
    elif isinstance(own, list):
        found |= {
            str(each["Key"]): str(each.get("Value", "")) for each in own if isinstance(each, dict) and "Key" in each
        }
    if schema.system_tags:
        found |= {
            "aws:cloudformation:stack-name": stack.name,
            "aws:cloudformation:stack-id": stack.id,
            "aws:cloudformation:logical-id": logical_id,
        }
    return found


async def _signals(ctx: Context, policy: Mapping[str, Any], values: Values) -> tuple[int, float]:
    """How many signals a CreationPolicy waits for, and for how many seconds at most."""
    if "ResourceSignal" not in policy:
        return 0, 0.0
    signal = await resolved(ctx, policy["ResourceSignal"], values)
    timeout = signal.get("Timeout")
    return int(signal.get("Count", 1)), iso_seconds(str(timeout)) if timeout else _DEFAULT_SIGNAL_TIMEOUT


def iso_seconds(text: str) -> float:
    """Seconds of an ISO 8601 duration such as ``PT1H15M``; 12 hours at most, as CloudFormation allows."""
    seconds, number = 0.0, ""
    if not text.startswith("PT") or len(text) > 20:
        raise Unresolved(f"Invalid timeout: {text[:40]}")
    for letter in text[2:]:
        if letter.isdigit() and letter.isascii():
            number += letter
        elif number and letter in "HMS":
            seconds += int(number) * {"H": 3600, "M": 60, "S": 1}[letter]
            number = ""
        else:
            raise Unresolved(f"Invalid timeout: {text[:40]}")
    return min(seconds, 43_200.0)
