"""What an update would change about one resource, and why, as change sets show it. Pure.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from cloudarium.services.cloudformation.template import Resource
from cloudarium.services.cloudformation.template.references import references

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""What change sets show for values that are only known once something is made."""
_LONGEST_VALUE = 1_024
_ATTRIBUTES = (
    ("Metadata", "metadata"),
    ("CreationPolicy", "creation_policy"),
    ("UpdatePolicy", "update_policy"),
    ("DeletionPolicy", "deletion_policy"),
    ("UpdateReplacePolicy", "update_replace_policy"),
)


class Schema(Protocol):
    """The part of a resource schema that tells what cannot be changed, and where tags are."""

    @property
    def create_only(self) -> Collection[str]:
        """Properties, by name or dotted path."""

    @property
    def conditional_create_only(self) -> Collection[str]:
        """Properties whose change may take a new resource."""

    @property
    def tag_property(self) -> str:
        """The property that has the tags."""


class Causes(msgspec.Struct, frozen=True, kw_only=True):
    """What is known to change, so that what refers to it changes too."""

    parameters: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    """Logical ids whose ``Ref`` will be another one."""
    perhaps: frozenset[str] = frozenset()
    """Logical ids whose ``Ref`` may be another one."""
    modified: frozenset[str] = frozenset()
    """Logical ids whose attributes may change."""


class Unknown(dict[str, Any]):
    """Attributes of what is not there yet: whichever is asked for has an unknown value."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return UNKNOWN


def details(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    old: Resource,
    new: Resource,
    causes: Causes,
    schema: Schema | None,
    hidden: Collection[str] = (),
) -> list[dict[str, Any]]:
    """The changes of a resource's attributes: properties as they are and will be, and the templates' words for both.

    ``hidden`` are parameters whose values nobody may see.
    """
    found: list[dict[str, Any]] = []
    for name in dict.fromkeys([*before, *after]):
        why = list(_sources(old.properties.get(name), new.properties.get(name), causes))
        certain = before.get(name) != after.get(name) or (name in before) != (name in after)
        if not certain and not any(source[0] == "ResourceAttribute" for source in why):
            continue
        target = _target(name, before, after, schema)
        if _names_any(old.properties.get(name), new.properties.get(name), hidden):
            target |= {key: "****" for key in ("BeforeValue", "AfterValue") if key in target}
        for source, entity, evaluation in why or [("DirectModification", "", "Static")]:
            change = {"Target": target, "Evaluation": evaluation, "ChangeSource": source}
            found.append(change | ({"CausingEntity": entity} if entity else {}))
    for attribute, field in _ATTRIBUTES:
        if getattr(old, field) != getattr(new, field):
            found.append(_direct(attribute))
    return found


def _sources(old: Any, new: Any, causes: Causes) -> Iterator[tuple[str, str, str]]:
    """Why a property changes: source, the entity behind it, and whether its value can be told already."""
    if old != new:
        yield "DirectModification", "", "Static"
    seen = set()
    for each in references(new):
        if each.name in causes.parameters and each.function in ("Ref", "Fn::Sub"):
            source = ("ParameterReference", each.name, "Static")
        elif each.attribute is not None and each.name in causes.replaced | causes.perhaps | causes.modified:
            source = ("ResourceAttribute", f"{each.name}.{each.attribute}", "Dynamic")
        elif each.attribute is None and each.name in causes.replaced | causes.perhaps:
            source = ("ResourceReference", each.name, "Dynamic")
        else:
            continue
        if source not in seen:
            seen.add(source)
            yield source
            if source[0] == "ParameterReference" and old == new:
                # AWS reports the property itself as well, as one that the parameter may change.
                yield "DirectModification", "", "Dynamic"


def _target(name: str, before: Mapping[str, Any], after: Mapping[str, Any], schema: Schema | None) -> dict[str, Any]:
    tags = schema is not None and name == schema.tag_property
    target: dict[str, Any] = {"Attribute": "Tags" if tags else "Properties", "RequiresRecreation": "Never"}
    if not tags:
        target |= {"Name": name, "RequiresRecreation": recreation(name, schema)}
    target["Path"] = f"/Properties/{name}"
    if name in before:
        target["BeforeValue"] = _shown(before[name])
    if name in after:
        target["AfterValue"] = _shown(after[name])
    kind = "Modify" if name in before and name in after else "Add" if name in after else "Remove"
    return target | {"AttributeChangeType": kind}


def recreation(name: str, schema: Schema | None) -> str:
    """Whether a change of a property makes a new resource: Never, Always, or Conditionally."""
    if schema is None:
        return "Never"
    if name in schema.create_only:
        return "Always"
    maybe = [*schema.create_only, *schema.conditional_create_only]
    return "Conditionally" if any(each.split(".")[0] == name for each in maybe) else "Never"


def tags_changed() -> dict[str, Any]:
    """The change of tags that a resource has from its stack."""
    return _direct("Tags")


def automatic() -> dict[str, Any]:
    """A nested stack is looked at on every update: its template may be another one."""
    target = {"Attribute": "Properties", "RequiresRecreation": "Never"}
    return {"Target": target, "Evaluation": "Dynamic", "ChangeSource": "Automatic"}


def _direct(attribute: str) -> dict[str, Any]:
    target = {"Attribute": attribute, "RequiresRecreation": "Never"}
    return {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}


def replacement(found: list[dict[str, Any]], replaced: Collection[str] = ()) -> str:
    """Whether the resource is replaced: True, False or Conditional; ``replaced`` are those that surely are."""
    needs = [(each["Target"]["RequiresRecreation"], each["Evaluation"]) for each in found]
    if ("Always", "Static") in needs:
        return "True"
    forced = [each for each in found if each["Target"]["RequiresRecreation"] == "Always"]
    if any(each["ChangeSource"] == "ResourceReference" and each["CausingEntity"] in replaced for each in forced):
        return "True"
    return "Conditional" if any(need != "Never" for need, _ in needs) else "False"


def change(
    action: str,
    logical_id: str,
    type_: str,
    *,
    physical_id: str = "",
    found: list[dict[str, Any]] | None = None,
    makes_new: str = "",
    policy: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A ``Change``; ``makes_new`` is its ``replacement``, and contexts are the properties before and after."""
    details_ = found or []
    scope = list(dict.fromkeys(each["Target"]["Attribute"] for each in details_))
    made: dict[str, Any] = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": type_}
    if physical_id:
        made["PhysicalResourceId"] = physical_id
    if policy:
        made["PolicyAction"] = policy
    if makes_new:
        made["Replacement"] = makes_new
    made |= {"Scope": scope, "Details": details_}
    for name, properties in (("BeforeContext", before), ("AfterContext", after)):
        if properties is not None:
            made[name] = msgspec.json.encode({"Properties": properties}).decode()
    return {"Type": "Resource", "ResourceChange": made}


_WITH_VALUES = ("BeforeValue", "AfterValue", "Path", "AttributeChangeType")


def without_values(shown: Mapping[str, Any]) -> dict[str, Any]:
    """A change as it is shown without IncludePropertyValues."""
    made = {name: value for name, value in shown["ResourceChange"].items()
            if name not in ("BeforeContext", "AfterContext")}  # fmt: skip
    made["Details"] = [
        each | {"Target": {name: value for name, value in each["Target"].items() if name not in _WITH_VALUES}}
        for each in made["Details"]
    ]
    return {**shown, "ResourceChange": made}


def _names_any(old: Any, new: Any, names: Collection[str]) -> bool:
    return bool(names) and any(each.name in names for node in (old, new) for each in references(node))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE]
