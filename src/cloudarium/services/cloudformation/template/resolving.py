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
"""More than a template can have that was read."""
MOST_CHARACTERS = 16 << 20
"""Of all texts that one part gives."""


def resolve(node: Any, values: Values) -> Any:
    """A part of a template with all its functions worked out and its dynamic references replaced.

    ``NO_VALUE`` when nothing is left of it; within maps and lists what has no value is left out. Raises ``Missing``
    for what the outside has to find, which is then expected in ``values``.
    """
    work = Evaluation(values)
    return dynamic.replaced(work.of(node), values, work.spend)


class Evaluation:
    """Parts of a template being worked out, within a bound on what comes out of them: each can hold others often."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self._left = MOST_CHARACTERS

    def of(self, node: Any, level: int = 0) -> Any:
        """A part with all its functions worked out. Dynamic references stay: only resources are given their values."""
        if level > MOST_LEVELS:
            raise TemplateError(f"Template error: functions are nested more than {MOST_LEVELS} levels deep")
        if isinstance(node, dict):
            name = function_of(node)
            if name is not None:
                function = _FUNCTIONS.get(name)
                if function is None:
                    raise unknown_function(name)
                return function(node[name], self, level + 1)
            made = {key: self.of(value, level + 1) for key, value in node.items()}
            return {key: value for key, value in made.items() if value is not NO_VALUE}
        if isinstance(node, list):
            members = [self.of(member, level + 1) for member in node]
            return [member for member in members if member is not NO_VALUE]
        return node

    def spend(self, characters: int) -> None:
        """Count what is made. Raises ``TemplateError`` when it is more than any stack has use for."""
        self._left -= characters
        if self._left < 0:
            raise TemplateError(f"Template error: functions give more than {MOST_CHARACTERS} characters")

    def taken(self, value: Any) -> Any:
        """A value that a reference stands for, counted."""
        members = value if isinstance(value, list) else [value]
        self.spend(sum(8 + (len(each) if isinstance(each, str) else 0) for each in members))
        return value


# -- references --------------------------------------------------------------------------------------------------------


def _reference(name: str, work: Evaluation) -> Any:
    if name == "AWS::NoValue":
        return NO_VALUE
    values = work.values
    for known in (values.pseudo, values.parameters):
        if name in known:
            return work.taken(known[name])
    if name in values.made:
        return work.taken(values.made[name][0])
    raise Missing("resource", name)


def _attribute(resource: str, name: str, work: Evaluation) -> Any:
    made = work.values.made
    if resource not in made:
        raise Missing("resource", resource)
    attributes = made[resource][1]
    if name not in attributes:
        raise TemplateError(f"Template error: resource {resource} does not support attribute type {name} in Fn::GetAtt")
    return work.taken(attributes[name])


def _ref(given: Any, work: Evaluation, level: int) -> Any:
    if not isinstance(given, str):
        raise refused("Ref")
    return _reference(given, work)


def _get_att(given: Any, work: Evaluation, level: int) -> Any:
    resource, name = attribute_of(given)
    asked = _text(name, work, level, "Fn::GetAtt")
    return _attribute(resource, asked, work)


def _import_value(given: Any, work: Evaluation, level: int) -> Any:
    return _outside("import", _text(given, work, level, "Fn::ImportValue"), work)


def _get_azs(given: Any, work: Evaluation, level: int) -> Any:
    region = _text(given, work, level, "Fn::GetAZs") or as_text(_reference("AWS::Region", work)) or ""
    return _outside("zones", region, work)


def _find_in_map(given: Any, work: Evaluation, level: int) -> Any:
    if not isinstance(given, list) or not 3 <= len(given) <= 4:
        raise refused("Fn::FindInMap")
    default: Any = given[3] if len(given) == 4 else None
    if default is not None and not (isinstance(default, dict) and default.keys() == {"DefaultValue"}):
        raise refused("Fn::FindInMap")
    names = [_text(each, work, level, "Fn::FindInMap") for each in given[:3]]
    found: Any = work.values.mappings
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            break
    if found is not None:
        return work.taken(found)
    if default is not None:
        return work.of(default["DefaultValue"], level + 1)
    if names[0] not in work.values.mappings:
        raise TemplateError(
            f"Template error: Mapping named '{names[0]}' is not present in the 'Mappings' section of template."
        )
    raise TemplateError(f"Template error: Unable to get mapping for {'::'.join(names)}")


# -- texts and lists ---------------------------------------------------------------------------------------------------


def _sub(given: Any, work: Evaluation, level: int) -> str:
    own: dict[str, Any] = {}
    text = given
    if isinstance(given, list) and len(given) == 2 and isinstance(given[1], dict):
        text, own = given
    if not isinstance(text, str) or not all(isinstance(name, str) for name in own):
        raise refused("Fn::Sub")
    found = {name: work.of(value, level + 1) for name, value in own.items()}
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
            value = _attribute(resource, asked, work)
        else:
            value = _reference(name, work)
        made = as_text(value)
        if made is None:
            raise TemplateError(f"Template error: variable {name} in Fn::Sub expression does not resolve to a string")
        work.spend(len(made))
        return made

    work.spend(len(text))
    for _ in variables(text):
        # Raises for a name that is none.
        pass
    return substituted(text, value_of)


def _join(given: Any, work: Evaluation, level: int) -> str:
    if not isinstance(given, list) or len(given) != 2:
        raise refused("Fn::Join")
    delimiter = as_text(work.of(given[0], level + 1))
    members = work.of(given[1], level + 1)
    if delimiter is None or not isinstance(members, list):
        raise refused("Fn::Join")
    texts = [as_text(member) for member in members]
    if any(text is None for text in texts):
        raise refused("Fn::Join")
    work.spend(sum(len(text or "") + len(delimiter) for text in texts))
    return delimiter.join(text for text in texts if text is not None)


def _select(given: Any, work: Evaluation, level: int) -> Any:
    if not isinstance(given, list) or len(given) != 2:
        raise refused("Fn::Select")
    index = as_text(work.of(given[0], level + 1))
    if index is None or not (index.isascii() and index.isdigit() and len(index) < 10):
        raise TemplateError(
            "Template error: Fn::Select requires a list argument with a valid index value as its first element"
        )
    members = work.of(given[1], level + 1)
    if not isinstance(members, list):
        raise refused("Fn::Select")
    if int(index) >= len(members):
        raise TemplateError(f"Template error: Fn::Select cannot select nonexistent value at index {int(index)}")
    return members[int(index)]


def _split(given: Any, work: Evaluation, level: int) -> list[str]:
    if not isinstance(given, list) or len(given) != 2:
        raise refused("Fn::Split")
    delimiter = as_text(work.of(given[0], level + 1))
    text = as_text(work.of(given[1], level + 1))
    if not delimiter or text is None:
        raise refused("Fn::Split")
    work.spend(8 * text.count(delimiter) + len(text))
    return text.split(delimiter)


def _base64(given: Any, work: Evaluation, level: int) -> str:
    text = _text(given, work, level, "Fn::Base64")
    work.spend(2 * len(text))
    return base64.b64encode(text.encode(errors="surrogatepass")).decode()


def _cidr(given: Any, work: Evaluation, level: int) -> list[str]:
    if not isinstance(given, list) or not 2 <= len(given) <= 3:
        raise refused("Fn::Cidr")
    block, count, *bits = (as_text(work.of(each, level + 1)) for each in given)
    hosts = bits[0] if bits else "8"
    if block is None or not _is_number(count) or not _is_number(hosts):
        raise refused("Fn::Cidr")
    return networks.blocks(block, int(count or 0), int(hosts or 0))


def _length(given: Any, work: Evaluation, level: int) -> int:
    members = work.of(given, level + 1)
    if not isinstance(members, list):
        raise refused("Fn::Length")
    return len(members)


def _to_json_string(given: Any, work: Evaluation, level: int) -> str:
    if not isinstance(given, dict | list):
        raise refused("Fn::ToJsonString")
    text = json.dumps(work.of(given, level + 1), separators=(",", ":"), ensure_ascii=False)
    work.spend(len(text))
    return text


# -- conditions --------------------------------------------------------------------------------------------------------


def _if(given: Any, work: Evaluation, level: int) -> Any:
    if not isinstance(given, list) or len(given) != 3 or not isinstance(given[0], str):
        raise refused("Fn::If")
    conditions = work.values.conditions
    if given[0] not in conditions:
        raise TemplateError(f"Template error: unresolved condition dependency {given[0]} in Fn::If")
    return work.of(given[1] if conditions[given[0]] else given[2], level + 1)


def _not_here(name: str) -> Callable[[Any, Evaluation, int], Any]:
    def refuse(given: Any, work: Evaluation, level: int) -> Any:
        raise TemplateError(f"Template error: {name} cannot be partially collapsed")

    return refuse


def _transform(given: Any, work: Evaluation, level: int) -> Any:
    name = given.get("Name") if isinstance(given, dict) else None
    raise not_built(f"Fn::Transform{f' {name[:100]}' if isinstance(name, str) else ''}")


# -- helpers -----------------------------------------------------------------------------------------------------------


def _text(node: Any, work: Evaluation, level: int, function: str) -> str:
    text = as_text(work.of(node, level + 1))
    if text is None:
        raise refused(function)
    return text


def _is_number(text: str | None) -> bool:
    return text is not None and text.isascii() and text.isdigit() and len(text) < 5


def _outside(kind: str, key: str, work: Evaluation) -> Any:
    outside = work.values.outside
    if (kind, key) not in outside:
        raise Missing(kind, key)
    return work.taken(outside[kind, key])


_FUNCTIONS: dict[str, Callable[[Any, Evaluation, int], Any]] = {
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
