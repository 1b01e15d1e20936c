"""What is looked at before a stack or change set is made: whether everything in the template can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cloudarium.services.cloudformation import kinds, schemas
from cloudarium.services.cloudformation.errors import insufficient_capabilities, invalid
from cloudarium.services.cloudformation.template import Resource, Template, attributes_asked

_SHOWN = 20
_NAMED = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
"""IAM resources that can have a name of the template's choice, and the property that gives it."""
_IAM = frozenset({*_NAMED, "AWS::IAM::AccessKey", "AWS::IAM::Policy", "AWS::IAM::UserToGroupAddition"})
_KNOWN_CAPABILITIES = frozenset({"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"})


def active(template: Template, conditions: Mapping[str, bool]) -> list[Resource]:
    """The resources that there will be."""
    return [each for each in template.resources.values() if not each.condition or conditions[each.condition]]


def check_kinds(resources: Iterable[Resource], conditions: Mapping[str, bool]) -> None:
    """Refuse by name what cannot be made: resource types, and properties of those that can."""
    unknown, unbuilt = set(), set()
    for resource in resources:
        kind = kinds.find(resource.type)
        if kind is None:
            unknown.add(resource.type)
            continue
        without = [name for name in resource.creation_policy if name != "ResourceSignal"]
        unbuilt |= {f"CreationPolicy.{name} of {resource.type}" for name in without}
        unbuilt |= {f"UpdatePolicy.{name} of {resource.type}" for name in resource.update_policy}
        for name in kind.unbuilt:
            if _is_set(resource.properties, name.split("."), conditions):
                unbuilt.add(f"{name} of {resource.type}")
    if unknown:
        names = ", ".join(sorted(unknown)[:_SHOWN])
        raise invalid(f"CloudFormation cannot make these resource types in Cloudarium yet: [{names}].")
    if unbuilt:
        names = ", ".join(sorted(unbuilt)[:_SHOWN])
        raise invalid(f"CloudFormation cannot set these properties in Cloudarium yet: [{names}].")
    for resource in resources:
        if "Snapshot" in (resource.deletion_policy, resource.update_replace_policy):
            raise invalid(f"Template error: resource type {resource.type} does not support deletion policy Snapshot")


def _is_set(node: Any, path: list[str], conditions: Mapping[str, bool]) -> bool:
    """Whether a property has a value, as far as that can be told before resources are there."""
    while isinstance(node, Mapping) and len(node) == 1 and isinstance(branches := node.get("Fn::If"), list):
        if len(branches) != 3 or branches[0] not in conditions:
            break
        node = branches[1] if conditions[branches[0]] else branches[2]
    if node is None or node == {"Ref": "AWS::NoValue"}:
        return False
    if not path:
        return True
    if isinstance(node, list):
        return any(_is_set(each, path, conditions) for each in node)
    return isinstance(node, Mapping) and _is_set(node.get(path[0]), path[1:], conditions)


def needed_capabilities(template: Template) -> tuple[list[str], str]:
    """The capabilities that a template asks its caller for, and why.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
    """
    needed, types = [], []
    iam = [each for each in template.resources.values() if each.type in _IAM]
    if iam:
        named = any(_NAMED.get(each.type, "?") in each.properties for each in iam)
        needed.append("CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM")
        types += [each.type for each in iam]
    if template.transforms:
        needed.append("CAPABILITY_AUTO_EXPAND")
    said = f"The following resource(s) require capabilities: [{', '.join(dict.fromkeys(types))}]" if types else ""
    return needed, said


def check_capabilities(template: Template, given: Iterable[str], *, reviewed: bool = False) -> None:
    """Raise InsufficientCapabilitiesException unless the caller acknowledges what the template makes."""
    has = set(given)
    for each in has - _KNOWN_CAPABILITIES:
        raise invalid(
            f"1 validation error detected: Value '[{each}]' at 'capabilities' failed to satisfy constraint: Member "
            "must satisfy constraint: [Member must satisfy enum value set: [CAPABILITY_IAM, CAPABILITY_NAMED_IAM, "
            "CAPABILITY_AUTO_EXPAND]]"
        )
    if reviewed:
        has.add("CAPABILITY_AUTO_EXPAND")
    if "CAPABILITY_NAMED_IAM" in has:
        has.add("CAPABILITY_IAM")
    if missing := [each for each in needed_capabilities(template)[0] if each not in has]:
        raise insufficient_capabilities(", ".join(missing))


def check_types(resources: Iterable[Resource], allowed: Iterable[str]) -> None:
    """Raise unless every resource is of one of the types of the request's ResourceTypes, if it has any."""
    patterns = list(allowed)
    if not patterns:
        return
    for resource in resources:
        if not any(
            resource.type == each or (each.endswith("*") and resource.type.startswith(each[:-1])) for each in patterns
        ):
            raise invalid(f"Resource type {resource.type} is not allowed by parameter ResourceTypes {patterns}")


def unrecognized(template: Template) -> list[str]:
    """Resource types that AWS does not have either."""
    return sorted({each.type for each in template.resources.values() if _is_strange(each.type)})


def check_recognized(template: Template) -> None:
    """Raise for types that AWS does not have either, in its words."""
    if strange := unrecognized(template):
        raise invalid(f"Template format error: Unrecognized resource types: [{', '.join(strange[:_SHOWN])}]")


def _is_strange(type_: str) -> bool:
    return type_.startswith("AWS::") and schemas.find(type_) is None and kinds.find(type_) is None


def check_attributes(template: Template) -> None:
    """Raise for attributes that a type does not have."""
    for name, asked in attributes_asked(template).items():
        resource = template.resources.get(name)
        schema = schemas.find(resource.type) if resource is not None else None
        for attribute in sorted(asked) if schema is not None else ():
            if schema is not None and not schema.has_attribute(attribute):
                raise invalid(
                    f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt"
                )
