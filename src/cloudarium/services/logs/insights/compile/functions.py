"""Functions of single events.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

from cloudarium.kernel.errors import NotThere
from cloudarium.services.logs.insights.compile import addresses, sql
from cloudarium.services.logs.insights.compile.sql import Kind, Value, value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault
from cloudarium.services.logs.insights.language.periods import MILLISECONDS, MONTHS

Function = Callable[[Sequence[Value]], Value]
_LONGEST = 10_000_000
"""Characters: no text has as many."""
_WEEK_SHIFT = 3 * 86_400_000
"""1970-01-01 was a Thursday: weeks begin on the Monday before."""


def floored(moment: str, period: tree.Period) -> str:
    """The beginning of the period that an SQL time is in."""
    if period.unit in MONTHS:
        months = period.count * MONTHS[period.unit]
        when = f"make_timestamp({moment} * 1000)"
        index = f"((year({when}) - 1970) * 12 + month({when}) - 1) // {months} * {months}"
        return f"epoch_ms(TIMESTAMP '1970-01-01' + to_months(CAST({index} AS INTEGER)))"
    length = period.count * MILLISECONDS[period.unit]
    shift = _WEEK_SHIFT if period.unit == "week" else 0
    return f"(({moment} + {shift}) // {length} * {length} - {shift})" if shift else f"({moment} // {length} * {length})"


def ceiled(moment: str, period: tree.Period) -> str:
    """The beginning of the next period, or the time itself where it is one."""
    start = floored(moment, period)
    if period.unit in MONTHS:
        months = period.count * MONTHS[period.unit]
        after = f"epoch_ms(make_timestamp({start} * 1000) + to_months({months}))"
    else:
        after = f"({start} + {period.count * MILLISECONDS[period.unit]})"
    return f"(CASE WHEN {start} = {moment} THEN {moment} ELSE {after} END)"


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


def _number(template: str) -> Function:
    return lambda given: value(template.format(*(sql.number(each) for each in given)), "number")


def _text(template: str, kind: Kind = "text") -> Function:
    return lambda given: value(template.format(*(sql.text(each) for each in given)), kind)


def _trim(function: str) -> Function:
    def made(given: Sequence[Value]) -> Value:
        characters = sql.text(given[1]) if len(given) > 1 else "E' \\t\\n\\r\\f'"
        return value(f"{function}({sql.text(given[0])}, {characters})", "text")

    return made


def _substr(given: Sequence[Value]) -> Value:
    first = f"CAST(least(greatest({sql.number(given[1])}, 0), {_LONGEST}) AS BIGINT) + 1"
    if len(given) == 2:
        return value(f"substring({sql.text(given[0])}, {first})", "text")
    length = f"CAST(least(greatest({sql.number(given[2])}, 0), {_LONGEST}) AS BIGINT)"
    return value(f"substring({sql.text(given[0])}, {first}, {length})", "text")


def _present(given: Sequence[Value]) -> Value:
    return value(f"({given[0].sql} IS NOT NULL)", "bool")


def _concat(given: Sequence[Value]) -> Value:
    return value(f"concat({', '.join(sql.text(each) for each in given)})", "text")


def _extreme(function: str) -> Function:
    return lambda given: value(f"{function}({', '.join(sql.number(each) for each in given)})", "number")


def _parsed(given: Sequence[Value]) -> Value:
    if given[0].kind == "json":
        return given[0]
    shown = sql.text(given[0])
    return value(f"(CASE WHEN json_valid({shown}) THEN json({shown}) END)", "json")


def _stringified(given: Sequence[Value]) -> Value:
    return value(f"CAST({sql.document(given[0])} AS VARCHAR)", "text")


def _from_millis(given: Sequence[Value]) -> Value:
    return value(sql.moment(value(sql.number(given[0]), "number")), "time")


def _to_millis(given: Sequence[Value]) -> Value:
    return value(sql.moment(given[0]), "number")


def _if(given: Sequence[Value]) -> Value:
    return chosen([(given[0], given[1])], given[2])


def _case(given: Sequence[Value]) -> Value:
    pairs = [(given[at], given[at + 1]) for at in range(0, len(given) - 1, 2)]
    return chosen(pairs, given[-1] if len(given) % 2 else None)


def _subnet(versions: tuple[int, ...]) -> Function:
    def made(given: Sequence[Value]) -> Value:
        constant = given[1].constant
        if not isinstance(constant, str):
            raise NotThere("A subnet that is not given literally in CloudWatch Logs Insights")
        try:
            network = ipaddress.ip_network(constant, strict=False)
        except ValueError as error:
            raise QueryFault(f"invalid subnet: {constant[:60]}", 0, 0) from error
        if network.version not in versions:
            raise QueryFault(f"invalid subnet: {constant[:60]}", 0, 0)
        return value(addresses.within(sql.text(given[0]), network), "bool")

    return made


def _valid(*tests: Callable[[str], str]) -> Function:
    return lambda given: value("(" + " OR ".join(test(sql.text(given[0])) for test in tests) + ")", "bool")


_ANY = 1_000
FUNCTIONS: dict[str, tuple[int, int, Function]] = {
    "abs": (1, 1, _number("abs({})")),
    "ceil": (1, 1, _number("ceil({})")),
    "floor": (1, 1, _number("floor({})")),
    "greatest": (1, _ANY, _extreme("greatest")),
    "least": (1, _ANY, _extreme("least")),
    "log": (1, 1, _number("(CASE WHEN {0} > 0 THEN ln({0}) END)")),
    "sqrt": (1, 1, _number("(CASE WHEN {0} >= 0 THEN sqrt({0}) END)")),
    "ispresent": (1, 1, _present),
    "coalesce": (1, _ANY, lambda given: joined(given, "COALESCE")),
    "if": (3, 3, _if),
    "case": (2, _ANY, _case),
    "isempty": (1, 1, _text("(COALESCE({}, '') = '')", "bool")),
    "isblank": (1, 1, _text("(trim(COALESCE({}, ''), E' \\t\\n\\r\\f') = '')", "bool")),
    "concat": (1, _ANY, _concat),
    "ltrim": (1, 2, _trim("ltrim")),
    "rtrim": (1, 2, _trim("rtrim")),
    "trim": (1, 2, _trim("trim")),
    "strlen": (1, 1, _text("CAST(length({}) AS DOUBLE)", "number")),
    "toupper": (1, 1, _text("upper({})")),
    "tolower": (1, 1, _text("lower({})")),
    "substr": (2, 3, _substr),
    "replace": (3, 3, _text("replace({}, {}, {})")),
    "strcontains": (2, 2, _text("CAST(CAST(contains({}, {}) AS INTEGER) AS DOUBLE)", "number")),
    "jsonparse": (1, 1, _parsed),
    "jsonstringify": (1, 1, _stringified),
    "frommillis": (1, 1, _from_millis),
    "tomillis": (1, 1, _to_millis),
    "isvalidip": (1, 1, _valid(addresses.is_v4, addresses.is_v6)),
    "isvalidipv4": (1, 1, _valid(addresses.is_v4)),
    "isvalidipv6": (1, 1, _valid(addresses.is_v6)),
    "isipinsubnet": (2, 2, _subnet((4, 6))),
    "isipv4insubnet": (2, 2, _subnet((4,))),
    "isipv6insubnet": (2, 2, _subnet((6,))),
}
"""Fewest and most arguments, and what is made of them."""


def call(node: tree.Call, given: Sequence[Value]) -> Value:
    """The result of one of ``FUNCTIONS``; raises ``QueryFault`` for other arguments than it takes."""
    fewest, most, function = FUNCTIONS[node.name]
    if node.star or not fewest <= len(given) <= most:
        raise QueryFault(f"wrong number of arguments for function {node.name}", node.start, node.end)
    return function(given)
