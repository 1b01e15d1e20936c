"""Functions of single events.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html
"""

from __future__ import annotations

from collections.abc import Sequence

from cloudarium.services.logs.insights.compile import addresses, dates, documents, numbers, sql, texts
from cloudarium.services.logs.insights.compile.makers import Functions
from cloudarium.services.logs.insights.compile.sql import Kind, Value, value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault

_ANY = 1_000
_MOST_BRANCHES = 10


def joined(values: Sequence[Value], function: str) -> Value:
    """An SQL function over values that may be of different kinds."""
    kinds = {each.kind for each in values}
    if len(kinds) == 1:
        return value(f"{function}({', '.join(each.sql for each in values)})", values[0].kind)
    return value(f"{function}({', '.join(sql.text(each) for each in values)})", "text")


def chosen(branches: Sequence[tuple[Value, Value]], otherwise: Value | None) -> Value:
    """The value of the first branch whose condition is true."""
    results = [result for _, result in branches] + ([otherwise] if otherwise is not None else [])
    same = len({each.kind for each in results}) == 1
    kind: Kind = results[0].kind if same else "text"

    def shown(each: Value) -> str:
        return each.sql if same else sql.text(each)

    whens = " ".join(f"WHEN {sql.truth(condition)} THEN {shown(result)}" for condition, result in branches)
    rest = f" ELSE {shown(otherwise)}" if otherwise is not None else ""
    return value(f"(CASE {whens}{rest} END)", kind)


def _present(given: Sequence[Value]) -> Value:
    return value(f"({given[0].sql} IS NOT NULL)", "bool")


def _if(given: Sequence[Value]) -> Value:
    return chosen([(given[0], given[1])], given[2])


def _case(given: Sequence[Value]) -> Value:
    pairs = [(given[at], given[at + 1]) for at in range(0, len(given) - 1, 2)]
    if len(pairs) > _MOST_BRANCHES:
        raise QueryFault(f"case supports at most {_MOST_BRANCHES} branches", 0, 0)
    return chosen(pairs, given[-1] if len(given) % 2 else None)


_GENERAL: Functions = {
    "ispresent": (1, 1, _present),
    "coalesce": (1, _ANY, lambda given: joined(given, "COALESCE")),
    "if": (3, 3, _if),
    "case": (2, _ANY, _case),
}
FUNCTIONS: Functions = {
    **_GENERAL, **numbers.FUNCTIONS, **texts.FUNCTIONS, **dates.FUNCTIONS, **documents.FUNCTIONS, **addresses.FUNCTIONS,
}  # fmt: skip
"""Fewest and most arguments, and what is made of them."""


def call(node: tree.Call, given: Sequence[Value]) -> Value:
    """The result of one of ``FUNCTIONS``; raises ``QueryFault`` for other arguments than it takes."""
    fewest, most, function = FUNCTIONS[node.name]
    if node.star or not fewest <= len(given) <= most:
        raise QueryFault(f"wrong number of arguments for function {node.name}", node.start, node.end)
    try:
        return function(given)
    except QueryFault as fault:
        # Functions know their arguments, not where those are.
        raise QueryFault(fault.message, node.start, node.end) from fault
