"""Functions of many events: what ``stats`` can calculate.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Stats.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.sql import Value, value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault

_NUMERIC = {
    "sum": "sum({})",
    "avg": "avg({})",
    "median": "median({})",
    "stddev": "COALESCE(stddev_samp({0}), CASE WHEN count({0}) > 0 THEN 0 END)",
}
_EXTREMES = {"min": ("min", "arg_min"), "max": ("max", "arg_max")}
_BY_TIME = {"earliest": "arg_min", "latest": "arg_max"}
_BY_TEXT = {"sortsfirst": "min", "sortslast": "max"}
NAMES = frozenset({"count", "count_distinct", "pct", *_NUMERIC, *_EXTREMES, *_BY_TIME, *_BY_TEXT})


def aggregate(node: tree.Call, given: Sequence[Value], moment: Callable[[], str]) -> Value:
    """A function over a group of events. ``moment`` gives the SQL by which events are earlier or later."""
    name, wanted = node.name, {"count": (0, 1), "pct": (2, 2)}.get(node.name, (1, 1))
    if (node.star and name != "count") or not wanted[0] <= len(given) <= wanted[1]:
        raise QueryFault(f"wrong number of arguments for function {name}", node.start, node.end)
    if name == "count":
        return value(f"count({given[0].sql})" if given else "count(*)", "number")
    if name == "count_distinct":
        return value(f"count(DISTINCT {given[0].sql})", "number")
    first = given[0]
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
    return value(f"{_BY_TEXT[name]}({sql.text(first)})", "text")
