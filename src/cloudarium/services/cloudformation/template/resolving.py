"""What a part of a template comes to: every intrinsic function, given what references stand for.

Total: whatever the part is, it gives a value or raises ``TemplateError`` or ``Missing``.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from cloudarium.services.cloudformation.template import dynamic, networks
from cloudarium.services.cloudformation.template.errors import Missing, TemplateError, not_built
from cloudarium.services.cloudformation.template.model import NO_VALUE, Values
from cloudarium.services.cloudformation.template.shapes import (
    EXPECTED,
    attribute_of,
    function_of,
    refused,
    unknown_function,
)
from cloudarium.services.cloudformation.template.texts import as_text, substituted, variables

MOST_LEVELS = 150
"""More than a template can have that was read, since loops and maps put parts into each other."""


def resolve(node: Any, values: Values) -> Any:
    """A part of a template with all its functions worked out and its dynamic references replaced.

    ``NO_VALUE`` when nothing is left of it; within maps and lists what has no value is left out. Raises ``Missing``
    for what the outside has to find, which is then expected in ``values``.
    """
    return dynamic.replaced(evaluate(node, values), values)


def evaluate(node: Any, values: Values, level: int = 0) -> Any:
    """The same, but dynamic references stay as they are, as everywhere except in what is given to a resource."""
    if level > MOST_LEVELS:
        raise TemplateError(f"Template error: functions are nested more than {MOST_LEVELS} levels deep")
    if isinstance(node, dict):
        name = function_of(node)
        if name is not None:
            function = _FUNCTIONS.get(name)
            if function is None:
                raise unknown_function(name)
            return function(node[name], values, level + 1)
        made = {key: evaluate(value, values, level + 1) for key, value in node.items()}
        return {key: value for key, value in made.items() if value is not NO_VALUE}
    if isinstance(node, list):
        members = [evaluate(member, values, level + 1) for member in node]
        return [member for member in members if member is not NO_VALUE]
    return node


# -- references --------------------------------------------------------------------------------------------------------


def reference(name: str, values: Values) -> Any:
    """What ``Ref`` gives."""
    if name == "AWS::NoValue":
        return NO_VALUE
    for known in (values.pseudo, values.parameters):
        if name in known:
            return known[name]
    if name in values.made:
        return values.made[name][0]
    raise Missing("resource", name)


def attribute(resource: str, name: str, values: Values) -> Any:
    """What ``Fn::GetAtt`` gives."""
    if resource not in values.made:
        raise Missing("resource", resource)
    attributes = values.made[resource][1]
    if name not in attributes:
        raise TemplateError(f"Template error: resource {resource} does not support attribute type {name} in Fn::GetAtt")
    return attributes[name]


def _ref(given: Any, values: Values, level: int) -> Any:
    if not isinstance(given, str):
        raise refused("Ref")
    return reference(given, values)


def _get_att(given: Any, values: Values, level: int) -> Any:
    resource, name = attribute_of(given)
    asked = _text(name, values, level, "Fn::GetAtt")
    return attribute(resource, asked, values)


def _import_value(given: Any, values: Values, level: int) -> Any:
    return _outside("import", _text(given, values, level, "Fn::ImportValue"), values)


def _get_azs(given: Any, values: Values, level: int) -> Any:
    region = _text(given, values, level, "Fn::GetAZs") or as_text(reference("AWS::Region", values)) or ""
    return _outside("zones", region, values)


def _find_in_map(given: Any, values: Values, level: int) -> Any:
    if not isinstance(given, list) or not 3 <= len(given) <= 4:
        raise refused("Fn::FindInMap")
    default: Any = given[3] if len(given) == 4 else None
    if default is not None and not (isinstance(default, dict) and default.keys() == {"DefaultValue"}):
        raise refused("Fn::FindInMap")
    names = [_text(each, values, level, "Fn::FindInMap") for each in given[:3]]
    found: Any = values.mappings
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            break
    if found is not None:
        return found
    if default is not None:
        return evaluate(default["DefaultValue"], values, level + 1)
    if names[0] not in values.mappings:
        raise TemplateError(
            f"Template error: Mapping named '{names[0]}' is not present in the 'Mappings' section of template."
        )
    raise TemplateError(f"Template error: Unable to get mapping for {'::'.join(names)}")


# -- texts and lists ---------------------------------------------------------------------------------------------------


def _sub(given: Any, values: Values, level: int) -> str:
    own: dict[str, Any] = {}
    text = given
    if isinstance(given, list) and len(given) == 2 and isinstance(given[1], dict):
        text, own = given
    if not isinstance(text, str) or not all(isinstance(name, str) for name in own):
        raise refused("Fn::Sub")
    found = {name: evaluate(value, values, level + 1) for name, value in own.items()}
    if any(as_text(value) is None for value in found.values()):
        raise TemplateError(
            "Template error: every value of the context object of every Fn::Sub object must be a string or a function "
            "that returns a string"
        )

    def value_of(name: str) -> str:
        if name in found:
            value = found[name]
        elif "." in name:
            resource, _, asked = name.partition(".")
            value = attribute(resource, asked, values)
        else:
            value = reference(name, values)
        made = as_text(value)
        if made is None:
            raise TemplateError(f"Template error: variable {name} in Fn::Sub expression does not resolve to a string")
        return made

    for _ in variables(text):
        pass
    return substituted(text, value_of)


def _join(given: Any, values: Values, level: int) -> str:
    if not isinstance(given, list) or len(given) != 2:
        raise refused("Fn::Join")
    delimiter = as_text(evaluate(given[0], values, level + 1))
    members = evaluate(given[1], values, level + 1)
    if delimiter is None or not isinstance(members, list):
        raise refused("Fn::Join")
    texts = [as_text(member) for member in members]
    if any(text is None for text in texts):
        raise refused("Fn::Join")
    return delimiter.join(text for text in texts if text is not None)


def _select(given: Any, values: Values, level: int) -> Any:
    if not isinstance(given, list) or len(given) != 2:
        raise refused("Fn::Select")
    index = as_text(evaluate(given[0], values, level + 1))
    if index is None or not (index.isascii() and index.isdigit() and len(index) < 10):
        raise TemplateError(
            "Template error: Fn::Select requires a list argument with a valid index value as its first element"
        )
    members = evaluate(given[1], values, level + 1)
    if not isinstance(members, list):
        raise refused("Fn::Select")
    if int(index) >= len(members):
        raise TemplateError(f"Template error: Fn::Select cannot select nonexistent value at index {int(index)}")
    return members[int(index)]


def _split(given: Any, values: Values, level: int) -> list[str]:
    if not isinstance(given, list) or len(given) != 2:
        raise refused("Fn::Split")
    delimiter = as_text(evaluate(given[0], values, level + 1))
    text = as_text(evaluate(given[1], values, level + 1))
    if not delimiter or text is None:
        raise refused("Fn::Split")
    return text.split(delimiter)


def _base64(given: Any, values: Values, level: int) -> str:
    text = _text(given, values, level, "Fn::Base64")
    return base64.b64encode(text.encode(errors="surrogatepass")).decode()


def _cidr(given: Any, values: Values, level: int) -> list[str]:
    if not isinstance(given, list) or not 2 <= len(given) <= 3:
        raise refused("Fn::Cidr")
    block, count, *bits = (as_text(evaluate(each, values, level + 1)) for each in given)
    hosts = bits[0] if bits else "8"
    if block is None or not _is_number(count) or not _is_number(hosts):
        raise refused("Fn::Cidr")
    return networks.blocks(block, int(count or 0), int(hosts or 0))


def _length(given: Any, values: Values, level: int) -> int:
    members = evaluate(given, values, level + 1)
    if not isinstance(members, list):
        raise refused("Fn::Length")
    return len(members)


def _to_json_string(given: Any, values: Values, level: int) -> str:
    if not isinstance(given, dict | list):
        raise refused("Fn::ToJsonString")
    return json.dumps(evaluate(given, values, level + 1), separators=(",", ":"), ensure_ascii=False)


# -- conditions --------------------------------------------------------------------------------------------------------


def _if(given: Any, values: Values, level: int) -> Any:
    if not isinstance(given, list) or len(given) != 3 or not isinstance(given[0], str):
        raise refused("Fn::If")
    if given[0] not in values.conditions:
        raise TemplateError(f"Template error: unresolved condition dependency {given[0]} in Fn::If")
    return evaluate(given[1] if values.conditions[given[0]] else given[2], values, level + 1)


def _not_here(name: str) -> Callable[[Any, Values, int], Any]:
    def refuse(given: Any, values: Values, level: int) -> Any:
        raise TemplateError(f"Template error: {name} cannot be partially collapsed")

    return refuse


def _transform(given: Any, values: Values, level: int) -> Any:
    name = given.get("Name") if isinstance(given, dict) else None
    raise not_built(f"Fn::Transform{f' {name[:100]}' if isinstance(name, str) else ''}")


# -- helpers -----------------------------------------------------------------------------------------------------------


def _text(node: Any, values: Values, level: int, function: str) -> str:
    text = as_text(evaluate(node, values, level + 1))
    if text is None:
        raise refused(function)
    return text


def _is_number(text: str | None) -> bool:
    return text is not None and text.isascii() and text.isdigit() and len(text) < 5


def _outside(kind: str, key: str, values: Values) -> Any:
    if (kind, key) not in values.outside:
        raise Missing(kind, key)
    return values.outside[kind, key]


_FUNCTIONS: dict[str, Callable[[Any, Values, int], Any]] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::ImportValue": _import_value,
    "Fn::GetAZs": _get_azs,
    "Fn::FindInMap": _find_in_map,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::Length": _length,
    "Fn::ToJsonString": _to_json_string,
    "Fn::If": _if,
    "Fn::Transform": _transform,
    **{name: _not_here(name) for name in ("Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not")},
}
assert EXPECTED.keys() <= _FUNCTIONS.keys() | {"Condition"}
