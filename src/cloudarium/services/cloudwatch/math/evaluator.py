"""The value of an expression."""

from __future__ import annotations

from collections.abc import Mapping

from cloudarium.services.cloudwatch.math.functions import call
from cloudarium.services.cloudwatch.math.operators import binary, negative
from cloudarium.services.cloudwatch.math.parser import (
    ArrayOf,
    Binary,
    Call,
    Expression,
    Name,
    Negative,
    Node,
    Number,
    Text,
    Word,
)
from cloudarium.services.cloudwatch.math.values import Array, Environment, MathError, TimeSeries, Value


def evaluate(expression: Expression, named: Mapping[str, Value], env: Environment) -> TimeSeries | Array:
    """The time series that an expression stands for, given what the ids in it stand for. Raises MathError."""
    found = _value(expression.root, named, env)
    if isinstance(found, float):
        raise MathError("The expression returns a scalar; it must return a time series or an array of time series")
    return found


def _value(node: Node, named: Mapping[str, Value], env: Environment) -> Value:
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Name):
        if node.id not in named:
            raise MathError(f"Metric or expression '{node.id}' not found", node.position)
        return named[node.id]
    if isinstance(node, Negative):
        return negative(_value(node.operand, named, env), env, node.position)
    if isinstance(node, Binary):
        # A long sum is a chain to the left: as many steps deep as it has operators.
        chain = [node]
        while isinstance(chain[-1].left, Binary):
            chain.append(chain[-1].left)
        found = _value(chain[-1].left, named, env)
        for each in reversed(chain):
            found = binary(each.operator, found, _value(each.right, named, env), env, each.position)
        return found
    if isinstance(node, ArrayOf):
        return _array(node, named, env)
    if isinstance(node, Call):
        arguments = [part if isinstance(part, (Word, Text)) else _value(part, named, env) for part in node.arguments]
        return call(node.function, node.arguments, arguments, env, node.position)
    what = node.value if isinstance(node, Word) else "A text"
    raise MathError(f"{what} can only be the argument of a function", getattr(node, "position", -1))


def _array(node: ArrayOf, named: Mapping[str, Value], env: Environment) -> Array:
    found: Array = []
    for item in node.items:
        value = _value(item, named, env)
        if isinstance(value, float):
            raise MathError("An array can have time series only", node.position)
        found += value if isinstance(value, list) else [value]
    return found
