"""The Rules section: what must be true of the parameters' values before a stack is worked on.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cloudarium.services.cloudformation.template.conditions import comparable, not_boolean, truth
from cloudarium.services.cloudformation.template.errors import TemplateError, not_built
from cloudarium.services.cloudformation.template.model import Parameter, Template, Values
from cloudarium.services.cloudformation.template.resolving import Evaluation
from cloudarium.services.cloudformation.template.texts import as_text

_UNBUILT = frozenset({"Fn::ValueOf", "Fn::ValueOfAll"})
_KEYS = frozenset({"Assertions", "RuleCondition"})


def checked(section: dict[str, Any], parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """The Rules section, if it can be one. Raises ``TemplateError``.

    ``Fn::ValueOf`` asks for attributes of what parameters name, such as a subnet's VPC: refused by name.
    """
    for name, rule in section.items():
        if not isinstance(rule, dict) or not rule.keys() <= _KEYS:
            raise TemplateError(f"Template format error: Rule {name} may only have RuleCondition and Assertions.")
        assertions = rule.get("Assertions")
        if not isinstance(assertions, list) or not assertions:
            raise TemplateError(f"Template format error: Rule {name} must contain Assertions.")
        for assertion in assertions:
            if not isinstance(assertion, dict) or not {"Assert"} <= assertion.keys() <= {"Assert", "AssertDescription"}:
                raise TemplateError(f"Template format error: Every assertion of rule {name} must contain an Assert.")
            if as_text(assertion.get("AssertDescription", "")) is None:
                raise TemplateError("Template format error: Every AssertDescription member must be a string.")
        _refuse_unbuilt(rule)
    return section


def check_rules(template: Template, values: Values) -> None:
    """Raise ``TemplateError`` for the first rule whose assertions are not met."""
    work = Evaluation(values)
    for name, rule in template.rules.items():
        if "RuleCondition" in rule and not _holds(rule["RuleCondition"], template, work):
            continue
        for assertion in rule["Assertions"]:
            if not _holds(assertion["Assert"], template, work):
                why = as_text(assertion.get("AssertDescription", "")) or "assertion is not met"
                raise TemplateError(f"Template validation error: Rule {name}: {why}")


def _holds(node: Any, template: Template, work: Evaluation) -> bool:
    def members(given: Any) -> list[Any]:
        if isinstance(given, dict) and given.keys() == {"Fn::RefAll"}:
            wanted = given["Fn::RefAll"]
            named = [each for each in template.parameters.values() if each.type == wanted]
            return [comparable(work.of({"Ref": each.name})) for each in named]
        found = work.of(given)
        if not isinstance(found, list):
            raise TemplateError("Template error: functions of rules require a list of strings")
        return [comparable(each) for each in found]

    def two(name: str, given: Any) -> list[Any]:
        if not isinstance(given, list) or len(given) != 2:
            raise TemplateError(f"Template error: {name} requires a list argument with two elements")
        return given

    def contains(given: Any) -> bool:
        among, value = two("Fn::Contains", given)
        return comparable(work.of(value)) in members(among)

    def each_equals(given: Any) -> bool:
        each, value = two("Fn::EachMemberEquals", given)
        wanted = comparable(work.of(value))
        return all(member == wanted for member in members(each))

    def each_in(given: Any) -> bool:
        each, among = two("Fn::EachMemberIn", given)
        allowed = members(among)
        return all(member in allowed for member in members(each))

    more: dict[str, Callable[[Any], bool]] = {
        "Fn::Contains": contains,
        "Fn::EachMemberEquals": each_equals,
        "Fn::EachMemberIn": each_in,
    }
    return truth(node, work, named=_no_conditions, more=more)


def _no_conditions(name: str) -> bool:
    raise not_boolean()


def _refuse_unbuilt(node: Any) -> None:
    todo = [node]
    while todo:
        each = todo.pop()
        if isinstance(each, dict):
            for key in each:
                if key in _UNBUILT:
                    raise not_built(f"{key} in Rules")
            todo.extend(each.values())
        elif isinstance(each, list):
            todo.extend(each)
