"""What the parts of a template refer to: that it is there, and in which order resources need each other.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from cloudarium.services.cloudformation.template.conditions import in_order, named_in, not_boolean, unresolved
from cloudarium.services.cloudformation.template.errors import TemplateError
from cloudarium.services.cloudformation.template.graphs import circle
from cloudarium.services.cloudformation.template.model import PSEUDO_PARAMETERS, Output, Resource, Template
from cloudarium.services.cloudformation.template.shapes import attribute_of, function_of
from cloudarium.services.cloudformation.template.texts import variables


class Reference(msgspec.Struct, frozen=True):
    """One place where a template names something that it has elsewhere."""

    function: str
    """``Ref``, ``Fn::GetAtt``, ``Fn::Sub``, ``Fn::If`` or ``Fn::FindInMap``."""
    name: str
    attribute: Any = None
    """Of ``Fn::GetAtt`` and of a variable with a point in ``Fn::Sub``."""
    chosen: bool = True
    """Whether it counts whatever the conditions are: False within ``Fn::If``."""


def references(node: Any, conditions: Mapping[str, bool] | None = None, *, chosen: bool = True) -> Iterator[Reference]:
    """Everything that a part of a template refers to.

    With ``conditions`` only what the branches of ``Fn::If`` that are taken refer to.
    """
    if isinstance(node, list):
        for member in node:
            yield from references(member, conditions, chosen=chosen)
        return
    if not isinstance(node, dict):
        return
    name = function_of(node)
    given = node[name] if name is not None else None
    if name == "Ref" and isinstance(given, str):
        yield Reference("Ref", given, chosen=chosen)
    elif name == "Fn::GetAtt":
        resource, attribute = attribute_of(given)
        yield Reference(name, resource, attribute, chosen)
        yield from references(attribute, conditions, chosen=chosen)
    elif name == "Fn::Sub":
        yield from _in_sub(given, conditions, chosen)
    elif name == "Fn::If" and isinstance(given, list) and len(given) == 3 and isinstance(given[0], str):
        yield Reference(name, given[0], chosen=chosen)
        branches = given[1:]
        if conditions is not None and given[0] in conditions:
            branches = branches[:1] if conditions[given[0]] else branches[1:]
        yield from references(branches, conditions, chosen=chosen and conditions is not None)
    else:
        if name == "Fn::FindInMap" and isinstance(given, list) and len(given) == 3 and isinstance(given[0], str):
            yield Reference(name, given[0], chosen=chosen)
        for value in node.values():
            yield from references(value, conditions, chosen=chosen)


def _in_sub(given: Any, conditions: Mapping[str, bool] | None, chosen: bool) -> Iterator[Reference]:
    text, own = (given, {}) if isinstance(given, str) else (given[0], given[1])
    for variable in variables(text):
        if variable in own:
            continue
        name, _, attribute = variable.partition(".")
        yield Reference("Fn::Sub", name, attribute or None, chosen)
    yield from references(own, conditions, chosen=chosen)


def parts(resource: Resource) -> list[Any]:
    """The parts of a resource in which there can be functions."""
    return [resource.properties, resource.metadata, resource.creation_policy, resource.update_policy]


def values_of(output: Output) -> list[Any]:
    """The parts of an output in which there can be functions."""
    return [output.value, output.export_name]


# -- that it is there --------------------------------------------------------------------------------------------------


def check(template: Template) -> None:
    """Raise ``TemplateError`` when something is named that the template does not have, or needs itself."""
    _check_conditions(template)
    _check_block("Resources", template, [(parts(each), each.condition) for each in template.resources.values()])
    _check_block("Outputs", template, [(values_of(each), each.condition) for each in template.outputs.values()])
    always: dict[str, Iterable[str]] = {}
    for each in template.resources.values():
        found = [reference for reference in references(parts(each)) if reference.chosen]
        always[each.logical_id] = _needed(each, found, template)
    _refuse_circles(always)


def _check_conditions(template: Template) -> None:
    for condition in template.conditions.values():
        if not isinstance(condition, dict):
            raise not_boolean()
        for other in named_in(condition):
            if other not in template.conditions:
                raise unresolved(other, "Conditions")
        unknown = _unknown(references(condition), template, with_resources=False)
        if unknown:
            raise TemplateError(
                f"Template format error: Unresolved dependencies [{', '.join(unknown)}]. Cannot reference resources "
                "in the Conditions block of the template"
            )
        _check_mappings(references(condition), template)
    in_order(template.conditions)


def _check_block(block: str, template: Template, each: list[tuple[list[Any], str]]) -> None:
    unknown: dict[str, None] = {}
    for nodes, condition in each:
        if condition and condition not in template.conditions:
            raise unresolved(condition, block)
        found = list(references(nodes))
        unknown.update(dict.fromkeys(_unknown(found, template, with_resources=True)))
        _check_mappings(found, template)
        for reference in found:
            if reference.function == "Fn::If" and reference.name not in template.conditions:
                raise TemplateError(f"Template error: unresolved condition dependency {reference.name} in Fn::If")
    if block == "Resources":
        depends = (name for resource in template.resources.values() for name in resource.depends_on)
        unknown.update((name, None) for name in depends if name not in template.resources)
    if unknown:
        raise TemplateError(
            f"Template format error: Unresolved resource dependencies [{', '.join(unknown)}] in the {block} block of "
            "the template"
        )


def _unknown(found: Iterable[Reference], template: Template, *, with_resources: bool) -> list[str]:
    unknown: list[str] = []
    for reference in found:
        name = reference.name
        if reference.function in ("Fn::If", "Fn::FindInMap"):
            continue
        if reference.attribute is not None:
            if with_resources and name not in template.resources:
                raise TemplateError(
                    f"Template error: instance of Fn::GetAtt references undefined resource {name}"
                    if reference.function == "Fn::GetAtt"
                    else "Template error: instance of Fn::Sub references invalid resource attribute "
                    f"{name}.{reference.attribute}"
                )
            known = with_resources
        else:
            known = name in PSEUDO_PARAMETERS or name in template.parameters
            known = known or (with_resources and name in template.resources)
        if not known and name not in unknown:
            unknown.append(name)
    return unknown


def _check_mappings(found: Iterable[Reference], template: Template) -> None:
    for reference in found:
        if reference.function == "Fn::FindInMap" and reference.name not in template.mappings:
            raise TemplateError(
                f"Template error: Mapping named '{reference.name}' is not present in the 'Mappings' section of "
                "template."
            )


# -- what needs what ---------------------------------------------------------------------------------------------------


def dependencies(template: Template, conditions: Mapping[str, bool]) -> dict[str, frozenset[str]]:
    """The resources whose condition holds, each with those that must be there before it.

    Raises ``TemplateError`` for circles, and where one of them, or an output that will be given, refers to a resource
    whose condition does not hold. DependsOn such a resource means nothing, as on AWS.
    """
    made = {name: each for name, each in template.resources.items() if _holds(each.condition, conditions)}
    needed: dict[str, frozenset[str]] = {}
    for name, each in made.items():
        found = list(references(parts(each), conditions))
        _refuse_absent("Resources", found, made, template)
        needed[name] = frozenset(other for other in _needed(each, found, template) if other in made)
    for output in template.outputs.values():
        if _holds(output.condition, conditions):
            _refuse_absent("Outputs", references(values_of(output), conditions), made, template)
    _refuse_circles(needed)
    return needed


def attributes_asked(template: Template) -> dict[str, frozenset[str]]:
    """The attributes that are asked of each resource, as far as the template names them outright."""
    asked: dict[str, set[str]] = {}
    nodes = [node for each in template.resources.values() for node in parts(each)]
    nodes += [node for output in template.outputs.values() for node in values_of(output)]
    for reference in references(nodes):
        if isinstance(reference.attribute, str):
            asked.setdefault(reference.name, set()).add(reference.attribute)
    return {name: frozenset(attributes) for name, attributes in asked.items()}


def _holds(condition: str, conditions: Mapping[str, bool]) -> bool:
    return not condition or conditions.get(condition, False)


def _needed(resource: Resource, found: Iterable[Reference], template: Template) -> list[str]:
    names = [reference.name for reference in found if reference.function not in ("Fn::If", "Fn::FindInMap")]
    return [name for name in dict.fromkeys([*names, *resource.depends_on]) if name in template.resources]


def _refuse_absent(block: str, found: Iterable[Reference], made: Mapping[str, Resource], template: Template) -> None:
    names = [each.name for each in found if each.function not in ("Fn::If", "Fn::FindInMap")]
    absent = [name for name in dict.fromkeys(names) if name in template.resources and name not in made]
    if absent:
        raise TemplateError(
            f"Template format error: Unresolved resource dependencies [{', '.join(absent)}] in the {block} block of "
            "the template"
        )


def _refuse_circles(needed: Mapping[str, Iterable[str]]) -> None:
    found = circle(needed)
    if found:
        raise TemplateError(f"Circular dependency between resources: [{', '.join(found)}]")
