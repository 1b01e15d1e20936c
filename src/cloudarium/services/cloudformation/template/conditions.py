"""The Conditions section: which of its conditions hold.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from cloudarium.services.cloudformation.template.errors import TemplateError
from cloudarium.services.cloudformation.template.model import Template, Values
from cloudarium.services.cloudformation.template.resolving import MOST_LEVELS, Evaluation
from cloudarium.services.cloudformation.template.shapes import refused
from cloudarium.services.cloudformation.template.texts import as_text


def conditions(template: Template, values: Values) -> dict[str, bool]:
    """Whether each condition of a template holds; of ``values``, parameters, pseudo parameters and mappings count."""
    return evaluated(template.conditions, values)


def evaluated(declared: dict[str, Any], values: Values) -> dict[str, bool]:
    """Whether each of these conditions holds."""
    known: dict[str, bool] = {}
    work = Evaluation(msgspec.structs.replace(values, conditions=known))
    for name in in_order(declared):
        known[name] = truth(declared[name], work, named=lambda other: _known(known, other))
    return known


def in_order(declared: dict[str, Any]) -> list[str]:
    """The names of conditions, each after those it is made of. Raises ``TemplateError`` for circles."""
    ordered: list[str] = []
    done: set[str] = set()
    for first in declared:
        path: dict[str, Iterator[str]] = {}
        if first not in done:
            path[first] = iter(named_in(declared[first]))
        while path:
            name, others = next(reversed(path.items()))
            other = next((each for each in others if each in declared and each not in done), None)
            if other is None:
                del path[name]
                done.add(name)
                ordered.append(name)
            elif other in path:
                circle = list(path)[list(path).index(other) :]
                raise TemplateError(
                    f"Template format error: Circular dependency between conditions: [{', '.join(circle)}]"
                )
            else:
                path[other] = iter(named_in(declared[other]))
    return ordered


def named_in(node: Any) -> list[str]:
    """The conditions that a condition is made of."""
    found: list[str] = []
    todo = [node]
    while todo:
        each = todo.pop()
        if isinstance(each, list):
            todo.extend(each)
        elif isinstance(each, dict):
            if each.keys() == {"Condition"} and isinstance(each["Condition"], str):
                found.append(each["Condition"])
            elif each.keys() == {"Fn::If"} and isinstance(each["Fn::If"], list) and each["Fn::If"]:
                found += [name for name in each["Fn::If"][:1] if isinstance(name, str)]
            todo.extend(each.values())
    return found


def truth(
    node: Any,
    work: Evaluation,
    *,
    named: Callable[[str], bool],
    more: dict[str, Callable[[Any], bool]] | None = None,
    level: int = 0,
) -> bool:
    """Whether a condition holds. ``named`` answers for other conditions, ``more`` for functions that rules have."""
    if not isinstance(node, dict) or len(node) != 1 or level > MOST_LEVELS:
        raise not_boolean()
    ((function, given),) = node.items()

    def holds(each: Any) -> bool:
        return truth(each, work, named=named, more=more, level=level + 1)

    if function == "Condition":
        if not isinstance(given, str):
            raise refused("Condition")
        return named(given)
    if more is not None and function in more:
        return more[function](given)
    if function == "Fn::Equals":
        if not isinstance(given, list) or len(given) != 2:
            raise refused(function)
        first, second = (work.of(each) for each in given)
        return bool(comparable(first) == comparable(second))
    if function in ("Fn::And", "Fn::Or"):
        if not isinstance(given, list) or not 2 <= len(given) <= 10:
            raise refused(function)
        # All are worked out, so that what is wrong with one does not depend on the others.
        each_holds = [holds(each) for each in given]
        return all(each_holds) if function == "Fn::And" else any(each_holds)
    if function == "Fn::Not":
        if not isinstance(given, list) or len(given) != 1:
            raise refused(function)
        return not holds(given[0])
    raise not_boolean()


def comparable(value: Any) -> Any:
    """A value as ``Fn::Equals`` compares it: CloudFormation knows texts only, so 1 and "1" are the same."""
    if isinstance(value, list):
        return [comparable(member) for member in value]
    if isinstance(value, dict):
        return {key: comparable(member) for key, member in value.items()}
    text = as_text(value)
    return value if text is None else text


def not_boolean() -> TemplateError:
    """AWS's words for a condition that is none."""
    return TemplateError(
        "Template format error: Conditions can only be boolean operations on parameters and other conditions"
    )


def unresolved(name: str, block: str) -> TemplateError:
    """AWS's words for a condition that the template does not have."""
    return TemplateError(
        f"Template format error: Unresolved condition dependency {name} in the {block} block of the template"
    )


def _known(known: dict[str, bool], name: str) -> bool:
    if name not in known:
        raise unresolved(name, "Conditions")
    return known[name]
