"""A document as a template: its sections, checked whole.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.services.cloudformation.template import extensions, references, rules, shapes
from cloudarium.services.cloudformation.template.errors import TemplateError, not_built, too_deep
from cloudarium.services.cloudformation.template.model import PSEUDO_PARAMETERS, Output, Parameter, Resource, Template
from cloudarium.services.cloudformation.template.parameters import parameter
from cloudarium.services.cloudformation.template.reading import MOST_LEVELS
from cloudarium.services.cloudformation.template.texts import as_text

_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
        "Transform",
    }
)
_MOST = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
_MOST_ATTRIBUTES = 200
_LONGEST_NAME = 255
_LONGEST_DESCRIPTION = 1_024
_MOST_NODES = 500_000
_RESOURCE_KEYS = frozenset(
    {
        "Condition",
        "CreationPolicy",
        "DeletionPolicy",
        "DependsOn",
        "Description",
        "Metadata",
        "Properties",
        "Type",
        "UpdatePolicy",
        "UpdateReplacePolicy",
    }
)
_POLICIES = {
    "DeletionPolicy": frozenset({"Delete", "Retain", "Snapshot", "RetainExceptOnCreate"}),
    "UpdateReplacePolicy": frozenset({"Delete", "Retain", "Snapshot"}),
}


def parse(document: dict[str, Any], given: Mapping[str, Any] | None = None) -> Template:
    """The template that a document is, checked as far as that can be without its parameters. Raises ``TemplateError``.

    ``given`` are values of parameters and pseudo parameters. Only the transform AWS::LanguageExtensions looks at them:
    its loops can go over a parameter. Of SSM types they are what was found. A parameter that is not given has its
    default; while nothing is given at all, a loop over one without is left out.
    """
    _check_document(document)
    transforms = _transforms(document.get("Transform", []))
    parameters = {name: parameter(name, each) for name, each in _section(document, "Parameters").items()}
    extended = extensions.NAME in transforms
    if extended:
        document = extensions.expanded(document, parameters, given)
    _refuse_loops(document)
    template = Template(
        description=_description(document.get("Description", "")),
        metadata=_map(document.get("Metadata", {}), "Metadata"),
        parameters=parameters,
        rules=rules.checked(_section(document, "Rules"), parameters),
        mappings=_mappings(_section(document, "Mappings")),
        conditions=_section(document, "Conditions"),
        resources=_resources(_section(document, "Resources"), parameters),
        outputs={name: _output(name, each) for name, each in _section(document, "Outputs").items()},
        transforms=transforms,
    )
    shapes.check(template.conditions, extensions=extended, conditions=True)
    for resource in template.resources.values():
        shapes.check(references.parts(resource), extensions=extended)
    for output in template.outputs.values():
        shapes.check(references.values_of(output), extensions=extended)
    references.check(template)
    return template


# -- the whole ---------------------------------------------------------------------------------------------------------


def _check_document(document: Any) -> None:
    if not isinstance(document, dict):
        raise TemplateError("Template format error: unsupported structure.")
    _check_nodes(document)
    unknown = [key for key in document if key not in _SECTIONS]
    if unknown:
        raise TemplateError(f"Invalid template property or properties [{', '.join(unknown)}]")
    version = document.get("AWSTemplateFormatVersion", "2010-09-09")
    if version != "2010-09-09":
        raise TemplateError("Template format error: unsupported value for AWSTemplateFormatVersion.")


def _check_nodes(document: dict[str, Any]) -> None:
    """Depth, number and kinds of a document's nodes, without recursion: everything after this may recur."""
    todo: list[tuple[Any, tuple[Any, ...]]] = [(document, ())]
    count = 0
    while todo:
        node, path = todo.pop()
        count += 1
        if len(path) > MOST_LEVELS:
            raise too_deep(MOST_LEVELS)
        if count > _MOST_NODES:
            raise TemplateError(f"Template format error: the template has more than {_MOST_NODES} members.")
        if isinstance(node, dict):
            if not all(isinstance(key, str) and _is_unicode(key) for key in node):
                raise TemplateError("Template format error: Every key must be a string.")
            todo += [(value, (*path, key)) for key, value in node.items()]
        elif isinstance(node, list):
            todo += [(value, (*path, index)) for index, value in enumerate(node)]
        elif node is None:
            where = "/".join(str(part) for part in path)
            raise TemplateError(f"[/{where}] 'null' values are not allowed in templates")
        elif as_text(node) is None or (isinstance(node, str) and not _is_unicode(node)):
            raise TemplateError("Template format error: unsupported structure.")


def _is_unicode(text: str) -> bool:
    """Whether a text can be written: JSON can spell half a surrogate pair."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def _section(document: dict[str, Any], name: str) -> dict[str, Any]:
    section = _map(document.get(name, {}), name)
    most = _MOST.get(name)
    if most is not None and len(section) > most:
        raise TemplateError(
            f"Template format error: Number of {name.lower()}, {len(section)}, is greater than maximum allowed, {most}"
        )
    singular = name.removesuffix("s")
    for key in section:
        if not (key.isascii() and key.isalnum()):
            raise TemplateError(f"Template format error: {singular} name {key[:100]} is non alphanumeric.")
        if len(key) > _LONGEST_NAME:
            raise TemplateError(
                f"Template format error: {singular} name {key[:100]} is longer than {_LONGEST_NAME} characters."
            )
    return section


def _map(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TemplateError(f"Template format error: {name} must be a map.")
    return value


def _transforms(declared: Any) -> tuple[str, ...]:
    names: list[str] = []
    for each in declared if isinstance(declared, list) else [declared]:
        name = each.get("Name") if isinstance(each, dict) else each
        if not isinstance(name, str):
            raise TemplateError("Template format error: Transform must be a string or a list of strings.")
        if name != extensions.NAME:
            raise not_built(f"Transform {name[:100]}")
        names.append(name)
    return tuple(dict.fromkeys(names))


def _refuse_loops(document: dict[str, Any]) -> None:
    """Loops that are left: without the transform, or where it does not look."""
    todo: list[tuple[Any, str]] = [(document, "")]
    while todo:
        node, where = todo.pop()
        if isinstance(node, dict):
            for key, value in node.items():
                if key.startswith(extensions.LOOP):
                    raise TemplateError(
                        f"Template format error: [{where}/{key[:100]}] resource definition is malformed"
                    )
                todo.append((value, f"{where}/{key}"))
        elif isinstance(node, list):
            todo += [(value, f"{where}/{index}") for index, value in enumerate(node)]


def _description(value: Any) -> str:
    text = as_text(value)
    if text is None:
        raise TemplateError("Template format error: Every Description member must be a string.")
    if len(text.encode(errors="surrogatepass")) > _LONGEST_DESCRIPTION:
        raise TemplateError(f"Template format error: Description must be no longer than {_LONGEST_DESCRIPTION} bytes.")
    return text


def _mappings(section: dict[str, Any]) -> dict[str, Any]:
    for name, mapping in section.items():
        if not isinstance(mapping, dict):
            raise TemplateError(f"Template format error: Every Mappings member {name} must be a map")
        if len(mapping) > _MOST_ATTRIBUTES:
            raise TemplateError(
                f"Template format error: Number of attributes of mapping {name}, {len(mapping)}, is greater than "
                f"maximum allowed, {_MOST_ATTRIBUTES}"
            )
        for key, attributes in mapping.items():
            if not isinstance(attributes, dict):
                raise TemplateError(f"Template format error: Every Mappings member {key} must be a map")
            for value in attributes.values():
                members = value if isinstance(value, list) else [value]
                if any(as_text(member) is None for member in members):
                    raise TemplateError("Template format error: Every Mappings attribute must be a String or a List.")
    return section


# -- resources ---------------------------------------------------------------------------------------------------------


def _resources(section: dict[str, Any], parameters: Mapping[str, Parameter]) -> dict[str, Resource]:
    if not section:
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    common = [name for name in section if name in parameters or name in PSEUDO_PARAMETERS]
    if common:
        raise TemplateError(
            "Template error: all resources and parameters must have unique names. Common name(s): "
            f"[{', '.join(common)}]"
        )
    return {name: _resource(name, each) for name, each in section.items()}


def _resource(name: str, declared: Any) -> Resource:
    if not isinstance(declared, dict):
        raise TemplateError(f"Template format error: [/Resources/{name}] Every Resources member must be a map.")
    type_ = declared.get("Type")
    if not isinstance(type_, str):
        raise TemplateError(
            f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
        )
    custom = type_.startswith("Custom::") or type_ == "AWS::CloudFormation::CustomResource"
    for key in declared:
        if key not in _RESOURCE_KEYS and not (custom and key == "Version"):
            raise TemplateError(f"Invalid template resource property '{key}'")
    return Resource(
        logical_id=name,
        type=type_,
        properties=_map(declared.get("Properties", {}), f"[/Resources/{name}/Properties] Properties"),
        condition=_condition(declared, "Resources", name),
        depends_on=_depends_on(declared.get("DependsOn", [])),
        deletion_policy=_policy(name, declared, "DeletionPolicy"),
        update_replace_policy=_policy(name, declared, "UpdateReplacePolicy"),
        creation_policy=_map(declared.get("CreationPolicy", {}), f"[/Resources/{name}/CreationPolicy] CreationPolicy"),
        update_policy=_map(declared.get("UpdatePolicy", {}), f"[/Resources/{name}/UpdatePolicy] UpdatePolicy"),
        metadata=_map(declared.get("Metadata", {}), f"[/Resources/{name}/Metadata] Metadata"),
    )


def _condition(declared: dict[str, Any], block: str, name: str) -> str:
    condition = declared.get("Condition", "")
    if not isinstance(condition, str):
        raise TemplateError(f"Template format error: [/{block}/{name}] Every Condition member must be a string.")
    return condition


def _depends_on(declared: Any) -> tuple[str, ...]:
    names = [declared] if isinstance(declared, str) else declared
    if not isinstance(names, list):
        raise TemplateError("Template format error: DependsOn must be a string or list of strings.")
    if not all(isinstance(name, str) for name in names):
        raise TemplateError("Template format error: Every DependsOn value must be a string.")
    return tuple(dict.fromkeys(names))


def _policy(name: str, declared: dict[str, Any], key: str) -> str:
    value = declared.get(key, "")
    if not isinstance(value, str):
        raise TemplateError(f"Template format error: Every {key} member must be a string.")
    if key in declared and value not in _POLICIES[key]:
        raise TemplateError(f"Template format error: Unrecognized {key} {value[:100]} for resource {name}")
    return value


# -- outputs -----------------------------------------------------------------------------------------------------------


def _output(name: str, declared: Any) -> Output:
    if not isinstance(declared, dict):
        raise TemplateError("Template format error: Every Outputs member must be a map")
    if "Value" not in declared:
        raise TemplateError("Template format error: Every Outputs member must contain a Value object")
    for key in declared:
        if key not in ("Condition", "Description", "Export", "Value"):
            raise TemplateError(f"Invalid template output property '{key}'")
    export = declared.get("Export", {})
    if not isinstance(export, dict) or ("Export" in declared and export.keys() != {"Name"}):
        raise TemplateError(f"Template format error: Output {name} has an Export without a Name.")
    return Output(
        name=name,
        value=declared["Value"],
        description=_description(declared.get("Description", "")),
        export_name=export.get("Name"),
        condition=_condition(declared, "Outputs", name),
    )
