"""Which maps are intrinsic functions, and what each must be given.

A map is a function when its only key is a function's name: anything else with such a key is an ordinary map.
"""

from __future__ import annotations

from typing import Any

from cloudarium.services.cloudformation.template.errors import TemplateError, not_built

EXPECTED = {
    "Ref": "Template error: All References must be of type string",
    "Condition": "Template error: All Conditions must be of type string",
    "Fn::GetAtt": "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and "
    "the resource attribute",
    "Fn::Sub": "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a "
    "string as first argument, and an optional second argument to specify a mapping of values to replace in the "
    "string",
    "Fn::Join": "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list "
    "of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.",
    "Fn::Split": "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a "
    "string to be split or a function that returns a string to be split.",
    "Fn::Select": "Template error: Fn::Select requires a list argument with two elements: an integer index and a list",
    "Fn::FindInMap": "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and "
    "the attribute for return value",
    "Fn::Base64": "Template error: every Fn::Base64 object must have a String-typed value.",
    "Fn::GetAZs": "Template error: every Fn::GetAZs object must have a String-typed value.",
    "Fn::ImportValue": "Template error: the attribute in Fn::ImportValue must be a string or a function that returns "
    "a string",
    "Fn::Cidr": "Template error: every Fn::Cidr object requires two or three parameters, the IP address block, the "
    "number of CIDRs and the number of subnet bits",
    "Fn::Length": "Template error: Fn::Length requires a list or a function that returns a list",
    "Fn::ToJsonString": "Template error: Fn::ToJsonString requires an object or a list",
    "Fn::If": "Template error: Fn::If requires a list argument with three elements",
    "Fn::Equals": "Template error: Fn::Equals requires a list argument with two elements",
    "Fn::And": "Template error: every Fn::And object requires a list of at least 2 and at most 10 boolean parameters.",
    "Fn::Or": "Template error: every Fn::Or object requires a list of at least 2 and at most 10 boolean parameters.",
    "Fn::Not": "Template error: Fn::Not requires a list argument with one element",
}
"""What AWS says to a function that is given something else."""
OF_EXTENSIONS = frozenset({"Fn::Length", "Fn::ToJsonString"})
"""Only with the transform AWS::LanguageExtensions."""
OF_CONDITIONS = frozenset({"Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not"})


def function_of(node: dict[str, Any]) -> str | None:
    """The function that a map is, or None."""
    if len(node) != 1:
        return None
    (name,) = node
    return name if name == "Ref" or (isinstance(name, str) and name.startswith("Fn::")) else None


def refused(name: str) -> TemplateError:
    """AWS's words for a function that was given what it does not take."""
    return TemplateError(EXPECTED[name])


def unknown_function(name: str) -> TemplateError:
    """AWS's words for a function that there is not, or not here."""
    return TemplateError(
        f"Template Error: Encountered unsupported function: {name[:100]} Supported functions are: [Fn::Base64, "
        "Fn::GetAtt, Fn::GetAZs, Fn::ImportValue, Fn::Join, Fn::Split, Fn::FindInMap, Fn::Select, Ref, Fn::Equals, "
        "Fn::If, Fn::Not, Condition, Fn::And, Fn::Or, Fn::Contains, Fn::EachMemberEquals, Fn::EachMemberIn, "
        "Fn::ValueOf, Fn::ValueOfAll, Fn::RefAll, Fn::Sub, Fn::Cidr]"
    )


def attribute_of(given: Any) -> tuple[str, Any]:
    """The resource and the attribute (a text, or a function that gives one) that ``Fn::GetAtt`` names."""
    if isinstance(given, str):
        resource, _, name = given.partition(".")
        if resource and name:
            return resource, name
    elif isinstance(given, list) and len(given) >= 2 and isinstance(given[0], str) and given[0]:
        if all(isinstance(part, str) and part for part in given[1:]):
            return given[0], ".".join(given[1:])
        if len(given) == 2 and isinstance(given[1], dict):
            return given[0], given[1]
    raise refused("Fn::GetAtt")


def check(node: Any, *, extensions: bool, conditions: bool = False) -> None:
    """Raise ``TemplateError`` for a function that is unknown, or given what it never takes.

    ``extensions``: the template has the transform AWS::LanguageExtensions. ``conditions``: this is a part of the
    Conditions section, whose functions are allowed nowhere else.
    """
    if isinstance(node, list):
        for member in node:
            check(member, extensions=extensions, conditions=conditions)
        return
    if not isinstance(node, dict):
        return
    if "Fn::Transform" in node:
        given = node["Fn::Transform"]
        name = given.get("Name") if isinstance(given, dict) else None
        raise not_built(f"Fn::Transform{f' {name[:100]}' if isinstance(name, str) else ''}")
    name = function_of(node)
    if name is not None:
        _check_function(name, node[name], extensions=extensions, conditions=conditions)
    for value in node.values():
        check(value, extensions=extensions, conditions=conditions)


def _check_function(name: str, given: Any, *, extensions: bool, conditions: bool) -> None:
    if name not in EXPECTED or (name in OF_EXTENSIONS and not extensions):
        raise unknown_function(name)
    if name in OF_CONDITIONS and not conditions:
        raise TemplateError(f"Template error: {name} cannot be partially collapsed")
    size = len(given) if isinstance(given, list) else -1
    match name:
        case "Ref":
            good = isinstance(given, str)
        case "Fn::GetAtt":
            attribute_of(given)
            good = True
        case "Fn::Sub":
            good = isinstance(given, str) or (size == 2 and isinstance(given[0], str) and isinstance(given[1], dict))
        case "Fn::Join" | "Fn::Split" | "Fn::Select" | "Fn::Equals":
            good = size == 2
        case "Fn::FindInMap":
            good = size == 3 or (extensions and size == 4)
        case "Fn::Cidr":
            good = size in (2, 3)
        case "Fn::If":
            good = size == 3 and isinstance(given[0], str)
        case "Fn::And" | "Fn::Or":
            good = 2 <= size <= 10 and all(isinstance(each, dict) for each in given)
        case "Fn::Not":
            good = size == 1 and isinstance(given[0], dict)
        case "Fn::Base64" | "Fn::GetAZs" | "Fn::ImportValue":
            good = not isinstance(given, list)
        case "Fn::ToJsonString":
            good = isinstance(given, dict | list)
        case _:
            good = True
    if not good:
        raise refused(name)
