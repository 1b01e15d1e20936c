"""Conditions of policy statements: operators, and keys with their values.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cloudarium.kernel.errors import NotThere

Facts = Mapping[str, tuple[str, ...]]
"""What is known of a request: condition keys in lower case to their values."""

Test = Callable[[str, str], bool]
"""``(value of the request, value of the policy)``."""


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    # AWS knows * and ? only; square brackets stand for themselves.
    return re.compile(fnmatch.translate(text.replace("[", "[[]")))


def like(value: str, pattern: str) -> bool:
    """Whether a value matches a pattern in which ``*`` stands for anything and ``?`` for one character."""
    return _pattern(pattern).match(value) is not None


def _arn_like(value: str, pattern: str) -> bool:
    got, wanted = value.split(":", 5), pattern.split(":", 5)
    return len(got) == len(wanted) == 6 and all(like(g, w) for g, w in zip(got, wanted, strict=True))


def _number(compare: Callable[[float, float], bool]) -> Test:
    def test(value: str, wanted: str) -> bool:
        try:
            return compare(float(value), float(wanted))
        except ValueError:
            return False

    return test


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _date(compare: Callable[[float, float], bool]) -> Test:
    def test(value: str, wanted: str) -> bool:
        try:
            return compare(_moment(value), _moment(wanted))
        except ValueError:
            return False

    return test


def _in_network(value: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


_TESTS: dict[str, Test] = {
    "stringequals": lambda value, wanted: value == wanted,
    "stringequalsignorecase": lambda value, wanted: value.lower() == wanted.lower(),
    "stringlike": like,
    "arnequals": _arn_like,
    "arnlike": _arn_like,
    "bool": lambda value, wanted: value.lower() == wanted.lower(),
    "ipaddress": _in_network,
    "binaryequals": lambda value, wanted: value == wanted,
    "numericequals": _number(lambda a, b: a == b),
    "numericlessthan": _number(lambda a, b: a < b),
    "numericlessthanequals": _number(lambda a, b: a <= b),
    "numericgreaterthan": _number(lambda a, b: a > b),
    "numericgreaterthanequals": _number(lambda a, b: a >= b),
    "dateequals": _date(lambda a, b: a == b),
    "datelessthan": _date(lambda a, b: a < b),
    "datelessthanequals": _date(lambda a, b: a <= b),
    "dategreaterthan": _date(lambda a, b: a > b),
    "dategreaterthanequals": _date(lambda a, b: a >= b),
}
_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "notipaddress": "ipaddress",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
}


def holds(condition: Mapping[str, Any], facts: Facts) -> bool:
    """Whether every operator of a Condition element holds; raises ``NotThere`` for an operator that is unknown."""
    return all(
        _holds(operator, facts.get(key.lower(), ()), texts(wanted))
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, values: tuple[str, ...], wanted: list[str]) -> bool:
    name = operator.lower()
    quantifier, colon, rest = name.partition(":")
    if colon:
        name = rest
    if_exists = name.endswith("ifexists")
    name = name.removesuffix("ifexists")
    if name == "null":
        return any((not values) == (each.lower() == "true") for each in wanted)
    negated = name in _NEGATED
    test = _TESTS.get(_NEGATED.get(name, name))
    if test is None or (colon and quantifier not in ("forallvalues", "foranyvalue")):
        raise NotThere(f"the policy condition operator {operator}")

    def passes(value: str) -> bool:
        return any(test(value, each) for each in wanted) != negated

    if quantifier == "forallvalues":
        return all(passes(value) for value in values)
    if quantifier == "foranyvalue":
        return any(passes(value) for value in values)
    if not values:
        # A key that is not there fails every comparison, and so satisfies the negated ones.
        return if_exists or negated
    return all(passes(value) for value in values) if negated else any(passes(value) for value in values)


def texts(value: Any) -> list[str]:
    """A policy's value or list of values as texts; booleans and numbers as JSON writes them."""
    values: Iterable[Any] = value if isinstance(value, list) else [value]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]
