"""Functions of many events: what ``stats`` can calculate.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Stats.html and
CWL_QuerySyntax-timeseries-functions.html, which writes its functions in two ways.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.compare import sorting
from cloudarium.services.logs.insights.compile.distributions import distribution
from cloudarium.services.logs.insights.compile.sql import Value, value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault
from cloudarium.services.logs.insights.language.periods import MILLISECONDS

_NUMERIC = {
    "sum": "sum({})",
    "avg": "avg({})",
    "median": "median({})",
    "stddev": "COALESCE(stddev_samp({0}), CASE WHEN count({0}) > 0 THEN 0 END)",
}
_EXTREMES = {"min": ("min", "arg_min"), "max": ("max", "arg_max")}
_BY_TIME = {"earliest": "arg_min", "latest": "arg_max"}
_BY_TEXT = {"sortsfirst": "arg_min", "sortslast": "arg_max"}
_OVER_TIME = {
    "count_over_time": "count", "countovertime": "count", "sum_over_time": "sum", "sumovertime": "sum",
}  # fmt: skip
NAMES = frozenset(
    {
        "count", "count_distinct", "histogram", "pct", "rate", "values",
        *_NUMERIC, *_EXTREMES, *_BY_TIME, *_BY_TEXT, *_OVER_TIME,
    }
)  # fmt: skip


def aggregate(node: tree.Call, given: Sequence[Value], moment: Callable[[], str]) -> Value:
    """A function over a group of events. ``moment`` gives the SQL by which events are earlier or later."""
    wanted = {"count": (0, 1), "histogram": (2, 2), "pct": (2, 2), "rate": (2, 2)}.get(node.name, (1, 1))
    name = _OVER_TIME.get(node.name, node.name)
    if (node.star and node.name != "count") or not wanted[0] <= len(given) <= wanted[1]:
        raise QueryFault(f"wrong number of arguments for function {name}", node.start, node.end)
    if name == "count":
        return value(f"count({given[0].sql})" if given else "count(*)", "number")
    if name == "count_distinct":
        return value(f"count(DISTINCT {given[0].sql})", "number")
    first = given[0]
    if name == "rate":
        raise QueryFault("rate needs a field and a period", node.start, node.end)
    if name == "histogram":
        return distribution(node, given)
    if name == "pct":
        part = given[1].constant
        if not isinstance(part, float) or not 0 <= part <= 100:
            raise QueryFault("the percentile must be a number between 0 and 100", node.start, node.end)
        return value(f"quantile_disc({sql.number(first)}, {part / 100!r})", "number")
    if name in _NUMERIC:
        return value(_NUMERIC[name].format(sql.number(first)), "number")
    if name in _EXTREMES:
        plain, by = _EXTREMES[name]
        if first.kind in ("number", "time"):
            return value(f"{plain}({first.sql})", first.kind)
        shown = sql.text(first)
        # Among numbers the one that is the largest, as it was written; else the last in the order of texts.
        return value(f"COALESCE({by}({shown}, TRY_CAST({shown} AS DOUBLE)), {plain}({shown}))", "text")
    if name in _BY_TIME:
        return value(f"{_BY_TIME[name]}({first.sql}, {moment()})", first.kind)
    shown = sql.text(first)
    if name == "values":
        # AWS has the name only; those who use it tell of different values with commas between them. They are in the
        # order of texts, as in the function of that name of OpenSearch PPL.
        listed = f"list(DISTINCT {shown}) FILTER (WHERE {shown} IS NOT NULL)"
        return value(f"array_to_string(list_sort({listed}), ',')", "text")
    return value(f"{_BY_TEXT[name]}({shown}, {sorting(shown)}) FILTER (WHERE {shown} IS NOT NULL)", "text")


def rate(of: Value, period: tree.Period, moment: str) -> Value:
    """By how much a field changes in a period: from its first value to the last one, by the time that lies between."""
    if period.unit not in MILLISECONDS:
        raise QueryFault("rate needs a period of a fixed length", period.start, period.end)
    number = f"CAST({sql.number(of)} AS DOUBLE)"
    known = f"FILTER (WHERE {number} IS NOT NULL)"
    change = f"(arg_max({number}, {moment}) {known} - arg_min({number}, {moment}) {known})"
    time = f"NULLIF(max({moment}) {known} - min({moment}) {known}, 0)"
    return value(f"({change} * {period.count * MILLISECONDS[period.unit]} / {time})", "number")
