"""``histogram``, which is two things.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-timeseries-functions.html has a function of
``stats`` that takes how many ranges there shall be and gives a map, without saying what its keys are called: here
``low-high``, as names of ranges are in the other languages that CloudWatch Logs has. After ``by``, where AWS says
nothing of it, those who use it tell that it groups: by the lower bounds of ranges of a width.
"""

from __future__ import annotations

from collections.abc import Sequence

from cloudarium.services.logs.insights.compile import sql
from cloudarium.services.logs.insights.compile.sql import Value, value
from cloudarium.services.logs.insights.language import tree
from cloudarium.services.logs.insights.language.lexer import QueryFault

MOST_BUCKETS = 1_000
_DIGITS = 14
"""Of bounds: as many as a DOUBLE surely has when it was calculated with."""
_APART = 10.0 ** (1 - _DIGITS)
"""Bounds that are nearer to each other, as a part of the largest number, cannot be told apart in so many digits."""


def distribution(node: tree.Call, given: Sequence[Value]) -> Value:
    """How many numbers of a group are in each of so many ranges of equal width from the smallest to the largest one.

    The last range has the largest number in it, the others have not their upper bounds. Numbers that are all the same
    are in one range.
    """
    count = given[1].constant
    if not isinstance(count, float) or not count.is_integer() or not 1 <= count <= MOST_BUCKETS:
        raise QueryFault(
            f"the number of buckets must be a whole number between 1 and {MOST_BUCKETS}", node.start, node.end
        )
    buckets = int(count)
    number = f"CAST({sql.number(given[0])} AS DOUBLE)"
    # Halves and parts, so that nothing overflows where numbers are as large as they can be.
    width = f"(s.high / {buckets} - s.low / {buckets})"
    size = "greatest(abs(s.low), abs(s.high))"
    place = f"floor((v / 2 - s.low / 2) / (s.high / 2 - s.low / 2) * {buckets})"
    places = f"list_transform(s.listed, lambda v: CAST(least({place}, {buckets - 1}) AS INTEGER))"

    def bound(index: str) -> str:
        made = f"(s.low + {width} * {index})"
        return _shown(f"CASE WHEN abs({made}) < {_APART!r} * {size} THEN 0.0 ELSE {made} END")

    first = f"CASE WHEN i = 0 THEN {_shown('s.low')} ELSE {bound('i')} END"
    last = f"CASE WHEN i = {buckets - 1} THEN {_shown('s.high')} ELSE {bound('(i + 1)')} END"
    members = (
        f"list_transform([list_aggregate({places}, 'histogram')], lambda counts: list_transform(range({buckets}), "
        f"lambda i: '\"' || {first} || '-' || {last} || '\":' || COALESCE(counts[CAST(i AS INTEGER)], 0)))[1]"
    )
    one = f"['\"' || {_shown('s.low')} || '-' || {_shown('s.high')} || '\":' || len(s.listed)]"
    document = (
        f"CASE WHEN s.listed IS NOT NULL THEN json('{{' || array_to_string(CASE WHEN {width} <= {_APART!r} * {size} "
        f"THEN {one} ELSE {members} END, ',') || '}}') END"
    )
    listed = f"list({number}) FILTER (WHERE isfinite({number}))"
    bounds = f"list_transform([{listed}], lambda v: {{listed: v, low: list_min(v), high: list_max(v)}})"
    return value(f"list_transform({bounds}, lambda s: {document})[1]", "json")


def _shown(number: str) -> str:
    # A zero may have a sign.
    return f"format('{{:.{_DIGITS}g}}', ({number}) + 0.0)"


def bucket(node: tree.Call, given: Sequence[Value]) -> Value:
    """The lower bound of the range of a width that a number is in; what is no number is in none."""
    width = given[1].constant
    if not isinstance(width, float) or not 0 < width < float("inf"):
        raise QueryFault("the width of buckets must be a number greater than 0", node.start, node.end)
    made = f"CASE WHEN isfinite({{0}}) THEN floor({{0}} / {width!r}) * {width!r} + 0.0 END"
    return value(f"({sql.once(f'CAST({sql.number(given[0])} AS DOUBLE)', made.format)})", "number")
